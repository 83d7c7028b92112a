"""What is told of a query: the indexes it used, the rows it looked at, how many runs there are."""

from collections.abc import Iterator

import pytest

from runstore.engine.sqlite.engine import SqliteEngine
from runstore.model.explanation import Explanation
from runstore.model.query import Position, RunQuery
from runstore.plan.build import build_plan
from tests.engine.few_limits import lower
from tests.engine.test_finder import NARROW, PROJECT, RUNS, fill, run_id


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteEngine]:
    made = SqliteEngine(tmp_path_factory.mktemp("explained"))
    fill(made, "in order")
    yield made
    made.close()


@pytest.fixture(autouse=True)
def few_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few runs would all be read first."""
    lower(monkeypatch, "CANDIDATES_MAX", 100)
    lower(monkeypatch, "LISTED_MAX", 100)
    lower(monkeypatch, "FIRST_CANDIDATES", 20)


def told(engine: SqliteEngine, **asked: object) -> Explanation:
    query = RunQuery(project_ids=(PROJECT,), select=NARROW, **asked)  # type: ignore[arg-type]
    return engine.explain_runs(build_plan(query))


# fmt: off
CASES = [
    ("a walk", {}, ["runs_time"], 101, RUNS),
    ("a walk of roots", {"is_root": True, "limit": 10}, ["runs_roots"], 11, RUNS // 10),
    ("ids", {"ids": (run_id(1), run_id(2))}, ["runs_id"], 2, 2),
    ("a trace", {"trace_id": run_id(10)}, ["runs_trace"], 10, None),
    ("few by the inverted index", {"filter": 'search("longer77")'}, ["inverted", "rid"], 11, 11),
    ("few of them by feedback", {"filter": 'and(eq(feedback_key, "score"), eq(feedback_score, 1))'},
     ["feedback_key", "runs_id"], 60, 60),
    ("many by the inverted index", {"filter": 'eq(name, "common")'}, ["inverted", "rid"],
     None, 1285),
    ("a walk to the end", {"filter": "lt(latency, -5)"}, ["runs_time"], RUNS, 0),
    ("a walk in a span", {"start_min_us": 1_700_000_000_000_000 + (RUNS - 5) * 1_000_000},
     ["runs_time"], 5, None),
    ("an unknown word", {"filter": 'search("nowhere")'}, [], 0, 0),
]
# fmt: on


@pytest.mark.parametrize(
    ("asked", "indexes", "rows", "estimated"),
    [pytest.param(*case, id=name) for name, *case in CASES],
)
def test_what_is_told_is_what_was_done(
    engine: SqliteEngine,
    asked: dict[str, object],
    indexes: list[str],
    rows: int | None,
    estimated: int | None,
) -> None:
    explained = told(engine, **asked)
    assert set(explained.indexes) >= set(indexes), explained
    assert explained.rows_read is not None
    if rows is None:
        assert explained.actual_runs <= explained.rows_read < RUNS
    else:
        assert explained.rows_read == rows
    if estimated is None or explained.estimated_runs is None:
        assert explained.estimated_runs is estimated
    else:
        assert abs(explained.estimated_runs - estimated) <= estimated // 5


def test_a_walk_on_from_a_cursor_counts_what_lies_past_it(engine: SqliteEngine) -> None:
    at = Position(1_700_000_000_000_000 + 50 * 1_000_000, run_id(50))
    assert told(engine, after=at).rows_read == 51, "the run at the cursor is looked at, not given"
    assert told(engine, after=at, descending=False, limit=9).rows_read == 11
