"""Writes in the background: a thread empties the queue. task_batcher.py is its twin in asyncio.

Both do the same: wait for a batch, send it, wait and send again while the server is away, count.
Each begins with a write and ends when there is nothing to do, so a forgotten client leaves nothing
behind. What is still queued when the program ends is sent then, for at most WRITE_EXIT_SECONDS.

A process made by fork has no thread of its own and begins with an empty queue; what waited is
sent by its parent. A connection must not be shared with it: make a new client after a fork.
"""

import itertools
import random
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any, Protocol

from runstore.client.calls.bodies import Write
from runstore.client.calls.ingest import IngestTerms, read_terms, send_batch
from runstore.client.http import Steps
from runstore.client.unsent import hold, let_go
from runstore.client.write_queue import WriteQueue, WriteStats, log, retry_pause_s
from runstore.errors import InvalidRequest, RunstoreError
from runstore.limits import (
    WRITE_CLOSE_SECONDS,
    WRITE_EXIT_SECONDS,
    WRITE_IDLE_SECONDS,
    WRITE_LINGER_SECONDS,
)


class Drive(Protocol):
    """Sends what a call asks for; throws the errors of the transport into the call."""

    def __call__(self, steps: Steps[Any], /) -> Any: ...


def new_boundary() -> str:
    return uuid.uuid4().hex


class Courier:
    """What thread and task have in common: how a batch is sent, and what if that fails."""

    def __init__(self, queue: WriteQueue, *, compress: bool, boundary: Callable[[], str]) -> None:
        self.queue = queue
        self.terms = IngestTerms()
        self._terms_read = False
        self._compress = compress
        self._boundary = boundary

    def deliver(self, batch: list[Write]) -> Steps[None]:
        """Raises what the transport raises; the batch is then still queued."""
        if not self._terms_read:
            self.terms = yield from read_terms()
            self._terms_read = True
        refused = yield from send_batch(
            batch, self.terms, self._boundary(), compress=self._compress
        )
        self.queue.settle(batch, refused)

    def pause_s(
        self, batch: list[Write], error: Exception, attempt: int, begun: float, give_up_at: float
    ) -> float | None:
        """Seconds until `batch`, which failed, is sent again; None: it is dropped.

        `begun` and `give_up_at` in monotonic seconds, `attempt` from 0.
        """
        what = f"{type(error).__name__}: {error}"
        if not isinstance(error, RunstoreError):  # the worker's rim: it goes on with the next batch
            log.exception("writing failed unexpectedly", exc_info=error)
            self.queue.drop(batch, what)
            return None
        now = time.monotonic()
        seconds = retry_pause_s(error, attempt, now - begun, random.random)
        if seconds is None or now + seconds >= give_up_at:
            self.queue.drop(batch, what)
            return None
        self.queue.delay(what)
        return seconds


def closed() -> InvalidRequest:
    return InvalidRequest("this client is closed: what it writes now would be sent by nobody")


class ThreadWriter:
    """Of the sync client. May be used by several threads."""

    def __init__(
        self,
        drive: Drive,
        *,
        compress: bool = True,
        boundary: Callable[[], str] = new_boundary,
        queue: WriteQueue | None = None,
    ) -> None:
        self._queue = WriteQueue() if queue is None else queue
        self._courier = Courier(self._queue, compress=compress, boundary=boundary)
        self._drive = drive
        self._thread: threading.Thread | None = None
        self._is_closing = False
        self._give_up_at = float("inf")  # monotonic seconds; from then on nothing is tried again
        self._hurried_to = 0  # flush waits for so many writes: no lingering before them

    @property
    def stats(self) -> WriteStats:
        return self._queue.stats()

    def put(self, write: Write) -> bool:
        """Never waits. False: dropped, as there is no room. Raises InvalidRequest when closed."""
        with self._queue.lock:
            if self._is_closing:
                raise closed()
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._work, name="runstore-writer", daemon=True
                )
                self._thread.start()
                hold(self)
            return self._queue.put(write)

    def flush(self, timeout_s: float | None = None) -> bool:
        """Wait until all that was put in before is sent, refused or dropped. False: not in time."""
        queue = self._queue
        with queue.changed:
            until = queue.put_count
            self._hurried_to = max(self._hurried_to, until)
            queue.changed.notify_all()
            return queue.changed.wait_for(lambda: queue.is_answered(until), timeout_s)

    def close(self, timeout_s: float = WRITE_CLOSE_SECONDS) -> None:
        """Send what waits, for at most `timeout_s`; what is then left is dropped and counted."""
        with self._queue.changed:
            self._is_closing = True
            self._give_up_at = min(self._give_up_at, time.monotonic() + timeout_s)
            self._queue.changed.notify_all()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout_s)
        self._queue.drop_all(f"not sent within {timeout_s:g} s of closing")
        let_go(self)

    def finish(self) -> None:
        self.close(WRITE_EXIT_SECONDS)

    def after_fork(self) -> None:
        self._queue.after_fork()
        self._thread = None
        self._hurried_to = 0

    def _work(self) -> None:
        while batch := self._await_batch():
            self._send(batch)

    def _await_batch(self) -> list[Write]:
        """The next batch, full or after a short wait; empty: the thread ends."""
        queue, courier = self._queue, self._courier
        with queue.changed:
            queue.changed.wait_for(
                lambda: not queue.is_empty or self._is_closing, WRITE_IDLE_SECONDS
            )
            if queue.is_empty:
                self._thread = None  # the next write begins another
                let_go(self)
                return []
            queue.changed.wait_for(
                lambda: (
                    self._is_closing
                    or queue.has_full_batch(courier.terms)
                    or not queue.is_answered(self._hurried_to)
                ),
                WRITE_LINGER_SECONDS,
            )
            return queue.next_batch(courier.terms)

    def _send(self, batch: list[Write]) -> None:
        begun = time.monotonic()
        for attempt in itertools.count():
            try:
                self._drive(self._courier.deliver(batch))
                return
            except Exception as error:
                pause_s = self._courier.pause_s(batch, error, attempt, begun, self._give_up_at)
            if pause_s is None:
                return
            self._pause(pause_s)

    def _pause(self, seconds: float) -> None:
        """Cut short when the client is closed: then there is no time to lose."""
        was_closing = self._is_closing
        with self._queue.changed:
            self._queue.changed.wait_for(lambda: self._is_closing and not was_closing, seconds)
