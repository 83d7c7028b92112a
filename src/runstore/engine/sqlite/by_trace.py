"""Asked -> the keys of a page of few traces: those that meet a trace_filter or a tree_filter.

A witness is a run for which the filter holds: the root, or any of its trace. Witnesses are
walked from the newest down, and their traces read whole, until the page is full. Runs of one
trace start within TRACE_SPAN_US of each other, but for traces that are listed as long; so the
last start of a full page tells how far down there can be a witness of a run that belongs to it.
"""

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import Protocol

from runstore.engine.sqlite.arrival import RID_MAX, Zones
from runstore.engine.sqlite.asked import TRACE_FILTER, Asked
from runstore.engine.sqlite.candidates import Candidates, Key, Read
from runstore.engine.sqlite.sampling import ROOT_READS, TRACE_LISTED, share_rated
from runstore.engine.sqlite.trace_spans import TRACE_SPAN_US
from runstore.engine.sqlite.walks import rating, share_read
from runstore.filter.tree import Node, terms_of
from runstore.limits import LONG_TRACES_MAX, PROJECTS_MERGED_MAX, TRACES_WALKED_MAX
from runstore.model.times import START_US_MAX, START_US_MIN
from runstore.sql.sqlite import select, witnesses
from runstore.sql.sqlite.lookup import Expression, SomeEntry, lookup, match_text
from runstore.sql.sqlite.predicate import Params
from runstore.sql.sqlite.select import Window
from runstore.sql.sqlite.span import Span

Witness = tuple[bytes, int]
"""Its trace, and its place in the walk: a rid, or a start."""


class Driver(Protocol):
    """Where witnesses come from, with the largest place first."""

    def witnesses(self, starts: Span) -> Iterator[Witness]:
        """All that start in `starts`, and maybe others."""

    def floor(self, start_us: int) -> int:
        """Below this place all witnesses start before `start_us`."""


@dataclass(frozen=True, slots=True)
class Found(Driver):
    """In order of arrival, by the inverted index."""

    zones: Zones
    ask: Callable[[int], Iterator[Witness]]  # from this rid down

    def witnesses(self, starts: Span) -> Iterator[Witness]:
        late = starts.high < START_US_MAX
        return self.ask(self.zones.last_rid(starts.high) if late else RID_MAX)

    def floor(self, start_us: int) -> int:
        return 0 if start_us <= START_US_MIN else self.zones.first_rid(start_us)


@dataclass(frozen=True, slots=True)
class Rated(Driver):
    """In order of start, by their feedback; of each project by itself."""

    asks: Sequence[Callable[[Span], Iterator[Witness]]]

    def witnesses(self, starts: Span) -> Iterator[Witness]:
        return heapq.merge(*(ask(starts) for ask in self.asks), key=itemgetter(1), reverse=True)

    def floor(self, start_us: int) -> int:
        return start_us


def by_trace(asked: Asked, window: Window) -> list[Key] | None:
    """None where another walk reads less, or this one does not come to an end soon."""
    nodes = asked.trace_nodes()
    if not nodes or not window.descending:
        return None
    reads, name, driver = min(_drivers(asked), default=(1.0, "", None), key=itemgetter(0))
    if driver is None or reads >= share_read(asked):
        return None
    is_roots = asked.wants_roots()
    starts = asked.starts().up_to(window.after, descending=True)
    long_ones = _long_traces(asked, name, starts)
    if long_ones is None:
        return None

    def listed(traces: Sequence[bytes]) -> list[Key]:
        # A root's id is its trace's; but what is called a trace may be a run below another.
        found = Candidates("id" if is_roots else "trace_id", list(traces))
        return asked.listed(found, window, met=name)

    keys, read = _page(driver, starts, window.limit, long_ones, listed)
    asked.steps.append(
        f"read the newest {read} traces that meet the {name}"
        + (": given up, for they do not fill the page" if keys is None else "")
    )
    return keys


