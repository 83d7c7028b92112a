"""The log of changes: one row a transaction; what came after a place in it, and is wanted.

New runs have neighbouring rids, so a transaction of 1,000 of them is one range: the log costs
about 0.4 us a run. When it is long its older half is folded, CHANGES_FOLDED rows into one that
bears the last one's number. Who reads on from a place inside such a row is given some runs again,
and none is lost. source: docs/decisions/0013-tail.md
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import apsw

from runstore.engine.sqlite.candidates import Candidates
from runstore.engine.sqlite.connections import Connection
from runstore.engine.sqlite.reader import Projects, finder
from runstore.limits import CHANGES_FOLDED, CHANGES_MAX
from runstore.model.change import ChangedRun, ChangePosition, Changes
from runstore.model.ids import id_from_bytes
from runstore.plan.plan import RunScope
from runstore.sql.sqlite.select import key_list

Range = tuple[int, int]
"""First and last rid, both included."""

_NOTE = "INSERT INTO changes (seq, ranges) VALUES (?, ?)"
_LAST = "SELECT ifnull(max(seq), 0) FROM changes"
_OLDEST = "SELECT seq, ranges FROM changes ORDER BY seq LIMIT ?"
_FORGET = "DELETE FROM changes WHERE seq <= ?"
_SINCE = "SELECT seq, ranges FROM changes WHERE seq >= ? ORDER BY seq"
_RIDS_OF = (
    "SELECT rid FROM runs INDEXED BY runs_id WHERE id IN (SELECT unhex(value) FROM json_each(?))"
)
_TRACES_OF = (
    "SELECT r.rid, r.trace_id FROM json_each(?) AS k"
    " CROSS JOIN runs AS r NOT INDEXED ON r.rid = k.value"
)
_RIDS_OF_TRACES = (
    "SELECT r.rid, r.trace_id FROM json_each(?) AS k"
    " CROSS JOIN runs AS r INDEXED BY runs_trace ON r.trace_id = unhex(k.value)"
)


class ChangeLog:
    """The writer's end."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._seq: int = _column(connection, _LAST)[0]
        self._rows: int = _column(connection, "SELECT count(*) FROM changes")[0]

    def note(self, rids: Iterable[int]) -> None:
        """These rows were written by the transaction that is open."""
        ranges = ranges_of(rids)
        if not ranges:
            return
        self._seq += 1
        self._connection.execute(_NOTE, (self._seq, json.dumps(ranges)))
        self._rows += 1
        if self._rows > CHANGES_MAX:
            self._fold()

    def note_runs(self, raw_ids: Sequence[bytes]) -> None:
        """`note` by the ids of runs, of which some may not be there."""
        if raw_ids:
            self.note(_column(self._connection, _RIDS_OF, (key_list(raw_ids),)))

    def _fold(self) -> None:
        oldest: Any = self._connection.execute(_OLDEST, (CHANGES_MAX // 2,)).fetchall()
        folded = []
        for at in range(0, len(oldest), CHANGES_FOLDED):
            rows = oldest[at : at + CHANGES_FOLDED]
            ranges = joined(one for _, text in rows for one in json.loads(text))
            folded.append((rows[-1][0], json.dumps(ranges)))
        self._connection.execute(_FORGET, (oldest[-1][0],))
        self._connection.executemany(_NOTE, folded)
        self._rows += len(folded) - len(oldest)


def ranges_of(rids: Iterable[int]) -> list[Range]:
    return joined((rid, rid) for rid in rids)


def joined(ranges: Iterable[Sequence[int]]) -> list[Range]:
    """The same rids in as few ranges as can be, ascending."""
    found: list[Range] = []
    for first, last in sorted(map(tuple, ranges)):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found


def last_change(connection: Connection) -> ChangePosition:
    """Past all there is. Inside a snapshot."""
    return ChangePosition(_column(connection.raw, _LAST)[0] + 1)


def changes_after(
    connection: Connection, scope: RunScope, after: ChangePosition, limit: int
) -> Changes:
    """Of the next `limit` rows written past `after`, the runs in the scope. Inside a snapshot."""
    changes, rids = _next_rids(connection, after, limit)
    groups = {rid: [rid] for rid in rids}
    if scope.root_where is not None or scope.tree_where is not None:
        groups = _whole_traces(connection, list(rids))
    listed = [rid for group in groups.values() for rid in group]
    wanted = finder(connection, scope, Projects(connection)).all_rows(
        "r.rid, r.id, r.status, r.end_us", among=Candidates("rid", listed)
    )
    if not listed or wanted is None:
        return changes
    found = {rid: row for rid, *row in connection.all(wanted)}
    past = after
    for rid, group in groups.items():
        matching = [one for one in group if one in found]
        for one in matching:
            raw_id, status, end_us = found[one]
            place = rids[rid] if one == matching[-1] else past
            changes.runs.append(ChangedRun(id_from_bytes(raw_id), status, end_us, place))
        past = rids[rid]
    return changes


def _whole_traces(connection: Connection, rids: list[int]) -> dict[int, list[int]]:
    """rid -> the rows of its trace; only for the first rid of each trace."""
    of_trace: dict[bytes, int] = {}
    order = {rid: at for at, rid in enumerate(rids)}
    rows: list[Any] = connection.raw.execute(_TRACES_OF, (key_list(rids),)).fetchall()
    for rid, trace_id in sorted(rows, key=lambda row: order[row[0]]):
        of_trace.setdefault(trace_id, rid)
    groups: dict[int, list[int]] = {rid: [] for rid in of_trace.values()}
    members: Any = connection.raw.execute(_RIDS_OF_TRACES, (key_list(list(of_trace)),))
    for rid, trace_id in members:
        groups[of_trace[trace_id]].append(rid)
    return {rid: sorted(group) for rid, group in groups.items()}


def _next_rids(
    connection: Connection, after: ChangePosition, limit: int
) -> tuple[Changes, dict[int, ChangePosition]]:
    """rid -> the place of its first change, in this order."""
    rids: dict[int, ChangePosition] = {}
    position = after
    rows: Any = connection.raw.execute(_SINCE, (after.seq,))
    for seq, text in rows:
        for first, last in json.loads(text):
            begin = first if seq != after.seq else max(first, after.within + 1)
            end = min(last, begin + limit - len(rids) - 1)
            if begin > last:
                continue
            for rid in range(begin, end + 1):
                rids.setdefault(rid, ChangePosition(seq, rid))
            if len(rids) >= limit or end < last:
                return Changes(position=ChangePosition(seq, end), has_more=True), rids
        position = ChangePosition(seq + 1)
    return Changes(position=position), rids


def _column(connection: apsw.Connection, sql: str, values: tuple[Any, ...] = ()) -> list[Any]:
    return [row[0] for row in connection.execute(sql, values)]
