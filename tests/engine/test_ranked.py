"""Values in order, of which most are known by a histogram alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runstore.engine.sqlite.histogram import bounds, bucket_of, histogram
from runstore.engine.sqlite.ranked import Ranked

VALUES = st.lists(st.integers(-300, 300) | st.integers(0, 10**7), max_size=30)


@given(rolled=VALUES, known=VALUES)
def test_every_rank_has_its_value(rolled: list[int], known: list[int]) -> None:
    def read(low: int, high: int) -> list[int]:
        return [value for value in rolled if low <= value <= high]

    ranked = Ranked(histogram(rolled), known, read)
    assert len(ranked) == len(rolled) + len(known)
    assert [ranked[rank] for rank in range(len(ranked))] == sorted(rolled + known)


def test_only_the_bucket_asked_for_is_read_and_once() -> None:
    reads = []

    def read(low: int, high: int) -> list[int]:
        reads.append((low, high))
        return [1_000]

    ranked = Ranked(histogram([5, 1_000, 10**6]), [7], read)
    assert (ranked[0], ranked[1], ranked[2], ranked[2]) == (5, 7, 1_000, 1_000)
    assert reads == [bounds(bucket_of(1_000))]


def test_past_the_last_value_there_is_none() -> None:
    with pytest.raises(IndexError):
        Ranked({}, [1], lambda low, high: [])[1]
