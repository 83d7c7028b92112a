"""Which way of reading a query takes, and that each is exact where order of arrival misleads."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from runstore.engine.base import Engine
from runstore.engine.memory import MemoryEngine
from runstore.engine.sqlite import arrival
from runstore.engine.sqlite.engine import SqliteEngine
from runstore.errors import QueryBudgetExceeded
from runstore.model.batch import Batch
from runstore.model.feedback import Feedback
from runstore.model.jsontext import encode
from runstore.model.project import Project
from runstore.model.query import Position, RunQuery
from runstore.model.run import JsonText, RunMessage
from runstore.plan.budget import Budget
from runstore.plan.build import build_plan
from tests.engine.few_limits import lower
from tests.standin import standin

PROJECT = "00000000-0000-4000-9000-000000000000"
RUNS = 1_500  # a dozen zones of 128
NOW_US = 1_800_000_000_000_000
PAGE, PAGES = 37, 4
ODD_LATENCIES = {77: -1, 333: 500, 334: 500, 1_200: 600}  # seconds
NARROW = frozenset({"id"})


@pytest.fixture(autouse=True)
def few_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few runs would all be read first."""
    lower(monkeypatch, "CANDIDATES_MAX", 30)
    lower(monkeypatch, "LISTED_MAX", 30)
    lower(monkeypatch, "FIRST_CANDIDATES", 20)


def run_id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def message(number: int, start_us: int) -> RunMessage:
    """Every tenth run is a root, with nine children after it."""
    root = number - number % 10
    return RunMessage(
        id=run_id(number),
        is_patch=False,
        project_id=PROJECT,
        trace_id=run_id(root),
        parent_run_id=None if number == root else run_id(root),
        dotted_order=None,
        name="common" if number % 7 else "other",
        run_type="llm" if number % 3 else "tool",
        start_us=start_us,
        end_us=start_us + ODD_LATENCIES.get(number, number % 50) * 1_000_000,
        error="boom" if number % 40 == 3 else None,
        inputs=encode({"text": f"word{number % 5} longer{number}"}),
        extra=encode({"metadata": {"env": "production" if number % 2 else "staging"}}),
    )


def feedback(number: int) -> Feedback:
    """On every root; a tenth of it is rare."""
    return Feedback(
        id=run_id(900_000 + number),
        run_id=run_id(number * 10),
        project_id=PROJECT,
        key="score" if number % 5 else "rare",
        score=float(number % 2),
        source=JsonText(b'{"type":"api"}'),
        created_us=NOW_US,
        modified_us=NOW_US,
    )


def starts(order: str) -> list[int]:
    """By number; runs arrive in order of their numbers."""
    random = Random(order)
    regular = [1_700_000_000_000_000 + number * 1_000_000 for number in range(RUNS)]
    if order == "any order":
        random.shuffle(regular)
    elif order == "a few late":
        for number in random.sample(range(RUNS), 60):
            regular[number] -= random.randrange(1_000) * 1_000_000
    elif order == "long traces":
        for number in range(9, RUNS, 50):
            regular[number] += 7_200_000_000
    elif order == "all at once":
        regular = [1_700_000_000_000_000] * RUNS
    return regular


def fill(engine: Engine, order: str) -> None:
    told = starts(order)
    messages = [message(number, told[number]) for number in range(RUNS)]
    records = [feedback(number) for number in range(RUNS // 10)]
    engine.create_project(Project(id=PROJECT, name="p", start_us=0))
    for at in range(0, RUNS, 500):
        batch = Batch(messages=messages[at : at + 500], feedback=[] if at else records)
        assert engine.write([batch], NOW_US) == [[]]


ORDERS = ("in order", "a few late", "any order", "long traces", "all at once")


@pytest.fixture(scope="module", params=ORDERS)
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[MemoryEngine, SqliteEngine]]:
    """The oracle and the engine, with the same runs."""
    memory, sqlite = MemoryEngine(), SqliteEngine(tmp_path_factory.mktemp("finder"))
    fill(memory, request.param)
    fill(sqlite, request.param)
    yield memory, sqlite
    sqlite.close()


AGO = "2023-11-14T22:40:00Z"  # some way into the runs
# fmt: off
QUERIES = [
    ("a common pair", {"filter": 'eq(metadata.env, "production")'}),
    ("a common pair from the oldest",
     {"filter": 'eq(metadata.env, "production")', "descending": False}),
    ("a common pair since", {"filter": f'and(eq(name, "common"), gt(start_time, "{AGO}"))'}),
    ("a common name until", {"filter": f'and(eq(name, "common"), lte(start_time, "{AGO}"))'}),
    ("a common name that ended before",
     {"filter": f'and(eq(name, "common"), lt(end_time, "{AGO}"))'}),
    ("runs that ended before", {"filter": f'lt(end_time, "{AGO}")'}),
    ("slow ones of a type", {"filter": 'and(eq(run_type, "llm"), gt(latency, 48))'}),
    ("a common word", {"filter": 'search("word1")'}),
    ("the beginning of many words", {"filter": 'search("long word")'}),
    ("a tree that erred", {"tree_filter": "neq(error, null)", "is_root": True}),
    ("runs of trees that erred", {"tree_filter": 'and(eq(name, "common"), neq(error, null))'}),
    ("roots with feedback",
     {"trace_filter": 'and(eq(feedback_key, "score"), eq(feedback_score, 1))', "is_root": True}),
    ("children of roots with feedback",
     {"trace_filter": 'and(eq(feedback_key, "score"), eq(feedback_score, 1))',
      "filter": 'eq(name, "common")'}),
    ("runs with feedback that erred",
     {"filter": 'and(eq(feedback_key, "score"), gt(feedback_score, 0), lt(latency, 40))'}),
    ("runs with feedback from the oldest",
     {"filter": 'gt(feedback_score, 0)', "descending": False}),
    ("runs of two filters of traces",
     {"trace_filter": 'gte(feedback_score, 0)', "tree_filter": "neq(error, null)"}),
    ("late runs of trees that erred",
     {"tree_filter": "neq(error, null)", "filter": f'gt(start_time, "{AGO}")'}),
    ("early runs of trees that erred",
     {"tree_filter": "neq(error, null)", "filter": f'lt(start_time, "{AGO}")'}),
    ("the slowest", {"filter": "gt(latency, 60)"}),
    ("the slowest from the oldest", {"filter": "gte(latency, 500)", "descending": False}),
    ("the slowest of a name",
     {"filter": 'and(eq(name, "common"), gt(latency, 60), lt(latency, 550))'}),
    ("one latency", {"filter": f'and(eq(latency, 500), lt(start_time, "{AGO}"))'}),
    ("no run at all", {"filter": 'and(eq(name, "common"), gt(latency, 1000))'}),
]
# fmt: on


@pytest.mark.parametrize("asked", [pytest.param(asked, id=name) for name, asked in QUERIES])
def test_every_page_is_the_oracles_in_whatever_order_runs_arrived(
    pair: tuple[MemoryEngine, SqliteEngine], asked: dict[str, object]
) -> None:
    memory, sqlite = pair
    query = RunQuery(
        project_ids=(PROJECT,),
        limit=PAGE * PAGES,
        select=NARROW,
        **asked,  # type: ignore[arg-type]
    )
    wanted = memory.fetch_runs(build_plan(query))
    for at in range(0, max(1, len(wanted.runs)), PAGE):
        last = wanted.runs[at - 1] if at else None
        after = None if last is None else Position(last.start_us, last.id)
        got = sqlite.fetch_runs(build_plan(replace(query, limit=PAGE, after=after)))
        page = wanted.runs[at : at + PAGE]
        assert [run.id for run in got.runs] == [run.id for run in page]
        has_next = wanted.has_next or at + PAGE < len(wanted.runs)
        assert (got.has_next, got.has_previous) == (has_next, at > 0)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteEngine]:
    made = SqliteEngine(tmp_path_factory.mktemp("steps"))
    fill(made, "in order")
    yield made
    made.close()


