"""The transports of a folder: what http clients are to a server. Knows folders, not what is asked.

Awaited on any event loop, or called from any thread: the work is done on the folder's own loop.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

from runstore.client.http import AsyncTransport, HttpRequest, HttpResponse, SyncTransport
from runstore.client.retry import Outcome, seconds_to_wait
from runstore.errors import StorageError
from runstore.local.exchange import Exchange, Head
from runstore.local.folder import OpenFolder, acquire, release
from runstore.local.problems import error_of

Answer = TypeVar("Answer")
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
        self._opened = opened
        self._is_closed = False

    def _call(self, work: Coroutine[Any, Any, Answer]) -> Future[Answer]:
        if self._is_closed:
            work.close()
            raise StorageError(f"the client of {self._opened.folder} is closed")
        return self._opened.call(work)

    def _release(self) -> bool:
        """Whether there is an end to wait for. Once; later calls do nothing."""
        if self._is_closed:
            return False
        self._is_closed = True
        return release(self._opened)


class _AsyncFolder(_Folder):
    async def send(self, request: HttpRequest) -> HttpResponse:
        return await asyncio.wrap_future(self._call(_answer(self._opened, request)))

    @asynccontextmanager
    async def stream(self, request: HttpRequest) -> AsyncIterator[AsyncIterator[bytes]]:
        exchange = await asyncio.wrap_future(self._call(_stream(self._opened, request)))
        try:
            yield self._pieces(exchange)
        finally:
            self._opened.leave(exchange)

    async def _pieces(self, exchange: Exchange) -> AsyncIterator[bytes]:
        while (piece := await asyncio.wrap_future(self._call(exchange.piece()))) is not None:
            yield piece

    async def close(self) -> None:
        if self._release():
            await asyncio.shield(asyncio.wrap_future(self._opened.ended))


class _SyncFolder(_Folder):
    def send(self, request: HttpRequest) -> HttpResponse:
        return _result(self._call(_answer(self._opened, request)))

    @contextmanager
    def stream(self, request: HttpRequest) -> Iterator[Iterator[bytes]]:
        exchange = _result(self._call(_stream(self._opened, request)))
        try:
            yield self._pieces(exchange)
        finally:
            self._opened.leave(exchange)

    def _pieces(self, exchange: Exchange) -> Iterator[bytes]:
        while (piece := _result(self._call(exchange.piece()))) is not None:
            yield piece

    def close(self) -> None:
        if self._release():
            self._opened.ended.result()


def _result(future: Future[Answer]) -> Answer:
    """An interrupted caller takes his request back."""
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


async def _answer(opened: OpenFolder, request: HttpRequest) -> HttpResponse:
    """Tried again as over HTTP: the app may be as busy as a server."""
    waited_s = 0.0
    attempt = 1
    async with asyncio.timeout(request.timeout_s):
        while True:
            head, body = await _once(opened, request)
            if head.status < 400:
                return HttpResponse(head.status, body, head.headers)
            error = error_of(head.status, body)
            wait_s = seconds_to_wait(
                attempt,
                Outcome(None, head.status, error.code, head.headers.get("retry-after")),
                is_repeatable=request.is_repeatable,
                waited_s=waited_s,
                now=datetime.now(UTC),
                jitter=random.random(),
            )
            if wait_s is None:
                raise error
            await asyncio.sleep(wait_s)
            waited_s += wait_s
            attempt += 1


async def _once(opened: OpenFolder, request: HttpRequest) -> tuple[Head, bytes]:
    exchange = await opened.exchange(request)
    try:
        return await exchange.head(), await exchange.body()
    finally:
        exchange.leave()


async def _stream(opened: OpenFolder, request: HttpRequest) -> Exchange:
    exchange = await opened.exchange(request, is_endless=True)
    try:
        head = await exchange.head()
        if head.status >= 400:
            raise error_of(head.status, await exchange.body())
    except BaseException:
        exchange.leave()
        raise
    return exchange
