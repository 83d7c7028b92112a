"""Requests over HTTP with httpx2, async and sync. Decides nothing: exchange.py does.

Each holds one pool of connections, opened with the first request.
"""

import asyncio
import sys
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from importlib.metadata import version
from ssl import SSLContext
from typing import Any, NamedTuple, Self

import httpx2

from runstore.client.drive import attempt, attempt_async
from runstore.client.exchange import Answer, Failure, error_of
from runstore.client.http import HttpRequest, HttpResponse
from runstore.client.retry import Fault
from runstore.client.target import Target
from runstore.errors import RunstoreError
from runstore.limits import CONNECT_SECONDS, CONNECTIONS_MAX, KEEP_ALIVE_SECONDS, READ_SECONDS

_UNCONNECTED = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError)
_CLOSED = "this client is closed; make another one"


class _Wire:
    """What both transports know: where requests go and what they carry."""

    def __init__(self, target: Target, timeout_s: float) -> None:
        assert target.url is not None
        self.url = target.url
        self.timeout_s = timeout_s
        self.own_headers = target.headers

    @property
    def options(self) -> dict[str, Any]:
        """Of httpx2's client. Redirects are not followed: a POST would become a GET."""
        return {
            "headers": {
                "User-Agent": f"runstore/{version('runstore')}",
                "Accept": "application/json",
            },
            "timeout": self.timeout(None),
            "limits": httpx2.Limits(
                max_connections=CONNECTIONS_MAX,
                max_keepalive_connections=CONNECTIONS_MAX,
                keepalive_expiry=KEEP_ALIVE_SECONDS,
            ),
            "follow_redirects": False,
            "verify": _certificates(),
        }

    def request(self, request: HttpRequest) -> dict[str, Any]:
        """Arguments of build_request. A key goes to its own server alone, not to other URLs."""
        headers = dict(request.headers)
        is_elsewhere = request.path.startswith(("http://", "https://"))
        if request.body and "Content-Type" not in headers:
            headers["Content-Type"] = "application/json"
        if not is_elsewhere:
            headers.update(self.own_headers)
        return {
            "method": request.method,
            "url": request.path if is_elsewhere else self.url + request.path,
            "params": list(request.params) or None,
            "content": request.body or None,
            "headers": headers,
            "timeout": self.timeout(request.timeout_s),
        }

    def timeout(self, seconds: float | None) -> httpx2.Timeout:
        """Of a phase. A request may wait for a connection of the pool as long as it takes."""
        read_s = self.timeout_s if seconds is None else seconds
        return httpx2.Timeout(read_s, connect=min(CONNECT_SECONDS, read_s), pool=None)


class _LoopPool(NamedTuple):
    """The connections of one event loop, and what closes them when it ends."""

    client: httpx2.AsyncClient
    keeper: AsyncGenerator[None, None]


