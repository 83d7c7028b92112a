"""Scope and driver -> the statement that finds a page's runs, newest or oldest first.

A driver says where rows come from; the conditions say which of them are wanted. Both walks
over an index and lists of candidates give (rid, start_us, id).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from runstore.filter.tree import Compare, Node
from runstore.model.ids import id_to_bytes
from runstore.model.query import Position
from runstore.model.times import START_US_MAX, START_US_MIN
from runstore.sql.sqlite.columns import ZONE_MAXIMA
from runstore.sql.sqlite.predicate import Params, PayloadTest, SqlValue, joined
from runstore.sql.sqlite.span import Span

KeyKind = Literal["rid", "id", "trace_id"]

# Each says which index leads to the rows: without statistics SQLite may take another that the
# conditions name as well, and read a whole project once a key.
_KEYS = {
    "rid": "json_each({keys}) AS k CROSS JOIN runs AS r NOT INDEXED ON r.rid = k.value",
    "id": "json_each({keys}) AS k CROSS JOIN runs AS r INDEXED BY runs_id ON r.id = unhex(k.value)",
    "trace_id": "json_each({keys}) AS k CROSS JOIN runs AS r INDEXED BY runs_trace"
    " ON r.trace_id = unhex(k.value)",
}
_ORDER = {True: "r.start_us DESC, r.id DESC", False: "r.start_us, r.id"}
_PAST = {True: "<", False: ">"}
_AT_LEAST = {"gt": ">", "gte": ">=", "eq": ">="}  # comparator -> of the largest value of many

_PAGE = "SELECT r.rid, r.start_us, r.id FROM {source} WHERE {where} ORDER BY {order} LIMIT {limit}"
_ARRIVAL = (
    "SELECT inverted.rowid, r.start_us, r.id, {where}"
    " FROM inverted CROSS JOIN runs AS r ON r.rid = inverted.rowid"
    " WHERE inverted MATCH {text}{bound} ORDER BY inverted.rowid {direction}"
)
_ARRIVED = "SELECT r.rid, r.start_us, r.id, {where} FROM {source}"
_PROBE = (  # one row, for a Python object a rid would cost more than to find it
    "SELECT json_group_array(rowid) FROM"
    " (SELECT rowid FROM inverted WHERE inverted MATCH {text}{order} LIMIT {limit})"
)
_NEWEST_RID = "SELECT max(rid) FROM runs"
_SAMPLE_TIME = (
    "SELECT count(*), count(nullif(meets, 0)) FROM ("
    "SELECT ({meets}) AS meets FROM runs AS r INDEXED BY runs_time"
    " WHERE {where} ORDER BY r.start_us DESC LIMIT {limit})"
)
_SAMPLE_ARRIVAL = (
    "SELECT count(*) FROM inverted WHERE inverted MATCH {text}"
    " AND rowid > (SELECT max(rid) FROM runs) - {limit}"
)
_SHORTEST = "SELECT min(r.latency_us) FROM runs AS r INDEXED BY runs_backwards WHERE {where}"
_TRACES = "SELECT DISTINCT r.trace_id FROM {source} WHERE {where} LIMIT {limit}"
_FEEDBACK = (
    "SELECT DISTINCT f.run_id FROM feedback AS f"
    " WHERE f.run_id IS NOT NULL AND {tests} LIMIT {limit}"
)
_IN_ZONES = (
    "SELECT r.rid, r.start_us, r.id, TRUE FROM zones AS z NOT INDEXED"
    " CROSS JOIN runs AS r NOT INDEXED"
    " ON r.rid BETWEEN z.zone << {bits} AND (z.zone << {bits}) + {last}"
    " WHERE z.zone BETWEEN {low} AND {high} AND {bounds} AND {where}"
    " ORDER BY z.zone {direction}, r.rid {direction}"
)
_ZONES_PASSED = (
    "SELECT count(*) FROM zones AS z NOT INDEXED CROSS JOIN runs AS r NOT INDEXED"
    " ON r.rid BETWEEN z.zone << {bits} AND (z.zone << {bits}) + {last}"
    " WHERE z.zone BETWEEN {low} AND {high} AND {bounds}"
)
_SAMPLE_ZONES = (
    "SELECT avg(ifnull({bounds}, FALSE)) FROM"
    " (SELECT * FROM zones NOT INDEXED ORDER BY zone DESC LIMIT {limit}) AS z"
)
_ROWS = "SELECT {columns} FROM {source} WHERE {where}"
_WALK = "SELECT r.rid, r.start_us, r.id FROM {source} WHERE {where}"
_MERGE = "{walks} ORDER BY {order} LIMIT {limit}"  # SQLite reads them side by side
_MERGED = {True: "2 DESC, 3 DESC", False: "2, 3"}  # columns of _WALK
_WALKED = "SELECT count(*) FROM {source} WHERE {where}"
_ROOT = (
    "EXISTS (SELECT 1 FROM runs AS root INDEXED BY runs_id"
    " WHERE root.id = r.trace_id AND root.is_root = 1 AND {condition})"
)
_TREE = (
    "EXISTS (SELECT 1 FROM runs AS w INDEXED BY runs_trace"
    " WHERE w.trace_id = r.trace_id AND {condition})"
)
_IN_TRACES = "r.trace_id IN (SELECT unhex(value) FROM json_each({keys}))"


@dataclass(frozen=True, slots=True)
class Statement:
    """Text with named parameters, and the Python tests its `holds(slot, value)` calls mean."""

    text: str
    values: dict[str, SqlValue]
    tests: Sequence[PayloadTest]

    @staticmethod
    def of(text: str, params: Params) -> "Statement":
        return Statement(text, params.values, params.tests)


@dataclass(frozen=True, slots=True)
class Window:
    """Which part of the order: past a position, at most so many."""

    descending: bool
    after: Position | None
    limit: int

    def condition(self, params: Params, span: Span) -> list[str]:
        """Starts in `span`, past the position. One bound a side, so that an index stops at it."""
        low, high = span.up_to(self.after, descending=self.descending)
        conditions = []
        if low > START_US_MIN:
            conditions.append(f"r.start_us >= {params.bind(low)}")
        if high < START_US_MAX:
            conditions.append(f"r.start_us <= {params.bind(high)}")
        if self.after is not None:
            past = _PAST[self.descending]
            start = params.bind(self.after.start_us)
            run_id = params.bind(id_to_bytes(self.after.run_id))
            conditions.append(f"(r.start_us {past} {start} OR r.id {past} {run_id})")
        return conditions


def by_time(
    conditions: list[str],
    window: Window,
    span: Span,
    params: Params,
    *,
    pids: Sequence[int],
    roots: bool,
) -> Statement:
    """Walk some projects' runs side by side in order of start, stopping at the page's end."""
    source, narrower = _runs_in_time(roots)
    tests = narrower + conditions + window.condition(params, span)
    walks = [
        _WALK.format(source=source, where=joined("AND", [f"r.pid = {params.bind(pid)}", *tests]))
        for pid in pids
    ]
    order = _ORDER[window.descending] if len(walks) == 1 else _MERGED[window.descending]
    text = _MERGE.format(
        walks=" UNION ALL ".join(walks), order=order, limit=params.bind(window.limit)
    )
    return Statement.of(text, params)


def _runs_in_time(roots: bool) -> tuple[str, list[str]]:
    """Runs by the index that has them in order of start, and what has to be said for it."""
    if roots:
        return "runs AS r INDEXED BY runs_roots", ["r.is_root = 1"]
    return "runs AS r INDEXED BY runs_time", []


def walked(
    window: Window, span: Span, last_start_us: int | None, *, pids: Sequence[int], roots: bool
) -> Statement:
    """How many entries of its index `by_time` passed; None: it did not fill the page."""
    params = Params()
    source, where = _runs_in_time(roots)
    where = [
        in_projects(pids, params),
        *window.condition(params, as_far_as(last_start_us, span, window)),
        *where,
    ]
    return Statement.of(_WALKED.format(source=source, where=" AND ".join(where)), params)


def as_far_as(last_start_us: int | None, span: Span, window: Window) -> Span:
    """What a walk has passed of a span that has come to this start; None: to the end."""
    if last_start_us is None:
        return span
    if window.descending:
        return Span(max(span.low, last_start_us), span.high)
    return Span(span.low, min(span.high, last_start_us))


def by_keys(
    kind: KeyKind,
    keys: Sequence[int | bytes],
    conditions: list[str],
    window: Window,
    span: Span,
    params: Params,
) -> Statement:
    """Take the runs of a list (no key twice), test them, sort them."""
    source = _KEYS[kind].format(keys=params.bind(key_list(keys)))
    return _page(source, conditions, window, span, params)


def _page(
    source: str, conditions: list[str], window: Window, span: Span, params: Params
) -> Statement:
    where = joined("AND", conditions + window.condition(params, span)) or "TRUE"
    text = _PAGE.format(
        source=source,
        where=where,
        order=_ORDER[window.descending],
        limit=params.bind(window.limit),
    )
    return Statement.of(text, params)


def by_arrival(
    match: str,
    conditions: list[str],
    window: Window,
    span: Span,
    params: Params,
    *,
    rids: tuple[int, int],
) -> Statement:
    """Walk what the index finds in order of arrival, first and last rid included:
    (rid, start_us, id, wanted). No limit: the reader stops when no run further on can belong to
    the page."""
    text = params.bind(match)
    low, high = rids
    bound = f" AND inverted.rowid BETWEEN {params.bind(low)} AND {params.bind(high)}"
    where = joined("AND", conditions + window.condition(params, span)) or "TRUE"
    direction = "DESC" if window.descending else "ASC"
    return Statement.of(
        _ARRIVAL.format(where=where, text=text, bound=bound, direction=direction), params
    )


def by_rids(
    rids: Sequence[int], conditions: list[str], window: Window, span: Span, params: Params
) -> Statement:
    """What `by_arrival` gives, of these rids, in their order."""
    source = _KEYS["rid"].format(keys=params.bind(key_list(rids)))
    where = joined("AND", conditions + window.condition(params, span)) or "TRUE"
    return Statement.of(_ARRIVED.format(source=source, where=where), params)


def zone_bounds(terms: Sequence[Node], params: Params) -> list[str]:
    """What the largest values of a zone must be for a run in it to meet the terms; of those that
    say something about it."""
    bounds = []
    for term in terms:
        if isinstance(term, Compare) and term.attribute in ZONE_MAXIMA and term.op in _AT_LEAST:
            column, sign = ZONE_MAXIMA[term.attribute], _AT_LEAST[term.op]
            bounds.append(f"z.{column} {sign} {params.bind(term.value)}")
    return bounds


def in_zones(
    terms: Sequence[Node],
    conditions: list[str],
    window: Window,
    span: Span,
    params: Params,
    *,
    rids: tuple[int, int],
    bits: int,
) -> Statement:
    """Walk the runs that are wanted in order of arrival, of zones that may have some: (rid,
    start_us, id, true). No limit."""
    direction = "DESC" if window.descending else "ASC"
    text = _IN_ZONES.format(
        **_zones(terms, params, rids, bits),
        where=joined("AND", conditions + window.condition(params, span)) or "TRUE",
        direction=direction,
    )
    return Statement.of(text, params)


def zones_passed(terms: Sequence[Node], *, rids: tuple[int, int], bits: int) -> Statement:
    """How many runs `in_zones` looked at."""
    params = Params()
    text = _ZONES_PASSED.format(**_zones(terms, params, rids, bits))
    return Statement.of(text, params)


def _zones(
    terms: Sequence[Node], params: Params, rids: tuple[int, int], bits: int
) -> dict[str, int | str]:
    """Which zones: those of these rids that may have some."""
    return {
        "bits": bits,
        "last": (1 << bits) - 1,
        "low": params.bind(rids[0] >> bits),
        "high": params.bind(rids[1] >> bits),
        "bounds": joined("AND", zone_bounds(terms, params)),
    }


def sample_zones(terms: Sequence[Node], limit: int) -> Statement:
    """Which share of the newest `limit` zones may have a run that meets the terms."""
    params = Params()
    bounds = joined("AND", zone_bounds(terms, params))
    return Statement.of(_SAMPLE_ZONES.format(bounds=bounds, limit=params.bind(limit)), params)


def all_rows(
    columns: str,
    conditions: list[str],
    params: Params,
    listed: tuple[KeyKind, Sequence[int | bytes]] | None = None,
) -> Statement:
    """Every run that meets the conditions, in no order, from a list of keys or from all runs."""
    source = "runs AS r"
    if listed is not None:
        kind, keys = listed
        source = _KEYS[kind].format(keys=params.bind(key_list(keys)))
    where = joined("AND", conditions) or "TRUE"
    return Statement.of(_ROWS.format(columns=columns, source=source, where=where), params)


def probe(match: str, limit: int, *, newest: bool = False) -> Statement:
    """`limit` rids the index finds, as a JSON array: the oldest, or the newest, which costs half
    as much again."""
    params = Params()
    text = _PROBE.format(
        text=params.bind(match),
        order=" ORDER BY rowid DESC" if newest else "",
        limit=params.bind(limit),
    )
    return Statement.of(text, params)


def newest_rid() -> Statement:
    return Statement.of(_NEWEST_RID, Params())


def sample_time(
    conditions: list[str], span: Span, params: Params, *, pid: int, limit: int
) -> Statement:
    """How many of a project's newest runs, `limit` of them, meet conditions on runs_time alone:
    (runs, those that do)."""
    newest = Window(descending=True, after=None, limit=limit)
    where = [f"r.pid = {params.bind(pid)}", *newest.condition(params, span)]
    text = _SAMPLE_TIME.format(
        meets=joined("AND", conditions), where=joined("AND", where), limit=params.bind(limit)
    )
    return Statement.of(text, params)


def sample_arrival(match: str, limit: int) -> Statement:
    """How many of the newest `limit` rids the index finds."""
    params = Params()
    text = _SAMPLE_ARRIVAL.format(text=params.bind(match), limit=params.bind(limit))
    return Statement.of(text, params)


def shortest_latency(pids: Sequence[int] | None) -> Statement:
    """The most negative latency of these projects; NULL if there is none."""
    params = Params()
    where = ["r.latency_us < 0"] + ([] if pids is None else [in_projects(pids, params)])
    return Statement.of(_SHORTEST.format(where=" AND ".join(where)), params)


def traces_of(
    kind: KeyKind, keys: Sequence[int | bytes], conditions: list[str], params: Params, limit: int
) -> Statement:
    """The traces of listed runs that meet the conditions."""
    source = _KEYS[kind].format(keys=params.bind(key_list(keys)))
    where = joined("AND", conditions) or "TRUE"
    return Statement.of(
        _TRACES.format(source=source, where=where, limit=params.bind(limit)), params
    )


def feedback_runs(tests: str, params: Params, limit: int) -> Statement:
    """Up to `limit` runs with a record that meets the tests."""
    return Statement.of(_FEEDBACK.format(tests=tests, limit=params.bind(limit)), params)


def root_condition(condition: str) -> str:
    return _ROOT.format(condition=condition)


def tree_condition(condition: str) -> str:
    return _TREE.format(condition=condition)


def in_traces(trace_ids: Sequence[bytes], params: Params) -> str:
    return _IN_TRACES.format(keys=params.bind(key_list(trace_ids)))


def in_projects(pids: Sequence[int], params: Params) -> str:
    return f"r.pid IN ({', '.join(params.bind(pid) for pid in pids)})"


def key_list(keys: Sequence[int | bytes]) -> str:
    """A JSON array: whole numbers, or ids as hex."""
    texts = [f'"{key.hex()}"' if key.__class__ is bytes else str(key) for key in keys]
    return "[" + ",".join(texts) + "]"
