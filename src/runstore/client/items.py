"""What list_projects and list_feedback give back: items that come when they are asked for."""

from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from typing import Generic, TypeVar

from runstore.client.calls.listing import Pages
from runstore.client.drive import drive, drive_async
from runstore.client.http import AsyncTransport, SyncTransport

T = TypeVar("T")


class AsyncItems(Generic[T]):
    """An async iterator, page by page. Each `async for` is a walk of its own, from the start."""

    def __init__(self, pages: Pages[T], transport: AsyncTransport) -> None:
        self._pages, self._transport = pages, transport
        self._walk: AsyncGenerator[T, None] | None = None

    def __aiter__(self) -> AsyncIterator[T]:
        return self._each()

    async def __anext__(self) -> T:
        """The next item of a walk that all calls of anext() on this object share."""
        if self._walk is None:
            self._walk = self._each()
        return await anext(self._walk)

    async def to_list(self) -> list[T]:
        return [item async for item in self]

    async def first(self) -> T | None:
        """None: there is not one."""
        pages = self._pages.from_start()
        while not pages.is_done:
            for item in await drive_async(pages.next_page(), self._transport):
                return item
        return None

    async def _each(self) -> AsyncGenerator[T, None]:
        pages = self._pages.from_start()
        while not pages.is_done:
            for item in await drive_async(pages.next_page(), self._transport):
                yield item


class Items(Generic[T]):
    """An iterator, page by page. Each `for` is a walk of its own, from the start."""

    def __init__(self, pages: Pages[T], transport: SyncTransport) -> None:
        self._pages, self._transport = pages, transport
        self._walk: Generator[T, None, None] | None = None

    def __iter__(self) -> Iterator[T]:
        return self._each()

    def __next__(self) -> T:
        """The next item of a walk that all calls of next() on this object share."""
        if self._walk is None:
            self._walk = self._each()
        return next(self._walk)

    def to_list(self) -> list[T]:
        return list(self)

    def first(self) -> T | None:
        """None: there is not one."""
        return next(iter(self), None)

    def _each(self) -> Generator[T, None, None]:
        pages = self._pages.from_start()
        while not pages.is_done:
            yield from drive(pages.next_page(), self._transport)
