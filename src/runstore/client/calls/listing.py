"""Lists that come page by page, by offset. No I/O: the twins send what `next_page` asks."""

from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

import msgspec

from runstore.client.asking import Id
from runstore.client.http import HttpRequest, HttpResponse, Steps
from runstore.errors import InvalidArgument, UnexpectedAnswer
from runstore.limits import LIST_IDS_PER_REQUEST, LIST_PAGE_ITEMS
from runstore.model.ids import canonical_id

T = TypeVar("T")
Params = tuple[tuple[str, str], ...]


class Pages(Protocol[T]):
    """A list that comes page by page, however it is asked for."""

    @property
    def is_done(self) -> bool: ...

    def from_start(self) -> "Pages[T]":
        """The same walk, begun anew."""

    def next_page(self) -> Steps[list[T]]:
        """The items of the next page, maybe none. To be called until `is_done`."""


class OffsetPages(Generic[T]):
    """A walk over one list, or over several, one after the other.

    `limit` is how many items are wanted in all; None: every one. What comes twice, because
    something was added in front while we read, is passed over.
    """

    def __init__(
        self,
        path: str,
        lists: Sequence[Params],
        decode: Callable[[HttpResponse], list[T]],
        *,
        name: Callable[[T], object],
        limit: int | None = None,
    ) -> None:
        if limit is not None and limit < 1:
            raise InvalidArgument(f"limit: {limit} is less than 1; leave it out for all")
        self._path, self._lists, self._decode, self._name = path, list(lists), decode, name
        self._asked = (tuple(lists), limit)
        self._left = limit
        self._offset = 0
        self._seen: set[object] = set()  # names of the page before

    def from_start(self) -> "OffsetPages[T]":
        lists, limit = self._asked
        return OffsetPages(self._path, lists, self._decode, name=self._name, limit=limit)

    @property
    def is_done(self) -> bool:
        return not self._lists or self._left == 0

    def next_page(self) -> Steps[list[T]]:
        size = LIST_PAGE_ITEMS if self._left is None else min(LIST_PAGE_ITEMS, self._left)
        where = (("limit", str(size)), ("offset", str(self._offset)))
        answer = yield HttpRequest("GET", self._path, (*self._lists[0], *where))
        page = self._decode(answer)
        names = [self._name(item) for item in page]
        items = [item for item, name in zip(page, names, strict=True) if name not in self._seen]
        if len(page) < size:
            del self._lists[0]
            self._offset, self._seen = 0, set()
        else:
            self._offset, self._seen = self._offset + len(page), set(names)
        if self._left is not None:
            items = items[: self._left]
            self._left -= len(items)
        return items


def id_lists(name: str, ids: Iterable[Id] | Id | None) -> list[Params]:
    """`ids` as parameters, as many in one request as a URL can hold. No ids: no request at all.

    None says nothing about ids: one list without the parameter.
    """
    if ids is None:
        return [()]
    if isinstance(ids, str | UUID):
        ids = [ids]
    texts = list(dict.fromkeys(id_text(f"{name} ids", value) for value in ids))
    step = LIST_IDS_PER_REQUEST
    return [
        tuple((name, text) for text in texts[at : at + step]) for at in range(0, len(texts), step)
    ]


def id_text(name: str, value: Any) -> str:
    """Raises InvalidArgument for what is not a UUID."""
    try:
        return canonical_id(str(value))
    except ValueError:
        raise InvalidArgument(f"{name}: {value!r} is not a UUID") from None


def optional_id(name: str, value: Any) -> str | None:
    return None if value is None else id_text(name, value)


def refuse_unknown(given: Iterable[str], known: Any, method: str) -> None:
    """`known` is the TypedDict of the keywords. Raises TypeError with what was probably meant."""
    names = known.__annotations__
    for name in given:
        if name not in names:
            near = get_close_matches(name, names, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise TypeError(f"{method}() got an unexpected keyword argument {name!r}{hint}")


def decoded(answer: HttpResponse, decoder: msgspec.json.Decoder[T], what: str) -> T:
    """Raises UnexpectedAnswer: a login page, say, where a proxy stands before the server."""
    try:
        return decoder.decode(answer.body)
    except msgspec.DecodeError as error:
        start = answer.body[:80].decode("utf-8", "replace")
        raise UnexpectedAnswer(f"the answer is not {what}: {error}; it begins {start!r}") from None