# fmt: off
WAYS = [
    ("a name of half the runs", {"filter": 'eq(name, "common")'}, "in order of arrival"),
    ("what one index answers", {"filter": 'and(eq(run_type, "llm"), gt(latency, 48))'},
     "walk the runs in order of start"),
    ("a rare latency", {"filter": "gt(latency, 550)"}, "walk the zones with values as large"),
    ("roots", {"is_root": True}, "walk the roots in order of start"),
    ("a rare word", {"filter": 'search("longer77")'}, "finds 11 runs: read these"),
    ("ids", {"ids": (run_id(1), run_id(2))}, "read the 2 named by id"),
    ("a trace", {"trace_id": run_id(10)}, "read the 1 named by trace_id"),
    ("rare feedback", {"filter": 'and(eq(feedback_key, "rare"), eq(feedback_score, 1))'},
     "15 runs have such feedback"),
    ("feedback of a twentieth", {"filter": 'and(eq(feedback_key, "score"), eq(feedback_score, 1))'},
     "walk feedback in order of its runs' starts"),
    ("trees that erred", {"tree_filter": "neq(error, null)", "is_root": True, "limit": 5},
     "read the newest 38 traces that meet the tree_filter"),
    ("runs of rated traces", {"trace_filter": "eq(feedback_score, 0)", "limit": 5},
     "read the newest 75 traces that meet the trace_filter"),
    ("many that are listed", {"filter": 'search("longer77 or word1")', "limit": 5},
     "read these"),
    ("a rare tree", {"tree_filter": 'search("longer77")', "is_root": True},
     "traces meet the tree_filter"),
]
# fmt: on


@pytest.mark.parametrize(
    "asked, step", [pytest.param(asked, step, id=name) for name, asked, step in WAYS]
)
def test_a_query_takes_the_way_that_reads_least(
    engine: SqliteEngine, asked: dict[str, object], step: str
) -> None:
    query = RunQuery(project_ids=(PROJECT,), select=NARROW, **asked)  # type: ignore[arg-type]
    assert step in " / ".join(engine.explain_runs(build_plan(query)).steps)


def test_a_walk_is_given_up_where_order_of_arrival_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrival, "ARRIVAL_VISITS_MAX", 0)
    query = RunQuery(project_ids=(PROJECT,), limit=5, filter='eq(metadata.env, "staging")')
    steps = {}
    for order in ("in order", "any order"):
        engine = SqliteEngine(tmp_path / order)
        fill(engine, order)
        steps[order] = engine.explain_runs(build_plan(query)).steps
        engine.close()
    assert "in order of arrival" in steps["in order"][-1]
    assert "given up" in steps["any order"][-2]
    assert "in order of start" in steps["any order"][-1]


def test_a_scan_of_payloads_stops_at_its_deadline(
    engine: SqliteEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = RunQuery(project_ids=(PROJECT,), select=NARROW, filter='regex(inputs, "no such")')
    plan = build_plan(query)
    tested = []

    def clock() -> float:
        """Stands still until 100 payloads have been looked into."""
        tested.append(1)
        return 0.0 if len(tested) < 100 else 1_000.0

    monkeypatch.setattr("runstore.plan.budget.time", standin(time, monotonic=clock))
    with pytest.raises(QueryBudgetExceeded):
        engine.fetch_runs(plan, budget=Budget(seconds=30.0))
    assert len(tested) < 110
    monkeypatch.undo()
    assert engine.fetch_runs(plan).runs == []
