"""Calling an ASGI app as a web server does: the head, pieces as they come, and who leaves."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from runstore.client.http import HttpRequest
from runstore.local.asgi import App, AppCall, Message, scope_of

ASKED = HttpRequest("GET", "/things")
Say = Callable[[bytes], Awaitable[None]]


def run(work: Callable[[], Awaitable[Any]]) -> Any:
    async def within_time() -> Any:
        return await asyncio.wait_for(work(), 10)

    return asyncio.run(within_time())


def app(tell: Callable[[Say, Callable[[], Awaitable[Message]]], Awaitable[None]]) -> App:
    """Answers 200, then what `tell` says."""

    async def answer(
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"A-B", b"c")]})

        async def say(piece: bytes) -> None:
            await send({"type": "http.response.body", "body": piece, "more_body": True})

        await tell(say, receive)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    return answer


def test_an_answer_has_a_head_and_a_body() -> None:
    async def tell(say: Say, receive: Callable[[], Awaitable[Message]]) -> None:
        body = await receive()
        await say(body["body"])
        await say(b" and more")

    async def work() -> tuple[int, dict[str, str], bytes]:
        call = AppCall(app(tell), HttpRequest("POST", "/things", body=b"sent"))
        head = await call.head()
        return head.status, head.headers, await call.body()

    assert run(work) == (200, {"a-b": "c"}, b"sent and more")


def test_pieces_come_one_by_one_and_no_faster_than_they_are_taken() -> None:
    said = 0

    async def tell(say: Say, receive: Callable[[], Awaitable[Message]]) -> None:
        nonlocal said
        for number in range(5):
            await say(b"%d" % number)
            said += 1

    async def work() -> list[tuple[bytes | None, int]]:
        call = AppCall(app(tell), ASKED)
        seen = []
        for _ in range(6):
            for _ in range(20):  # all the time the app could want
                await asyncio.sleep(0)
            ahead = said
            seen.append((await call.piece(), ahead))
        return seen

    assert run(work) == [(b"0", 1), (b"1", 2), (b"2", 3), (b"3", 4), (b"4", 5), (None, 5)]


def test_who_leaves_has_disconnected() -> None:
    heard: list[str] = []

    async def tell(say: Say, receive: Callable[[], Awaitable[Message]]) -> None:
        for _ in range(3):
            await say(b"x")  # taken by nobody, once he has left
        heard.append((await receive())["type"])
        heard.append((await receive())["type"])

    async def work() -> bytes | None:
        call = AppCall(app(tell), ASKED)
        await call.head()
        call.leave()
        await call.task
        return await call.piece()

    assert run(work) is None
    assert heard == ["http.request", "http.disconnect"]


def test_who_waits_for_a_piece_is_told_that_it_was_called_off() -> None:
    async def tell(say: Say, receive: Callable[[], Awaitable[Message]]) -> None:
        await asyncio.Event().wait()

    async def work() -> bytes | None:
        call = AppCall(app(tell), ASKED)
        piece = asyncio.create_task(call.piece())
        await asyncio.sleep(0)
        call.leave()
        answer = await piece
        call.task.cancel()
        return answer

    assert run(work) is None


@pytest.mark.parametrize("pieces", [0, 1])
def test_an_app_that_fails_midway_is_no_end_of_the_answer(pieces: int) -> None:
    async def tell(say: Say, receive: Callable[[], Awaitable[Message]]) -> None:
        for _ in range(pieces):
            await say(b"x")
        raise LookupError("lost")

    async def work() -> None:
        await AppCall(app(tell), ASKED).body()

    with pytest.raises(LookupError, match="lost"):
        run(work)


def test_an_app_that_fails_before_it_answers_raises_there() -> None:
    async def fail(scope: Message, receive: object, send: object) -> None:
        raise LookupError("lost")

    async def stay_silent(scope: Message, receive: object, send: object) -> None:
        return None

    async def head(broken: App) -> None:
        await AppCall(broken, ASKED).head()

    with pytest.raises(LookupError, match="lost"):
        run(lambda: head(fail))
    with pytest.raises(RuntimeError, match="without an answer"):
        run(lambda: head(stay_silent))


def test_the_request_is_said_as_a_server_says_it() -> None:
    request = HttpRequest(
        "POST",
        "/sessions/a%20b/ä",
        params=(("name", "a b&c"), ("id", "1"), ("id", "2")),
        body=b"12345",
        headers=(("Content-Encoding", "zstd"),),
    )
    scope = scope_of(request)
    assert (scope["method"], scope["path"]) == ("POST", "/sessions/a b/ä")
    assert scope["query_string"] == b"name=a+b%26c&id=1&id=2"
    assert scope["headers"] == [(b"content-encoding", b"zstd"), (b"content-length", b"5")]
