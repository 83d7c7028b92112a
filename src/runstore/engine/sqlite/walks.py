"""Asked -> the keys of a page whose conditions are all common: by walks that stop when it is full.

A walk says no (None) where another reads less, or where it would not be exact; by_time never
does. What each would read is found by asking the newest runs.
"""

from collections.abc import Generator, Sequence
from functools import partial
from heapq import merge
from itertools import groupby
from operator import itemgetter
from typing import Any

from runstore.engine.sqlite.arrival import RID_MAX, ZONE_BITS, Zones, arriving, walk
from runstore.engine.sqlite.asked import TRACE_FILTER, TREE_FILTER, Asked
from runstore.engine.sqlite.candidates import Candidates, Key, Read
from runstore.engine.sqlite.merged import first_keys
from runstore.engine.sqlite.sampling import (
    INDEX_STEP,
    RATING_READS,
    ROOT_READS,
    TRACE_READS,
    ZONE_STEP,
    on_runs_time,
    share_found,
    share_meeting,
    share_rated,
    share_zones,
)
from runstore.filter.tree import Entries, Node, terms_of
from runstore.limits import CANDIDATES_MAX, PROJECTS_MERGED_MAX
from runstore.sql.sqlite import select, witnesses
from runstore.sql.sqlite.lookup import Expression, SomeEntry, parts_of
from runstore.sql.sqlite.predicate import Params
from runstore.sql.sqlite.select import Window


def newest_listed(asked: Asked, found: Candidates, window: Window) -> list[Key] | None:
    """Many that the inverted index listed, in order of arrival: few of them are read."""
    if found.kind != "rid" or len(found.keys) <= 2 * window.limit:
        return None
    zones, span = Zones(asked.connection), asked.starts()
    first, last = zones.rids(span.up_to(window.after, descending=window.descending))
    in_order: list[Any] = sorted(found.keys, reverse=window.descending)
    rids = [rid for rid in in_order if first <= rid <= last]

    def rows() -> Generator[tuple[Any, ...], None, None]:
        at, more = 0, window.limit
        while some := rids[at : at + more]:
            at, more = at + more, 2 * more
            params = Params()
            conditions = asked.wanted_here(params, len(found.keys), found.settles)
            statement = select.by_rids(some, conditions, window, span, params)
            asked.reads.append(Read(statement, len(some)))
            yield from asked.connection.rows(statement)

    keys, _ = walk(rows(), zones, window)
    return None if keys is None else [Key(*key) for key in keys]


def by_time(asked: Asked, window: Window) -> list[Key]:
    roots = asked.wants_roots()
    asked.steps.append(
        f"walk the {'roots' if roots else 'runs'} in order of start until the page is full"
    )
    span, pids = asked.starts(), asked.each_pid()
    some = [pids[at : at + PROJECTS_MERGED_MAX] for at in range(0, len(pids), PROJECTS_MERGED_MAX)]
    statements = []
    for those in some:
        params = Params()
        conditions = asked.wanted(params, CANDIDATES_MAX)
        one = select.by_time(conditions, window, span, params, pids=those, roots=roots)
        statements.append(one)
    keys, lasts = first_keys(asked.connection, statements, window)
    for those, statement, last in zip(some, statements, lasts, strict=True):
        walked = partial(select.walked, window, span, last, pids=those, roots=roots)
        asked.reads.append(Read(statement, walked))
    return keys


def by_arrival(asked: Asked, window: Window) -> list[Key] | None:
    """What the inverted index finds, in order of arrival."""
    expression = asked.expression()
    if expression is None or not _arrival_is_cheaper(asked, expression):
        return None
    match = asked.probing.matches[expression]
    params = Params()
    conditions = asked.wanted(params, 0, asked.settled())
    if asked.pids is not None and set(asked.pids) != set(asked.all_pids):
        conditions.append(select.in_projects(asked.pids, params))
    zones, span = Zones(asked.connection), asked.starts()
    first, last = zones.rids(span.up_to(window.after, descending=window.descending))
    newest, known = None, asked.probing.newest.get(match)
    if window.descending and last == RID_MAX and known is not None:
        rids = [rid for rid in known if rid >= first]
        newest = select.by_rids(rids, conditions, window, span, params)
        last = known[-1] - 1
    statement = select.by_arrival(match, conditions, window, span, params, rids=(first, last))
    found, visited = walk(arriving(asked.connection, newest, statement), zones, window)
    asked.reads.append(Read(statement, visited))
    if found is None:
        asked.steps.append("runs arrived too far out of order to walk them so: given up")
        return None
    asked.steps.append("walk what the inverted index finds in order of arrival")
    return [Key(*key) for key in found]


