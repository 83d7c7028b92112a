"""What a call asks of a transport and what it gets back. No I/O, no decisions.

A call is a generator: it yields requests, is sent their answers, and returns its result. The twins
(aio.py, sync.py) drive the same generator, so both send equal bytes by construction.
"""

from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """`path` is below the target's root: "/runs/query". `params` keep their order."""

    method: str
    path: str
    params: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    timeout_s: float | None = None  # None: the client's
    is_repeatable: bool = True  # may be sent again after a fault of the connection
    takes_page: bool = False  # of an answer made in this process, `page` will do for its body
    on_head: "OnHead | None" = field(default=None, compare=False)  # told once more if sent again


OnHead = Callable[[Mapping[str, str]], None]
"""Called with the headers of a good answer, from any thread, before its body is there; or never."""


class HandedColumns(Protocol):
    def values(self, name: str) -> list[Any]:
        """One a run. A time is whole microseconds since 1970, a cost its text, a payload JSON."""


class HandedPage(Protocol):
    """A page of runs from this process: what they say is made when it is read."""

    cursors: Mapping[str, str | None]  # "next", "prev"
    parsed_query: str | None

    def __len__(self) -> int: ...

    def columns(self, first: int, last: int) -> HandedColumns:
        """Of the runs from `first` to before `last`; None for what the answer does not have."""

    def place(self, number: int) -> tuple[HandedColumns, int]:
        """Columns that have this run, and where."""

    def run_json(self, number: int) -> bytes:
        """What the answer has of this run."""


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """Of status below 400: a transport raises the error that anything else stands for."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case
    page: HandedPage | None = None  # instead of the body, if the request takes it


Steps = Generator[HttpRequest, HttpResponse, T]


class AsyncSender(Protocol):
    async def send(self, request: HttpRequest) -> HttpResponse: ...


class SyncSender(Protocol):
    def send(self, request: HttpRequest) -> HttpResponse: ...


class AsyncTransport(AsyncSender, Protocol):
    """Retries, times out and turns error answers into errors of runstore.errors."""

    def stream(self, request: HttpRequest) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """The answer's body in pieces, as they come (server-sent events). Not retried."""

    async def close(self) -> None: ...


class SyncTransport(SyncSender, Protocol):
    """The same, blocking. May be used by several threads at once."""

    def stream(self, request: HttpRequest) -> AbstractContextManager[Iterator[bytes]]: ...

    def close(self) -> None: ...
