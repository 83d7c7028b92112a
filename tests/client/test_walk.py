"""The walk through pages: what is asked of a server, however it behaves."""

import asyncio
import gc
import threading
from typing import Any

import orjson
import pytest

from runstore import AsyncClient, Client, NotFound, UnexpectedAnswer
from runstore.client.http import HttpRequest, HttpResponse
from runstore.limits import EMPTY_PAGES_MAX
from tests.client.recorded import Answer, AsyncRecorded, SyncRecorded, page, server

TRACE = "a36092d2-4ad5-4fb4-9c0d-0dba9a2ed836"
OURS = {"runstore_page_runs_max": 1_000}
THREE = {
    None: page(1, 2, next="b"),
    "b": page(3, next="c"),
    "c": page(4, 5),
}


def client(transport: SyncRecorded) -> Client:
    return Client("http://test", transport=transport)


def names(transport: SyncRecorded, **asked: Any) -> list[str]:
    return [run.name for run in client(transport).list_runs(trace_id=TRACE, **asked)]


def test_pages_follow_their_cursors_with_the_same_body() -> None:
    transport = SyncRecorded(server(THREE, OURS))
    assert names(transport) == ["1", "2", "3", "4", "5"]
    bodies = transport.queries
    assert [one.pop("cursor", None) for one in bodies] == [None, "b", "c"]
    assert bodies[0] == bodies[1] == bodies[2]


@pytest.mark.parametrize("last", [{}, {"next": None}, {"next": ""}, None])
def test_a_page_that_names_no_next_one_is_the_last(last: Any) -> None:
    ends = {**page(1), "cursors": last}
    assert names(SyncRecorded(server({None: ends}))) == ["1"]


def test_an_empty_page_that_leads_further_is_gone_past() -> None:
    pages = {None: page(next="b"), "b": page(next="c"), "c": page(1)}
    assert names(SyncRecorded(server(pages))) == ["1"]


# fmt: off
@pytest.mark.parametrize("pages, runs", [
    ({None: page(1, next="b"), "b": page(2, next="b")},                            2),
    ({None: page(1, next="b"), "b": page(2, next="c"), "c": page(3, next="b")},    3),
    ({None: page(1, next="b"), "b": page(next="b")},                               1),
])
# fmt: on
def test_a_cursor_that_comes_again_is_an_error_and_not_a_loop(
    pages: dict[str | None, dict[str, Any]], runs: int
) -> None:
    transport = SyncRecorded(server(pages))
    with pytest.raises(UnexpectedAnswer, match="leads back"):
        names(transport)
    assert len(transport.queries) == len(pages)


def test_empty_pages_without_end_are_an_error() -> None:
    def script(request: HttpRequest) -> Answer:
        asked = orjson.loads(request.body)
        return page(next=str(int(asked.get("cursor", 0)) + 1))

    transport = SyncRecorded(script)
    with pytest.raises(UnexpectedAnswer, match="empty pages"):
        names(transport, limit=1)
    assert len(transport.sent) == EMPTY_PAGES_MAX


# fmt: off
@pytest.mark.parametrize("flags, limit, sizes", [
    pytest.param(OURS,  None,  [1_000, 1_000, 1_000], id="Runstore says how large a page may be"),
    pytest.param({},    None,  [100, 100, 100],       id="LangSmith does not, and takes 100"),
    pytest.param(None,  None,  [100, 100, 100],       id="neither does who has no /info"),
    pytest.param({"runstore_page_runs_max": 10**9}, None, [1_000] * 3, id="but for more than ours"),
    pytest.param({"runstore_page_runs_max": "x"},   None, [100] * 3, id="nonsense is not believed"),
    pytest.param(OURS,  4,     [4, 2, 1],             id="a small limit is the page"),
    pytest.param(OURS,  1_500, [1_000, 1_000, 1_000], id="a large one is cut into pages"),
    pytest.param({},    101,   [100, 99, 98],         id="and into smaller ones of LangSmith"),
])
# fmt: on
def test_how_large_pages_are_asked_for(
    flags: dict[str, Any] | None, limit: int | None, sizes: list[int]
) -> None:
    transport = SyncRecorded(server(THREE, flags))
    names(transport, limit=limit)
    assert [one["limit"] for one in transport.queries] == sizes


