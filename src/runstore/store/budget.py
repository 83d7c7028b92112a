"""A budget of bytes shared by the requests under way, and a line of those that wait for room.

Whoever comes waits a little before a byte of his is read: then he, and not the queue, keeps what he
has. Who has waited in vain is refused, and told when there will be room: that follows from how fast
room was made lately, and from how much was told to come back before him. Who comes back, on the
same connection, stands where he would if he had stayed: senders try a few times only.
"""

import asyncio
import math
import threading
import time
from bisect import insort
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from types import TracebackType

from runstore.errors import Overloaded
from runstore.limits import (
    INGEST_LINE_MAX,
    INGEST_LINE_SECONDS,
    INGEST_QUEUE_BYTES_MIN,
    INGEST_QUEUE_SECONDS,
    INGEST_REFUSED_MAX,
    RETRY_AFTER_S,
    RETRY_AFTER_S_MAX,
)

WINDOW_SECONDS = 1.0  # over which the rate is taken, if somebody was under way all the time


@dataclass(slots=True, eq=False)
class _Waiting:
    since: float  # he was first refused, or came
    size: int
    loop: asyncio.AbstractEventLoop
    entered: asyncio.Future[None]
    has_room: bool = False  # taken for it


class ByteBudget:
    """`taken` is what all leases hold together. Any thread may call."""

    def __init__(
        self,
        bytes_max: int,
        *,
        line_seconds: float = INGEST_LINE_SECONDS,
        line_max: int = INGEST_LINE_MAX,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.bytes_max = bytes_max
        self.taken = 0
        self._line_seconds = line_seconds
        self._line_max = line_max
        self._lock = threading.Lock()
        self._line: list[_Waiting] = []  # who has waited longest first
        self._refused: OrderedDict[Hashable, float] = OrderedDict()  # since when, by sender
        self._clock = clock
        self._pace = _Pace(clock)

    def lease(self) -> "Lease":
        return Lease(self)

    @property
    def waiting(self) -> int:
        """Requests in the line."""
        return len(self._line)

    async def _enter(self, size: int, sender: Hashable) -> None:
        """Takes `size`, when there is room and nobody has waited longer. Raises Overloaded."""
        try:
            await self._wait(size, self._refused.get(sender, self._clock()))
        except Overloaded:
            with self._lock:
                self._refused.setdefault(sender, self._clock())
                if len(self._refused) > INGEST_REFUSED_MAX:
                    self._refused.popitem(last=False)
            raise
        with self._lock:
            self._refused.pop(sender, None)

    async def _wait(self, size: int, since: float) -> None:
        loop = asyncio.get_running_loop()
        with self._lock:
            if not self._line and self._has_room(size):
                self._take(size)
                return
            if len(self._line) >= self._line_max:
                raise self._refusal(size)
            waiting = _Waiting(since, size, loop, loop.create_future())
            insort(self._line, waiting, key=lambda one: one.since)
        try:
            async with asyncio.timeout(self._line_seconds):
                await waiting.entered
        except TimeoutError:
            with self._lock:
                if not waiting.has_room:
                    self._line.remove(waiting)
                    raise self._refusal(size) from None
        except BaseException:
            with self._lock:
                if not waiting.has_room:
                    self._line.remove(waiting)
                    raise
            self._give(size)
            raise

    def _has_room(self, size: int) -> bool:
        """A request that is alone is always served: its own size has its own bound."""
        return self.taken == 0 or self.taken + size <= self._pace.worth(self.bytes_max)

    def _take(self, size: int) -> None:
        if self.taken == 0:
            self._pace.begin()
        self.taken += size

    def _refusal(self, size: int) -> Overloaded:
        seconds = self._pace.promise(size)
        return Overloaded(
            f"{self.taken} bytes are waiting to be stored, and {len(self._line)} requests for room;"
            f" send again in {seconds} s",
            seconds,
        )

    def _grow(self, held: int, more: int) -> None:
        """Of a request that has entered: up to all there may be."""
        with self._lock:
            if self.taken > held and self.taken + more > self.bytes_max:
                raise self._refusal(held + more)
            self._take(more)

    def _give(self, back: int) -> None:
        with self._lock:
            self.taken -= back
            self._pace.gave(back)
            while self._line and self._has_room(self._line[0].size):
                first = self._line.pop(0)
                first.has_room = True
                self._take(first.size)
                # A loop that has closed has cancelled whoever waited there.
                if not first.loop.is_closed():
                    first.loop.call_soon_threadsafe(_let_in, first.entered)


def _let_in(entered: asyncio.Future[None]) -> None:
    if not entered.done():
        entered.set_result(None)


class _Pace:
    """How fast bytes are given back while there are some, and what was promised on the strength
    of it. Under the budget's lock."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._rate = 0.0  # bytes a second; 0: not known yet
        self._since = clock()
        self._given = 0
        self._promised = 0.0
        self._promised_at = self._since

    def begin(self) -> None:
        """Nobody was under way: what was given until now says little."""
        self._since, self._given = self._clock(), 0

    def gave(self, size: int) -> None:
        self._given += size
        now = self._clock()
        seconds = now - self._since
        if seconds >= WINDOW_SECONDS:
            rate = self._given / seconds
            self._rate = (self._rate + rate) / 2 if self._rate else rate
            self._since, self._given = now, 0

    def worth(self, bytes_max: int) -> float:
        """What is given back in INGEST_QUEUE_SECONDS, within bounds."""
        return min(bytes_max, max(INGEST_QUEUE_BYTES_MIN, self._rate * INGEST_QUEUE_SECONDS))

    def promise(self, size: int) -> int:
        """Seconds from now when there will be room for so much more, beside what is promised."""
        now = self._clock()
        if not self._rate:
            return RETRY_AFTER_S
        self._promised = max(0.0, self._promised - self._rate * (now - self._promised_at)) + size
        self._promised_at = now
        seconds = math.ceil(self._promised / self._rate)
        return min(max(seconds, RETRY_AFTER_S), RETRY_AFTER_S_MAX)


class Lease:
    """One request's share, given back when it closes."""

    __slots__ = ("_budget", "held")

    def __init__(self, budget: ByteBudget) -> None:
        self._budget = budget
        self.held = 0  # bytes

    async def enter(self, size: int, sender: Hashable = None) -> None:
        """Hold `size` bytes, when it is our turn. Raises Overloaded, and then nothing was taken."""
        await self._budget._enter(size, sender)
        self.held += size

    def grow(self, more: int) -> None:
        """Raises Overloaded, and then nothing was taken."""
        self._budget._grow(self.held, more)
        self.held += more

    def cover(self, size: int) -> None:
        """Hold at least so many bytes. Raises Overloaded."""
        if size > self.held:
            self.grow(size - self.held)

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
