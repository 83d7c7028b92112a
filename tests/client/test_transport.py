"""The transports over HTTP: what goes out, what is tried again, what is raised."""

import asyncio
import gc
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import httpx2
import pytest

from runstore.client.http import HttpRequest, HttpResponse
from runstore.client.target import Target
from runstore.client.transport import AsyncHttpTransport, SyncHttpTransport
from runstore.errors import (
    ConnectionFailed,
    NotFound,
    Overloaded,
    RequestTimeout,
    RunstoreError,
    UnexpectedAnswer,
)
from runstore.limits import ATTEMPTS_MAX
from tests.client.conftest import Mode, open_place
from tests.standin import standin

GET = HttpRequest("GET", "/runs/1", (("a", "1"), ("a", "x y")))
POST = HttpRequest("POST", "/runs/query", body=b"{}")
ONCE = HttpRequest("POST", "/runs/delete", body=b"{}", is_repeatable=False)
TARGET = Target("http://host/api", None, "secret", "workspace")
Handler = Callable[[httpx2.Request], httpx2.Response]
Reply = httpx2.Response | httpx2.RequestError


class Wire:
    """A server that gives these replies in turn, and the last one for ever."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.seen: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.seen.append(request)
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(reply, httpx2.RequestError):
            raise reply
        return httpx2.Response(reply.status_code, headers=reply.headers, content=reply.content)


def ok(content: bytes = b"ok") -> httpx2.Response:
    return httpx2.Response(200, content=content)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that were slept; none really are."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    for module, without in ((time, slept.append), (asyncio, sleep)):
        name = f"runstore.client.drive.{module.__name__}"
        monkeypatch.setattr(name, standin(module, sleep=without))
    return slept


def send(mode: Mode, wire: Handler, request: HttpRequest, target: Target = TARGET) -> HttpResponse:
    if mode == "sync":
        transport = SyncHttpTransport(target, http=httpx2.MockTransport(wire))
        try:
            return transport.send(request)
        finally:
            transport.close()

    async def use() -> HttpResponse:
        transport = AsyncHttpTransport(target, http=httpx2.MockTransport(wire))
        try:
            return await transport.send(request)
        finally:
            await transport.close()

    return asyncio.run(use())


def stream(mode: Mode, wire: Handler, request: HttpRequest) -> list[bytes]:
    if mode == "sync":
        transport = SyncHttpTransport(TARGET, http=httpx2.MockTransport(wire))
        with transport.stream(request) as pieces:
            return list(pieces)

    async def use() -> list[bytes]:
        transport = AsyncHttpTransport(TARGET, http=httpx2.MockTransport(wire))
        async with transport.stream(request) as pieces:
            return [piece async for piece in pieces]

    return asyncio.run(use())


def test_a_request_goes_below_the_root_with_key_and_workspace(mode: Mode) -> None:
    wire = Wire(ok())
    assert send(mode, wire, GET).body == b"ok"
    [seen] = wire.seen
    assert str(seen.url) == "http://host/api/runs/1?a=1&a=x+y"
    assert (seen.headers["x-api-key"], seen.headers["x-tenant-id"]) == ("secret", "workspace")
    assert seen.headers["user-agent"].startswith("runstore/")
    assert "content-type" not in seen.headers


def test_a_body_is_json_unless_it_says_otherwise(mode: Mode) -> None:
    wire = Wire(ok())
    send(mode, wire, POST)
    said = HttpRequest("POST", "/x", body=b"b", headers=(("Content-Type", "text/plain"),))
    send(mode, wire, said)
    assert [one.headers["content-type"] for one in wire.seen] == ["application/json", "text/plain"]


def test_a_key_goes_to_no_other_server(mode: Mode) -> None:
    wire = Wire(ok())
    send(mode, wire, HttpRequest("GET", "https://bucket.example.com/a?signature=1"))
    [seen] = wire.seen
    assert str(seen.url) == "https://bucket.example.com/a?signature=1"
    assert "x-api-key" not in seen.headers
    assert "x-tenant-id" not in seen.headers


def test_headers_of_an_answer_are_found_in_lower_case(mode: Mode) -> None:
    answered = send(mode, Wire(httpx2.Response(202, headers={"X-Pagination-Total": "5"})), GET)
    assert (answered.status, answered.headers.get("x-pagination-total")) == (202, "5")


# fmt: off
@pytest.mark.parametrize("replies, request_, attempts", [
    ([httpx2.Response(503), ok()],                          POST, 2),
    ([httpx2.Response(429), httpx2.Response(429), ok()],    POST, 3),
    ([httpx2.ConnectError("refused"), ok()],                ONCE, 2),
    ([httpx2.ConnectTimeout("slow"), ok()],                 ONCE, 2),
    ([httpx2.RemoteProtocolError("disconnected"), ok()],    POST, 2),
    ([httpx2.ReadError("reset"), ok()],                     POST, 2),
    ([httpx2.Response(429), ok()],                          ONCE, 2),
    ([httpx2.Response(503, headers={"Retry-After": "1"}), ok()], ONCE, 2),
])
# fmt: on
def test_faults_that_pass_are_not_seen(
    mode: Mode, waits: list[float], replies: list[Reply], request_: HttpRequest, attempts: int
) -> None:
    wire = Wire(*replies)
    assert send(mode, wire, request_).body == b"ok"
    assert len(wire.seen) == attempts
    assert len(waits) == attempts - 1


# fmt: off
@pytest.mark.parametrize("reply, request_, kind, attempts", [
    (httpx2.Response(500),                 POST, RunstoreError,    ATTEMPTS_MAX),
    (httpx2.Response(500),                 ONCE, RunstoreError,    1),
    (httpx2.Response(404),                 POST, NotFound,         1),
    (httpx2.Response(307, headers={"Location": "/x"}), POST, UnexpectedAnswer, 1),
    (httpx2.ConnectError("refused"),       POST, ConnectionFailed, ATTEMPTS_MAX),
    (httpx2.ReadError("reset"),            POST, ConnectionFailed, ATTEMPTS_MAX),
    (httpx2.ReadError("reset"),            ONCE, ConnectionFailed, 1),
    (httpx2.ReadTimeout("slow"),           POST, RequestTimeout,   1),
    (httpx2.Response(429, headers={"Retry-After": "9999"}), POST, Overloaded, 1),
])
# fmt: on
def test_faults_that_stay_are_raised(
    mode: Mode,
    waits: list[float],
    reply: Reply,
    request_: HttpRequest,
    kind: type[RunstoreError],
    attempts: int,
) -> None:
    wire = Wire(reply)
    with pytest.raises(kind) as caught:
        send(mode, wire, request_)
    assert type(caught.value) is kind
    assert len(wire.seen) == attempts
    if isinstance(reply, httpx2.RequestError):
        assert str(reply) in str(caught.value)
        assert "http://host/api" in str(caught.value)


def test_retry_after_is_waited_for_in_seconds_or_as_a_date(mode: Mode, waits: list[float]) -> None:
    past = format_datetime(datetime(2020, 1, 1, tzinfo=UTC), usegmt=True)
    wire = Wire(
        httpx2.Response(429, headers={"Retry-After": "7"}),
        httpx2.Response(429, headers={"Retry-After": past}),
        ok(),
    )
    send(mode, wire, GET)
    assert waits[0] >= 7
    assert waits[1] < 1


def test_a_stream_gives_its_pieces(mode: Mode) -> None:
    assert b"".join(stream(mode, Wire(ok(b"event: run\n\n")), GET)) == b"event: run\n\n"


@pytest.mark.parametrize(
    "reply, kind",
    [
        (httpx2.Response(404, content=b'{"detail": "no"}'), NotFound),
        (httpx2.ConnectError("refused"), ConnectionFailed),
        (httpx2.ReadTimeout("slow"), RequestTimeout),
    ],
)
def test_a_stream_is_not_tried_again(mode: Mode, reply: Reply, kind: type[RunstoreError]) -> None:
    wire = Wire(reply)
    with pytest.raises(kind):
        stream(mode, wire, GET)
    assert len(wire.seen) == 1


def test_a_stream_that_breaks_off_says_so(mode: Mode) -> None:
    class Broken(httpx2.SyncByteStream, httpx2.AsyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield b"piece"
            raise httpx2.ReadError("reset")

        async def __aiter__(self) -> Any:
            yield b"piece"
            raise httpx2.ReadError("reset")

    with pytest.raises(ConnectionFailed, match="reset"):
        stream(mode, lambda request: httpx2.Response(200, stream=Broken()), GET)


def test_a_closed_transport_says_so_and_may_be_closed_again(mode: Mode) -> None:
    if mode == "sync":
        transport = SyncHttpTransport(TARGET)
        transport.close()
        transport.close()
        with pytest.raises(RuntimeError, match="closed"):
            transport.send(GET)
        return

    async def use() -> None:
        transport = AsyncHttpTransport(TARGET)
        await transport.close()
        await transport.close()
        with pytest.raises(RuntimeError, match="closed"):
            await transport.send(GET)

    asyncio.run(use())


def test_an_async_client_may_be_used_on_one_loop_after_another() -> None:
    transport = AsyncHttpTransport(TARGET, http=httpx2.MockTransport(Wire(ok())))
    for _ in range(2):
        assert asyncio.run(transport.send(GET)).body == b"ok"
    asyncio.run(transport.close())


# --- against real sockets


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with open_place("http", tmp_path_factory.mktemp("live")) as place:
        yield Target(place.target, None)


INFO = HttpRequest("GET", "/info")


def test_a_blocking_client_that_is_forgotten_leaves_no_socket_open(live: Target) -> None:
    transport = SyncHttpTransport(live)
    assert transport.send(INFO).status == 200
    del transport
    gc.collect()  # an open socket would warn here, and a warning is an error


@pytest.mark.parametrize("is_kept", [True, False])
def test_an_async_client_that_is_not_closed_leaves_no_socket_open(
    live: Target, is_kept: bool
) -> None:
    kept: list[AsyncHttpTransport] = []

    async def use() -> None:
        transport = AsyncHttpTransport(live)
        assert (await transport.send(INFO)).status == 200
        if is_kept:
            kept.append(transport)

    asyncio.run(use())
    gc.collect()
    kept.clear()
    gc.collect()


def test_an_async_client_may_be_used_on_several_loops_at_once(live: Target) -> None:
    transport = AsyncHttpTransport(live)
    all_there = threading.Barrier(3)

    async def use(_: int) -> list[int]:
        found = []
        for _ in range(10):
            await asyncio.to_thread(all_there.wait, 5)
            found.append((await transport.send(INFO)).status)
        return found

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(lambda number: asyncio.run(use(number)), range(3))) == [[200] * 10] * 3
    asyncio.run(transport.close())


def test_a_server_that_is_not_there_cannot_be_reached(mode: Mode, waits: list[float]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        target = Target(f"http://127.0.0.1:{taken.getsockname()[1]}", None)
        with pytest.raises(ConnectionFailed, match=f"cannot be reached \\({ATTEMPTS_MAX} attempts"):
            real_send(mode, target, INFO)
    assert len(waits) == ATTEMPTS_MAX - 1


def test_a_server_that_does_not_answer_is_a_timeout(mode: Mode) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        target = Target(f"http://127.0.0.1:{silent.getsockname()[1]}", None)
        with pytest.raises(RequestTimeout, match="did not answer GET /info in time"):
            real_send(mode, target, HttpRequest("GET", "/info", timeout_s=0.05))


def real_send(mode: Mode, target: Target, request: HttpRequest) -> HttpResponse:
    if mode == "sync":
        transport = SyncHttpTransport(target)
        try:
            return transport.send(request)
        finally:
            transport.close()
    return asyncio.run(AsyncHttpTransport(target).send(request))
