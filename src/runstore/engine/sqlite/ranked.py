"""Histogram of most values, the others, and a way to read one bucket -> all values in order.

For percentiles: of the values counted in the histogram only those of the buckets asked for are
read. Knows arithmetic and histograms; knows no database.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any

from runstore.engine.sqlite.histogram import bounds


class Ranked(Sequence[int]):
    """`known` values, and those counted in `rolled`, of which `read(low, high)` gives all from
    `low` to `high`."""

    def __init__(
        self,
        rolled: Mapping[str, int],
        known: Iterable[int],
        read: Callable[[int, int], list[int]],
    ) -> None:
        self._known = sorted(known)
        self._buckets = sorted(map(int, rolled))
        self._ends = list(accumulate(rolled[str(bucket)] for bucket in self._buckets))
        self._read = read
        self._values: dict[int, list[int]] = {}  # by place of the bucket

    def __len__(self) -> int:
        return len(self._known) + (self._ends[-1] if self._ends else 0)

    def __getitem__(self, rank: Any) -> Any:
        place = bisect_right(range(len(self._buckets)), rank, key=self._up_to)
        known = below = 0  # values up to the bucket before, and how many of them are known
        if place:
            known = bisect_right(self._known, bounds(self._buckets[place - 1])[1])
            below = known + self._ends[place - 1]
        if place == len(self._buckets):
            return self._known[known + rank - below]
        # Between two buckets there may be known values alone.
        between = bisect_left(self._known, bounds(self._buckets[place])[0]) - known
        if rank - below < between:
            return self._known[known + rank - below]
        return self._in_bucket(place)[rank - below - between]

    def _up_to(self, place: int) -> int:
        """How many values are in this bucket and before it."""
        return self._ends[place] + bisect_right(self._known, bounds(self._buckets[place])[1])

    def _in_bucket(self, place: int) -> list[int]:
        values = self._values.get(place)
        if values is None:
            low, high = bounds(self._buckets[place])
            values = self._known[bisect_left(self._known, low) : bisect_right(self._known, high)]
            if low == high:
                values += [low] * (self._ends[place] - (self._ends[place - 1] if place else 0))
            else:
                values += self._read(low, high)
            values.sort()
            self._values[place] = values
        return values
