"""The page after the awaited one: asked for by the head of an answer, used if that was right."""

import asyncio
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from runstore import AsyncClient, Client, NotFound
from runstore.client.http import HttpRequest, HttpResponse
from tests.client.recorded import AsyncRecorded, SyncRecorded, page, run_id, server

TRACE = run_id(0)
PAGES = {
    None: page(1, 2, next="b"),
    "b": page(3, 4, next="c"),
    "c": page(5, 6, next="d"),
    "d": page(7),
}
ALL = [str(number) for number in range(1, 8)]
FLAGS = {"runstore_page_runs_max": 1_000}
SECONDS = 5.0  # nothing here takes long; a test that waits for ever says so


def cursor_of(request: HttpRequest) -> str | None:
    found: str | None = orjson.loads(request.body).get("cursor")
    return found


def head_of(answer: HttpResponse) -> dict[str, str]:
    told = orjson.loads(answer.body)
    following = told["cursors"]["next"]
    head = {"runstore-runs": str(len(told["runs"]))}
    return head if following is None else head | {"runstore-next-cursor": following}


Head = Callable[[HttpResponse], Mapping[str, str]]


@dataclass
class Heads(AsyncRecorded):
    """Tells a page's head at once, and the page when it is let through."""

    head: Head = head_of
    through: set[str | None] = field(default_factory=set)
    cancelled: list[str | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(server(PAGES, FLAGS))
        self.changed = asyncio.Event()

    async def send(self, request: HttpRequest) -> HttpResponse:
        answer = self.answer(request)
        if request.path != "/runs/query":
            return answer
        if request.on_head is not None:
            request.on_head(self.head(answer))
        try:
            while cursor_of(request) not in self.through:
                self.changed.clear()
                await self.changed.wait()
        except asyncio.CancelledError:
            self.cancelled.append(cursor_of(request))
            raise
        return answer

    def let(self, *cursors: str | None) -> None:
        self.through |= set(cursors)
        self.changed.set()

    @property
    def asked(self) -> list[str | None]:
        return [one.get("cursor") for one in self.queries]


def walk(transport: AsyncRecorded, **asked: Any) -> Any:
    return AsyncClient("http://test", transport=transport).list_runs(trace_id=TRACE, **asked)


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def run(use: Callable[[], Any]) -> None:
    async def timed() -> None:
        async with asyncio.timeout(SECONDS):
            await use()
        assert len(asyncio.all_tasks()) == 1, "no task is left behind"

    asyncio.run(timed(), debug=True)


def test_who_waits_for_a_page_has_the_one_after_it_asked_for_by_its_head() -> None:
    async def use() -> None:
        transport = Heads()
        waiting = asyncio.ensure_future(walk(transport).to_list())
        await settle()
        assert transport.asked == [None, "b"], "and not the third, whose turn has not come"
        transport.let("b", "c", "d")
        await settle()
        assert transport.asked == [None, "b"], "an answer that came early changes nothing"
        transport.let(None)
        assert [run.name for run in await waiting] == ALL
        assert transport.asked == [None, "b", "c", "d"], "each page is asked for once"

    run(use)


def test_while_a_page_is_consumed_one_is_fetched_however_much_its_head_tells() -> None:
    async def use() -> None:
        transport = Heads()
        transport.let(None, "b", "c", "d")
        runs = walk(transport)
        await anext(runs)
        await settle()
        assert transport.asked == [None, "b"]
        await anext(runs)
        await anext(runs)
        await settle()
        assert transport.asked == [None, "b", "c"]
        await runs.aclose()

    run(use)


@pytest.mark.parametrize("said", ["c", "nonsense"])
def test_a_head_that_was_wrong_costs_a_request_and_no_run(said: str) -> None:
    """As after a retry between which runs were written: the page that came says where it ends."""

    def head(answer: HttpResponse) -> dict[str, str]:
        right = head_of(answer)
        return right | {"runstore-next-cursor": said} if b'"next":"b"' in answer.body else right

    class Wrong(Heads):
        def answer(self, request: HttpRequest) -> HttpResponse:
            if request.path == "/runs/query" and cursor_of(request) == "nonsense":
                self.sent.append(request)
                raise NotFound("no such cursor")
            return super().answer(request)

    async def use() -> None:
        transport = Wrong(head=head)
        waiting = asyncio.ensure_future(walk(transport).to_list())
        await settle()
        assert transport.asked == [None, said]
        transport.let(None, "b", "c", "d")
        assert [run.name for run in await waiting] == ALL

    run(use)


# fmt: off
@pytest.mark.parametrize("head", [
    {}, {"runstore-runs": "2"}, {"runstore-next-cursor": "b"},
    {"runstore-next-cursor": "b", "runstore-runs": "two"},
    {"runstore-next-cursor": "b", "runstore-runs": "²"},
    {"runstore-next-cursor": "", "runstore-runs": "2"},
])
# fmt: on
def test_a_head_that_does_not_tell_is_not_guessed_at(head: dict[str, str]) -> None:
    async def use() -> None:
        transport = Heads(head=lambda answer: head)
        waiting = asyncio.ensure_future(walk(transport).to_list())
        await settle()
        assert transport.asked == [None]
        transport.let(None, "b", "c", "d")
        assert [run.name for run in await waiting] == ALL

    run(use)


@pytest.mark.parametrize("limit, asked", [(1, 1), (2, 1), (3, 2), (4, 2), (6, 3), (7, 4), (99, 4)])
def test_no_head_leads_past_the_limit(limit: int, asked: int) -> None:
    async def use() -> None:
        transport = Heads()
        waiting = asyncio.ensure_future(walk(transport, limit=limit).to_list())
        await settle()
        transport.let(None, "b", "c", "d")
        assert [run.name for run in await waiting] == ALL[:limit]
        assert len(transport.asked) == asked
        assert [one["limit"] for one in transport.queries] == [
            limit - 2 * number for number in range(asked)
        ]

    run(use)


def test_who_stops_waiting_cancels_both_pages() -> None:
    async def use() -> None:
        transport = Heads()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await walk(transport).to_list()
        assert sorted(transport.cancelled, key=str) == [None, "b"]

    run(use)


def test_a_fault_of_a_page_asked_for_early_comes_in_its_turn() -> None:
    class Gone(Heads):
        def answer(self, request: HttpRequest) -> HttpResponse:
            if request.path == "/runs/query" and cursor_of(request) == "c":
                raise NotFound("gone")
            return super().answer(request)

    async def use() -> None:
        transport = Gone()
        transport.let(None, "b")
        found = []
        with pytest.raises(NotFound, match="gone"):
            async for one in walk(transport):
                found += [one.name]
        assert found == ALL[:4]

    run(use)


def test_the_blocking_client_asks_by_heads_too() -> None:
    second = threading.Event()

    class Blocking(SyncRecorded):
        def send(self, request: HttpRequest) -> HttpResponse:
            answer = self.answer(request)
            if request.path == "/runs/query":
                if request.on_head is not None:
                    request.on_head(head_of(answer))
                if cursor_of(request) == "b":
                    second.set()
                assert second.wait(SECONDS), "the second was asked for before the first had come"
            return answer

    transport = Blocking(server(PAGES, FLAGS))
    runs = Client("http://test", transport=transport).list_runs(trace_id=TRACE)
    assert [run.name for run in runs] == ALL
    assert [one.get("cursor") for one in transport.queries] == [None, "b", "c", "d"]


def test_the_blocking_client_does_not_believe_a_head_either() -> None:
    class Wrong(SyncRecorded):
        def send(self, request: HttpRequest) -> HttpResponse:
            answer = self.answer(request)
            if request.on_head is not None:
                request.on_head({"runstore-next-cursor": "d", "runstore-runs": "2"})
            return answer

    transport = Wrong(server(PAGES, FLAGS))
    runs = Client("http://test", transport=transport).list_runs(trace_id=TRACE)
    assert [run.name for run in runs] == ALL
