"""Checks of what is kept ready to be read against what it was made of: all of it is added up anew.

Written apart from what keeps the sums while runs are written, so that the two can disagree.
"""

import json
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

from runstore.engine.sqlite.connections import Connection
from runstore.engine.sqlite.feedback_tally import kind_text
from runstore.engine.sqlite.figures import chunks, totals_of, usage_of
from runstore.engine.sqlite.findings import Findings
from runstore.engine.sqlite.histogram import histogram
from runstore.engine.sqlite.rollup import (
    SPANS,
    Rollup,
    hour_of,
    rolled_up_to,
    rollup_from_row,
    us_of,
)
from runstore.engine.sqlite.rows import sums, totals_row
from runstore.model.aggregate import said_of
from runstore.model.ids import id_from_bytes
from runstore.model.jsontext import decode, encode
from runstore.model.times import text_from_us
from runstore.model.usage import Sums, add, as_sums

_BY_TRACE = (
    "SELECT trace_id, id, dotted_order, usage, totals, prompt_tokens, completion_tokens,"
    " total_tokens, prompt_cost, completion_cost, total_cost FROM runs INDEXED BY runs_trace"
    " ORDER BY trace_id"
)
_OF_ROLLUPS = (
    "SELECT pid, start_us, run_type, is_root, status, error IS NOT NULL, latency_us,"
    " first_token_us - start_us, usage, totals FROM runs WHERE rid <= ?"
)
_ROLLUPS = (
    "SELECT pid, span, hour, run_type, is_root, status, has_error, runs, sums, latencies,"
    " first_tokens FROM rollups"
)
_OF_TALLIES = (
    "SELECT f.id, f.key, f.score, f.value, f.extra, f.run_pid, f.run_start_us, f.run_kind,"
    " r.pid, r.start_us, r.run_type, r.is_root, r.status, r.error IS NOT NULL"
    " FROM feedback AS f LEFT JOIN runs AS r ON r.id = f.run_id"
)
_TALLIES = "SELECT pid, span, hour, key, kind, said, records FROM feedback_tallies"

_RollupKey = tuple[int, int, int, str | None, bool, str, bool]


def check_totals(connection: Connection, found: Findings) -> None:
    """A trace at a time. What a trace adds to runs that are not in it waits for the end."""
    off: dict[str, Sums] = {}  # what is stored of a run's totals, less what they should be
    rows: Iterable[Any] = connection.raw.execute(_BY_TRACE)
    for _, trace in groupby(rows, key=lambda row: row[0]):
        right: dict[str, Sums] = {}
        there: dict[str, Sums] = {}
        for _, raw_id, order, usage, totals, *columns in trace:
            found.looked_at += 1
            run_id = id_from_bytes(raw_id)
            there[run_id] = sums(totals)
            if tuple(columns) != totals_row(there[run_id]):
                found.note(f"run {run_id} has columns that are not those of its totals")
            if usage is not None:
                own = as_sums(decode(usage.encode()))
                for part in order.split("."):
                    add(right.setdefault(part[-36:], {}), own)
        for run_id in there.keys() | right.keys():
            _miss(off, run_id, there.get(run_id, {}), 1)
            _miss(off, run_id, right.get(run_id, {}), -1)
    awaited: Iterable[Any] = connection.raw.execute("SELECT id, totals FROM awaited_totals")
    for raw_id, text in awaited:
        _miss(off, id_from_bytes(raw_id), sums(text), 1)
    for run_id, difference in off.items():
        found.note(f"the totals of run {run_id} are off by {_differences(difference)}")


def _miss(off: dict[str, Sums], run_id: str, by: Sums, sign: int) -> None:
    difference = add(off.pop(run_id, {}), by, sign)
    if difference:
        off[run_id] = difference


def _differences(difference: Sums) -> str:
    return ", ".join(f"{value} {name}" for name, (value, _) in sorted(difference.items()))