@pytest.mark.parametrize("limit, asks", [(100, 0), (101, 1), (None, 1)])
def test_the_server_is_asked_what_it_takes_only_when_it_matters_and_once(
    limit: int | None, asks: int
) -> None:
    transport = SyncRecorded(server(THREE, OURS))
    one = client(transport)
    for _ in range(2):
        one.list_runs(trace_id=TRACE, limit=limit).to_list()
    assert [request.path for request in transport.sent].count("/info") == asks


# fmt: off
@pytest.mark.parametrize("limit, requests, found", [
    (1, 1, ["1"]), (2, 1, ["1", "2"]), (3, 2, ["1", "2", "3"]), (4, 3, ["1", "2", "3", "4"]),
    (9, 3, ["1", "2", "3", "4", "5"]),
])
# fmt: on
def test_no_page_is_asked_for_past_the_limit(limit: int, requests: int, found: list[str]) -> None:
    transport = SyncRecorded(server(THREE))
    assert names(transport, limit=limit) == found
    assert len(transport.queries) == requests


def test_runs_past_the_limit_are_dropped_where_a_server_sends_more() -> None:
    assert names(SyncRecorded(server({None: page(1, 2, 3)})), limit=2) == ["1", "2"]


def test_the_walk_ends_with_the_last_id_whatever_the_cursor_says() -> None:
    ids = [one["id"] for one in page(1, 2)["runs"]]
    transport = SyncRecorded(server({None: page(1, 2, next="more")}))
    assert len(client(transport).list_runs(run_ids=ids).to_list()) == 2
    assert len(transport.queries) == 1


def test_nothing_is_sent_before_it_is_used_nor_for_a_limit_of_0() -> None:
    transport = SyncRecorded(server(THREE))
    client(transport).list_runs(trace_id=TRACE)
    runs = client(transport).list_runs(project_name="p", limit=0)
    assert (runs.to_list(), runs.first(), runs.count()) == ([], None, 0)
    assert transport.sent == []


def test_each_iteration_is_a_walk_of_its_own() -> None:
    runs = client(SyncRecorded(server(THREE))).list_runs(trace_id=TRACE)
    together = [(one.name, other.name) for one, other in zip(runs, runs, strict=True)]
    assert together == [(str(number), str(number)) for number in range(1, 6)]
    assert [next(runs).name, next(runs).name] == ["1", "2"], "but next() has one walk"
    runs.close()
    assert next(runs).name == "1"


def test_the_cursor_moves_when_a_page_is_through() -> None:
    runs = client(SyncRecorded(server(THREE))).list_runs(trace_id=TRACE)
    stood = [runs.cursor for _ in runs]
    assert stood == [None, None, "b", "c", "c"]
    assert runs.cursor is None


def test_the_cursor_after_a_limit_goes_on_behind_it() -> None:
    one = client(SyncRecorded(server(THREE)))
    runs = one.list_runs(trace_id=TRACE, limit=2)
    assert [run.name for run in runs] == ["1", "2"]
    rest = one.list_runs(trace_id=TRACE, cursor=runs.cursor)
    assert [run.name for run in rest] == ["3", "4", "5"]


def test_a_fault_of_the_next_page_comes_after_the_runs_of_this_one() -> None:
    def script(request: HttpRequest) -> Answer:
        asked = orjson.loads(request.body).get("cursor") if request.body else None
        return NotFound("gone") if asked == "b" else server(THREE)(request)

    found = []
    with pytest.raises(NotFound, match="gone"):
        for run in client(SyncRecorded(script)).list_runs(trace_id=TRACE):
            found += [run.name]
    assert found == ["1", "2"]


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"runs": 5}', b'{"detail": "x"}', b"[]"])
def test_what_is_no_page_is_an_unexpected_answer(body: bytes) -> None:
    class Odd(SyncRecorded):
        def send(self, request: HttpRequest) -> HttpResponse:
            return HttpResponse(200, body)

    with pytest.raises(UnexpectedAnswer, match="not a page of runs"):
        names(Odd(server(THREE)), limit=1)


