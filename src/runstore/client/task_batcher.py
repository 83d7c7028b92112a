"""Writes in the background of asyncio: tasks that empty the queue. batcher.py is the threaded twin.

Both do the same; what differs is what they run on.
"""

import asyncio
import contextlib
import itertools
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from runstore.client.batcher import Courier, closed, new_boundary
from runstore.client.calls.bodies import Write
from runstore.client.http import Steps
from runstore.client.unsent import hold, let_go
from runstore.client.write_queue import WriteQueue, WriteStats
from runstore.limits import WRITE_CLOSE_SECONDS, WRITE_EXIT_SECONDS, WRITE_LINGER_SECONDS


class AsyncDrive(Protocol):
    """Sends what a call asks for; throws the errors of the transport into the call."""

    def __call__(self, steps: Steps[Any], /) -> Awaitable[Any]: ...


@dataclass(slots=True, eq=False)
class _Shift:
    """What one event loop does: its task, and the events that belong to it."""

    task: asyncio.Task[None] | None = None
    wake: asyncio.Event = field(default_factory=asyncio.Event)  # for the task: look again
    progress: asyncio.Event = field(default_factory=asyncio.Event)  # set once, then another

    def tell(self) -> None:
        """Those who wait: something was answered, or the task has ended."""
        progress, self.progress = self.progress, asyncio.Event()
        progress.set()


class TaskWriter:
    """Of the async client: a task on each loop that writes, as long as there is something to send.

    A loop that ends with writes still queued leaves them to the next one that writes, or to the
    end of the program. Two loops at the same time may send the same batch, which changes nothing.
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
        self._courier = Courier(self._queue, compress=compress, boundary=boundary)
        self._drive = drive
        self._shifts: dict[asyncio.AbstractEventLoop, _Shift] = {}
        self._is_closing = False
        self._give_up_at = float("inf")  # monotonic seconds; from then on nothing is tried again
        self._hurried_to = 0  # flush waits for so many writes: no lingering before them

    @property
    def stats(self) -> WriteStats:
        return self._queue.stats()

    def put(self, write: Write) -> bool:
        """As ThreadWriter.put; to be called in a running loop."""
        if self._is_closing:
            raise closed()
        with self._queue.lock:
            taken = self._queue.put(write)
            if taken:
                hold(self)
        if taken:
            self._begin().wake.set()
        return taken

    async def flush(self, timeout_s: float | None = None) -> bool:
        """As ThreadWriter.flush."""
        until = self._queue.put_count
        self._hurried_to = max(self._hurried_to, until)
        try:
            async with asyncio.timeout(timeout_s):
                while not self._queue.is_answered(until):
                    shift = self._begin()  # anew, should somebody have cancelled it
                    shift.wake.set()
                    await shift.progress.wait()
        except TimeoutError:
            return False
        return True

    async def close(self, timeout_s: float = WRITE_CLOSE_SECONDS) -> None:
        """As ThreadWriter.close."""
        self._is_closing = True
        self._give_up_at = min(self._give_up_at, time.monotonic() + timeout_s)
        if not self._queue.is_empty:
            self._begin()
        shift = self._shifts.get(asyncio.get_running_loop())
        if shift is not None and shift.task is not None:
            shift.wake.set()
            done, _ = await asyncio.wait([shift.task], timeout=timeout_s)
            if not done:
                shift.task.cancel()
                await asyncio.wait([shift.task])
        self._queue.drop_all(f"not sent within {timeout_s:g} s of closing")
        let_go(self)
        if shift is not None:
            shift.tell()

    def finish(self) -> None:
        """The program ends, and nobody has closed the client: its last writes get a loop."""
        asyncio.run(self.close(WRITE_EXIT_SECONDS))

    def after_fork(self) -> None:
        self._queue.after_fork()
        self._shifts = {}
        self._hurried_to = 0

    def _begin(self) -> _Shift:
        """This loop's shift, its task at work."""
        loop = asyncio.get_running_loop()
        shift = self._shifts.get(loop)
        if shift is None:
            for other in list(self._shifts):  # a copy: loops in other threads come and go
                if other.is_closed():
                    self._shifts.pop(other, None)
            shift = self._shifts[loop] = _Shift()
        if shift.task is None or shift.task.done():
            shift.task = loop.create_task(self._work(shift), name="runstore-writer")
        return shift

    async def _work(self, shift: _Shift) -> None:
        try:
            while not self._is_done():
                await self._send(await self._await_batch(shift), shift)
                shift.tell()
        finally:
            shift.tell()

    def _is_done(self) -> bool:
        with self._queue.lock:
            if not self._queue.is_empty:
                return False
            let_go(self)
            return True

    async def _await_batch(self, shift: _Shift) -> list[Write]:
        """Full, or after a short wait; empty if another loop was faster."""
        queue, courier = self._queue, self._courier
        until = time.monotonic() + WRITE_LINGER_SECONDS
        while not (
            self._is_closing
            or queue.has_full_batch(courier.terms)
            or not queue.is_answered(self._hurried_to)
            or (left_s := until - time.monotonic()) <= 0
        ):
            await self._wait(shift, left_s)
        return queue.next_batch(courier.terms)

    async def _send(self, batch: list[Write], shift: _Shift) -> None:
        if not batch:
            return
        begun = time.monotonic()
        for attempt in itertools.count():
            try:
                await self._drive(self._courier.deliver(batch))
                return
            except Exception as error:
                pause_s = self._courier.pause_s(batch, error, attempt, begun, self._give_up_at)
            if pause_s is None:
                return
            await self._pause(shift, pause_s)

    async def _pause(self, shift: _Shift, seconds: float) -> None:
        """Cut short when the client is closed: then there is no time to lose."""
        was_closing = self._is_closing
        until = time.monotonic() + seconds
        while (left_s := until - time.monotonic()) > 0 and self._is_closing == was_closing:
            await self._wait(shift, left_s)

    async def _wait(self, shift: _Shift, timeout_s: float) -> None:
        """Until somebody wakes the task, from now on."""
        shift.wake.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(shift.wake.wait(), timeout_s)
