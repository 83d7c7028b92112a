"""Threads for calls, as concurrent.futures has them, but usable until the process is gone.

The interpreter closes its own thread pools as soon as the main thread ends, while other threads,
and the hooks at exit, may still have runs to send to a folder opened in this process.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from queue import Empty, SimpleQueue
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
_Work = tuple["Future[Any]", Callable[[], Any]]


class Pool(Executor):
    """All threads start at once: late in a process's life none can be started any longer."""

    def __init__(self, threads: int, name: str) -> None:
        self._waiting: SimpleQueue[_Work | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._is_closed = False
        self._threads = [
            threading.Thread(target=self._run, name=f"{name}_{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Raises RuntimeError after `shutdown`."""
        future: Future[T] = Future()
        with self._lock:
            if self._is_closed:
                raise RuntimeError("this pool has been closed")
            self._waiting.put((future, lambda: fn(*args, **kwargs)))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """What waits is done first, or cancelled. May be called twice; not by a call in here."""
        with self._lock:
            if cancel_futures:
                self._cancel()
            if not self._is_closed:
                self._is_closed = True
                for _ in self._threads:
                    self._waiting.put(None)
        if wait:
            for thread in self._threads:
                thread.join()

    def _cancel(self) -> None:
        ends = 0
        try:
            while True:
                work = self._waiting.get_nowait()
                if work is None:
                    ends += 1
                else:
                    work[0].cancel()
        except Empty:
            for _ in range(ends):
                self._waiting.put(None)

    def _run(self) -> None:
        while (work := self._waiting.get()) is not None:
            future, call = work
            if future.set_running_or_notify_cancel():
                try:
                    answer = call()
                except BaseException as error:  # the caller's to handle, whatever it is
                    future.set_exception(error)
                else:
                    future.set_result(answer)
                    del answer
            del work, future, call  # nothing is kept alive by a thread that waits
