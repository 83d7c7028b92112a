"""Runs that come, change and go -> the table rollups, kept exact in the same transaction.

A rollup holds the figures of all runs of one kind (type, root or not, status, has an error) that
started in one span of time: an hour, a day, 32 days. Changes are differences, gathered by hour
and kind and written at the end of a group of writes.

Runs that came last, the tail, are in no rollup: a group of few runs would rewrite as many rows as
one of thousands. A long tail is rolled up as a whole; until then readers read its runs.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import apsw
import orjson

from runstore.engine.sqlite.figures import totals_of, usage_of
from runstore.engine.sqlite.histogram import Histogram, bucket_of, histogram, merge
from runstore.limits import ROLLUP_TAIL_MAX, ROLLUPS_KNOWN_MAX
from runstore.model.run import Run
from runstore.model.usage import Sums, add, as_sums

HOUR_US = 3_600_000_000
HOURS_FROM_US = -62_136_000_000_000_000
"""Hours are counted from here, shortly before the first start there can be, so that dividing
rounds down in SQL as it does in Python. The indexes of runs say the same number."""

SPANS = (1, 24, 768)
"""Hours; each divides the next. The longest keeps the figures of years to a few rows."""

Kind = tuple[str | None, bool, str, bool]
"""run_type, is_root, status, has_error"""

_Key = tuple[int, int, int, Kind]  # pid, span, the span's first hour, kind

_READ = (
    "SELECT rollup, runs, sums, latencies, first_tokens FROM rollups WHERE pid = ? AND span = ?"
    " AND hour = ? AND is_root = ? AND run_type IS ? AND status = ? AND has_error = ?"
)
_INSERT = (
    "INSERT INTO rollups (pid, span, hour, is_root, run_type, status, has_error, runs, sums,"
    " latencies, first_tokens) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_UPDATE = "UPDATE rollups SET runs = ?, sums = ?, latencies = ?, first_tokens = ? WHERE rollup = ?"
_DELETE = "DELETE FROM rollups WHERE rollup = ?"
_TAIL = (
    "SELECT pid, (start_us + 62136000000000000) / 3600000000, run_type, is_root, status,"
    " error IS NOT NULL, latency_us, first_token_us - start_us, usage, totals"
    " FROM runs WHERE rid > ? AND rid <= ?"
)
_ROLLED = "UPDATE rolled_up SET rid = ?"


def hour_of(us: int) -> int:
    return (us - HOURS_FROM_US) // HOUR_US


def us_of(hour: int) -> int:
    return hour * HOUR_US + HOURS_FROM_US


def rolled_up_to(connection: apsw.Connection) -> int:
    """The last rid before the tail."""
    row: Any = connection.execute("SELECT rid FROM rolled_up").fetchone()
    return int(row[0])


@dataclass(slots=True)
class Rollup:
    """Figures, or a difference of figures."""

    runs: int = 0
    latency_us: int = 0  # the sum
    usage: Sums = field(default_factory=dict)  # the runs' own
    totals: Sums = field(default_factory=dict)  # of roots: their subtrees'
    latencies: Histogram = field(default_factory=dict)
    first_tokens: Histogram = field(default_factory=dict)  # times after the start

    def add(self, more: "Rollup") -> None:
        self.runs += more.runs
        self.latency_us += more.latency_us
        add(self.usage, more.usage)
        add(self.totals, more.totals)
        merge(self.latencies, more.latencies)
        merge(self.first_tokens, more.first_tokens)

    def row(self) -> tuple[int, str, str, str | None]:
        """runs, sums, latencies, first_tokens"""
        first_tokens = orjson.dumps(self.first_tokens).decode() if self.first_tokens else None
        return self.runs, self._sums(), orjson.dumps(self.latencies).decode(), first_tokens

    def _sums(self) -> str:
        sums = (self.latency_us, self.usage, self.totals)
        try:
            return orjson.dumps(sums).decode()
        except TypeError:  # past 64 bits, which orjson does not write
            return json.dumps(sums)


def sums_from_text(text: str) -> tuple[int, Sums, Sums]:
    """The sum of latencies, own usage, subtree totals; pairs are lists."""
    # orjson is ten times faster, but would round what is past 64 bits.
    loads = json.loads if _LONG.search(text) else orjson.loads
    sums: tuple[int, Sums, Sums] = loads(text)
    return sums


def rollup_from_row(row: Sequence[Any]) -> Rollup:
    """Of runs, sums, latencies, first_tokens."""
    runs, sums, latencies, first_tokens = row
    latency_us, usage, totals = sums_from_text(sums)
    return Rollup(
        runs,
        latency_us,
        {name: (value, reporters) for name, (value, reporters) in usage.items()},
        {name: (value, reporters) for name, (value, reporters) in totals.items()},
        orjson.loads(latencies),
        {} if first_tokens is None else orjson.loads(first_tokens),
    )


_LONG = re.compile(r"[0-9]{19}")
_NOTHING = Rollup()


_Changes = dict[tuple[int, int, Kind], Rollup]
"""By project, hour and kind."""


class Rollups:
    """The writer's view of the table: differences not yet written, and rows it used last."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._rolled = rolled_up_to(connection)
        self._last = self._rolled  # the last rid noted
        self._changes: _Changes = {}
        self._known: dict[_Key, tuple[int, Rollup]] = {}  # with their row ids, used last at the end

    def note(self, pid: int, rid: int, run: Run, sign: int) -> None:
        """A run that comes (1) or goes (-1); one that changes does both."""
        if rid > self._rolled:
            self._last = max(self._last, rid)
            return
        is_root = run.id == run.trace_id
        kind = (run.run_type, is_root, run.status, run.error is not None)
        change = self._change(pid, run.start_us, kind)
        change.runs += sign
        if run.end_us is not None:
            latency_us = run.end_us - run.start_us
            change.latency_us += sign * latency_us
            merge(change.latencies, {str(bucket_of(latency_us)): sign})
        if run.first_token_us is not None:
            merge(change.first_tokens, {str(bucket_of(run.first_token_us - run.start_us)): sign})
        add(change.usage, as_sums(run.usage), sign)
        if is_root:
            add(change.totals, run.totals, sign)

    def note_totals(self, pid: int, rid: int, start_us: int, kind: Kind, delta: Sums) -> None:
        """The subtree totals of a stored root change by `delta`."""
        if rid <= self._rolled:
            add(self._change(pid, start_us, kind).totals, delta)

    def _change(self, pid: int, start_us: int, kind: Kind) -> Rollup:
        key = (pid, hour_of(start_us), kind)
        change = self._changes.get(key)
        if change is None:
            change = self._changes[key] = Rollup()
        return change

    def write(self) -> None:
        """What was noted, into the table, once the runs themselves are written."""
        if self._last - self._rolled >= ROLLUP_TAIL_MAX:
            for key, rollup in self._tail():
                known = self._changes.setdefault(key, rollup)
                if known is not rollup:
                    known.add(rollup)
            self._rolled = self._last
            self._connection.execute(_ROLLED, (self._rolled,))
        longer: dict[_Key, Rollup] = {}
        for (pid, hour, kind), change in self._changes.items():
            if change != _NOTHING:
                for span in SPANS[1:]:
                    place = (pid, span, hour - hour % span, kind)
                    folded = longer.get(place)
                    if folded is None:
                        folded = longer[place] = Rollup()
                    folded.add(change)
                self._write((pid, SPANS[0], hour, kind), change)
        self._changes.clear()
        for whole, change in longer.items():
            self._write(whole, change)
        while len(self._known) > ROLLUPS_KNOWN_MAX:
            del self._known[next(iter(self._known))]

    def _tail(self) -> Iterator[tuple[tuple[int, int, Kind], Rollup]]:
        """Its figures, read at once: cheaper than noting each run as it comes and changes."""
        by_place: dict[tuple[Any, ...], list[Any]] = {}
        for row in self._connection.execute(_TAIL, (self._rolled, self._last)):
            by_place.setdefault(row[:6], []).append(row)
        for (pid, hour, run_type, is_root, status, has_error), rows in by_place.items():
            _, _, _, _, _, _, latencies, first_tokens, usages, totals = zip(*rows, strict=True)
            rollup = Rollup(
                runs=len(rows),
                latency_us=sum(us for us in latencies if us is not None),
                usage=usage_of(usages),
                totals=totals_of(totals) if is_root else {},
                latencies=histogram(latencies),
                first_tokens=histogram(first_tokens),
            )
            yield (pid, hour, (run_type, bool(is_root), status, bool(has_error))), rollup

    def _write(self, key: _Key, change: Rollup) -> None:
        known = self._known.pop(key, None) or self._read(key)
        if known is None:
            self._known[key] = (self._insert(key, change), change)
            return
        rowid, rollup = known
        rollup.add(change)
        if rollup.runs:
            self._connection.execute(_UPDATE, (*rollup.row(), rowid))
            self._known[key] = known
        else:
            self._connection.execute(_DELETE, (rowid,))

    def _read(self, key: _Key) -> tuple[int, Rollup] | None:
        pid, span, hour, (run_type, is_root, status, has_error) = key
        row: Any = self._connection.execute(
            _READ, (pid, span, hour, is_root, run_type, status, has_error)
        ).fetchone()
        return None if row is None else (row[0], rollup_from_row(row[1:]))

    def _insert(self, key: _Key, rollup: Rollup) -> int:
        pid, span, hour, (run_type, is_root, status, has_error) = key
        self._connection.execute(
            _INSERT, (pid, span, hour, is_root, run_type, status, has_error, *rollup.row())
        )
        return self._connection.last_insert_rowid()