class AsyncHttpTransport:
    """See http.AsyncTransport. Each event loop has a pool, and they may run at the same time."""

    def __init__(
        self,
        target: Target,
        *,
        timeout_s: float = READ_SECONDS,
        http: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        """`timeout_s`: between two pieces of an answer. `http` replaces the sockets in tests."""
        self._wire = _Wire(target, timeout_s)
        self._http = http
        self._pools: dict[asyncio.AbstractEventLoop, _LoopPool] = {}
        self._is_closed = False

    async def send(self, request: HttpRequest) -> HttpResponse:
        pool = await self._open()

        async def once() -> Answer | Failure:
            built = pool.build_request(**self._wire.request(request))
            try:
                response = await pool.send(built, stream=True)
                try:
                    _tell(response, request)
                    await response.aread()
                finally:
                    await response.aclose()
            except httpx2.RequestError as error:
                return _failure(error)
            return _answer(response)

        return await attempt_async(request, self._wire.url, once)

    def stream(self, request: HttpRequest) -> "_Stream":
        return _Stream(self._open, self._wire, request)

    async def close(self) -> None:
        self._is_closed = True
        own = self._pools.pop(asyncio.get_running_loop(), None)
        self._pools.clear()  # other loops close what is theirs: see _kept
        if own is not None:
            await own.keeper.aclose()

    async def _open(self) -> httpx2.AsyncClient:
        if self._is_closed:
            raise RuntimeError(_CLOSED)
        loop = asyncio.get_running_loop()
        found = self._pools.get(loop)
        if found is None:
            for other in list(self._pools):  # a copy: loops in other threads come and go
                if other.is_closed():
                    self._pools.pop(other, None)
            pool = httpx2.AsyncClient(transport=self._http, **self._wire.options)
            found = self._pools[loop] = _LoopPool(pool, _kept(pool))
            await anext(found.keeper)
        return found.client


class _Stream(AsyncIterator[bytes]):
    """`async with stream as pieces: async for piece in pieces`. An answer's body, read by a task.

    No generators: forgotten ones inside each other are closed in the wrong order. The HTTP library
    has them; a task that is cancelled leaves them one by one, from the innermost.
    """

    def __init__(
        self, opened: Callable[[], Awaitable[httpx2.AsyncClient]], wire: _Wire, request: HttpRequest
    ) -> None:
        self._opened, self._wire, self._request = opened, wire, request
        self._read: asyncio.Queue[bytes | Exception | None] = asyncio.Queue(1)

    async def __aenter__(self) -> Self:
        """Raises the error that an answer of another status than success stands for."""
        pool = await self._opened()
        built = pool.build_request(**self._wire.request(self._request))
        try:
            self._response = await pool.send(built, stream=True)
        except httpx2.RequestError as error:
            raise self._error(error) from error
        if self._response.status_code >= 300:
            try:
                await self._response.aread()
            finally:
                await self._response.aclose()
            raise error_of(_answer(self._response), self._request, self._wire.url)
        self._reading = asyncio.create_task(self._read_all())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._reading.cancel()
        await asyncio.wait([self._reading])
        await self._response.aclose()

    async def __anext__(self) -> bytes:
        found = await self._read.get()
        if found is None:
            raise StopAsyncIteration
        if isinstance(found, Exception):
            raise found
        return found

    async def _read_all(self) -> None:
        end: Exception | None = None
        try:
            async for piece in self._response.aiter_bytes():
                await self._read.put(piece)
        except httpx2.RequestError as error:
            end = self._error(error)
        except Exception as error:  # for who waits for the next piece
            end = error
        await self._read.put(end)

    def _error(self, error: httpx2.RequestError) -> RunstoreError:
        return error_of(_failure(error), self._request, self._wire.url)


class SyncHttpTransport:
    """See http.SyncTransport."""

    def __init__(
        self,
        target: Target,
        *,
        timeout_s: float = READ_SECONDS,
        http: httpx2.BaseTransport | None = None,
    ) -> None:
        """`timeout_s`: between two pieces of an answer. `http` replaces the sockets in tests."""
        self._wire = _Wire(target, timeout_s)
        self._http = http
        self._pool: httpx2.Client | None = None
        self._lock = threading.Lock()
        self._is_closed = False

    def send(self, request: HttpRequest) -> HttpResponse:
        return attempt(request, self._wire.url, partial(self.once, request))

    def once(self, request: HttpRequest) -> Answer | Failure:
        """One attempt."""
        pool = self._open()
        built = pool.build_request(**self._wire.request(request))
        try:
            response = pool.send(built, stream=True)
            try:
                _tell(response, request)
                response.read()
            finally:
                response.close()
        except httpx2.RequestError as error:
            return _failure(error)
        return _answer(response)

    @contextmanager
    def stream(self, request: HttpRequest) -> Iterator[Iterator[bytes]]:
        pool = self._open()
        try:
            response = pool.send(pool.build_request(**self._wire.request(request)), stream=True)
        except httpx2.RequestError as error:
            raise error_of(_failure(error), request, self._wire.url) from error
        try:
            if response.status_code >= 300:
                response.read()
                raise error_of(_answer(response), request, self._wire.url)
            yield self._pieces(response, request)
        finally:
            response.close()

    def _pieces(self, response: httpx2.Response, request: HttpRequest) -> Iterator[bytes]:
        try:
            yield from response.iter_bytes()
        except httpx2.RequestError as error:
            raise error_of(_failure(error), request, self._wire.url) from error

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()

    def __del__(self) -> None:
        """A client that is forgotten leaves no sockets open."""
        if getattr(self, "_pool", None) is not None and not sys.is_finalizing():
            self.close()

    def _open(self) -> httpx2.Client:
        with self._lock:
            if self._is_closed:
                raise RuntimeError(_CLOSED)
            if self._pool is None:
                self._pool = httpx2.Client(transport=self._http, **self._wire.options)
            return self._pool


async def _kept(pool: httpx2.AsyncClient) -> AsyncGenerator[None, None]:
    """Ends with its loop, or when its client is forgotten: asyncio sees to generators' ends."""
    try:
        yield
    finally:
        await pool.aclose()


@cache
def _certificates() -> SSLContext:
    """Read once: it takes as long as twenty requests."""
    return httpx2.create_ssl_context()


def _tell(response: httpx2.Response, request: HttpRequest) -> None:
    if request.on_head is not None and response.is_success:
        request.on_head(response.headers)


def _answer(response: httpx2.Response) -> Answer:
    return Answer(response.status_code, response.headers, response.content)


def _failure(error: httpx2.RequestError) -> Failure:
    said = str(error) or type(error).__name__
    if isinstance(error, _UNCONNECTED):
        return Failure(Fault.UNCONNECTED, said)
    if isinstance(error, httpx2.TimeoutException):
        return Failure(Fault.TIMED_OUT, said)
    return Failure(Fault.BROKEN, said)
