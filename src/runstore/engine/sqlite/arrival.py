"""Walking runs in order of arrival, when the order asked for is order of start.

The two nearly agree, and zones tell by how much they do not: for every 1,024 rids the earliest
and latest start. So a walk from the newest rid down knows when no run further down can belong to
the page, exactly.
"""

import heapq
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

from runstore.engine.sqlite.connections import Connection
from runstore.filter.tree import Compare, Node
from runstore.limits import ARRIVAL_VISITS_MAX
from runstore.model.times import START_US_MAX, START_US_MIN
from runstore.sql.sqlite.select import Window

ZONE_BITS = 10  # 1,024 rids a zone


@dataclass(frozen=True, slots=True)
class Zones:
    """Bounds by zone number, for zones 0 ... n-1; empty zones hold (max, min)."""

    lowest: list[int]
    highest: list[int]
    highest_below: list[int]  # the latest start in this zone and all before it
    lowest_above: list[int]  # the earliest start in this zone and all after it

    @staticmethod
    def read(connection: Connection) -> "Zones":
        rows = list(connection.raw.execute("SELECT zone, start_min_us, start_max_us FROM zones"))
        size = max((zone for zone, _, _ in rows), default=-1) + 1
        lowest, highest = [START_US_MAX] * size, [START_US_MIN] * size
        for zone, start_min_us, start_max_us in rows:
            lowest[zone], highest[zone] = start_min_us, start_max_us
        below, above = highest.copy(), lowest.copy()
        for zone in range(1, size):
            below[zone] = max(below[zone], below[zone - 1])
        for zone in range(size - 2, -1, -1):
            above[zone] = min(above[zone], above[zone + 1])
        return Zones(lowest, highest, below, above)

    def rid_bound(self, window: Window) -> int | None:
        """The first rid of the walk: no run before it can be past the window's position."""
        if window.after is None:
            return None
        zones = range(len(self.lowest))
        if window.descending:
            for zone in reversed(zones):
                if self.lowest[zone] <= window.after.start_us:
                    return ((zone + 1) << ZONE_BITS) - 1
            return 0
        for zone in zones:
            if self.highest[zone] >= window.after.start_us:
                return zone << ZONE_BITS
        return len(self.lowest) << ZONE_BITS

    def best_from(self, rid: int, descending: bool) -> int:
        """The latest (earliest) start among this rid's zone and all further on in the walk."""
        zone = rid >> ZONE_BITS
        if zone >= len(self.lowest):
            return START_US_MAX if descending else START_US_MIN
        return self.highest_below[zone] if descending else self.lowest_above[zone]


def walk(
    rows: Generator[tuple[Any, ...], None, None],
    zones: Zones,
    window: Window,
    terms: Sequence[Node],
) -> list[tuple[int, bytes, int]] | None:
    """(start_us, id, rid) of the page, in the window's order, from (rid, start_us, id, wanted) in
    order of arrival; None when ARRIVAL_VISITS_MAX rows were not enough."""
    sign = 1 if window.descending else -1
    limit = window.limit
    bound = _start_bound(terms, window.descending)
    page: list[tuple[int, _Ordered, int]] = []  # a heap: the last run of the page on top
    zone = None
    for visits, (rid, start_us, run_id, wanted) in enumerate(rows):
        if rid >> ZONE_BITS != zone:
            zone = rid >> ZONE_BITS
            best = sign * zones.best_from(rid, window.descending)
            if (len(page) == limit and best < page[0][0]) or best < sign * bound:
                break
        if visits >= ARRIVAL_VISITS_MAX:
            rows.close()
            return None
        if wanted:
            item = (sign * start_us, _Ordered(run_id, window.descending), rid)
            if len(page) < limit:
                heapq.heappush(page, item)
            else:
                heapq.heappushpop(page, item)
    rows.close()
    page.sort(reverse=True)
    return [(sign * start, ordered.id, rid) for start, ordered, rid in page]


class _Ordered:
    """An id that compares the way the window orders ids."""

    __slots__ = ("descending", "id")

    def __init__(self, run_id: bytes, descending: bool) -> None:
        self.id = run_id
        self.descending = descending

    def __lt__(self, other: "_Ordered") -> bool:
        return self.id < other.id if self.descending else self.id > other.id

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Ordered) and self.id == other.id

    def __hash__(self) -> int:
        return hash(self.id)


def _start_bound(terms: Sequence[Node], descending: bool) -> int:
    """The start at which the filter itself ends the walk."""
    ops = ("gt", "gte") if descending else ("lt", "lte")
    bounds = [
        int(term.value)
        for term in terms
        if isinstance(term, Compare) and term.attribute == "start_time" and term.op in ops
    ]
    if descending:
        return max(bounds, default=START_US_MIN)
    return min(bounds, default=START_US_MAX)
