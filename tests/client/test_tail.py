"""tail: the same over HTTP and on a folder, sync and async."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from runstore import Client, F
from runstore.client.calls.tail import Following, ask_tail
from runstore.client.drive import drive
from runstore.client.http import HttpRequest, HttpResponse, Steps
from runstore.client.run import Run
from runstore.client.tail import Tail
from runstore.errors import ConnectionFailed, FilterError
from tests.client.calls.test_tail import event
from tests.client.conftest import Connect, Place
from tests.client.world import id_of, run, write_runs
from tests.server.live import open_engine, serve
from tests.standin import standin


@pytest.fixture
def writer(own_place: Place) -> Iterator[Client]:
    with Client(own_place.target) as one:
        yield one


def write(writer: Client, *runs: dict[str, Any]) -> None:
    drive(write_runs(list(runs)), writer._transport)


def take(tail: Any, count: int) -> list[tuple[str, str | None]]:
    """(name, status) of the next so many."""
    return sorted((run.name, run.status) for run in (next(tail) for _ in range(count)))


def test_runs_come_as_they_arrive_and_again_as_they_end(connect: Connect, writer: Client) -> None:
    client = connect()
    write(writer, run("one"), run("two", latency_s=None))
    tail = client.tail(cursor="0")
    assert take(tail, 2) == [("one", "success"), ("two", "pending")]
    write(writer, run("three"))
    assert take(tail, 1) == [("three", "success")]
    drive(ended("two"), writer._transport)
    assert take(tail, 1) == [("two", "success")]
    tail.close()


def ended(label: str) -> Steps[None]:
    body = b'{"end_time": "2026-03-01T11:00:00Z"}'
    yield HttpRequest("PATCH", f"/runs/{id_of(label)}", body=body)


def test_only_what_is_asked_for_comes(connect: Connect, writer: Client) -> None:
    write(writer, run("one"), run("two"), run("three", project="other"))
    tail = connect().tail(project_name="app", filter=F.name != "two", select="name", cursor="0")
    (found,) = [next(tail)]
    assert (found.name, found.inputs) == ("one", {})
    write(writer, run("four", project="other"), run("five"))
    assert take(tail, 1) == [("five", "success")]
    tail.close()


def test_a_project_may_be_made_later(connect: Connect, writer: Client) -> None:
    write(writer, run("one"))
    tail = connect().tail(project_name="new", cursor="0")
    stop = threading.Event()

    def keep_writing() -> None:
        for number in range(1_000):
            if stop.wait(0.05):
                return
            write(writer, run(f"late {number}", project="new"))

    thread = threading.Thread(target=keep_writing)
    thread.start()
    try:
        assert next(tail).name.startswith("late")
    finally:
        stop.set()
        thread.join()
    tail.close()


def test_without_a_cursor_only_what_comes_is_given(connect: Connect, writer: Client) -> None:
    write(writer, run("before"))
    tail = connect().tail()
    assert tail.cursor is None
    stop = threading.Event()

    def keep_writing() -> None:
        for number in range(1_000):
            if stop.wait(0.05):
                return
            write(writer, run(f"after {number}"))

    thread = threading.Thread(target=keep_writing)
    thread.start()
    try:
        assert next(tail).name.startswith("after")
    finally:
        stop.set()
        thread.join()
    tail.close()


def test_another_client_goes_on_from_the_cursor(connect: Connect, writer: Client) -> None:
    write(writer, run("one"))
    first = connect().tail(cursor="0")
    assert take(first, 1) == [("one", "success")]
    cursor = first.cursor
    first.close()
    write(writer, run("two"), run("three"))
    second = connect().tail(cursor=cursor)
    assert take(second, 2) == [("three", "success"), ("two", "success")]
    second.close()


def test_a_wrong_filter_is_said_with_its_place(connect: Connect) -> None:
    with pytest.raises(FilterError) as raised:
        next(connect().tail(filter="eq(nme, 1)"))
    assert raised.value.at.start == 3


def test_a_folder_that_is_served_is_followed_beside_the_server(tmp_path: Path) -> None:
    with (
        serve(open_engine("sqlite", tmp_path), tmp_path) as live,
        Client(live.url) as server,
        Client(tmp_path) as guest,
    ):
        write(server, run("one"))
        tail = guest.tail(cursor="0")
        assert take(tail, 1) == [("one", "success")]
        write(server, run("two"))
        assert take(tail, 1) == [("two", "success")]
        tail.close()


class Breaking:
    """Each connection gives its pieces, then breaks; at last nobody is there."""

    def __init__(self, *connections: list[bytes]) -> None:
        self.requests: list[HttpRequest] = []
        self._connections = list(connections)

    def send(self, request: HttpRequest) -> HttpResponse:
        raise AssertionError("nothing else is asked")

    @contextmanager
    def stream(self, request: HttpRequest) -> Iterator[Iterator[bytes]]:
        self.requests.append(request)
        pieces = self._connections.pop(0)

        def each() -> Iterator[bytes]:
            yield from pieces
            raise ConnectionFailed("the connection broke")

        yield each()

    def close(self) -> None: ...


def test_a_broken_connection_is_made_anew_where_it_broke(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("runstore.client.tail.time", standin(time, sleep=waits.append))
    transport = Breaking(
        [b"id: 1.0\n\n", event("a", "1.0"), event("b", "2.0")[:-30]],
        [],
        [event("a", "1.0") + event("b", "2.0")],
        [event("c", "3.0")],
    )
    tail = Tail(transport, Following(ask_tail({}, None, None), Run))
    assert [next(tail).name for _ in range(3)] == ["a", "b", "c"]
    assert [request.body for request in transport.requests] == [
        b"{}",
        b'{"cursor":"1.0"}',
        b'{"cursor":"1.0"}',
        b'{"cursor":"2.0"}',
    ]
    assert len(waits) == 3
