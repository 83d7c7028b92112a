"""Walks over what tells of runs without being the runs wanted: feedback, and the runs for which a
filter on traces holds, its witnesses.
"""

from runstore.sql.sqlite.predicate import Params, joined
from runstore.sql.sqlite.select import Statement, Window, as_far_as
from runstore.sql.sqlite.span import Span

_RATED = (
    " FROM feedback AS f INDEXED BY feedback_place"
    " CROSS JOIN runs AS r INDEXED BY runs_id ON r.id = f.run_id"
    " WHERE f.run_pid = {pid} AND {where} ORDER BY f.run_start_us {direction}"
)
_RATED_RUNS = "SELECT r.rid, r.start_us, r.id" + _RATED
_RATED_TRACES = "SELECT r.trace_id, f.run_start_us" + _RATED
_RATED_PASSED = (
    "SELECT count(*) FROM feedback AS f INDEXED BY feedback_place"
    " WHERE f.run_pid = {pid} AND {where}"
)
_FOUND_TRACES = (
    "SELECT r.trace_id, r.rid FROM inverted CROSS JOIN runs AS r ON r.rid = inverted.rowid"
    " WHERE inverted MATCH {text} AND inverted.rowid <= {last} AND {where}"
    " ORDER BY inverted.rowid DESC"
)
_FEEDBACK_SHARE = (
    "SELECT ifnull((SELECT max(rowid) FROM feedback), 0), ifnull((SELECT max(rid) FROM runs), 0)"
)
_LONG_TRACES = (
    "SELECT trace_id FROM long_traces WHERE first_us <= {high} AND last_us >= {low} LIMIT {limit}"
)


def rated_runs(
    tests: str, conditions: list[str], window: Window, span: Span, params: Params, *, pid: int
) -> Statement:
    """Walk a project's feedback in order of its runs' starts: (rid, start_us, id) of the runs that
    are wanted, once a record that meets the tests. No limit."""
    low, high = span.up_to(window.after, descending=window.descending)
    where = [_between("f.run_start_us", low, high, params), tests, *conditions]
    where += window.condition(params, span)
    text = _RATED_RUNS.format(
        pid=params.bind(pid),
        where=joined("AND", where),
        direction="DESC" if window.descending else "ASC",
    )
    return Statement.of(text, params)


def rated_passed(window: Window, span: Span, last_start_us: int | None, *, pid: int) -> Statement:
    """How many records `rated_runs` passed; None: all."""
    params = Params()
    low, high = as_far_as(last_start_us, span, window).up_to(
        window.after, descending=window.descending
    )
    where = _between("f.run_start_us", low, high, params)
    return Statement.of(_RATED_PASSED.format(pid=params.bind(pid), where=where), params)


def rated_traces(
    tests: str, conditions: list[str], span: Span, params: Params, *, pid: int
) -> Statement:
    """Walk a project's feedback from the newest of its runs down: (trace_id, start_us) of the runs
    that meet the conditions, once a record that meets the tests. No limit."""
    where = [_between("f.run_start_us", *span, params), tests, *conditions]
    text = _RATED_TRACES.format(pid=params.bind(pid), where=joined("AND", where), direction="DESC")
    return Statement.of(text, params)


def found_traces(match: str, conditions: list[str], params: Params, *, last: int) -> Statement:
    """Walk what the index finds from rid `last` down: (trace_id, rid) of the runs that meet the
    conditions. No limit."""
    text = _FOUND_TRACES.format(
        text=params.bind(match),
        last=params.bind(last),
        where=joined("AND", conditions) or "TRUE",
    )
    return Statement.of(text, params)


def feedback_share() -> Statement:
    """(records, runs) there have been, about."""
    return Statement.of(_FEEDBACK_SHARE, Params())


def long_traces(span: Span, limit: int) -> Statement:
    """Traces longer than TRACE_SPAN_US that have runs on both sides of a start of the span, or at
    it."""
    params = Params()
    text = _LONG_TRACES.format(
        high=params.bind(span.high), low=params.bind(span.low), limit=params.bind(limit)
    )
    return Statement.of(text, params)


def _between(column: str, low: int, high: int, params: Params) -> str:
    return f"{column} BETWEEN {params.bind(low)} AND {params.bind(high)}"
