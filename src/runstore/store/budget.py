"""A budget of bytes shared by the requests under way, and a line of those that wait for room.

Whoever comes waits a little before a byte of his is read: then he, and not the queue, keeps what he
has. Who has waited in vain is refused, and told when it will be his turn: that follows from how
fast room was made lately, and from how much is ahead of him. Who comes back stands where he would
if he had stayed: senders try a few times only. A body that is promised and does not come has its
share for a little while.
"""

import asyncio
import math
import threading
import time
from bisect import insort
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from itertools import count
from types import TracebackType
from typing import NamedTuple

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
LITTLE = 0.25  # of what is let in at a time is under way: then a larger request may join
PACE_KNOWN_SECONDS = 1.0  # the store was busy for so long; before, the pace says little


class Sender(NamedTuple):
    """Whose request it is, so that he is known when he sends it again."""

    connection: Hashable
    looks: Hashable  # what it has in common with itself, sent again, and with few others


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
        self._working = 0  # leases whose bodies have arrived

    def lease(self) -> "Lease":
        return Lease(self)

    @property
    def waiting(self) -> int:
        """Requests in the line."""
        return len(self._line)

    async def _enter(self, lease: "Lease", size: int, sender: Sender | None) -> None:
        """Takes `size`, when there is room and nobody came before. Raises Overloaded."""
        now = self._clock()
        with self._lock:
            since = self._refused.recall(sender, now)
        try:
            await self._wait(size, since)
        except Overloaded as refusal:
            with self._lock:
                back_at = self._clock() + refusal.retry_after_s
                if sender is not None:
                    self._refused.remember(_Absent(sender, since, size, back_at))
            raise
        lease.held += size

    async def _wait(self, size: int, since: float) -> None:
        loop = asyncio.get_running_loop()
        waiting = _Waiting(since, size, loop, loop.create_future())
        with self._lock:
            if not self._line and self._has_room(size):
                self.taken += size
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
        """A request that is alone is always served: its own size has its own bound. One that is
        larger than what is let in at a time needs not wait until nobody is under way."""
        worth = self._pace.worth(self.bytes_max)
        return (
            self.taken == 0
            or self.taken + size <= worth
            or (self.taken <= worth * LITTLE and self.taken + size <= self.bytes_max)
        )

    def _refusal(self, size: int, since: float) -> Overloaded:
        """For who came then: it is his turn when those before him have been served."""
        ahead = sum(one.size for one in self._line if one.since < since)
        seconds = self._pace.seconds(self._refused.size_before(since) + ahead + size)
        return Overloaded(
            f"{self.taken} bytes are waiting to be stored, and {len(self._line)} requests for room;"
            f" send again in {seconds} s",
            seconds,
        )

    def _begin_work(self, lease: "Lease") -> None:
        with self._lock:
            if not lease.is_work:
                lease.is_work = True
                if self._working == 0:
                    self._pace.begin()
                self._working += 1

    def _hold(self, lease: "Lease", wanted: Callable[[int], int]) -> None:
        """More than there may be only for who is alone. Raises Overloaded."""
        with self._lock:
            more = wanted(lease.held) - lease.held
            if more > 0:
                if self.taken > lease.held and self.taken + more > self.bytes_max:
                    raise self._refusal(lease.held + more, self._clock())
                self.taken += more
                lease.held += more
            elif more < 0:
                lease.held += more
                if lease.is_work:
                    self._pace.gave(-more)
                self._give(-more)

    def _end(self, lease: "Lease") -> None:
        self._hold(lease, lambda _: 0)
        with self._lock:
            if lease.is_work:
                lease.is_work = False
                self._working -= 1

    def _give(self, back: int) -> None:
        """Under the lock."""
        self.taken -= back
        while self._line and self._has_room(self._line[0].size):
            first = self._line.pop(0)
            first.has_room = True
            self.taken += first.size
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
    sender: Sender
    since: float  # he first came
    size: int
    back_at: float  # he was told


