"""Checks of rows against rows: is what belongs together there, and in its place?"""

import json
from typing import Any

import apsw

from runstore.engine.sqlite.arrival import ZONE_BITS
from runstore.engine.sqlite.connections import Connection
from runstore.engine.sqlite.findings import Findings
from runstore.engine.sqlite.migrate import migrate
from runstore.engine.sqlite.trace_spans import TRACE_SPAN_US
from runstore.limits import PROBLEMS_SHOWN
from runstore.model.dotted_order import parse_dotted_order
from runstore.model.ids import id_from_bytes

_SCHEMA = "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"


def _without(which: str, table: str, other: str) -> str:
    """Rows of `table`, named r, to which there is no `other`."""
    return f"SELECT {which} FROM {table} AS r WHERE NOT EXISTS (SELECT 1 FROM {other})"


_ID = "lower(hex(r.id))"


def _of_lost_project(table: str) -> str:
    """Of none, or project 0, is that of which nobody has said it yet."""
    lost = _without(_ID, table, "projects WHERE pid = r.pid")
    return f"{lost} AND ifnull(r.pid, 0) <> 0"


_STRAYS = {  # what is wrong -> with which rows it is
    "run {} has no payloads": _without(_ID, "runs", "payloads WHERE rid = r.rid"),
    "run {} is not in the inverted index": _without(
        _ID, "runs", "inverted_docsize WHERE id = r.rid"
    ),
    "row {} of payloads is of no run": _without("r.rid", "payloads", "runs WHERE rid = r.rid"),
    "row {} of the inverted index is of no run": _without(
        "r.id", "inverted_docsize", "runs WHERE rid = r.id"
    ),
    "run {} is of a project that is not there": _of_lost_project("runs"),
    "feedback {} is of a project that is not there": _of_lost_project("feedback"),
    "an attachment is of run {}, which is not there": _without(
        "lower(hex(r.run_id))", "attachments", "runs WHERE id = r.run_id"
    ),
}

_PLACES = (
    "SELECT id, trace_id, parent_id, is_root, start_us, end_us, latency_us, dotted_order FROM runs"
)
_OUT_OF_ZONE = (
    "SELECT lower(hex(r.id)) FROM runs AS r LEFT JOIN zones AS z ON z.zone = r.rid >> ?"
    " WHERE z.zone IS NULL OR r.start_us < z.start_min_us OR r.start_us > z.start_max_us"
    " OR r.latency_us > ifnull(z.latency_max_us, r.latency_us - 1)"
    " OR r.total_tokens > ifnull(z.tokens_max, r.total_tokens - 1)"
    " OR r.total_cost > ifnull(z.cost_max, r.total_cost - 1)"
)

_LONG_UNLISTED = (
    "SELECT lower(hex(t.trace_id)) FROM ("
    "SELECT trace_id, min(start_us) AS first, max(start_us) AS last FROM runs GROUP BY trace_id"
    ") AS t LEFT JOIN long_traces AS l ON l.trace_id = t.trace_id"
    " WHERE last - first > ? AND (l.trace_id IS NULL OR first < l.first_us OR last > l.last_us)"
)


def check_database(connection: Connection, found: Findings) -> None:
    _pragma(connection, found, f"integrity_check({PROBLEMS_SHOWN})")


def check_database_quickly(connection: Connection, found: Findings) -> None:
    """Without comparing indexes with their tables."""
    _pragma(connection, found, f"quick_check({PROBLEMS_SHOWN})")


def _pragma(connection: Connection, found: Findings, pragma: str) -> None:
    found.looked_at = _count(connection, "SELECT page_count FROM pragma_page_count")
    for (line,) in connection.raw.execute(f"PRAGMA {pragma}"):
        if line != "ok":
            found.note(str(line))