def check_rollups(connection: Connection, found: Findings) -> None:
    right = _added_up(connection)
    for row in connection.raw.execute(_ROLLUPS):
        found.looked_at += 1
        key, rollup = _rollup(row)
        wanted = right.pop(key, None)
        if wanted is None:
            found.note(f"{_rollup_name(key)}: there are no such runs")
        elif rollup != wanted:
            found.note(f"{_rollup_name(key)}: {_unlike(rollup, wanted)}")
    for key in right:
        found.note(f"{_rollup_name(key)}: is missing")


def _added_up(connection: Connection) -> dict[_RollupKey, Rollup]:
    by_hour: dict[Any, Rollup] = {}
    last = rolled_up_to(connection.raw)
    for rows in chunks(connection.raw.execute(_OF_ROLLUPS, (last,))):
        by_place: dict[Any, list[Any]] = {}
        for pid, start_us, run_type, is_root, status, has_error, *figures in rows:
            place = (pid, hour_of(start_us), run_type, bool(is_root), status, bool(has_error))
            by_place.setdefault(place, []).append(figures)
        for place, columns in by_place.items():
            latencies, first_tokens, usages, totals = zip(*columns, strict=True)
            more = Rollup(
                runs=len(columns),
                latency_us=sum(us for us in latencies if us is not None),
                usage=usage_of(usages),
                totals=totals_of(totals) if place[3] else {},
                latencies=histogram(latencies),
                first_tokens=histogram(first_tokens),
            )
            by_hour.setdefault(place, Rollup()).add(more)
    by_span: dict[_RollupKey, Rollup] = {}
    for (pid, hour, *kind), rollup in by_hour.items():
        for span in SPANS:
            key = (pid, span, hour - hour % span, *kind)
            by_span.setdefault(key, Rollup()).add(rollup)
    return by_span


def _rollup(row: Any) -> tuple[_RollupKey, Rollup]:
    pid, span, hour, run_type, is_root, status, has_error, *figures = row
    key = (pid, span, hour, run_type, bool(is_root), status, bool(has_error))
    return key, rollup_from_row(figures)


def _rollup_name(key: _RollupKey) -> str:
    pid, span, hour, run_type, is_root, status, has_error = key
    return (
        f"the rollup of {span} h from {text_from_us(us_of(hour))}, project {pid}, {run_type},"
        f" {status}{', roots' if is_root else ''}{', with errors' if has_error else ''}"
    )


def _unlike(rollup: Rollup, wanted: Rollup) -> str:
    if rollup.runs != wanted.runs:
        return f"has {rollup.runs} runs, not {wanted.runs}"
    unlike = [
        name
        for name in ("latency_us", "usage", "totals", "latencies", "first_tokens")
        if getattr(rollup, name) != getattr(wanted, name)
    ]
    return f"{' and '.join(unlike)} differ from its {wanted.runs} runs'"


def check_tallies(connection: Connection, found: Findings) -> None:
    right: dict[tuple[Any, ...], int] = {}
    rows: Iterable[Any] = connection.raw.execute(_OF_TALLIES)
    for raw_id, key, score, value, extra, pid, start_us, kind, *run in rows:
        found.looked_at += 1
        stands = None if run[0] is None else (*run[:2], kind_text(*run[2:]))
        counted = None if pid is None else (pid, start_us, kind)
        if stands != counted:
            found.note(f"feedback {id_from_bytes(raw_id)} is not counted where its run stands")
        if counted is None:
            continue
        said = encode(list(said_of(score, value, extra))).decode()
        hour = hour_of(start_us)
        for span in SPANS:
            tally = (pid, span, hour - hour % span, key, kind, said)
            right[tally] = right.get(tally, 0) + 1
    stored: Iterable[Any] = connection.raw.execute(_TALLIES)
    _compare_tallies(found, {tuple(row[:6]): row[6] for row in stored}, right)


def _compare_tallies(found: Findings, stored: Mapping[Any, int], right: Mapping[Any, int]) -> None:
    for tally in sorted(stored.keys() | right.keys(), key=json.dumps):
        have, wanted = stored.get(tally, 0), right.get(tally, 0)
        if have != wanted:
            pid, span, hour, key, _, said = tally
            found.note(
                f"{have} records of {key!r} are counted that say {said}, project {pid},"
                f" {span} h from {text_from_us(us_of(hour))}; there are {wanted}"
            )
