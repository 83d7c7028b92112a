"""Runs written -> the table zones: bounds of what each 128 rids hold. They only ever widen."""

from collections.abc import Iterable
from typing import NamedTuple

import apsw

from runstore.engine.sqlite.arrival import ZONE_BITS


def _larger(column: str) -> str:
    """Of two values, either of which may be NULL."""
    old, new = column, f"excluded.{column}"
    return f"{column} = max(ifnull({old}, {new}), ifnull({new}, {old}))"


_NOTE = (
    "INSERT INTO zones (zone, start_min_us, start_max_us, latency_max_us, tokens_max, cost_max)"
    " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
    " start_min_us = min(start_min_us, excluded.start_min_us),"
    " start_max_us = max(start_max_us, excluded.start_max_us),"
    f" {_larger('latency_max_us')}, {_larger('tokens_max')}, {_larger('cost_max')}"
)


class ZoneRow(NamedTuple):
    """What a run brings into its zone."""

    rid: int
    start_us: int
    latency_us: int | None
    tokens: int
    cost: int | None


def note_zones(connection: apsw.Connection, rows: Iterable[ZoneRow]) -> None:
    zones: dict[int, list[ZoneRow]] = {}
    for row in rows:
        zones.setdefault(row.rid >> ZONE_BITS, []).append(row)
    connection.executemany(_NOTE, (_bounds(zone, found) for zone, found in zones.items()))


def _bounds(zone: int, rows: list[ZoneRow]) -> tuple[int | None, ...]:
    _, starts, latencies, tokens, costs = zip(*rows, strict=True)
    return (
        zone,
        min(starts),
        max(starts),
        max((one for one in latencies if one is not None), default=None),
        max(tokens),
        max((one for one in costs if one is not None), default=None),
    )
