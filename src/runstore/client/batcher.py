"""Writes in the background: one thread (ThreadWriter) or one task (TaskWriter) empties the queue.

Both do the same: wait for a batch, send it, wait and send again while the server is away, count.
Each begins with a write and ends when there is nothing to do, so a forgotten client leaves nothing
behind. What is still queued when the program ends is sent then, for at most WRITE_CLOSE_SECONDS.

A process made by fork has no thread of its own and begins with an empty queue; what waited is
sent by its parent. A connection must not be shared with it: make a new client after a fork.
"""

import asyncio
import concurrent.futures.thread  # its exit hook must be registered before ours: see _at_exit
import contextlib
import os
import random
import threading
import time
import uuid
import weakref
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from runstore.client.calls.ingest import IngestTerms, Write, read_terms, send_batch
from runstore.client.http import Steps
from runstore.client.write_queue import WriteQueue, WriteStats, log, retry_pause_s
from runstore.errors import InvalidRequest, RunstoreError
from runstore.limits import WRITE_CLOSE_SECONDS, WRITE_IDLE_SECONDS, WRITE_LINGER_SECONDS

assert concurrent.futures.thread


class Drive(Protocol):
    """Sends what a call asks for; throws the errors of the transport into the call."""

    def __call__(self, steps: Steps[Any], /) -> Any: ...


class AsyncDrive(Protocol):
    def __call__(self, steps: Steps[Any], /) -> Awaitable[Any]: ...


def new_boundary() -> str:
    return uuid.uuid4().hex


class _Courier:
    """What thread and task have in common: the call that sends one batch, whatever it takes."""

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


def _closed() -> InvalidRequest:
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
        self._courier = _Courier(self._queue, compress=compress, boundary=boundary)
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
                raise _closed()
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._work, name="runstore-writer", daemon=True
                )
                self._thread.start()
                _writers.add(self)
                _register_exit()
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
        _writers.discard(self)

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
        attempt = 0
        while True:
            try:
                self._drive(self._courier.deliver(batch))
                return
            except RunstoreError as error:
                now = time.monotonic()
                pause_s = retry_pause_s(error, attempt, now - begun, random.random)
                if pause_s is None or now + pause_s >= self._give_up_at:
                    self._queue.drop(batch, _said(error))
                    return
                attempt += 1
                self._pause(pause_s)
            except Exception as error:  # the worker's rim: it must go on with the next batch
                log.exception("writing failed unexpectedly")
                self._queue.drop(batch, _said(error))
                return

    def _pause(self, seconds: float) -> None:
        """Cut short when the client is closed: then there is no time to lose."""
        was_closing = self._is_closing
        with self._queue.changed:
            self._queue.changed.wait_for(lambda: self._is_closing and not was_closing, seconds)


