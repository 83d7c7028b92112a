"""A budget of bytes shared by the requests under way, and a line of those that wait for room.

Whoever comes waits a little before a byte of his is read: then he, and not the queue, keeps what he
has. Who has waited in vain is refused, and told when it will be his turn: that follows from how
fast room was made lately, and from how much is ahead of him. Who comes back, on the same
connection, stands where he would if he had stayed: senders try a few times only.
"""

import asyncio
import math
import threading
import time
from bisect import insort
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from types import TracebackType

from runstore.errors import Overloaded
from runstore.limits import (
    INGEST_LINE_MAX,
    INGEST_LINE_SECONDS,
    INGEST_QUEUE_BYTES_MIN,
    INGEST_QUEUE_SECONDS,
    INGEST_REFUSED_LATE_SECONDS_MAX,
    INGEST_REFUSED_MAX,
    RETRY_AFTER_S,
    RETRY_AFTER_S_MAX,
)

PACE_SECONDS = 10.0  # what was given back so long ago counts a third as much as the last bytes
PACE_KNOWN_SECONDS = 1.0  # somebody was under way for so long; before, the pace says little


@dataclass(slots=True, eq=False)
class _Waiting:
    since: float  # he first came
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
        self._line: list[_Waiting] = []  # who came first is first
        self._refused = _Refused()
        self._clock = clock
        self._pace = _Pace(clock)

    def lease(self) -> "Lease":
        return Lease(self)

    @property
    def waiting(self) -> int:
        """Requests in the line."""
        return len(self._line)

    async def _enter(self, size: int, sender: Hashable) -> None:
        """Takes `size`, when there is room and nobody came before. Raises Overloaded."""
        now = self._clock()
        with self._lock:
            since = self._refused.recall(sender, now)
        try:
            await self._wait(size, since)
        except Overloaded as refusal:
            with self._lock:
                back_at = self._clock() + refusal.retry_after_s
                self._refused.remember(sender, _Absent(since, size, back_at))
            raise

    async def _wait(self, size: int, since: float) -> None:
        loop = asyncio.get_running_loop()
        waiting = _Waiting(since, size, loop, loop.create_future())
        with self._lock:
            if not self._line and self._has_room(size):
                self._take(size)
                return
            self._line_up(waiting)
        try:
            async with asyncio.timeout(self._line_seconds):
                await waiting.entered
        except BaseException as error:
            with self._lock:
                if not waiting.has_room:
                    if waiting in self._line:
                        self._line.remove(waiting)
                    if isinstance(error, TimeoutError):
                        raise self._refusal(size, since) from None
                    raise
            if not isinstance(error, TimeoutError):
                self._give(size)
                raise

    def _line_up(self, waiting: _Waiting) -> None:
        """Where the line is too long then, who came last is refused."""
        insort(self._line, waiting, key=lambda one: one.since)
        if len(self._line) > self._line_max:
            last = self._line.pop()
            refusal = self._refusal(last.size, last.since)
            if last is waiting:
                raise refusal
            _tell(last, refusal)

    def _has_room(self, size: int) -> bool:
        """A request that is alone is always served: its own size has its own bound."""
        return self.taken == 0 or self.taken + size <= self._pace.worth(self.bytes_max)

    def _take(self, size: int) -> None:
        if self.taken == 0:
            self._pace.begin()
        self.taken += size

    def _refusal(self, size: int, since: float) -> Overloaded:
        """For who came then: it is his turn when those before him have been served."""
        ahead = sum(one.size for one in self._line if one.since < since)
        seconds = self._pace.seconds(self._refused.size_before(since) + ahead + size)
        return Overloaded(
            f"{self.taken} bytes are waiting to be stored, and {len(self._line)} requests for room;"
            f" send again in {seconds} s",
            seconds,
        )

    def _grow(self, held: int, more: int) -> None:
        """Of a request that has entered: up to all there may be."""
        with self._lock:
            if self.taken > held and self.taken + more > self.bytes_max:
                raise self._refusal(held + more, self._clock())
            self._take(more)

    def _give(self, back: int) -> None:
        with self._lock:
            self.taken -= back
            self._pace.gave(back)
            while self._line and self._has_room(self._line[0].size):
                first = self._line.pop(0)
                first.has_room = True
                self._take(first.size)
                _tell(first, None)


