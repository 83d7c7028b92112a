"""Feedback that comes, changes and goes -> the table feedback_tallies, kept exact in the same
transaction. Knows what is counted of a record; knows no figures.

A tally says how many records of one key say the same (score, text, whether it is an error) about
runs of one kind that started in one span of time, the spans and kinds of rollups. Counts can be
taken back: a record keeps with it the place it was counted at, so that leaving a place undoes
exactly what coming did. Records whose run has not arrived are at no place.

There are few records, so they are counted at once; there is no tail as rollups have it.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import apsw

from runstore.engine.sqlite.rollup import SPANS, Kind, hour_of
from runstore.model.aggregate import said_of
from runstore.model.ids import id_to_bytes
from runstore.model.jsontext import decode, encode
from runstore.model.run import Run
from runstore.sql.sqlite.select import key_list

KINDS_REMEMBERED_MAX = 1_000  # there are some dozens, unless senders invent run types


class Place(NamedTuple):
    """Where the record's run stands."""

    pid: int
    start_us: int
    kind: str  # of kind_text


_Tally = tuple[int, int, str, str, str]  # pid, hour, key, kind, said

_PLACE = "pid, start_us, run_type, is_root, status, error IS NOT NULL"
_PLACE_OF = f"SELECT {_PLACE} FROM runs WHERE id = ?"
_COUNTED = "f.key, f.score, f.value, f.extra, f.run_pid, f.run_start_us, f.run_kind"
_RECORD = f"SELECT {_COUNTED} FROM feedback AS f WHERE f.id = ?"
_OF_RUNS = (
    f"SELECT f.id, {_COUNTED}, r.pid, r.start_us, r.run_type, r.is_root, r.status,"
    " r.error IS NOT NULL FROM json_each(?) AS k"
    " CROSS JOIN feedback AS f INDEXED BY feedback_run ON f.run_id = unhex(k.value)"
    " CROSS JOIN runs AS r INDEXED BY runs_id ON r.id = f.run_id"
)
_AWAITS = "f.run_pid IS NULL AND f.run_id IS NOT NULL"
_ANY_AWAITS = f"SELECT 1 FROM feedback AS f INDEXED BY feedback_awaiting WHERE {_AWAITS} LIMIT 1"
_OF_ARRIVED = (
    f"SELECT f.id, {_COUNTED}, r.pid, r.start_us, r.run_type, r.is_root, r.status,"
    " r.error IS NOT NULL FROM runs AS r NOT INDEXED"
    " CROSS JOIN feedback AS f INDEXED BY feedback_awaiting"
    f" ON f.run_id = r.id AND {_AWAITS} WHERE r.rid >= ?"
)
_MOVE = "UPDATE feedback SET run_pid = ?, run_start_us = ?, run_kind = ? WHERE id = ?"
_WHERE = f"SELECT {_COUNTED} FROM feedback AS f WHERE f."
_TALLY = "pid = ? AND span = ? AND hour = ? AND key = ? AND kind = ? AND said = ?"
_ADD = (
    "INSERT INTO feedback_tallies (pid, span, hour, key, kind, said, records)"
    " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET records = records + excluded.records"
)
_DROP = f"DELETE FROM feedback_tallies WHERE {_TALLY} AND records = 0"


@lru_cache(KINDS_REMEMBERED_MAX)
def kind_text(run_type: str | None, is_root: bool, status: str, has_error: bool) -> str:
    return encode([run_type, bool(is_root), status, bool(has_error)]).decode()


@lru_cache(KINDS_REMEMBERED_MAX)
def kind_from_text(text: str) -> Kind:
    run_type, is_root, status, has_error = decode(text.encode())
    return run_type, is_root, status, has_error


def has_moved(old: Run, run: Run) -> bool:
    """Whether the run's feedback is to be counted elsewhere."""
    return _standing(old) != _standing(run)


def _standing(run: Run) -> object:
    is_root = run.id == run.trace_id
    return run.project_id, run.start_us, run.run_type, is_root, run.status, run.error is None


def _place(columns: Sequence[Any]) -> Place:
    pid, start_us, *kind = columns
    return Place(pid, start_us, kind_text(*kind))


class Tallies:
    """Changes of one transaction; `write` them once, at its end."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._changes: dict[_Tally, int] = {}

    def come(self, run_id: bytes | None, key: str, counted: tuple[Any, Any, Any]) -> Place | None:
        """A record about to be written, `counted` its score, value and extra; where it stands."""
        columns: Any = None
        if run_id is not None:
            columns = self._connection.execute(_PLACE_OF, (run_id,)).fetchone()
        if columns is None:
            return None
        place = _place(columns)
        self._count(place, key, counted, 1)
        return place

    def go(self, record_id: bytes) -> None:
        """A record about to be replaced or deleted, if it is there."""
        self._leave(self._connection.execute(_RECORD, (record_id,)))

    def delete(self, column: str, value: bytes | int) -> None:
        """All records that have the value in this column."""
        self._leave(self._connection.execute(f"{_WHERE}{column} = ?", (value,)).fetchall())
        self._connection.execute(f"DELETE FROM feedback WHERE {column} = ?", (value,))

    def follow(self, moved: Sequence[str], first_rid: int | None) -> None:
        """Records of runs already written: of those `moved`, and those that came with
        `first_rid` or later, which some may have awaited."""
        if moved:
            ids = key_list([id_to_bytes(run_id) for run_id in moved])
            self._move(self._connection.execute(_OF_RUNS, (ids,)).fetchall())
        if first_rid is not None and self._connection.execute(_ANY_AWAITS).fetchone():
            self._move(self._connection.execute(_OF_ARRIVED, (first_rid,)).fetchall())

    def _move(self, rows: Iterable[Any]) -> None:
        for record_id, key, score, value, extra, pid, start_us, kind, *columns in rows:
            counted = score, value, extra
            if pid is not None:
                self._count(Place(pid, start_us, kind), key, counted, -1)
            place = _place(columns)
            self._count(place, key, counted, 1)
            self._connection.execute(_MOVE, (*place, record_id))

    def _leave(self, rows: Iterable[Any]) -> None:
        for key, score, value, extra, pid, start_us, kind in rows:
            if pid is not None:
                self._count(Place(pid, start_us, kind), key, (score, value, extra), -1)

    def _count(self, place: Place, key: str, counted: tuple[Any, Any, Any], sign: int) -> None:
        said = encode(list(said_of(*counted))).decode()
        tally = place.pid, hour_of(place.start_us), key, place.kind, said
        self._changes[tally] = self._changes.get(tally, 0) + sign

    def write(self) -> None:
        changes: dict[tuple[Any, ...], int] = {}
        for (pid, hour, *rest), records in self._changes.items():
            for span in SPANS:
                tally = pid, span, hour - hour % span, *rest
                changes[tally] = changes.get(tally, 0) + records
        self._changes.clear()
        self._connection.executemany(
            _ADD, [(*tally, records) for tally, records in changes.items() if records]
        )
        self._connection.executemany(
            _DROP, [tally for tally, records in changes.items() if records < 0]
        )
