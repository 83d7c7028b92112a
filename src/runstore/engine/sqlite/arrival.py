"""Walking runs in order of arrival, when the order asked for is order of start.

The two nearly agree, and zones tell by how much they do not: for every 128 rids the earliest and
latest start. So a walk from the newest rid down knows when no run further down can belong to the
page, exactly.
"""

import heapq
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from runstore.engine.sqlite.connections import Connection
from runstore.limits import ARRIVAL_VISITS_MAX
from runstore.model.times import START_US_MAX, START_US_MIN
from runstore.sql.sqlite.select import Window
from runstore.sql.sqlite.span import Span

ZONE_BITS = 7  # 128 rids a zone: a page of 100 is left soon after it is full
RID_MAX = 2**62

_FIRST_ZONE = "SELECT min(zone) FROM zones INDEXED BY zones_latest WHERE start_max_us >= ?"
_LAST_ZONE = "SELECT max(zone) FROM zones INDEXED BY zones_earliest WHERE start_min_us <= ?"
_LAST_ZONE_FROM_TOP = (
    "SELECT zone FROM zones NOT INDEXED WHERE start_min_us <= ? ORDER BY zone DESC LIMIT 1"
)


@dataclass(slots=True)
class Zones:
    """Asked for what a walk needs to know, never read whole: there are many in a large folder."""

    connection: Connection

    def rids(self, span: Span) -> tuple[int, int]:
        """The first and last rid that runs of this span may have."""
        low, high = 0, RID_MAX
        if span.low > START_US_MIN:
            low = self.first_rid(span.low)
        if span.high < START_US_MAX:
            zone = self._zone(_LAST_ZONE_FROM_TOP, span.high)
            high = -1 if zone is None else ((zone + 1) << ZONE_BITS) - 1
        return low, high

    def first_rid(self, start_us: int) -> int:
        """Below it all runs start before `start_us`."""
        zone = self._zone(_FIRST_ZONE, start_us)
        return RID_MAX if zone is None else zone << ZONE_BITS

    def last_rid(self, start_us: int) -> int:
        """Above it all runs start after `start_us`."""
        zone = self._zone(_LAST_ZONE, start_us)
        return -1 if zone is None else ((zone + 1) << ZONE_BITS) - 1

    def _zone(self, sql: str, start_us: int) -> int | None:
        row: Any = self.connection.raw.execute(sql, (start_us,)).fetchone()
        return None if row is None else row[0]


def walk(
    rows: Generator[tuple[Any, ...], None, None], zones: Zones, window: Window
) -> tuple[list[tuple[int, bytes, int]] | None, int]:
    """(start_us, id, rid) of the page, in the window's order, from (rid, start_us, id, wanted) in
    order of arrival; None if the page was full but ARRIVAL_VISITS_MAX rows more, and four times
    as many as filled it, did not show it to be final: order of arrival says little here.
    And how many rows were visited."""
    descending, limit = window.descending, window.limit
    sign = 1 if descending else -1
    page: list[tuple[int, _Ordered, int]] = []  # a heap: the last run of the page on top
    zone: int | None = None
    end: int | None = None  # the last rid worth a visit, once the page is full
    worst: int | None = None  # the start `end` was found for
    visits_max = 0
    visits = 0
    for visits, (rid, start_us, run_id, wanted) in enumerate(rows, 1):
        if end is not None and rid >> ZONE_BITS != zone:
            zone = rid >> ZONE_BITS
            if page[0][0] != worst:
                worst = page[0][0]
                end = zones.first_rid(worst) if descending else zones.last_rid(-worst)
            if (rid < end) if descending else (rid > end):
                break
            if visits > visits_max:
                rows.close()
                return None, visits
        if not wanted:
            continue
        item = (sign * start_us, _Ordered(run_id, descending), rid)
        if end is not None:
            heapq.heappushpop(page, item)
            continue
        heapq.heappush(page, item)
        if len(page) == limit:
            end = rid
            visits_max = 5 * visits + ARRIVAL_VISITS_MAX
    rows.close()
    page.sort(reverse=True)
    return [(sign * start, ordered.id, rid) for start, ordered, rid in page], visits


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
