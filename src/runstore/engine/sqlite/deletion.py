"""Removes runs with all that hangs on them, and keeps the totals of those that stay exact."""

from collections.abc import Sequence
from typing import Any

import apsw

from runstore.engine.sqlite.feedback_tally import Tallies
from runstore.engine.sqlite.rows import SELECT_RUN, run_from_row
from runstore.engine.sqlite.shelf import Shelf
from runstore.engine.sqlite.totals import Deltas, apply, note_change
from runstore.model.ids import id_to_bytes
from runstore.model.run import Run
from runstore.model.usage import add, as_sums

_OF_TRACE = SELECT_RUN + " WHERE trace_id = ?"
_OF_PROJECT = SELECT_RUN + " WHERE pid = ?"


def delete_traces(connection: apsw.Connection, shelf: Shelf, trace_ids: Sequence[str]) -> int:
    """How many runs there were."""
    tallies = Tallies(connection)
    rows: list[Any] = []
    for trace_id in dict.fromkeys(trace_ids):
        raw = id_to_bytes(trace_id)
        rows += connection.execute(_OF_TRACE, (raw,)).fetchall()
        tallies.delete("trace_id", raw)
    count = _delete(connection, shelf, tallies, rows)
    tallies.write()
    return count


def delete_project(connection: apsw.Connection, shelf: Shelf, pid: int) -> int:
    """The project too; how many runs it had. What the shelf knows of projects is left as it is."""
    rows = connection.execute(_OF_PROJECT, (pid,)).fetchall()
    tallies = Tallies(connection)
    count = _delete(connection, shelf, tallies, rows)
    tallies.delete("pid", pid)
    tallies.write()
    connection.execute("DELETE FROM projects WHERE pid = ?", (pid,))
    return count


def _delete(
    connection: apsw.Connection, shelf: Shelf, tallies: Tallies, rows: Sequence[Any]
) -> int:
    gone: dict[str, tuple[int, Run]] = {}
    for row in rows:
        rid, run = run_from_row(row, None)
        gone[run.id] = (rid, run)
        shelf.rollups.note(row[-1], rid, run, -1)
    deltas: Deltas = {}
    for _, run in gone.values():
        note_change(deltas, run, None)
    for rid, run in gone.values():
        raw_id = id_to_bytes(run.id)
        tallies.delete("run_id", raw_id)
        _delete_rows(connection, rid, raw_id)
    # A run that goes leaves behind the sums of those of its descendants that stay.
    for run_id, (_, run) in gone.items():
        left = add(dict(run.totals), as_sums(run.usage), -1)
        add(left, deltas.pop(run_id, {}))
        if left:
            shelf.awaited_totals.change(run_id, left)
    apply(connection, shelf.awaited_totals, shelf.rollups, deltas.items())
    shelf.rollups.write()
    shelf.trace_spans.forget({run.trace_id for _, run in gone.values()})
    return len(gone)


def _delete_rows(connection: apsw.Connection, rid: int, raw_id: bytes) -> None:
    connection.execute("DELETE FROM runs WHERE rid = ?", (rid,))
    connection.execute("DELETE FROM payloads WHERE rid = ?", (rid,))
    connection.execute("DELETE FROM inverted WHERE rowid = ?", (rid,))
    connection.execute("DELETE FROM attachments WHERE run_id = ?", (raw_id,))
