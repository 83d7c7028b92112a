"""A budget of bytes shared by the requests under way: who would overdraw it is refused.

Refused and not made to wait, so that memory stays bounded and the sender, who has a queue of his
own, hears of it at once.
"""

import threading
from types import TracebackType

from runstore.errors import Overloaded
from runstore.limits import RETRY_AFTER_S


class ByteBudget:
    """`taken` is what all leases hold together. Any thread may call."""

    def __init__(self, bytes_max: int) -> None:
        self.bytes_max = bytes_max
        self.taken = 0
        self._lock = threading.Lock()

    def lease(self) -> "Lease":
        return Lease(self)

    def _grow(self, held: int, more: int) -> None:
        """A request that is alone is always served: its own size has its own bound."""
        with self._lock:
            if self.taken > held and self.taken + more > self.bytes_max:
                raise Overloaded(
                    f"more than {self.bytes_max} bytes are waiting to be stored; "
                    f"send again in {RETRY_AFTER_S} s",
                    RETRY_AFTER_S,
                )
            self.taken += more

    def _give(self, back: int) -> None:
        with self._lock:
            self.taken -= back


class Lease:
    """One request's share, given back when it closes."""

    __slots__ = ("_budget", "held")

    def __init__(self, budget: ByteBudget) -> None:
        self._budget = budget
        self.held = 0  # bytes

    def grow(self, more: int) -> None:
        """Raises Overloaded, and then nothing was taken."""
        self._budget._grow(self.held, more)
        self.held += more

    def resize(self, held: int) -> None:
        """Hold `held` bytes instead. Raises Overloaded, and then holds what it did."""
        if held > self.held:
            self.grow(held - self.held)
        else:
            self._budget._give(self.held - held)
            self.held = held

    def hand_over(self) -> "Lease":
        """A lease that holds what this one held, for whoever ends last; this one holds nothing."""
        heir = Lease(self._budget)
        heir.held, self.held = self.held, 0
        return heir

    def close(self) -> None:
        self.resize(0)

    def __enter__(self) -> "Lease":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
