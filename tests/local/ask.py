"""One way to use both transports of a folder, and requests to send through them."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

from runstore.client.http import AsyncTransport, HttpRequest, HttpResponse, SyncTransport
from runstore.local import open_async, open_sync
from tests.server.wirerun import MULTIPART, multipart, run


class Transport(Protocol):
    """What a SyncTransport is; `Blocking` makes one of an AsyncTransport."""

    def send(self, request: HttpRequest) -> HttpResponse: ...

    def stream(self, request: HttpRequest) -> AbstractContextManager[Iterator[bytes]]: ...

    def close(self) -> None: ...


class Blocking:
    """An async transport, used by an event loop of its own."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport
        self._runner = asyncio.Runner()

    def send(self, request: HttpRequest) -> HttpResponse:
        return self._runner.run(self._transport.send(request))

    @contextmanager
    def stream(self, request: HttpRequest) -> Iterator[Iterator[bytes]]:
        loop = self._runner.get_loop()
        manager = self._transport.stream(request)
        pieces = loop.run_until_complete(manager.__aenter__())

        def each() -> Iterator[bytes]:
            while True:
                try:
                    yield loop.run_until_complete(anext(pieces))
                except StopAsyncIteration:
                    return

        try:
            yield each()
        finally:
            loop.run_until_complete(manager.__aexit__(None, None, None))

    def close(self) -> None:
        asyncio.run(self._transport.close())  # from whatever loop, as often as one likes
        self._runner.close()


def open_sync_transport(folder: Path) -> SyncTransport:
    return open_sync(folder)


def open_async_transport(folder: Path) -> Transport:
    return Blocking(open_async(folder))


WAYS = {"sync": open_sync_transport, "async": open_async_transport}


def post(path: str, body: object) -> HttpRequest:
    return HttpRequest("POST", path, body=json.dumps(body).encode())


def create(number: int, **fields: Any) -> HttpRequest:
    return post("/runs", run(number, **fields))


def create_with_file(number: int, content: bytes) -> HttpRequest:
    said = run(number)
    body = multipart(
        (f"post.{said['id']}", json.dumps(said).encode(), "application/json"),
        (f"attachment.{said['id']}.picture", content, "image/png"),
    )
    return HttpRequest("POST", "/runs/multipart", body=body, headers=tuple(MULTIPART.items()))


def names(transport: Transport) -> list[str]:
    """Of all runs of the project all tests write to, newest first; [] without it."""
    found = read(transport, HttpRequest("GET", "/sessions", params=(("name", "tests"),)))
    if not found:
        return []
    body = {"session": [found[0]["id"]], "select": ["name"]}
    return [run["name"] for run in read(transport, post("/runs/query", body))["runs"]]


def read(transport: Transport, request: HttpRequest) -> Any:
    return json.loads(transport.send(request).body)
