"""Terms of a filter -> the span of starts all runs they hold for lie in. Knows no SQL."""

from collections.abc import Sequence
from typing import NamedTuple

from runstore.filter.tree import Compare, Node
from runstore.model.query import Position
from runstore.model.times import START_US_MAX, START_US_MIN

_LOW = {"eq": 0, "gte": 0, "gt": 1}  # comparator -> what makes its value the first start
_HIGH = {"eq": 0, "lte": 0, "lt": -1}


class Span(NamedTuple):
    """Microseconds, both included. Empty if low > high."""

    low: int = START_US_MIN
    high: int = START_US_MAX

    def up_to(self, position: Position | None, *, descending: bool) -> "Span":
        """What of it is past a position, or at its start."""
        if position is None:
            return self
        if descending:
            return Span(self.low, min(self.high, position.start_us))
        return Span(max(self.low, position.start_us), self.high)


def is_start_test(term: Node) -> bool:
    """Whether the span alone says all that this term says."""
    return (
        isinstance(term, Compare)
        and term.attribute == "start_time"
        and (term.op in _LOW or term.op in _HIGH)
    )


def tests_end_before(terms: Sequence[Node]) -> bool:
    return any(_ends_before(term) is not None for term in terms)


def span_of(terms: Sequence[Node], shortest_latency_us: int) -> Span:
    """`shortest_latency_us` is at most 0: by how much a run may end before it starts, for an end
    bounds the start only as far as clocks are right."""
    low, high = START_US_MIN, START_US_MAX
    for term in terms:
        if is_start_test(term):
            assert isinstance(term, Compare)
            value = int(term.value)
            if term.op in _LOW:
                low = max(low, value + _LOW[term.op])
            if term.op in _HIGH:
                high = min(high, value + _HIGH[term.op])
        elif (end := _ends_before(term)) is not None:
            high = min(high, end - shortest_latency_us)
    return Span(low, high)


def _ends_before(term: Node) -> int | None:
    """The latest end the term allows."""
    if isinstance(term, Compare) and term.attribute == "end_time" and term.op in _HIGH:
        return int(term.value) + _HIGH[term.op]
    return None
