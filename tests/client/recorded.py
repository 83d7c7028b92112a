"""Transports that answer from a script and record what was sent: no network."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any

import orjson

from runstore.client.http import HttpRequest, HttpResponse
from runstore.errors import NotFound, RunstoreError

Answer = dict[str, Any] | list[Any] | RunstoreError
Script = Callable[[HttpRequest], Answer]


class Recorded:
    """What was sent, in order, and what is answered to it."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.sent: list[HttpRequest] = []
        self.is_closed = False

    def answer(self, request: HttpRequest) -> HttpResponse:
        self.sent.append(request)
        found = self.script(request)
        if isinstance(found, RunstoreError):
            raise found
        return HttpResponse(200, orjson.dumps(found))

    @property
    def queries(self) -> list[dict[str, Any]]:
        """The bodies of the requests for pages."""
        return [orjson.loads(one.body) for one in self.sent if one.path == "/runs/query"]


class SyncRecorded(Recorded):
    def send(self, request: HttpRequest) -> HttpResponse:
        return self.answer(request)

    def stream(self, request: HttpRequest) -> AbstractContextManager[Iterator[bytes]]:
        raise NotImplementedError

    def close(self) -> None:
        self.is_closed = True


class AsyncRecorded(Recorded):
    async def send(self, request: HttpRequest) -> HttpResponse:
        return self.answer(request)

    def stream(self, request: HttpRequest) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        raise NotImplementedError

    async def close(self) -> None:
        self.is_closed = True


def run_id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def page(*numbers: int, next: str | None = None) -> dict[str, Any]:
    """Runs of these numbers, in their ids and as their names."""
    runs = [
        {"id": run_id(number), "name": str(number), "start_time": "2026-03-01T10:00:00+00:00"}
        for number in numbers
    ]
    return {"runs": runs, "cursors": {"next": next, "prev": None}}


def server(pages: dict[str | None, dict[str, Any]], flags: dict[str, Any] | None = None) -> Script:
    """One that has these pages by cursor, and `flags` in its /info; None: it has no /info."""

    def script(request: HttpRequest) -> Answer:
        if request.path == "/info":
            return NotFound("no /info") if flags is None else {"instance_flags": flags}
        if request.path == "/sessions":
            return [{"id": "00000000-0000-4000-8000-00000000aaaa"}]
        assert request.path == "/runs/query", request
        return pages[orjson.loads(request.body).get("cursor")]

    return script
