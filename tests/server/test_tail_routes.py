"""Tails over HTTP: what is sent when, where a client goes on, how a tail ends."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from runstore.limits import TAILS_MAX
from runstore.store import tails
from tests.server.live import Live, open_engine, serve
from tests.server.wirerun import run, uid

http = httpx2.Client(timeout=10, limits=httpx2.Limits(max_connections=200))
END = "2026-03-01T11:00:00+00:00"


@dataclass
class Event:
    kind: str = ""
    id: str = ""
    data: Any = None


@dataclass
class Stream:
    """Events of one response, read as a browser would."""

    response: httpx2.Response
    last_id: str = ""
    _lines: Iterator[str] = field(init=False)

    def __post_init__(self) -> None:
        self._lines = self.response.iter_lines()

    def next(self) -> Event:
        """The next that has data, or "" for one that has none. Raises StopIteration at the end."""
        event = Event()
        for line in self._lines:
            if not line:
                self.last_id = event.id or self.last_id
                return event
            name, _, value = line.partition(": ")
            if name == "event":
                event.kind = value
            elif name == "id":
                event.id = value
            elif name == "data":
                event.data = json.loads(value)
        raise StopIteration

    def names(self, count: int) -> list[str]:
        """Names of the next so many runs, whatever lies between them."""
        found: list[str] = []
        while len(found) < count:
            event = self.next()
            if event.kind == "run":
                found.append(event.data["name"])
        return found


@pytest.fixture(scope="module", autouse=True)
def _closed() -> Iterator[None]:
    yield
    http.close()


@pytest.fixture(params=["memory", "sqlite"])
def live(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Live]:
    with serve(open_engine(request.param, tmp_path), tmp_path) as live:
        yield live


@contextmanager
def following(live: Live, body: object = None, **headers: str) -> Iterator[Stream]:
    with http.stream("POST", f"{live.url}/runs/tail", json=body or {}, headers=headers) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        stream = Stream(answer)
        first = stream.next()
        assert (first.kind, first.data) == ("", None), "a sign of life with where it begins"
        yield stream


def send(live: Live, *runs: dict[str, Any]) -> None:
    assert http.post(f"{live.url}/runs/batch", json={"post": runs}).status_code == 202


def end(live: Live, number: int, **said: Any) -> None:
    body = {"end_time": END, **said}
    assert http.patch(f"{live.url}/runs/{uid(number)}", json=body).status_code == 202


def test_a_run_is_sent_when_it_comes_and_again_when_it_ends(live: Live) -> None:
    send(live, run(1))
    with following(live) as stream:
        send(live, run(2))
        event = stream.next()
        assert (event.kind, event.data["id"], event.data["status"]) == ("run", uid(2), "pending")
        assert event.data["inputs"] == {"n": 2}
        end(live, 2, outputs={"a": "line\nbreak"})
        event = stream.next()
        assert (event.data["id"], event.data["status"]) == (uid(2), "success")
        assert event.data["outputs"] == {"a": "line\nbreak"}
        end(live, 2, tags=["later"])  # no change of state
        send(live, run(3))
        assert stream.names(1) == ["run 3"]


def test_only_what_matches_is_sent(live: Live) -> None:
    wanted = {"filter": 'eq(name, "run 2")', "session_name": "tests", "select": ["id", "name"]}
    with following(live, wanted) as stream:
        send(live, run(1), run(2), run(3), run(4, session_name="other", name="run 2"))
        event = stream.next()
        assert event.data["id"] == uid(2)
        assert "inputs" not in event.data
        send(live, run(5, name="run 2"))
        assert stream.next().data["id"] == uid(5)


def test_a_run_is_sent_once_it_matches(live: Live) -> None:
    with following(live, {"filter": "gte(feedback_score, 1)"}) as stream:
        send(live, run(1), run(2))
        body = {"run_id": uid(2), "key": "k", "score": 1.0}
        made = http.post(f"{live.url}/feedback", json=body).json()
        assert stream.names(1) == ["run 2"]
        body["run_id"] = uid(1)
        made = http.post(f"{live.url}/feedback", json=body | {"score": 0.1}).json()
        http.patch(f"{live.url}/feedback/{made['id']}", json={"score": 2.0})
        assert stream.names(1) == ["run 1"]


@pytest.mark.parametrize("way", ["Last-Event-ID", "cursor", "url"])
def test_who_comes_back_gets_what_he_missed(live: Live, way: str) -> None:
    with following(live) as stream:
        send(live, run(1))
        stream.names(1)
        at = stream.last_id
    send(live, run(2))
    send(live, run(3))
    end(live, 1)
    if way == "url":
        with http.stream("GET", f"{live.url}/runs/tail?cursor={at}&is_root=true") as answer:
            names = Stream(answer).names(3)
    elif way == "cursor":
        with following(live, {"cursor": at}) as stream:
            names = stream.names(3)
    else:  # it wins over the cursor of the first request, which an EventSource sends again
        with following(live, {"cursor": "0"}, **{"Last-Event-ID": at}) as stream:
            names = stream.names(3)
    assert sorted(names) == ["run 1", "run 2", "run 3"]


def test_a_tail_survives_a_restart_of_the_server(tmp_path: Path) -> None:
    with serve(open_engine("sqlite", tmp_path), tmp_path) as live:
        with following(live) as stream:
            send(live, run(1))
            stream.names(1)
            at = stream.last_id
        send(live, run(2))
    with serve(open_engine("sqlite", tmp_path), tmp_path) as live:
        send(live, run(3))
        with following(live, {"cursor": at}) as stream:
            assert sorted(stream.names(2)) == ["run 2", "run 3"]


def test_from_the_beginning_all_runs_are_sent_page_by_page(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tails, "TAIL_PAGE_RUNS", 7)
    monkeypatch.setattr(tails, "TAIL_CHANGES", 16)
    send(live, *(run(n) for n in range(1, 51)))
    with following(live, {"cursor": "0", "select": ["id", "name"]}) as stream:
        assert sorted(stream.names(50)) == sorted(f"run {n}" for n in range(1, 51))
        send(live, run(51))
        assert stream.names(1) == ["run 51"]


def test_a_cut_stream_goes_on_with_the_next_run(live: Live) -> None:
    with following(live) as stream:
        send(live, run(1), run(2))
        assert stream.names(1) == ["run 1"]
        at = stream.last_id
    with following(live, {"cursor": at}) as stream:
        assert stream.names(1) == ["run 2"]
        at = stream.last_id
    with following(live, {"cursor": at}) as stream:
        send(live, run(3))
        assert stream.names(1) == ["run 3"]


def test_a_slow_client_is_sent_all_of_it(live: Live) -> None:
    """Far more than sockets buffer comes before he reads the first."""
    with following(live, {"select": ["id", "name", "inputs"]}) as stream:
        for first in range(1, 41, 10):
            send(live, *(run(n, inputs={"x": "y" * 500_000}) for n in range(first, first + 10)))
        assert sorted(stream.names(40)) == sorted(f"run {n}" for n in range(1, 41))


def test_a_quiet_tail_gives_signs_of_life(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tails, "TAIL_HEARTBEAT_SECONDS", 0.05)
    with following(live, {"filter": 'eq(name, "never")'}) as stream:
        before = stream.last_id
        send(live, run(1))
        while stream.next().id == before:
            pass
        assert stream.last_id != before, "who comes back need not be asked about run 1 again"


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"filter": "eq(nme, 1)"}, 400, "nme"),
        ({"cursor": "x"}, 400, "no cursor of a tail"),
        ({"cursor": "9" * 30}, 400, "no cursor of a tail"),
        ({"cursor": "999999"}, 400, "another store"),
        ({"session": "x"}, 422, "not a UUID"),
        ({"session_name": 3}, 422, "names"),
        ({"select": ["nothing"]}, 422, "none of"),
    ],
    ids=str,
)
def test_what_cannot_be_followed_is_refused(
    live: Live, body: dict[str, Any], status: int, said: str
) -> None:
    answer = http.post(f"{live.url}/runs/tail", json=body)
    assert answer.status_code == status
    assert said in answer.text


def test_unknown_fields_are_named(live: Live) -> None:
    with http.stream("POST", f"{live.url}/runs/tail", json={"limit": 3, "fliter": ""}) as answer:
        assert answer.headers["runstore-ignored"] == "limit, fliter"


def test_so_many_may_follow_and_no_more(live: Live) -> None:
    with httpx2.Client() as client:
        open_ = [
            client.send(client.build_request("GET", f"{live.url}/runs/tail"), stream=True)
            for _ in range(TAILS_MAX)
        ]
        refused = http.get(f"{live.url}/runs/tail")
        assert (refused.status_code, refused.json()["code"]) == (429, "overloaded")
        assert "retry-after" in refused.headers
        for answer in open_:
            answer.close()
    for _ in range(100):  # the server learns of it a moment later
        with http.stream("GET", f"{live.url}/runs/tail") as answer:
            if answer.status_code == 200:
                return
        threading.Event().wait(0.02)
    pytest.fail("the places of tails that have gone are not free")


def test_an_error_on_the_way_is_the_last_event(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    from runstore.errors import StorageError

    with following(live) as stream:

        def fail(*_: object, **__: object) -> None:
            raise StorageError("the disk is gone")

        monkeypatch.setattr(live.engine, "changed_runs", fail)
        send(live, run(1))
        event = stream.next()
        assert (event.kind, event.data["code"]) == ("error", "storage")
        with pytest.raises(StopIteration):
            stream.next()


def test_a_tail_ends_when_the_server_stops(tmp_path: Path) -> None:
    with httpx2.Client() as client:
        with serve(open_engine("memory", tmp_path), tmp_path) as live:
            request = client.build_request("GET", f"{live.url}/runs/tail")
            answer = client.send(request, stream=True)
            stream = Stream(answer)
            stream.next()
        with pytest.raises(StopIteration):
            stream.next()
        answer.close()


def test_a_head_request_opens_no_tail(live: Live) -> None:
    for _ in range(TAILS_MAX + 1):
        answer = http.head(f"{live.url}/runs/tail")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")


def test_open_tails_are_counted(live: Live) -> None:
    with following(live):
        assert "runstore_tails 1.0" in http.get(f"{live.url}/metrics").text


def test_nothing_is_lost_however_often_the_connection_is(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that reads a few runs and comes back, while others write and end theirs."""
    monkeypatch.setattr(tails, "TAIL_HEARTBEAT_SECONDS", 0.05)
    count = 300
    stop = threading.Event()

    def write() -> None:
        with httpx2.Client() as own:
            for first in range(1, count + 1, 10):
                posted = [run(n) for n in range(first, first + 10)]
                own.post(f"{live.url}/runs/batch", json={"post": posted})
                ended = [{"id": uid(n), "end_time": END} for n in range(first, first + 10, 3)]
                own.post(f"{live.url}/runs/batch", json={"patch": ended})
                if stop.wait(0.002):
                    return

    writer = threading.Thread(target=write)
    writer.start()
    states: dict[str, set[str]] = {}
    cursor = "0"
    try:
        while len(states) < count or sum("success" in seen for seen in states.values()) < 120:
            body = {"cursor": cursor, "select": ["id", "status"]}
            with following(live, body) as stream:
                for _ in range(len(states) % 7 + 1):
                    event = stream.next()
                    if event.kind == "run":
                        states.setdefault(event.data["id"], set()).add(event.data["status"])
                    cursor = stream.last_id
    finally:
        stop.set()
        writer.join()
    assert set(states) == {uid(n) for n in range(1, count + 1)}
    ended = {run_id for run_id, seen in states.items() if "success" in seen}
    assert ended == {
        uid(n) for first in range(1, count + 1, 10) for n in range(first, first + 10, 3)
    }
