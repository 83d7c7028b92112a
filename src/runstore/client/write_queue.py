"""Writes that wait to be sent: bounded, counted, in order. Knows no thread, no task, no server.

Every write that is put in is, in the end, sent, refused by the server, or dropped by us; the
three counts and what still waits add up to what was put in.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

from runstore.client.calls.bodies import Write
from runstore.client.calls.ingest import IngestTerms, RefusedWrite, cut_batch
from runstore.errors import RunstoreError
from runstore.limits import (
    BATCH_BYTES,
    BATCH_RUNS,
    WRITE_QUEUE_BYTES_MAX,
    WRITE_QUEUE_OPERATIONS_MAX,
    WRITE_REFUSALS_KEPT,
    WRITE_RETRY_PAUSE_SECONDS_MAX,
    WRITE_RETRY_SECONDS_MAX,
)

log = logging.getLogger("runstore.client")

# Of a server that is away for a while, or of the proxy before it. Not 500: the batch may be why.
_PASSING = frozenset({408, 425, 429, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class WriteStats:
    """What became of the writes of one client: counts of creates, updates and feedback.

    `dropped` never reached the server: the queue was full, or nobody answered for too long.
    `refused` did, and were not taken; `refusals` has the newest, with the server's reasons.
    """

    queued: int = 0
    sent: int = 0
    dropped: int = 0
    refused: int = 0
    last_error: str | None = None
    refusals: tuple[RefusedWrite, ...] = ()

    @property
    def lost(self) -> int:
        return self.dropped + self.refused


class WriteQueue:
    """Used by any number of threads; emptied by one, batch by batch: cut, send, settle or drop."""

    def __init__(
        self,
        *,
        operations_max: int = WRITE_QUEUE_OPERATIONS_MAX,
        bytes_max: int = WRITE_QUEUE_BYTES_MAX,
    ) -> None:
        self._operations_max, self._bytes_max = operations_max, bytes_max
        self._reset()

    def _reset(self) -> None:
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self._waiting: deque[Write] = deque()  # the batch under way is still its beginning
        self._bytes = 0
        self._put = self._answered = 0  # writes so far; answered: sent, refused or dropped
        self._sent = self._dropped = self._refused = 0
        self._last_error: str | None = None
        self._trouble: str | None = None  # why the oldest batch still waits
        self._refusals: deque[RefusedWrite] = deque(maxlen=WRITE_REFUSALS_KEPT)
        self._told_dropped = self._told_refused = False

    def after_fork(self) -> None:
        """In a child process: what waits is the parent's to send, and locks may be held for ever.

        Child processes count from zero.
        """
        self._reset()

    # --- in

    def put(self, write: Write) -> bool:
        """False: there is no room, and the write is dropped, counted and said in the log."""
        with self.changed:
            too_many = len(self._waiting) >= self._operations_max
            if too_many or self._bytes + write.size > self._bytes_max:
                what = (
                    f"the queue is full ({len(self._waiting)} writes, {self._bytes} bytes wait)"
                    if self._waiting
                    else f"one write of {write.size} bytes, at most {self._bytes_max} may wait"
                )
                self._count_dropped(1, what)
                return False
            self._waiting.append(write)
            self._bytes += write.size
            self._put += 1
            # Not for each: the thread that sends would wake a hundred times for one batch.
            if len(self._waiting) % BATCH_RUNS in (0, 1) or self._bytes >= BATCH_BYTES:
                self.changed.notify_all()
            return True

    # --- out

    def has_full_batch(self, terms: IngestTerms) -> bool:
        return len(self._waiting) >= terms.operations_max or self._bytes >= terms.bytes_max

    def next_batch(self, terms: IngestTerms) -> list[Write]:
        """The oldest writes; empty if none wait. They stay in the queue until they are answered."""
        with self.lock:
            return cut_batch(islice(self._waiting, terms.operations_max), terms)

    def settle(self, batch: Sequence[Write], refused: Sequence[RefusedWrite]) -> None:
        """The server has answered `batch`."""
        with self.changed:
            if not self._remove(batch):
                return  # counted as dropped when the client was closed without waiting
            lost = min(sum(one.writes for one in refused), len(batch))
            self._sent += len(batch) - lost
            self._refused += lost
            for refusal in refused:
                self._refusals.append(refusal)
                self._last_error = f"run {refusal.run_id or '?'} refused: {refusal.reason}"
            if refused and not self._told_refused:
                self._told_refused = True
                log.warning("%s (only the first is logged; see write_stats)", self._last_error)

    def drop(self, batch: Sequence[Write], why: str) -> None:
        """`batch` is given up."""
        with self.changed:
            if self._remove(batch):
                self._count_dropped(len(batch), why)

    def drop_all(self, why: str) -> int:
        with self.changed:
            batch = list(self._waiting)
            if batch:
                self.drop(batch, f"{why}: {self._trouble}" if self._trouble else why)
            return len(batch)

    def delay(self, why: str) -> None:
        """The oldest batch could not be sent, and will be tried again. Said once in a row."""
        with self.lock:
            if self._trouble is None:
                log.warning("writing is delayed, and tried again: %s", why)
            self._trouble = self._last_error = why

    def _remove(self, batch: Sequence[Write]) -> bool:
        """False if they are gone: a closing client lost its patience and dropped all."""
        if not batch or not self._waiting or self._waiting[0] is not batch[0]:
            return False
        for write in batch:
            self._waiting.popleft()
            self._bytes -= write.size
        self._answered += len(batch)
        self._trouble = None
        self.changed.notify_all()
        return True

    def _count_dropped(self, count: int, why: str) -> None:
        self._dropped += count
        self._last_error = f"{count} dropped: {why}"
        if not self._told_dropped:
            self._told_dropped = True
            log.warning(
                "runs are being lost, %s (only the first time is logged; see write_stats)",
                self._last_error,
            )

    # --- questions

    @property
    def is_empty(self) -> bool:
        return not self._waiting

    @property
    def put_count(self) -> int:
        return self._put

    def is_answered(self, put_count: int) -> bool:
        """Whether all that was put in until `put_count` is sent, refused or dropped."""
        return self._answered >= put_count

    def stats(self) -> WriteStats:
        with self.lock:
            return WriteStats(
                queued=len(self._waiting),
                sent=self._sent,
                dropped=self._dropped,
                refused=self._refused,
                last_error=self._last_error,
                refusals=tuple(self._refusals),
            )


def retry_pause_s(
    error: RunstoreError, attempt: int, elapsed_s: float, jitter: Callable[[], float]
) -> float | None:
    """Seconds until the batch is sent again; None: give it up. `attempt` counts from 0.

    The transport has already tried several times in each attempt. `jitter` is in [0, 1).
    """
    passes = error.retryable or error.status in _PASSING
    if not passes or elapsed_s >= WRITE_RETRY_SECONDS_MAX:
        return None
    asked = float(getattr(error, "retry_after_s", 0) or 0)
    grown = 0.5 * 2.0 ** min(attempt, 10) * (0.5 + jitter())
    return min(WRITE_RETRY_PAUSE_SECONDS_MAX, max(asked, grown))