def _page(
    driver: Driver,
    starts: Span,
    limit: int,
    long_ones: Sequence[bytes],
    listed: Callable[[Sequence[bytes]], list[Key]],
) -> tuple[list[Key] | None, int]:
    """The page's keys, and how many traces were read; no keys if it takes more than
    TRACES_WALKED_MAX.

    `starts`     of the runs wanted
    `long_ones`  the long traces that meet the filter and may have runs in `starts`
    `listed`     the wanted runs of some traces, at most `limit`, newest first
    """
    span = Span(starts.low - TRACE_SPAN_US, starts.high + TRACE_SPAN_US)
    floor = driver.floor(span.low)
    walk = driver.witnesses(span)
    traces = dict.fromkeys(long_ones)
    keys = listed(long_ones) if long_ones else []
    is_over = False
    while not is_over:
        more = max(2 * limit, len(traces))
        new: list[bytes] = []
        is_over = True
        for trace_id, place in walk:
            if place < floor:
                break
            if trace_id not in traces:
                traces[trace_id] = None
                new.append(trace_id)
                if len(new) == more:
                    is_over = False
                    break
        if new:  # traces are disjoint, and so are the runs of both lists
            keys = heapq.nlargest(limit, [*keys, *listed(new)])
        if len(keys) == limit:
            floor = max(floor, driver.floor(keys[-1].start_us - TRACE_SPAN_US))
        if not is_over and len(traces) >= TRACES_WALKED_MAX:
            return None, len(traces)
    return keys, len(traces)


def _drivers(asked: Asked) -> Iterator[tuple[float, str, Driver]]:
    """(reads for each run passed, name of the filter, where its witnesses come from)"""
    zones = Zones(asked.connection)
    reads = ROOT_READS if asked.wants_roots() else TRACE_LISTED
    for name, node in asked.trace_nodes().items():
        terms, of_root = terms_of(node), name == TRACE_FILTER
        known = lookup(node)
        share = None if known is None else asked.probing.shares.get(known.expression)
        if known is not None and share is not None:
            left = () if known.exact else terms
            yield (
                share * (1 + reads),
                name,
                Found(zones, partial(_found, asked, known.expression, left, of_root)),
            )
        part, settled = rating(terms)
        if part is not None and len(asked.all_pids) <= PROJECTS_MERGED_MAX:
            left = tuple(term for term in terms if term not in settled)
            asks = [partial(_rated, asked, part, left, of_root, pid) for pid in asked.all_pids]
            yield share_rated(asked.connection) * (1 + reads / 2), name, Rated(asks)


def _found(
    asked: Asked, expression: Expression, terms: Sequence[Node], of_root: bool, last: int
) -> Iterator[Witness]:
    resolved = asked.probing.resolve(expression)
    if resolved is None:
        return iter(())
    params = Params()
    conditions = _witness(asked, params, terms, of_root)
    statement = witnesses.found_traces(match_text(resolved), conditions, params, last=last)
    asked.reads.append(Read(statement, 0))
    return asked.connection.rows(statement)


def _rated(
    asked: Asked, part: SomeEntry, terms: Sequence[Node], of_root: bool, pid: int, starts: Span
) -> Iterator[Witness]:
    params = Params()
    tests = asked.conditions(params, 0).feedback_tests(part)
    conditions = _witness(asked, params, terms, of_root)
    statement = witnesses.rated_traces(tests, conditions, starts, params, pid=pid)
    asked.reads.append(Read(statement, 0))
    return asked.connection.rows(statement)


def _witness(asked: Asked, params: Params, terms: Sequence[Node], of_root: bool) -> list[str]:
    compiler = asked.conditions(params, 0)
    conditions = compiler.all_of(terms)
    return [*conditions, "r.is_root = 1"] if of_root else conditions


def _long_traces(asked: Asked, name: str, starts: Span) -> list[bytes] | None:
    """Those that meet the filter and may have runs in `starts`; None: too many to ask."""
    found = asked.connection.all(witnesses.long_traces(starts, LONG_TRACES_MAX))
    if len(found) == LONG_TRACES_MAX:
        return None
    params = Params()
    node = asked.trace_nodes()[name]
    conditions = _witness(asked, params, terms_of(node), name == TRACE_FILTER)
    traces = [trace_id for (trace_id,) in found]
    statement = select.traces_of("trace_id", traces, conditions, params, LONG_TRACES_MAX)
    return [trace_id for (trace_id,) in asked.connection.all(statement)]
