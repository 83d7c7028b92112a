"""long_traces: every trace whose runs start more than an hour apart is in it, whatever happens."""

from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from runstore.engine.sqlite import trace_spans
from runstore.engine.sqlite.connections import DATABASE
from runstore.engine.sqlite.engine import SqliteEngine
from runstore.engine.sqlite.group import Group
from runstore.engine.sqlite.migrate import schema_steps
from runstore.engine.sqlite.trace_spans import TRACE_SPAN_US
from runstore.model.batch import Batch
from runstore.model.run import RunMessage
from runstore.store.verify import verify_folder
from tests.engine.older import make_older
from tests.model.make import T0, bare, create, rid

LATER = T0 + TRACE_SPAN_US


def listed(folder: Path) -> dict[str, tuple[int, int]]:
    """Trace -> its first and last start, after T0."""
    with closing(apsw.Connection(str(folder / DATABASE))) as database:
        rows: Any = database.execute(
            "SELECT lower(hex(trace_id)), first_us, last_us FROM long_traces"
        )
        return {raw: (first - T0, last - T0) for raw, first, last in rows}


def write(folder: Path, *groups: list[RunMessage]) -> dict[str, tuple[int, int]]:
    with closing(SqliteEngine(folder)) as engine:
        for messages in groups:
            assert engine.write([Batch(messages)], T0) == [[]]
    problems = [one for found in verify_folder(folder) for one in found.problems]
    assert problems == []
    return listed(folder)


def raw(number: int) -> str:
    return rid(number).replace("-", "")


def test_a_trace_of_an_hour_is_not_long(tmp_path: Path) -> None:
    assert write(tmp_path, [create(1), create(1, 2, start_us=LATER)]) == {}


GROWING = {
    "at once": [[create(1), create(1, 2, start_us=LATER + 1)]],
    "later": [[create(1)], [create(1, 2, start_us=LATER + 1)]],
    "children first": [[create(1, 2, start_us=LATER + 1)], [create(1)]],
    "moved by a patch": [
        [create(1), create(1, 2)],
        [bare(2, is_patch=True, start_us=LATER + 1)],
    ],
}


@pytest.mark.parametrize("groups", GROWING.values(), ids=GROWING)
def test_a_trace_that_grows_beyond_it_is(tmp_path: Path, groups: list[list[RunMessage]]) -> None:
    assert write(tmp_path, *groups) == {raw(1): (0, TRACE_SPAN_US + 1)}


def test_what_the_writer_no_longer_remembers_it_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace_spans, "TRACE_SPANS_KNOWN_MAX", 1)
    others = [create(number) for number in range(3, 9)]
    groups = [[create(1)], others, [create(1, 2, start_us=LATER + 1)]]
    assert write(tmp_path, *groups) == {raw(1): (0, TRACE_SPAN_US + 1)}


def test_a_long_trace_is_widened(tmp_path: Path) -> None:
    groups = [[create(1), create(1, 2, start_us=LATER + 1)], [create(1, 3, start_us=LATER + 9)]]
    assert write(tmp_path, *groups, [create(1, 4, start_us=T0 - 5)]) == {
        raw(1): (-5, TRACE_SPAN_US + 9)
    }


def test_a_trace_that_was_deleted_is_gone_and_listed_again_when_it_comes_back(
    tmp_path: Path,
) -> None:
    runs = [create(1), create(1, 2, start_us=LATER + 1)]
    with closing(SqliteEngine(tmp_path)) as engine:
        engine.write([Batch(list(runs))], T0)
        assert engine.delete_traces([rid(1)]) == 2
        assert listed(tmp_path) == {}
        engine.write([Batch(list(runs))], T0)
    assert listed(tmp_path) == {raw(1): (0, TRACE_SPAN_US + 1)}


def test_what_was_rolled_back_is_not_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = [create(1, 2, start_us=LATER + 1)]
    with closing(SqliteEngine(tmp_path)) as engine:
        engine.write([Batch([create(1)])], T0)
        with monkeypatch.context() as broken, pytest.raises(ZeroDivisionError):
            broken.setattr(Group, "_follow", lambda group, states: 1 / 0)
            engine.write([Batch(list(later))], T0)
        assert listed(tmp_path) == {}
        engine.write([Batch(list(later))], T0)
    assert listed(tmp_path) == {raw(1): (0, TRACE_SPAN_US + 1)}


def test_a_run_that_moves_to_another_trace_makes_that_one_long(tmp_path: Path) -> None:
    """The parent comes late, and takes a provisional child far from it along."""
    child = bare(2, parent_run_id=rid(1), start_us=LATER + 1, name="child")
    assert write(tmp_path, [create(9)], [child], [create(9, 1)]) == {raw(9): (0, TRACE_SPAN_US + 1)}


def test_an_older_folder_is_brought_up_to_date(tmp_path: Path) -> None:
    wanted = write(tmp_path, [create(1), create(1, 2, start_us=LATER + 1), create(3)])
    assert wanted
    make_older(tmp_path, 2)
    assert write(tmp_path) == wanted


def test_the_schema_says_the_same_hour() -> None:
    (sql,) = (sql for version, sql in schema_steps() if version == 3)
    assert f"> {TRACE_SPAN_US};" in sql
