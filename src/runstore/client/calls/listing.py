"""Lists that come page by page, by offset. No I/O: the twins send what `next_page` asks."""

from collections.abc import Callable
from typing import Generic, TypeVar

from runstore.client.http import HttpRequest, Steps
from runstore.limits import LIST_PAGE_ITEMS

T = TypeVar("T")
Params = list[tuple[str, str]]


class OffsetPages(Generic[T]):
    """A walk over one list. `limit` is how many items are wanted in all; None: every one."""

    def __init__(
        self,
        path: str,
        params: Params,
        decode: Callable[[bytes], list[T]],
        limit: int | None = None,
    ) -> None:
        self._path, self._params, self._decode = path, params, decode
        self._left = limit
        self._offset = 0
        self.is_done = limit == 0

    def next_page(self) -> Steps[list[T]]:
        """The items of the next page. To be called until `is_done`."""
        size = LIST_PAGE_ITEMS if self._left is None else min(LIST_PAGE_ITEMS, self._left)
        where = [("limit", str(size)), ("offset", str(self._offset))]
        answer = yield HttpRequest("GET", self._path, (*self._params, *where))
        items = self._decode(answer.body)
        self._offset += len(items)
        is_last = len(items) < size
        if self._left is not None:
            items = items[: self._left]
            self._left -= len(items)
        self.is_done = is_last or self._left == 0
        return items
