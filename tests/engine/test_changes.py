"""The log of changes of the embedded engine: its ranges, its bound, and folders made before it."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from runstore.engine.sqlite import changes as log
from runstore.engine.sqlite.changes import joined, ranges_of
from runstore.engine.sqlite.engine import SqliteEngine
from runstore.engine.sqlite.migrate import schema_steps
from runstore.model.change import FIRST_CHANGE, ChangePosition
from runstore.model.prices import Prices
from runstore.plan.plan import RunScope
from tests.conformance.ask import NOW, batch_of, number
from tests.engine.older import make_older
from tests.model.make import create, patch


@pytest.mark.parametrize(
    ("rids", "ranges"),
    [
        ([], []),
        ([4], [(4, 4)]),
        ([4, 5, 6], [(4, 6)]),
        ([9, 4, 6, 5, 9], [(4, 6), (9, 9)]),
    ],
)
def test_neighbours_are_one_range(rids: list[int], ranges: list[tuple[int, int]]) -> None:
    assert ranges_of(rids) == ranges


def test_ranges_that_overlap_or_touch_are_joined() -> None:
    assert joined([(1, 5), (2, 3), (6, 8), (10, 11)]) == [(1, 8), (10, 11)]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[SqliteEngine]:
    with closing(SqliteEngine(tmp_path, Prices.load())) as engine:
        yield engine


def rows(folder: Path) -> list[tuple[int, list[list[int]]]]:
    with closing(apsw.Connection(str(folder / "runs.db"))) as database:
        found = database.execute("SELECT seq, ranges FROM changes ORDER BY seq").fetchall()
    return [(int(str(seq)), json.loads(str(text))) for seq, text in found]


def test_a_transaction_of_new_runs_is_one_range(engine: SqliteEngine, tmp_path: Path) -> None:
    engine.write([batch_of(*(create(n) for n in range(1, 501)))], NOW)
    engine.write([batch_of(patch(7, name="x"), create(501))], NOW)
    engine.write([batch_of(patch(7, name="x"))], NOW)
    assert rows(tmp_path) == [(1, [[1, 500]]), (2, [[7, 7], [501, 501]])]


def test_a_long_log_gets_coarser_and_forgets_nothing(
    engine: SqliteEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "CHANGES_MAX", 40)
    monkeypatch.setattr(log, "CHANGES_FOLDED", 4)
    places = [engine.last_change()]
    for n in range(1, 301):
        engine.write([batch_of(create(n), *([patch(n - 9, name="x")] if n > 9 else []))], NOW)
        places.append(engine.last_change())
    assert len(rows(tmp_path)) <= 41
    for n in (0, 1, 17, 150, 290, 300):
        seen, at, has_more = set(), places[n], True
        while has_more:
            read = engine.changed_runs(RunScope(), at, 7)
            seen |= {number(run.id) for run in read.runs}
            at, has_more = read.position, read.has_more
        assert seen >= set(range(max(n - 8, 1), 301)) - set(range(n - 8, n + 1)), n
        assert at == places[-1]
    recent = engine.changed_runs(RunScope(), places[298], 100)
    assert {number(run.id) for run in recent.runs} == {299, 290, 300, 291}, "still exact"


def test_a_log_opened_again_goes_on(tmp_path: Path) -> None:
    with closing(SqliteEngine(tmp_path, Prices.load())) as engine:
        engine.write([batch_of(create(1))], NOW)
        at = engine.last_change()
    with closing(SqliteEngine(tmp_path, Prices.load())) as engine:
        assert engine.last_change() == at == ChangePosition(2)
        engine.write([batch_of(create(2))], NOW)
        assert [number(run.id) for run in engine.changed_runs(RunScope(), at, 9).runs] == [2]


def test_a_folder_made_before_the_log_has_all_its_runs_in_it(tmp_path: Path) -> None:
    with closing(SqliteEngine(tmp_path, Prices.load())) as engine:
        engine.write([batch_of(*(create(n) for n in range(1, 6)))], NOW)
    make_older(tmp_path, 1)
    with closing(SqliteEngine(tmp_path, Prices.load())) as engine:
        found = engine.changed_runs(RunScope(), FIRST_CHANGE, 100)
        assert [number(run.id) for run in found.runs] == [1, 2, 3, 4, 5]
    assert schema_steps()[0][0] == 1, "the schema before the log"