# --- the next page, ahead


class Gate(AsyncRecorded):
    """Answers the first page; later ones when they are let through. Counts the abandoned."""

    def __init__(self) -> None:
        super().__init__(server(THREE))
        self.open = asyncio.Event()
        self.cancelled = 0

    async def send(self, request: HttpRequest) -> HttpResponse:
        if request.path == "/runs/query" and self.queries:
            try:
                await self.open.wait()
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
        return self.answer(request)


async def first_run(transport: AsyncRecorded) -> None:
    runs = AsyncClient("http://test", transport=transport).list_runs(trace_id=TRACE)
    async for _ in runs:
        await asyncio.sleep(0.01)
        break


def test_one_page_is_fetched_ahead_and_never_two() -> None:
    async def use() -> None:
        transport = AsyncRecorded(server(THREE))
        walk = AsyncClient("http://test", transport=transport).list_runs(trace_id=TRACE)
        await anext(walk)
        await asyncio.sleep(0.01)
        assert len(transport.queries) == 2
        await anext(walk)
        await asyncio.sleep(0.01)
        assert len(transport.queries) == 2
        await anext(walk)
        await asyncio.sleep(0.01)
        assert len(transport.queries) == 3
        await walk.aclose()

    asyncio.run(use())


def test_who_stops_early_cancels_what_was_fetched_ahead() -> None:
    async def use() -> None:
        transport = Gate()
        await first_run(transport)
        for _ in range(5):
            await asyncio.sleep(0)
        assert transport.cancelled == 1
        assert len(asyncio.all_tasks()) == 1, "no task is left behind"

    asyncio.run(use())


def test_a_fault_nobody_waits_for_is_not_talked_about(caplog: pytest.LogCaptureFixture) -> None:
    def script(request: HttpRequest) -> Answer:
        is_second = b'"cursor"' in request.body
        return NotFound("gone") if is_second else server(THREE)(request)

    async def use() -> None:
        await first_run(AsyncRecorded(script))

    asyncio.run(use(), debug=True)
    assert "never retrieved" not in caplog.text


def test_a_program_may_end_in_the_middle_of_a_walk(caplog: pytest.LogCaptureFixture) -> None:
    kept = []

    async def use() -> None:
        for _ in range(2):
            runs = AsyncClient("http://test", transport=Gate()).list_runs(trace_id=TRACE)
            await anext(runs)
            kept.append(runs)
        del kept[0]

    asyncio.run(use(), debug=True)
    kept.clear()
    gc.collect()
    assert "destroyed" not in caplog.text
    assert "never" not in caplog.text


def test_a_walk_that_takes_too_long_can_be_called_off() -> None:
    async def use() -> None:
        transport = Gate()
        runs = AsyncClient("http://test", transport=transport).list_runs(trace_id=TRACE)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await runs.to_list()
        assert transport.cancelled == 1
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(use())


def test_the_blocking_client_fetches_ahead_in_a_thread_that_ends() -> None:
    transport = SyncRecorded(server(THREE))
    seen = threading.Event()
    inner = transport.script

    def script(request: HttpRequest) -> Answer:
        if b'"cursor":"b"' in request.body:
            seen.set()
        return inner(request)

    transport.script = script
    walk = iter(client(transport).list_runs(trace_id=TRACE))
    assert next(walk).name == "1"
    assert seen.wait(5), "the second page is on its way while the first is consumed"
    del walk
    for thread in threading.enumerate():
        if thread.name == "runstore-page":
            thread.join(5)
    assert len(transport.queries) == 2
