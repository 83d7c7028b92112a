"""Rows that make no sense: the folder is damaged where SQLite says so, else the mistake is ours."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from runstore.engine.sqlite.connections import DATABASE, PAGE_BYTES, Connection
from runstore.engine.sqlite.engine import SqliteEngine
from runstore.errors import Damaged
from runstore.model.batch import Batch
from runstore.sql.sqlite.codec import Codec
from tests.model.make import T0, create


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with closing(SqliteEngine(tmp_path)) as engine:
        runs = [create(number, inputs={"text": "x" * 50 * number}) for number in range(1, 200)]
        assert engine.write([Batch(runs)], T0) == [[]]
    return tmp_path


def read(folder: Path) -> None:
    with (
        closing(Connection(folder / DATABASE, Codec(), read_only=True)) as connection,
        connection.snapshot(),
    ):
        raise TypeError("a row of another shape")


def write(folder: Path) -> None:
    with closing(SqliteEngine(folder)) as engine, engine._transaction():
        raise TypeError("a row of another shape")


either = pytest.mark.parametrize("use", [read, write])


@either
def test_a_mistake_of_ours_stays_one(folder: Path, use: Callable[[Path], None]) -> None:
    with pytest.raises(TypeError, match="another shape"):
        use(folder)


@either
def test_rows_that_make_no_sense_are_damage_where_pages_are_damaged(
    folder: Path, use: Callable[[Path], None]
) -> None:
    raw = bytearray((folder / DATABASE).read_bytes())
    last = (len(raw) // PAGE_BYTES - 2) * PAGE_BYTES
    raw[last : last + PAGE_BYTES] = b"\xff" * PAGE_BYTES
    (folder / DATABASE).write_bytes(raw)
    with pytest.raises(Damaged, match="runstore check"):
        use(folder)
