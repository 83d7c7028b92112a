"""The transports of a folder: what http clients are to a server. Knows folders, not what is asked.

Awaited on any event loop, or called from any thread: the work is done on the folder's own loop.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self, TypeVar

from runstore.client.drive import attempt_async
from runstore.client.exchange import Answer, Failure, error_of
from runstore.client.http import AsyncTransport, HttpRequest, HttpResponse, SyncTransport
from runstore.client.retry import Fault
from runstore.local.asgi import AppCall
from runstore.local.folder import OpenFolder, acquire, release

T = TypeVar("T")
NEEDED = ("apsw", "filelock", "starlette")  # of runstore[server]; the others come with them


def open_async(folder: Path) -> AsyncTransport:
    """Nothing is read or made before the first request. Raises ImportError without the engine."""
    return _AsyncFolder(_acquire(folder))


def open_sync(folder: Path) -> SyncTransport:
    """As `open_async`, blocking."""
    return _SyncFolder(_acquire(folder))


def _acquire(folder: Path) -> OpenFolder:
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise ImportError(
            f"a folder as target needs the engine ({', '.join(missing)} is not installed): "
            "pip install 'runstore[server]'"
        )
    return acquire(folder)


class _Folder:
    """What both transports share."""

    def __init__(self, opened: OpenFolder) -> None:
        self.opened = opened
        self._is_closed = False

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        if self._is_closed:
            work.close()
            raise RuntimeError("this client is closed; make another one")
        return self.opened.submit(work)

    def _release(self) -> bool:
        """Whether there is an end to wait for. Once; later calls do nothing."""
        if self._is_closed:
            return False
        self._is_closed = True
        return release(self.opened)

    def __del__(self) -> None:
        """A client that is forgotten does not keep others from writing the folder."""
        if not self._is_closed:
            self.opened.forget()


class _AsyncFolder(_Folder):
    async def send(self, request: HttpRequest) -> HttpResponse:
        return await asyncio.wrap_future(self.submit(_answer(self.opened, request)))

    def stream(self, request: HttpRequest) -> "_AsyncPieces":
        return _AsyncPieces(self, request)

    async def close(self) -> None:
        if self._release():
            await asyncio.shield(asyncio.wrap_future(self.opened.ended))


class _AsyncPieces(AsyncIterator[bytes]):
    """What `stream` gives. No generator: a forgotten one is closed at the wrong time."""

    def __init__(self, folder: _AsyncFolder, request: HttpRequest) -> None:
        self._folder, self._request = folder, request

    async def __aenter__(self) -> Self:
        opened = self._folder.opened
        self._call = await asyncio.wrap_future(self._folder.submit(_stream(opened, self._request)))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._folder.opened.leave(self._call)

    async def __anext__(self) -> bytes:
        piece = await asyncio.wrap_future(self._folder.submit(self._call.piece()))
        if piece is None:
            raise StopAsyncIteration
        return piece


class _SyncFolder(_Folder):
    def send(self, request: HttpRequest) -> HttpResponse:
        return _result(self.submit(_answer(self.opened, request)))

    @contextmanager
    def stream(self, request: HttpRequest) -> Iterator[Iterator[bytes]]:
        call = _result(self.submit(_stream(self.opened, request)))
        try:
            yield self._pieces(call)
        finally:
            self.opened.leave(call)

    def _pieces(self, call: AppCall) -> Iterator[bytes]:
        while (piece := _result(self.submit(call.piece()))) is not None:
            yield piece

    def close(self) -> None:
        if self._release():
            self.opened.ended.result()


def _result(future: Future[T]) -> T:
    """An interrupted caller takes his request back."""
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


async def _answer(opened: OpenFolder, request: HttpRequest) -> HttpResponse:
    """Tried again as over HTTP: the app may be as busy as a server."""
    return await attempt_async(request, str(opened.folder), partial(_attempt, opened, request))


async def _attempt(opened: OpenFolder, request: HttpRequest) -> Answer | Failure:
    """No time is set unless one is asked for: the app ends what takes too long by itself."""
    try:
        async with asyncio.timeout(request.timeout_s):
            call = await opened.ask(request)
            try:
                head = await call.head()
                body = await call.body()
                return Answer(head.status, head.headers, body, call.page)
            finally:
                call.leave()
    except TimeoutError:
        return Failure(Fault.TIMED_OUT, f"none after {request.timeout_s} s")


async def _stream(opened: OpenFolder, request: HttpRequest) -> AppCall:
    call = await opened.ask(request, is_endless=True)
    try:
        head = await call.head()
        if head.status >= 300:
            answer = Answer(head.status, head.headers, await call.body())
            raise error_of(answer, request, str(opened.folder))
    except BaseException:
        call.leave()
        raise
    return call
