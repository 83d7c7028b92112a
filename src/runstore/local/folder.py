"""Folders opened in this process, each once: an app on an event loop in a thread of its own.

A folder is opened to read, which any number of processes may do at once. The first request that
would change something opens it to write, if no other process does, until it is closed.
"""

import asyncio
import atexit
import concurrent.futures.process  # noqa: F401  # see the end of this file
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import Future, wait
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakSet

from runstore.client.http import HttpRequest
from runstore.errors import ReadOnly, StorageError
from runstore.limits import STOP_SECONDS_MAX
from runstore.local.asgi import AppCall

if TYPE_CHECKING:
    from runstore.local.running import RunningApp

Answer = TypeVar("Answer")


class OpenFolder:
    """Used by all clients of the folder in this process, from any thread."""

    def __init__(self, folder: Path, before: "OpenFolder | None" = None) -> None:
        """`before`: the same folder, opened earlier, perhaps not yet closed altogether."""
        self.folder = folder
        self.users = 1
        self.ended: Future[None] = Future()
        self._before = before
        self._pid = os.getpid()
        self._is_closing = False
        self._loop = asyncio.new_event_loop()
        self._turn = asyncio.Lock()  # to open an app
        self._reading: RunningApp | None = None
        self._writing: RunningApp | None = None
        self._calls: set[AppCall] = set()  # under way, even if the caller has left
        self._streams: WeakSet[AppCall] = WeakSet()
        self._callers: set[asyncio.Task[Any]] = set()
        # A daemon: the hook at exit closes what was left open, and needs this loop for it.
        self._thread = threading.Thread(target=self._run, name="runstore-folder", daemon=True)
        self._thread.start()

    def submit(self, work: Coroutine[Any, Any, Answer]) -> Future[Answer]:
        """`work` on the folder's loop. Raises StorageError once closed, and in a forked process."""
        try:
            if os.getpid() != self._pid:
                raise StorageError(
                    f"{self.folder} was opened before this process was forked off; make a new"
                    " client here"
                )
            if self._is_closing:
                raise StorageError(f"{self.folder} has been closed; make a new client")
            return asyncio.run_coroutine_threadsafe(self._tracked(work), self._loop)
        except BaseException:
            work.close()
            raise

    async def _tracked(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        task = asyncio.current_task()
        assert task is not None
        self._callers.add(task)
        try:
            return await work
        finally:
            self._callers.discard(task)

    async def ask(self, request: HttpRequest, *, is_endless: bool = False) -> AppCall:
        """The request, under way where it can be answered. On the folder's loop.

        `is_endless`: the answer ends when its reader leaves, or the folder is closed.
        """
        call = await self._begin(request)
        if is_endless:
            self._streams.add(call)
        return call

    async def _begin(self, request: HttpRequest) -> AppCall:
        if self._writing is not None:
            return self._start(self._writing, request)
        call = self._start(await self._open(read_only=True), request)
        try:
            if (await call.head()).status != ReadOnly.status:
                return call
        except BaseException:
            call.leave()
            raise
        # It would have changed something, and has not: the folder is open to read alone.
        call.leave()
        return self._start(await self._open(read_only=False), request)

    def forget(self) -> None:
        """`release`, for a user that is being collected, perhaps in a thread that is at it."""
        with suppress(Exception):  # closed already, or so late that modules are gone
            self._loop.call_soon_threadsafe(release, self)

    def leave(self, call: AppCall) -> None:
        """From any thread."""
        with suppress(RuntimeError):  # the loop has been closed, and the call with it
            self._loop.call_soon_threadsafe(call.leave)

    def _start(self, running: "RunningApp", request: HttpRequest) -> AppCall:
        call = AppCall(running.app, request)
        self._calls.add(call)
        call.task.add_done_callback(lambda _: self._calls.discard(call))
        return call

    async def _open(self, *, read_only: bool) -> "RunningApp":
        """The app that reads stays when one writes: it may have a stream under way."""
        from runstore.local.running import open_app

        async with self._turn:
            running = self._reading if read_only else self._writing
            if running is None:
                running = await open_app(self.folder, read_only=read_only)
                if read_only:
                    self._reading = running
                else:
                    self._writing = running
            return running

    def close(self) -> None:
        """Returns at once; `ended` is done when what was accepted is written, and all is free."""
        self._is_closing = True
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _run(self) -> None:
        if self._before is not None:
            wait([self._before.ended])
            self._before = None
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.get_loop().run_forever()
                runner.run(self._close())
        except BaseException as error:
            self.ended.set_exception(error)
        else:
            self.ended.set_result(None)

    async def _close(self) -> None:
        """What has begun may end, but nobody waits for the end of a stream."""
        for stream in self._streams:
            stream.leave()
        under_way = self._callers | {call.task for call in self._calls}
        if under_way:
            await asyncio.wait(under_way, timeout=STOP_SECONDS_MAX)
        for running in (self._writing, self._reading):
            if running is not None:
                await running.close()


_lock = threading.Lock()
_open: dict[Path, OpenFolder] = {}
_closing: dict[Path, OpenFolder] = {}
_inherited: list[OpenFolder] = []  # of the process we were forked off from: not ours to close


def acquire(folder: Path) -> OpenFolder:
    """To be given back by `release`."""
    path = folder.expanduser().resolve()
    with _lock:
        opened = _open.get(path)
        if opened is None:
            opened = _open[path] = OpenFolder(path, _closing.pop(path, None))
        else:
            opened.users += 1
        return opened


def release(opened: OpenFolder) -> bool:
    """Whether it was the last user's, and `ended` is to be waited for."""
    with _lock:
        if _open.get(opened.folder) is not opened:
            return False  # of another process, or closed at exit
        opened.users -= 1
        if opened.users:
            return False
        _closing[opened.folder] = _open.pop(opened.folder)
    opened.close()
    return True


def close_all() -> None:
    """At exit: what was accepted is written even by those who did not close."""
    with _lock:
        left = list(_open.values())
        _open.clear()
        closing = list(_closing.values())
    for opened in left:
        opened.close()
    wait([opened.ended for opened in left + closing])


def _forget() -> None:
    """In a child: neither the threads nor the locks have come along."""
    global _lock
    _lock = threading.Lock()
    _inherited.extend(_open.values())
    _open.clear()
    _closing.clear()


# After the other threads have ended, and before the daemons are stopped. Hooks are called last
# come, first served: a batcher that has runs to send registers after us, and is called before us.
# The module imported for nothing above cannot be imported any more once the main thread has ended,
# when another thread may be the first to need the app.
atexit.register(close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
