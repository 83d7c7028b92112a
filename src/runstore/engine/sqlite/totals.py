"""Keeps subtree totals exact: what changed of runs' own usage -> changes of their ancestors' sums.

A run counts towards every run its dotted order names, arrived or not: sums of runs that have not
arrived wait in awaited_totals and are theirs when they come.
"""

from collections.abc import Iterable

import apsw

from runstore.engine.sqlite.rollup import Rollups
from runstore.engine.sqlite.rows import sums, totals_row
from runstore.engine.sqlite.zone_notes import ZoneRow, note_zones
from runstore.model.ids import id_from_bytes, id_to_bytes
from runstore.model.jsontext import encode
from runstore.model.run import Run
from runstore.model.usage import Sums, add, as_sums

Deltas = dict[str, Sums]
"""Run id -> what its subtree total changes by."""

_READ = (
    "SELECT rid, totals, pid, start_us, is_root, run_type, status, error IS NOT NULL"
    " FROM runs WHERE id = ?"
)
_WRITE = (
    "UPDATE runs SET prompt_tokens = ?, completion_tokens = ?, total_tokens = ?, prompt_cost = ?,"
    " completion_cost = ?, total_cost = ?, totals = ? WHERE rid = ?"
)
_AWAITED = "SELECT totals FROM awaited_totals WHERE id = ?"
_AWAIT = "INSERT OR REPLACE INTO awaited_totals (id, totals) VALUES (?, ?)"
_ARRIVED = "DELETE FROM awaited_totals WHERE id = ?"


def note_change(deltas: Deltas, old: Run | None, new: Run | None) -> None:
    """Adds to `deltas` what going from `old` to `new` (None: not there) means for ancestors."""
    old_usage = {} if old is None else old.usage
    new_usage = {} if new is None else new.usage
    if not old_usage and not new_usage:
        return
    before = old.ancestor_ids if old is not None and old_usage else ()
    after = new.ancestor_ids if new is not None and new_usage else ()
    if old_usage == new_usage and before == after:
        return
    gone, come = as_sums(old_usage), as_sums(new_usage)
    for ancestor in before:
        add(deltas.setdefault(ancestor, {}), gone, -1)
    for ancestor in after:
        add(deltas.setdefault(ancestor, {}), come)


class AwaitedTotals:
    """The table awaited_totals, with the ids in it known, for most runs are not."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._ids = {
            id_from_bytes(raw) for (raw,) in connection.execute("SELECT id FROM awaited_totals")
        }

    def take(self, run_id: str) -> Sums:
        """The sums that waited for this run, which has arrived."""
        if run_id not in self._ids:
            return {}
        found = self._read(run_id)
        self._connection.execute(_ARRIVED, (id_to_bytes(run_id),))
        self._ids.discard(run_id)
        return found

    def change(self, run_id: str, delta: Sums) -> None:
        totals = add(self._read(run_id), delta) if run_id in self._ids else delta
        if totals:
            self._connection.execute(_AWAIT, (id_to_bytes(run_id), encode(totals).decode()))
            self._ids.add(run_id)
        else:
            self._connection.execute(_ARRIVED, (id_to_bytes(run_id),))
            self._ids.discard(run_id)

    def _read(self, run_id: str) -> Sums:
        row = self._connection.execute(_AWAITED, (id_to_bytes(run_id),)).fetchone()
        return {} if row is None else sums(row[0])


def apply(
    connection: apsw.Connection,
    awaited: AwaitedTotals,
    rollups: Rollups,
    deltas: Iterable[tuple[str, Sums]],
) -> list[int]:
    """Changes the totals of stored runs, and those that are awaited. The rids of the former."""
    changed = []
    for run_id, delta in deltas:
        if not delta:
            continue
        row = connection.execute(_READ, (id_to_bytes(run_id),)).fetchone()
        if row is None:
            awaited.change(run_id, delta)
            continue
        rid, text, pid, start_us, is_root, run_type, status, has_error = row
        totals = add(sums(text), delta)
        stored = encode(totals).decode() if totals else None
        columns = totals_row(totals)
        connection.execute(_WRITE, (*columns, stored, rid))
        changed.append(ZoneRow(rid, start_us, None, columns[2] or 0, columns[5]))
        if is_root:
            kind = (run_type, True, status, bool(has_error))
            rollups.note_totals(pid, rid, start_us, kind, delta)
    note_zones(connection, changed)
    return [row.rid for row in changed]