class TaskWriter:
    """Of the async client: a task on the loop that writes first. Not for several threads.

    A loop that ends with writes still queued leaves them unsent: close the client before. The
    next loop that writes sends them.
    """

    def __init__(
        self,
        drive: AsyncDrive,
        *,
        compress: bool = True,
        boundary: Callable[[], str] = new_boundary,
        queue: WriteQueue | None = None,
    ) -> None:
        self._queue = WriteQueue() if queue is None else queue
        self._courier = _Courier(self._queue, compress=compress, boundary=boundary)
        self._drive = drive
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()  # for the task: something was put, or somebody waits
        self._progress = asyncio.Event()  # for those who wait: set once, then another
        self._is_closing = False
        self._give_up_at = float("inf")
        self._hurried_to = 0

    @property
    def stats(self) -> WriteStats:
        return self._queue.stats()

    def put(self, write: Write) -> bool:
        """As ThreadWriter.put; to be called in a running loop."""
        if self._is_closing:
            raise _closed()
        taken = self._queue.put(write)
        if taken:
            self._begin()
            self._wake.set()
        return taken

    async def flush(self, timeout_s: float | None = None) -> bool:
        """As ThreadWriter.flush."""
        until = self._queue.put_count
        self._hurried_to = max(self._hurried_to, until)
        if not self._queue.is_answered(until):
            self._begin()
            self._wake.set()
        try:
            async with asyncio.timeout(timeout_s):
                while not self._queue.is_answered(until):
                    await self._progress.wait()
        except TimeoutError:
            return False
        return True

    async def close(self, timeout_s: float = WRITE_CLOSE_SECONDS) -> None:
        """As ThreadWriter.close."""
        self._is_closing = True
        self._give_up_at = min(self._give_up_at, time.monotonic() + timeout_s)
        if not self._queue.is_empty:
            self._begin()
        self._wake.set()
        if self._task is not None and self._is_of_this_loop():
            done, _ = await asyncio.wait([self._task], timeout=timeout_s)
            if not done:
                self._task.cancel()
                await asyncio.wait([self._task])
        self._queue.drop_all(f"not sent within {timeout_s:g} s of closing")
        self._tell()
        _writers.discard(self)

    def after_fork(self) -> None:
        self._queue.after_fork()
        self._task = None
        self._hurried_to = 0

    def abandon(self) -> None:
        """The program ends and no loop runs: nothing more can be sent."""
        self._queue.drop_all("the program ended: `await client.close()`, or use `async with`")

    def _is_of_this_loop(self) -> bool:
        return self._task is not None and self._task.get_loop() is asyncio.get_running_loop()

    def _begin(self) -> None:
        if self._task is not None and self._is_of_this_loop() and not self._task.done():
            return
        self._wake, self._progress = asyncio.Event(), asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._work(), name="runstore-writer")
        _writers.add(self)
        _register_exit()

    async def _work(self) -> None:
        while not self._queue.is_empty:
            await self._send(await self._await_batch())
            self._tell()

    def _tell(self) -> None:
        progress, self._progress = self._progress, asyncio.Event()
        progress.set()

    async def _await_batch(self) -> list[Write]:
        """Full, or after a short wait."""
        queue, courier = self._queue, self._courier
        until = time.monotonic() + WRITE_LINGER_SECONDS
        while not (
            self._is_closing
            or queue.has_full_batch(courier.terms)
            or not queue.is_answered(self._hurried_to)
            or (left_s := until - time.monotonic()) <= 0
        ):
            await self._wait(left_s)
        return queue.next_batch(courier.terms)

    async def _send(self, batch: list[Write]) -> None:
        begun = time.monotonic()
        attempt = 0
        while True:
            try:
                await self._drive(self._courier.deliver(batch))
                return
            except RunstoreError as error:
                now = time.monotonic()
                pause_s = retry_pause_s(error, attempt, now - begun, random.random)
                if pause_s is None or now + pause_s >= self._give_up_at:
                    self._queue.drop(batch, _said(error))
                    return
                attempt += 1
                await self._pause(pause_s)
            except Exception as error:  # the worker's rim: it must go on with the next batch
                log.exception("writing failed unexpectedly")
                self._queue.drop(batch, _said(error))
                return

    async def _pause(self, seconds: float) -> None:
        was_closing = self._is_closing
        until = time.monotonic() + seconds
        while (left_s := until - time.monotonic()) > 0 and self._is_closing == was_closing:
            await self._wait(left_s)

    async def _wait(self, timeout_s: float) -> None:
        """Until somebody wakes the task, from now on."""
        self._wake.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), timeout_s)


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


# --- the end of the program, and forks

_writers: "weakref.WeakSet[ThreadWriter | TaskWriter]" = weakref.WeakSet()
_is_registered = False


def _register_exit() -> None:
    """Once. The hook of `threading` runs while executors, which a folder needs, still take work.

    atexit, its public sibling, comes after they are shut down: concurrent.futures itself uses
    this one. Hooks run last in, first out, so ours comes before the executors'.
    """
    global _is_registered
    if not _is_registered:
        _is_registered = True
        with contextlib.suppress(RuntimeError):  # the program is ending already
            threading._register_atexit(_at_exit)  # type: ignore[attr-defined]


def _at_exit() -> None:
    for writer in list(_writers):
        if isinstance(writer, ThreadWriter):
            writer.close()
        else:
            writer.abandon()


def _after_fork() -> None:
    for writer in list(_writers):
        writer.after_fork()
    _writers.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