class _Refused:
    """Who was refused and has not come back yet. Under the budget's lock.

    Who comes back on the same connection is known by it. On another he is known by what his request
    looks like, but not before he was told to come; of several who look alike, the first refused
    counts as the first back.
    """

    def __init__(self) -> None:
        self._absent: OrderedDict[int, _Absent] = OrderedDict()  # last refused last
        self._of_alike: dict[Hashable, list[int]] = {}
        self._sizes: Counter[int] = Counter()  # together, by the tenth of a second of `since`
        self._numbers = count()

    def __len__(self) -> int:
        return len(self._absent)

    def remember(self, absent: _Absent) -> None:
        """Unless there are too many: then he will stand behind those who are remembered."""
        if len(self) < INGEST_REFUSED_MAX:
            number = next(self._numbers)
            self._absent[number] = absent
            self._of_alike.setdefault(absent.sender.looks, []).append(number)
            self._sizes[_tenth(absent.since)] += absent.size

    def recall(self, sender: Sender | None, now: float) -> float:
        """When this sender first came, who is here again; now, if we know of nothing before."""
        number = self._number(sender, now)
        since = now if number is None else self._forget(number)
        while self._absent:
            number, longest = next(iter(self._absent.items()))
            if now <= longest.back_at + INGEST_REFUSED_LATE_SECONDS_MAX:
                break
            self._forget(number)
        return since

    def _number(self, sender: Sender | None, now: float) -> int | None:
        if sender is None:
            return None
        alike = self._of_alike.get(sender.looks, ())
        for number in alike:
            if self._absent[number].sender.connection == sender.connection:
                return number
        return next((one for one in alike if self._absent[one].back_at <= now), None)

    def size_before(self, since: float) -> int:
        """What those want who came before, about."""
        last = _tenth(since)
        return sum(size for tenth, size in self._sizes.items() if tenth <= last)

    def _forget(self, number: int) -> float:
        absent = self._absent.pop(number)
        alike = self._of_alike[absent.sender.looks]
        alike.remove(number)
        if not alike:
            del self._of_alike[absent.sender.looks]
        tenth = _tenth(absent.since)
        self._sizes[tenth] -= absent.size
        if not self._sizes[tenth]:
            del self._sizes[tenth]
        return absent.since


def _tenth(at: float) -> int:
    return int(at * 10)


class _Pace:
    """How fast bytes are given back while the store has some. Under the budget's lock."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._at = clock()
        self._given = 0.0  # bytes, and
        self._seconds = 0.0  # in how long; what is long ago counts less in both

    def begin(self) -> None:
        """The store had nothing to do until now."""
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
    """One request's share, given back when it closes. Any thread may call."""

    __slots__ = ("_budget", "held", "is_work")

    def __init__(self, budget: ByteBudget) -> None:
        self._budget = budget
        self.held = 0  # bytes
        self.is_work = False  # its body has arrived: what it holds goes when it has been stored

    async def enter(self, size: int, sender: Sender | None = None) -> None:
        """Hold `size` bytes, when it is our turn. Raises Overloaded, and then nothing was taken."""
        await self._budget._enter(self, size, sender)

    def arrived(self) -> None:
        """From now on it is up to the store how long this lease is held."""
        self._budget._begin_work(self)

    def grow(self, more: int) -> None:
        """Raises Overloaded, and then nothing was taken."""
        self._budget._hold(self, lambda held: held + more)

    def cover(self, size: int) -> None:
        """Hold at least so many bytes. Raises Overloaded."""
        self._budget._hold(self, lambda held: max(held, size))

    def spare(self, size: int) -> None:
        """Hold at most so many bytes."""
        self._budget._hold(self, lambda held: min(held, size))

    def resize(self, held: int) -> None:
        """Hold `held` bytes instead. Raises Overloaded, and then holds what it did."""
        self._budget._hold(self, lambda _: held)

    def hand_over(self) -> "Lease":
        """A lease that holds what this one held, for whoever ends last; this one holds nothing."""
        heir = Lease(self._budget)
        heir.held, self.held = self.held, 0
        heir.is_work, self.is_work = self.is_work, False
        return heir

    def close(self) -> None:
        self._budget._end(self)

    def __enter__(self) -> "Lease":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
