"""Microseconds ⇄ buckets 1 to 2 % wide, in the same order. Knows arithmetic; knows no database.

A bucket is a number: below 128 µs each value has its own, above each doubling has 64. What lies
below zero (a run that ended before it started) mirrors what lies above.
"""

from collections.abc import Iterable, Mapping

Histogram = dict[str, int]
"""Bucket -> how many. Keys are text, as JSON has them: most are read and written, never compared.
In a difference counts may be below zero; none is zero."""

_BITS = 6  # 64 buckets a doubling


def bucket_of(us: int) -> int:
    if us < 0:
        return ~bucket_of(~us)
    shift = us.bit_length() - _BITS - 1
    return us if shift <= 0 else (shift << _BITS) + (us >> shift)


def bounds(bucket: int) -> tuple[int, int]:
    """The least and the greatest value in it."""
    if bucket < 0:
        low, high = bounds(~bucket)
        return ~high, ~low
    shift = (bucket >> _BITS) - 1
    if shift <= 0:
        return bucket, bucket
    low = (bucket - (shift << _BITS)) << shift
    return low, low + (1 << shift) - 1


def histogram(values: Iterable[int | None]) -> Histogram:
    """Of the values there are."""
    found: Histogram = {}
    for us in values:
        if us is not None:
            bucket = str(bucket_of(us))
            found[bucket] = found.get(bucket, 0) + 1
    return found


def merge(into: Histogram, more: Mapping[str, int]) -> None:
    get = into.get
    for bucket, how_many in more.items():
        total = get(bucket, 0) + how_many
        if total:
            into[bucket] = total
        else:
            del into[bucket]