def _tell(one: _Waiting, refusal: Overloaded | None) -> None:
    """None: he has entered."""

    def settle() -> None:
        if one.entered.done():
            return
        if refusal is None:
            one.entered.set_result(None)
        else:
            one.entered.set_exception(refusal)

    # A loop that has closed has cancelled whoever waited there.
    if not one.loop.is_closed():
        one.loop.call_soon_threadsafe(settle)


@dataclass(frozen=True, slots=True)
class _Absent:
    since: float  # he first came
    size: int
    back_at: float  # he was told


class _Refused:
    """Who was refused and has not come back yet. Under the budget's lock."""

    def __init__(self) -> None:
        self._by_sender: OrderedDict[Hashable, _Absent] = OrderedDict()  # last refused last
        self._sizes: Counter[int] = Counter()  # together, by the tenth of a second of `since`

    def __len__(self) -> int:
        return len(self._by_sender)

    def remember(self, sender: Hashable, absent: _Absent) -> None:
        """Unless there are too many: then he will stand behind those who are remembered.

        Of two requests of one sender, as of a proxy, the last is remembered.
        """
        if sender in self._by_sender:
            self._forget(sender)
        if sender is not None and len(self) < INGEST_REFUSED_MAX:
            self._by_sender[sender] = absent
            self._sizes[_tenth(absent.since)] += absent.size

    def recall(self, sender: Hashable, now: float) -> float:
        """When this sender first came, who is here again; now, if we know of nothing before."""
        absent = self._by_sender.get(sender)
        if absent is not None:
            self._forget(sender)
        while self._by_sender:
            longest = next(iter(self._by_sender))
            if now <= self._by_sender[longest].back_at + INGEST_REFUSED_LATE_SECONDS_MAX:
                break
            self._forget(longest)
        return now if absent is None else absent.since

    def size_before(self, since: float) -> int:
        """What those want who came before, about."""
        last = _tenth(since)
        return sum(size for tenth, size in self._sizes.items() if tenth <= last)

    def _forget(self, sender: Hashable) -> None:
        absent = self._by_sender.pop(sender)
        tenth = _tenth(absent.since)
        self._sizes[tenth] -= absent.size
        if not self._sizes[tenth]:
            del self._sizes[tenth]


def _tenth(at: float) -> int:
    return int(at * 10)


class _Pace:
    """How fast bytes are given back while there are some. Under the budget's lock."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._at = clock()
        self._given = 0.0  # bytes, and
        self._seconds = 0.0  # in how long; what is long ago counts less in both

    def begin(self) -> None:
        """Nobody was under way until now."""
        self._at = self._clock()

    def gave(self, size: int) -> None:
        now = self._clock()
        seconds, self._at = now - self._at, now
        fading = math.exp(-seconds / PACE_SECONDS)
        self._given = self._given * fading + size
        self._seconds = self._seconds * fading + seconds

    def worth(self, bytes_max: int) -> float:
        """What is given back in INGEST_QUEUE_SECONDS, within bounds."""
        return min(bytes_max, max(INGEST_QUEUE_BYTES_MIN, self._rate() * INGEST_QUEUE_SECONDS))

    def seconds(self, size: int) -> int:
        """Until so much has been given back, as Retry-After may say it."""
        rate = self._rate()
        seconds = math.ceil(size / rate) if rate else 0
        return min(max(seconds, RETRY_AFTER_S), RETRY_AFTER_S_MAX)

    def _rate(self) -> float:
        """Bytes a second; 0: not known yet."""
        return self._given / self._seconds if self._seconds >= PACE_KNOWN_SECONDS else 0.0


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
