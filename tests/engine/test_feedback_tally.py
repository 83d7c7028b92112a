"""Tallies of feedback: kept exact through every change of records and of their runs."""

from collections import Counter
from pathlib import Path
from typing import Any

import apsw
import orjson
import pytest

from runstore.engine.sqlite import feedback_tally
from runstore.engine.sqlite.connections import DATABASE
from runstore.engine.sqlite.engine import SqliteEngine
from runstore.engine.sqlite.feedback_tally import kind_text
from runstore.engine.sqlite.rollup import SPANS, hour_of
from runstore.model.aggregate import Said, said_of
from runstore.model.query import RunQuery
from runstore.model.stats import RunStats
from runstore.plan.build import build_scope
from runstore.plan.plan import StatsPlan
from tests.conformance.ask import batch_of
from tests.engine.history import PROJECTS, grown, limits
from tests.model.make import T0, bare, create, record, rid

Tallies = dict[tuple[Any, ...], int]


@pytest.mark.parametrize("seed", range(6))
def test_tallies_are_what_the_records_add_up_to(tmp_path: Path, seed: int) -> None:
    history = grown(seed, tmp_path, 5)
    _, sqlite = history.engines
    with limits(5):
        for _ in range(10):
            history.step()
            assert stored(tmp_path) == added_up(tmp_path)
        assert stored(tmp_path)
        sqlite.delete_project(PROJECTS[0])
        assert stored(tmp_path) == added_up(tmp_path)
        everything = {rid(number) for path in history.paths for number in path}
        sqlite.delete_traces(sorted(everything))
    assert stored(tmp_path) == added_up(tmp_path) == {}
    sqlite.close()


def test_a_group_that_fails_leaves_the_tallies_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqlite = SqliteEngine(tmp_path)
    sqlite.write([batch_of(create(1), record(50, run_id=rid(1), score=1.0))], T0)
    before = stored(tmp_path)

    def fail(*_: object) -> None:
        raise RuntimeError("disk")

    with monkeypatch.context() as patch:
        patch.setattr(feedback_tally.Tallies, "write", fail)
        with pytest.raises(RuntimeError, match="disk"):
            sqlite.write([batch_of(record(51, run_id=rid(1), score=0.0))], T0)
    assert stored(tmp_path) == before == added_up(tmp_path)
    sqlite.close()


@pytest.mark.parametrize(
    "patched, group",
    [
        pytest.param({"run_type": "tool"}, "tool", id="another type"),
        pytest.param({"run_type": "tool", "error": "broken"}, "tool", id="another status"),
        pytest.param({"start_us": T0 - 10**12}, "llm", id="another start"),
    ],
)
def test_feedback_goes_where_its_run_goes(
    tmp_path: Path, patched: dict[str, Any], group: str
) -> None:
    sqlite = SqliteEngine(tmp_path)
    sqlite.write([batch_of(create(1, run_type="llm"), record(50, run_id=rid(1), score=1.0))], T0)
    assert by_type(sqlite)["llm"].feedback["k"].n == 1
    sqlite.write([batch_of(bare(1, is_patch=True, **patched))], T0)
    groups = by_type(sqlite)
    assert {name: one.feedback["k"].n for name, one in groups.items()} == {group: 1}
    assert stored(tmp_path) == added_up(tmp_path)
    sqlite.close()


def test_records_wait_for_their_run(tmp_path: Path) -> None:
    sqlite = SqliteEngine(tmp_path)
    sqlite.write([batch_of(record(50, run_id=rid(1)), record(51, run_id=rid(2)))], T0)
    assert stored(tmp_path) == {}
    sqlite.write([batch_of(create(3), create(1, run_type="llm"))], T0)
    assert set(stored(tmp_path).values()) == {1}
    assert by_type(sqlite)["llm"].feedback["k"].comments == []
    assert stored(tmp_path) == added_up(tmp_path)
    sqlite.close()


def by_type(engine: SqliteEngine) -> dict[str, RunStats]:
    return engine.stats(StatsPlan(scope=build_scope(RunQuery()), group_by="run_type"))


def stored(folder: Path) -> Tallies:
    connection = apsw.Connection(str(folder / DATABASE), flags=apsw.SQLITE_OPEN_READONLY)
    rows = connection.execute(
        "SELECT pid, span, hour, key, kind, said, records FROM feedback_tallies"
    )
    return {(*place, Said(*orjson.loads(said))): records for *place, said, records in rows}


def added_up(folder: Path) -> Tallies:
    """What the table must hold; and what records must know of where their runs stand."""
    connection = apsw.Connection(str(folder / DATABASE), flags=apsw.SQLITE_OPEN_READONLY)
    rows = connection.execute(
        "SELECT f.run_pid, f.run_start_us, f.run_kind, f.key, f.score, f.value, f.extra,"
        " r.pid, r.start_us, r.run_type, r.is_root, r.status, r.error IS NOT NULL"
        " FROM feedback AS f LEFT JOIN runs AS r ON r.id = f.run_id"
    )
    found: Counter[tuple[Any, ...]] = Counter()
    for known_pid, known_start, known_kind, key, score, value, extra, *place in rows:
        pid, start_us, *kind = place
        if pid is None:
            assert (known_pid, known_start, known_kind) == (None, None, None)
            continue
        text = kind_text(*kind)
        assert (known_pid, known_start, known_kind) == (pid, start_us, text)
        for span in SPANS:
            hour = hour_of(start_us) // span * span
            found[(pid, span, hour, key, text, said_of(score, value, extra))] += 1
    return dict(found)