def check_schema(connection: Connection, found: Findings) -> None:
    fresh = apsw.Connection(":memory:")
    try:
        migrate(fresh, "a new database")
        wanted = _schema(fresh)
    finally:
        fresh.close()
    there = _schema(connection.raw)
    found.looked_at = len(wanted)
    for (kind, name), sql in wanted.items():
        if (kind, name) not in there:
            found.note(f"{kind} {name} is missing")
        elif there[kind, name] != sql:
            found.note(f"{kind} {name} is not as this version makes it")
    for kind, name in there.keys() - wanted.keys():
        found.note(f"{kind} {name} is not Runstore's")


def _schema(connection: apsw.Connection) -> dict[tuple[str, str], str | None]:
    rows: Any = connection.execute(_SCHEMA)
    return {(kind, name): sql for kind, name, sql in rows}


def check_rows(connection: Connection, found: Findings) -> None:
    found.looked_at = _count(connection, "SELECT count(*) FROM runs")
    for problem, sql in _STRAYS.items():
        for (which,) in connection.raw.execute(sql):
            found.note(problem.format(_readable(which)))


def check_places(connection: Connection, found: Findings) -> None:
    for row in connection.raw.execute(_PLACES):
        found.looked_at += 1
        if problem := _misplaced(row):
            found.note(f"run {id_from_bytes(row[0])} {problem}")


def _misplaced(row: Any) -> str:
    """What is wrong with it; "" for nothing."""
    raw_id, trace_id, parent_id, is_root, start_us, end_us, latency_us, order = row
    try:
        ids = parse_dotted_order(order)
    except ValueError as error:
        return f"has a damaged dotted order: {error}"
    if ids[-1] != id_from_bytes(raw_id):
        return f"has the dotted order of run {ids[-1]}"
    if ids[0] != id_from_bytes(trace_id):
        return f"is of trace {id_from_bytes(trace_id)}, but its dotted order begins with {ids[0]}"
    above = ids[-2] if len(ids) > 1 else None
    parent = None if parent_id is None else id_from_bytes(parent_id)
    if parent != above:
        return f"has parent {parent}, but its dotted order names {above}"
    if bool(is_root) != (raw_id == trace_id):
        return f"is marked as {'a' if is_root else 'no'} root, and its place says otherwise"
    if latency_us != (None if end_us is None else end_us - start_us):
        return f"has a latency of {latency_us} us, which is not its end less its start"
    return ""


def check_zones(connection: Connection, found: Findings) -> None:
    found.looked_at = _count(connection, "SELECT count(*) FROM zones")
    for (which,) in connection.raw.execute(_OUT_OF_ZONE, (ZONE_BITS,)):
        found.note(f"run {_readable(which)} is outside of the bounds of its zone")


def check_long_traces(connection: Connection, found: Findings) -> None:
    found.looked_at = _count(connection, "SELECT count(*) FROM long_traces")
    for (which,) in connection.raw.execute(_LONG_UNLISTED, (TRACE_SPAN_US,)):
        found.note(f"trace {_readable(which)} is longer than it is said to be")


def check_changes(connection: Connection, found: Findings) -> None:
    for seq, text in connection.raw.execute("SELECT seq, ranges FROM changes ORDER BY seq"):
        found.looked_at += 1
        if not _are_ranges(text):
            found.note(f"change {seq} names no rows: {str(text)[:100]}")


def _are_ranges(text: str) -> bool:
    try:
        ranges = json.loads(text)
        flat = [rid for first, last in ranges for rid in (first, last)]
        return bool(flat) and flat == sorted(flat) and all(type(rid) is int for rid in flat)
    except (ValueError, TypeError):
        return False


def _count(connection: Connection, sql: str) -> int:
    row: Any = connection.raw.execute(sql).fetchone()
    return int(row[0])


def _readable(which: object) -> str:
    """A hexadecimal id as everybody writes it; row numbers as they are."""
    text = str(which)
    return id_from_bytes(bytes.fromhex(text)) if len(text) == 32 else text
