"""One walk through the pages of a question: the next page is fetched while one is consumed.

One page ahead, never two. Who waits for a page consumes none; then the one after it is asked for as
soon as the head of the awaited answer tells where it begins, while the answer's body still comes.
What was asked for ahead is used only if it is what the pager asks for in the end.
"""

import asyncio
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Generic, Self, TypeVar

from runstore.client.calls.runs import RunPager
from runstore.client.drive import drive, drive_async
from runstore.client.http import AsyncTransport, HttpRequest, HttpResponse, SyncTransport

P = TypeVar("P")
R = TypeVar("R")


@dataclass(slots=True, eq=False)
class _Fetch(Generic[R]):
    """A request under way. `result` None: whoever wants it sends it himself."""

    request: HttpRequest
    result: R | None = None
    head: Mapping[str, str] | None = None  # of its answer, once that has begun to come


class AsyncWalk(Generic[P]):
    """`async with walk: async for page in walk`, by one task at a time.

    No generator: one inside another is closed in the wrong order when nobody waits for it.
    """

    def __init__(self, transport: AsyncTransport, pager: RunPager[P]) -> None:
        self._transport = transport
        self._pager = pager
        self._ahead: _Fetch[asyncio.Task[HttpResponse]] | None = None
        self._awaited: _Fetch[asyncio.Task[HttpResponse]] | None = None
        self.cursor = pager.cursor  # the beginning of the page that is consumed

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stop()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> P:
        """The page before is through."""
        self.cursor = self._pager.cursor
        page = await drive_async(self._pager.next_page(), self)
        upcoming = self._pager.upcoming()
        if self._ahead is not None and self._ahead.request != upcoming:
            await self._stop()
        if self._ahead is None and upcoming is not None:
            self._fetch_ahead(upcoming)
        if page is None:
            raise StopAsyncIteration
        return page

    async def _stop(self) -> None:
        """Cancels what nobody waits for any longer, and lets nothing be said about its end."""
        ahead, self._ahead = self._ahead, None
        if ahead is None or ahead.result is None:
            return
        ahead.result.cancel()
        await asyncio.wait([ahead.result])
        if not ahead.result.cancelled():
            ahead.result.exception()

    async def send(self, request: HttpRequest) -> HttpResponse:
        """For the pager: what was fetched ahead, if that is what it asks for."""
        if self._ahead is not None and self._ahead.request != request:
            await self._stop()
        self._awaited, self._ahead = self._ahead or _Fetch(request), None
        try:
            self._look_ahead()
            if self._awaited.result is not None:
                return await self._awaited.result
            return await self._transport.send(_told(self._awaited, self._look_ahead))
        finally:
            self._awaited = None

    def _look_ahead(self) -> None:
        """Called when a page is waited for, and when the head of an answer has come."""
        if self._awaited is not None and self._awaited.head is not None and self._ahead is None:
            upcoming = self._pager.after(self._awaited.head)
            if upcoming is not None:
                self._fetch_ahead(upcoming)

    def _fetch_ahead(self, request: HttpRequest) -> None:
        self._ahead = _Fetch(request)
        sending = self._transport.send(_told(self._ahead, self._look_ahead))
        self._ahead.result = asyncio.ensure_future(sending)


class SyncWalk(Generic[P]):
    """The same, blocking. What is fetched ahead has a thread that does not keep the program alive.

    Who stops early leaves that alone: it ends with the one page it is fetching.
    """

    def __init__(self, transport: SyncTransport, pager: RunPager[P]) -> None:
        self._transport = transport
        self._pager = pager
        self._ahead: _Fetch[Future[HttpResponse]] | None = None
        self._awaited: _Fetch[Future[HttpResponse]] | None = None
        self._lock = threading.Lock()  # of these two: heads are told in the thread that fetches
        self.cursor = pager.cursor  # the beginning of the page that is consumed

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> P:
        """The page before is through."""
        self.cursor = self._pager.cursor
        page = drive(self._pager.next_page(), self)
        upcoming = self._pager.upcoming()
        with self._lock:
            if self._ahead is not None and self._ahead.request != upcoming:
                self._ahead = None
            if self._ahead is None and upcoming is not None:
                self._fetch_ahead(upcoming)
        if page is None:
            raise StopIteration
        return page

    def send(self, request: HttpRequest) -> HttpResponse:
        """For the pager: what was fetched ahead, if that is what it asks for."""
        with self._lock:
            ahead, self._ahead = self._ahead, None
            awaited = ahead if ahead is not None and ahead.request == request else _Fetch(request)
            self._awaited = awaited
        try:
            self._look_ahead()
            if awaited.result is not None:
                return awaited.result.result()
            return self._transport.send(_told(awaited, self._look_ahead))
        finally:
            with self._lock:
                self._awaited = None

    def _look_ahead(self) -> None:
        """Called when a page is waited for, and when the head of an answer has come."""
        with self._lock:
            if self._awaited is not None and self._awaited.head is not None and self._ahead is None:
                upcoming = self._pager.after(self._awaited.head)
                if upcoming is not None:
                    self._fetch_ahead(upcoming)

    def _fetch_ahead(self, request: HttpRequest) -> None:
        result: Future[HttpResponse] = Future()
        self._ahead = _Fetch(request, result)
        told = _told(self._ahead, self._look_ahead)

        def run() -> None:
            try:
                result.set_result(self._transport.send(told))
            except BaseException as error:  # raised where the page is wanted, if it is
                result.set_exception(error)

        threading.Thread(target=run, name="runstore-page", daemon=True).start()


def _told(fetch: _Fetch[R], look_ahead: Callable[[], None]) -> HttpRequest:
    """The request, whose answer's head will be known as soon as it comes."""

    def on_head(head: Mapping[str, str]) -> None:
        fetch.head = head
        look_ahead()

    return replace(fetch.request, on_head=on_head)
