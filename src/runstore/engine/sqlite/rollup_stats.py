"""Scope -> figures from rollups, exact. Knows rollups; knows nothing of other filters.

Whole hours come from rollups; what is left at both ends of the window, and the runs that came last
and are in no rollup yet, are read one by one.
A percentile's bucket follows from the histograms; only that bucket's values are read, by index.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import orjson

from runstore.engine.sqlite.connections import Connection
from runstore.engine.sqlite.feedback_stats import FeedbackReader
from runstore.engine.sqlite.figures import COLUMNS, Row, add_rows, add_usage_values, chunks
from runstore.engine.sqlite.ranked import Ranked
from runstore.engine.sqlite.rollup import (
    HOUR_US,
    SPANS,
    Kind,
    hour_of,
    rolled_up_to,
    sums_from_text,
    us_of,
)
from runstore.filter.match import matches
from runstore.filter.tree import And, Compare, Constant, Node, Not, OneOf, Or, Present, terms_of
from runstore.model.aggregate import RunFigures, percentile_s
from runstore.model.facts import Facts
from runstore.model.run import Run
from runstore.model.stats import RunStats
from runstore.model.times import START_US_MAX, US_PER_S
from runstore.model.usage import add
from runstore.plan.budget import FIGURE_BYTES
from runstore.plan.build import only_roots
from runstore.plan.plan import RunScope, StatsPlan
from runstore.sql.sqlite.predicate import Conditions, Params
from runstore.sql.sqlite.select import Statement, in_projects, key_list

KIND_ATTRIBUTES = {"run_type", "is_root", "status"}
HOURS_END = -(-hour_of(START_US_MAX + 2 * 24 * HOUR_US) // SPANS[-1]) * SPANS[-1]
"""No run starts in this hour or later: a zone may take the latest start there is a day further."""

_SPAN = "pid IN (SELECT value FROM json_each(:pids)) AND span = :span AND hour >= :first"
_ROLLUPS = (
    "SELECT run_type, is_root, status, has_error, runs, sums, latencies, first_tokens"
    f" FROM rollups WHERE {_SPAN} AND hour < :last"
)
_RUNS = "SELECT {columns}, r.run_type FROM runs AS r {tail} {conditions}"
_LATEST = (
    "SELECT hour, run_type, is_root, status, has_error FROM rollups"
    " WHERE pid = ? AND span = 1 AND hour >= ? AND hour < ? ORDER BY hour DESC"
)
_LAST_START = (
    "SELECT r.start_us FROM runs AS r INDEXED BY runs_time WHERE {where}"
    " ORDER BY r.start_us DESC LIMIT 1"
)
_HOURS = (
    "SELECT pid, json_group_array(hour) FROM (SELECT DISTINCT pid, hour FROM rollups"
    " WHERE pid IN (SELECT value FROM json_each(?)) AND span = 1 AND hour >= ? AND hour < ?)"
    " GROUP BY pid"
)
_VALUES = (
    "SELECT {value} FROM json_each({hours}) AS h CROSS JOIN runs AS r INDEXED BY {index}"
    " ON r.pid = {pid} AND (r.start_us + 62136000000000000) / 3600000000 = h.value"
    " WHERE {value} BETWEEN {low} AND {high}"
    " AND r.{column} IS NOT NULL AND r.rid <= {rolled} AND {conditions}"
)
_LATENCY = {"index": "runs_latency", "column": "latency_us", "value": "r.latency_us"}
_FIRST_TOKEN = {
    "index": "runs_first_token",
    "column": "first_token_us",
    "value": "r.first_token_us - r.start_us",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """Runs of some kinds that started in [low_us, high_us)."""

    kinds: tuple[Node, ...]
    low_us: int
    high_us: int


def asked_of(scope: RunScope) -> Asked | None:
    """None: rollups know too little."""
    if scope.root_where is not None or scope.tree_where is not None:
        return None
    where = scope.where
    terms = () if where is None else terms_of(where)
    kinds = []
    low_us, high_us = us_of(0), us_of(HOURS_END)
    for term in terms:
        if _is_of_kind(term):
            kinds.append(term)
            continue
        if not isinstance(term, Compare) or term.attribute != "start_time":
            return None
        if term.op not in ("eq", "gt", "gte", "lt", "lte"):
            return None
        at = int(term.value)
        if term.op in ("eq", "gt", "gte"):
            low_us = max(low_us, at + (term.op == "gt"))
        if term.op in ("eq", "lt", "lte"):
            high_us = min(high_us, at + (term.op != "lt"))
    return Asked(tuple(kinds), low_us, max(low_us, high_us))


def _is_of_kind(node: Node) -> bool:
    """Whether all it speaks of is in a Kind."""
    match node:
        case Constant():
            return True
        case Compare(attribute) | OneOf(attribute):
            return attribute in KIND_ATTRIBUTES
        case Present(attribute):
            return attribute in KIND_ATTRIBUTES or attribute == "error"
        case And(terms) | Or(terms):
            return all(map(_is_of_kind, terms))
        case Not(term):
            return _is_of_kind(term)
        case _:
            return False


def cover(first: int, last: int, level: int = len(SPANS) - 1) -> list[tuple[int, int, int]]:
    """Hours [first, last) as (span, first, last), each a whole number of spans, the longest ones
    that fit."""
    if first >= last:
        return []
    span = SPANS[level]
    low, high = -(-first // span) * span, last // span * span
    if low >= high:
        return cover(first, last, level - 1)
    inner = (span, low, high)
    return [*cover(first, low, level - 1), inner, *cover(high, last, level - 1)]


Counted = defaultdict[str, int]
"""A histogram that grows fast."""


@dataclass(slots=True)
class Group:
    """One set of figures on its way. `figures` has the runs at the ends of the window one by one,
    and all counts."""

    kinds: tuple[Node, ...]
    figures: RunFigures = field(default_factory=RunFigures)
    has_whole_hours: bool = False
    latency_us: int = 0  # the sum of those in whole hours
    latencies: Counted = field(default_factory=partial(defaultdict, int))
    first_tokens: Counted = field(default_factory=partial(defaultdict, int))


class RollupStats:
    """One question, inside a snapshot. `plan` has no group, or groups by run type."""

    def __init__(
        self, connection: Connection, plan: StatsPlan, asked: Asked, pids: Sequence[int]
    ) -> None:
        self._connection = connection
        self._asked = asked
        self._pids = list(pids)
        self._by_type = plan.group_by is not None
        self._whole_trace = only_roots(plan.scope)
        self._usage = "r.totals" if self._whole_trace else "r.usage"
        self._percentiles = plan.percentiles
        self._first = -(-(asked.low_us - us_of(0)) // HOUR_US)
        self._last = hour_of(asked.high_us)
        self._rolled = rolled_up_to(connection.raw)
        self._groups: dict[str, Group] = {} if self._by_type else {"": Group(asked.kinds)}
        self._wanted: dict[Kind, Group | None] = {}
        self._hours: list[Any] | None = None
        window = asked.low_us, asked.high_us
        self._feedback = FeedbackReader(connection, pids, window, self._group_name)

    def gather(self) -> dict[str, RunFigures]:
        """Counts by group; `stats` tells the rest."""
        if self._pids and self._asked.low_us < self._asked.high_us:
            for low_us, high_us in self._edges():
                self._add_runs(low_us, high_us)
                self._feedback.add_records(low_us, high_us)
            if self._first < self._last:
                self._add_runs(us_of(self._first), us_of(self._last), tail_only=True)
                for tile in cover(self._first, self._last):
                    self._add_rollups(*tile)
                    self._feedback.add_tile(tile)
            if self._percentiles:
                self._add_usage_values()
        return {name: group.figures for name, group in self._groups.items()}

    def stats(self, name: str) -> RunStats:
        """Of one group."""
        group = self._groups[name]
        figures = group.figures
        if group.has_whole_hours:
            last_us = self._last_start(group)
            if figures.last_start_us is None or last_us > figures.last_start_us:
                figures.last_start_us = last_us
        latencies = Ranked(group.latencies, figures.latencies_us, self._reader(group, _LATENCY))
        first_tokens = Ranked(
            group.first_tokens, figures.first_tokens_us, self._reader(group, _FIRST_TOKEN)
        )
        latency_us = sum(figures.latencies_us) + group.latency_us
        usage_p50, usage_p99 = figures.usage_percentiles()
        return RunStats(
            run_count=figures.run_count,
            error_count=figures.error_count,
            pending_count=figures.pending_count,
            streaming_count=len(first_tokens),
            latency_p50_s=percentile_s(latencies, 50),
            latency_p95_s=percentile_s(latencies, 95),
            latency_p99_s=percentile_s(latencies, 99),
            latency_avg_s=latency_us / (len(latencies) * US_PER_S) if latencies else None,
            first_token_p50_s=percentile_s(first_tokens, 50),
            first_token_p99_s=percentile_s(first_tokens, 99),
            last_start_us=figures.last_start_us,
            usage=figures.usage,
            usage_p50=usage_p50,
            usage_p99=usage_p99,
            feedback=self._feedback.stats(name),
        )

    def _edges(self) -> list[tuple[int, int]]:
        """The parts of the window in no whole hour."""
        asked = self._asked
        if self._first >= self._last:
            return [(asked.low_us, asked.high_us)]
        parts = (asked.low_us, us_of(self._first)), (us_of(self._last), asked.high_us)
        return [(low_us, high_us) for low_us, high_us in parts if low_us < high_us]

    def _add_runs(self, low_us: int, high_us: int, *, tail_only: bool = False) -> None:
        params = Params()
        tail = f"NOT INDEXED WHERE r.rid > {params.bind(self._rolled)} AND"
        text = _RUNS.format(
            columns=COLUMNS.format(usage=self._usage),
            tail=tail if tail_only else "WHERE",
            conditions=self._runs_between(low_us, high_us, params),
        )
        for figures, rows in self._by_group(Statement.of(text, params)):
            add_rows(figures, rows, whole_trace=self._whole_trace)

    def _add_usage_values(self) -> None:
        """Of all runs in the window. Histograms of each counter would cost the writer too much."""
        params = Params()
        between = self._runs_between(self._asked.low_us, self._asked.high_us, params)
        text = _RUNS.format(
            columns=self._usage,
            tail="WHERE",
            conditions=f"{between} AND {self._usage} IS NOT NULL",
        )
        for figures, rows in self._by_group(Statement.of(text, params)):
            self._connection.account.hold(len(rows) * FIGURE_BYTES)
            add_usage_values(figures, (row[0] for row in rows), whole_trace=self._whole_trace)

    def _runs_between(self, low_us: int, high_us: int, params: Params) -> str:
        conditions = _conditions(self._asked.kinds, params)
        conditions.append(in_projects(self._pids, params))
        conditions.append(f"r.start_us >= {params.bind(low_us)}")
        conditions.append(f"r.start_us < {params.bind(high_us)}")
        return " AND ".join(conditions)

    def _by_group(self, statement: Statement) -> Iterator[tuple[RunFigures, list[Row]]]:
        """Some rows at a time of `_RUNS`, with the figures they count in."""
        for chunk in chunks(self._connection.rows(statement)):
            by_type: dict[str | None, list[Row]] = {} if self._by_type else {None: chunk}
            for row in chunk if self._by_type else ():
                by_type.setdefault(row[-1], []).append(row)
            for run_type, rows in by_type.items():
                group = self._group(run_type)
                if group is not None:
                    yield group.figures, rows

    def _group(self, run_type: str | None) -> Group | None:
        """None: runs without a type are in no group."""
        if not self._by_type:
            return self._groups[""]
        if run_type is None:
            return None
        if run_type not in self._groups:
            kinds = (*self._asked.kinds, Compare("run_type", "eq", run_type))
            self._groups[run_type] = Group(kinds)
        return self._groups[run_type]

    def _add_rollups(self, span: int, first: int, last: int) -> None:
        values = {"pids": key_list(self._pids), "span": span, "first": first, "last": last}
        for row in self._connection.raw.execute(_ROLLUPS, values):
            run_type, is_root, status, has_error, runs, sums, latencies, first_tokens = row
            kind: Any = (run_type, bool(is_root), status, bool(has_error))
            group = self._group_of(kind)
            if group is None:
                continue
            figures = group.figures
            figures.run_count += runs
            if status == "error":
                figures.error_count += runs
            elif status == "pending":
                figures.pending_count += runs
            latency_us, usage, totals = sums_from_text(sums)
            add(figures.usage, totals if self._whole_trace else usage)
            group.has_whole_hours = True
            group.latency_us += latency_us
            _count(group.latencies, latencies)
            if first_tokens is not None:
                _count(group.first_tokens, first_tokens)

    def _group_of(self, kind: Kind) -> Group | None:
        """None: such runs are not asked for, or in no group."""
        if kind not in self._wanted:
            wanted = all(_holds(node, kind) for node in self._asked.kinds)
            self._wanted[kind] = self._group(kind[0]) if wanted else None
        return self._wanted[kind]

    def _group_name(self, kind: Kind) -> str | None:
        if self._group_of(kind) is None:
            return None
        return kind[0] if self._by_type else ""

    def _last_start(self, group: Group) -> int:
        """Of its runs in whole hours, of which there are some."""
        hours: dict[int, int] = {}
        for pid in self._pids:
            found = self._connection.raw.execute(_LATEST, (pid, self._first, self._last))
            for hour, run_type, is_root, status, has_error in found:
                kind: Any = (run_type, bool(is_root), status, bool(has_error))
                if self._group_of(kind) is group:
                    hours[pid] = hour
                    break
        last_hour = max(hours.values())
        starts = []
        for pid, hour in hours.items():
            if hour == last_hour:
                params = Params()
                where = [
                    f"r.pid = {params.bind(pid)}",
                    f"r.start_us >= {params.bind(us_of(hour))}",
                    f"r.start_us < {params.bind(us_of(hour + 1))}",
                    *_conditions(group.kinds, params),
                ]
                text = _LAST_START.format(where=" AND ".join(where))
                starts += self._connection.all(Statement.of(text, params))
        return int(max(starts)[0])

    def _hours_of_projects(self) -> list[tuple[int, str]]:
        """(project, JSON list of the whole hours some of its runs started in)"""
        if self._hours is None:
            values = key_list(self._pids), self._first, self._last
            self._hours = list(self._connection.raw.execute(_HOURS, values))
        return self._hours

    def _reader(self, group: Group, source: dict[str, str]) -> Callable[[int, int], list[int]]:
        """Reads the values of runs in whole hours from `low` to `high`."""

        def read(low: int, high: int) -> list[int]:
            values = []
            for pid, hours in self._hours_of_projects():
                params = Params()
                text = _VALUES.format(
                    **source,
                    pid=params.bind(pid),
                    hours=params.bind(hours),
                    low=params.bind(low),
                    high=params.bind(high),
                    rolled=params.bind(self._rolled),
                    conditions=" AND ".join(_conditions(group.kinds, params)) or "TRUE",
                )
                values += self._connection.all(Statement.of(text, params))
            return [us for (us,) in values]

        return read


def _conditions(nodes: Sequence[Node], params: Params) -> list[str]:
    compile_ = Conditions(params, lambda _: None)
    return [compile_.condition(node) for node in nodes]


def _count(counted: Counted, text: str) -> None:
    """Adds a histogram's JSON."""
    for bucket, how_many in orjson.loads(text).items():
        counted[bucket] += how_many


def _holds(node: Node, kind: Kind) -> bool:
    run_type, is_root, status, has_error = kind
    run = Run(
        id="run",
        trace_id="run" if is_root else "trace",
        dotted_order="",
        start_us=0,
        run_type=run_type,
        status=status,
        error="error" if has_error else None,
    )
    return matches(node, Facts(run))