def by_zone(asked: Asked, window: Window) -> list[Key] | None:
    """Rare large values, in order of arrival: of the zones that have any."""
    share = share_zones(asked.connection, asked.terms())
    # What it passes over costs less than on runs_time, and it finds no more runs than that.
    if share is None or (step := share * ZONE_STEP) >= INDEX_STEP or step >= share_read(asked):
        return None
    params = Params()
    terms = asked.terms()
    conditions = asked.wanted_here(params, 0)
    zones, span = Zones(asked.connection), asked.starts()
    rids = zones.rids(span.up_to(window.after, descending=window.descending))
    statement = select.in_zones(terms, conditions, window, span, params, rids=rids, bits=ZONE_BITS)
    found, _ = walk(asked.connection.rows(statement), zones, window)
    if found is None:
        return None
    if len(found) == window.limit:
        ends = [rid for _, _, rid in found]
        rids = (min(ends), rids[1]) if window.descending else (rids[0], max(ends))
    passed = partial(select.zones_passed, terms, rids=rids, bits=ZONE_BITS)
    asked.reads.append(Read(statement, passed))
    asked.steps.append("walk the zones with values as large in order of arrival")
    return [Key(*key) for key in found]


def _arrival_is_cheaper(asked: Asked, expression: Expression) -> bool:
    """A walk in order of start tests some terms on its index alone, and reads only the runs
    that meet these; a walk in order of arrival reads all the inverted index finds."""
    if not any(map(on_runs_time, asked.terms())):
        return True
    return _share_found(asked, expression) <= _share_walked(asked)


def _share_found(asked: Asked, expression: Expression) -> float:
    """Of the newest arrivals."""
    return share_found(asked.connection, asked.probing.matches[expression])


def _share_walked(asked: Asked) -> float:
    """Reads of a run for each that a walk in order of start passes."""
    terms = [term for term in asked.terms() if on_runs_time(term)]
    if not terms:
        return 1.0
    share = share_meeting(asked.connection, terms, asked.each_pid(), asked.starts())
    return share + INDEX_STEP


def share_read(asked: Asked) -> float:
    """Reads for each run that the cheaper of both walks passes. Sampled once a query."""
    if asked.share_read is None:
        asked.share_read = _share_read(asked)
    return asked.share_read


def _share_read(asked: Asked) -> float:
    expression, walked = asked.expression(), _share_walked(asked)
    found = None if expression is None else _share_found(asked, expression)
    nodes = asked.trace_nodes()
    reads = 1 + RATING_READS * (rating(asked.terms())[0] is not None)
    reads += (TREE_FILTER in nodes) * TRACE_READS + (TRACE_FILTER in nodes) * ROOT_READS
    reads += RATING_READS * any(rating(terms_of(node))[0] is not None for node in nodes.values())
    return reads * (walked if found is None else min(found, walked))


def by_rating(asked: Asked, window: Window) -> list[Key] | None:
    """The feedback of runs, in order of their starts."""
    part, settled = rating(asked.terms())
    pids = asked.each_pid()
    if part is None or len(pids) > PROJECTS_MERGED_MAX:
        return None
    if RATING_READS * share_rated(asked.connection) >= share_read(asked):
        return None
    asked.steps.append("walk feedback in order of its runs' starts until the page is full")
    span, statements = asked.starts(), []
    for pid in pids:
        params = Params()
        tests = asked.conditions(params, 0).feedback_tests(part)
        conditions = asked.wanted(params, 0, settled)
        statements.append(witnesses.rated_runs(tests, conditions, window, span, params, pid=pid))
    start_of = itemgetter(1)
    walks = [asked.connection.rows(statement) for statement in statements]
    keys: list[Key] = []
    for _, ties in groupby(merge(*walks, key=start_of, reverse=window.descending), start_of):
        once = {Key(start_us, run_id, rid) for rid, start_us, run_id in ties}
        keys += sorted(once, reverse=window.descending)
        if len(keys) >= window.limit:
            break
    for one in walks:
        one.close()
    last = keys[-1].start_us if len(keys) >= window.limit else None
    for pid, statement in zip(pids, statements, strict=True):
        passed = partial(witnesses.rated_passed, window, span, last, pid=pid)
        asked.reads.append(Read(statement, passed))
    return keys[: window.limit]


def rating(terms: Sequence[Node]) -> tuple[SomeEntry | None, tuple[Node, ...]]:
    """Feedback that some record of a run must be; and the term that asks for no more than that."""
    for term in terms:
        if isinstance(term, Entries) and term.family == "feedback":
            some, none = parts_of(term)
            if some:
                return some[0], (term,) if len(some) == 1 and not none else ()
    return None, ()
