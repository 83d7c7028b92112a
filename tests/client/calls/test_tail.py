"""Following without I/O: what is asked, how bytes become runs, when it is tried again."""

from typing import Any

import orjson
import pytest

from runstore.client.calls.tail import Event, EventParser, Following, ask_tail
from runstore.client.expression import F
from runstore.client.run import Run
from runstore.errors import (
    At,
    ConnectionFailed,
    CursorError,
    FilterError,
    InvalidArgument,
    NotFound,
    Overloaded,
    ReadOnly,
    RequestTimeout,
    RunstoreError,
    StorageError,
    Unauthorized,
    UnexpectedAnswer,
)
from runstore.limits import RETRY_PAUSE_SECONDS_MAX, TAIL_RETRY_SECONDS_MAX
from tests.client.world import id_of
from tests.client.world import run as world_run


def following(cursor: str | None = None, select: Any = None, **asked: Any) -> Following:
    return Following(ask_tail(asked, select, cursor), Run)


def body(one: Following) -> dict[str, Any]:
    """Of its next request, which needs no answer first."""
    try:
        next(one.request())
    except StopIteration as done:
        assert (done.value.method, done.value.path) == ("POST", "/runs/tail")
        found: dict[str, Any] = orjson.loads(done.value.body)
        return found
    pytest.fail("it asks something else first")


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ({}, {}),
        ({"project_name": "app"}, {"session_name": ["app"]}),
        (
            {"project_name": ("a", "b"), "is_root": True},
            {"session_name": ["a", "b"], "is_root": True},
        ),
        ({"project_id": id_of("p")}, {"session": [str(id_of("p"))]}),
        ({"filter": F.name == "x"}, {"filter": 'eq(name, "x")'}),
        ({"run_ids": []}, {"id": []}),
        ({"project_name": []}, {"id": []}),
        ({"project_id": ()}, {"session": [], "id": []}),
        ({"select": "name"}, {"select": ["id", "status", "end_time", "name"]}),
        ({"cursor": "0"}, {"cursor": "0"}),
    ],
    ids=str,
)
def test_what_is_asked_is_sent(asked: dict[str, Any], sent: dict[str, Any]) -> None:
    assert body(following(**asked)) == sent


@pytest.mark.parametrize(
    ("asked", "error", "said"),
    [
        ({"limit": 3}, TypeError, "limit"),
        ({"project": "x"}, TypeError, "project_name"),
        ({"cursor": ""}, InvalidArgument, "cursor"),
        ({"project_name": ""}, InvalidArgument, "project_name is empty"),
    ],
    ids=str,
)
def test_what_means_nothing_is_refused(
    asked: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        following(**asked)


STREAM = b': still here\nid: 1.0\n\nevent: run\nid: 2.0\ndata: {"a":\ndata: 1}\n\nid: 3.0\n\n'
EVENTS = [Event("", "1.0"), Event("run", "2.0", b'{"a":\n1}'), Event("", "3.0")]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1_000])
def test_pieces_may_end_anywhere(size: int) -> None:
    parser = EventParser()
    found: list[Event] = []
    for at in range(0, len(STREAM), size):
        found += parser.feed(STREAM[at : at + size])
    assert found == EVENTS


def test_an_event_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runstore.client.calls.tail.TAIL_EVENT_BYTES_MAX", 10)
    with pytest.raises(UnexpectedAnswer):
        list(EventParser().feed(b"data: 12345678"))


def event(label: str, cursor: str, **fields: Any) -> bytes:
    run = orjson.dumps(world_run(label, latency_s=None, status="pending", **fields))
    return b"event: run\nid: %b\ndata: %b\n\n" % (cursor.encode(), run)


def test_the_cursor_goes_with_the_runs() -> None:
    one = following()
    walk = one.runs(b"id: 1.0\n\n" + event("a", "1.0") + event("b", "2.0") + b"id: 3.0\n\n")
    assert next(walk).name == "a"
    assert one.cursor == "1.0"
    assert next(walk).name == "b"
    assert one.cursor == "2.0"
    assert list(walk) == []
    assert one.cursor == "3.0"
    assert body(one) == {"cursor": "3.0"}


def test_what_a_new_connection_repeats_is_left_out() -> None:
    one = following()
    assert [run.name for run in one.runs(event("a", "1.0"))] == ["a"]
    again = event("a", "1.0") + event("b", "2.0") + event("a", "2.0", end_time="2026-03-01T11:00Z")
    assert [run.name for run in one.runs(again)] == ["b", "a"], "a has another state"


def test_an_error_of_the_server_is_raised_as_its_class() -> None:
    said = b'event: error\ndata: {"detail": "the disk", "code": "storage"}\n\n'
    with pytest.raises(StorageError, match="the disk"):
        list(following().runs(said))


PASSING = [
    ConnectionFailed("broken"),
    RequestTimeout("silence"),
    Overloaded("64 tails", 7),
    StorageError("the disk"),
    None,
]
FINAL = [
    Unauthorized("revoked"),
    FilterError("no such field", "x", At(0, 1)),
    CursorError("another store"),
    ReadOnly("read only"),
]


@pytest.mark.parametrize("error", PASSING, ids=repr)
def test_what_passes_is_tried_again(error: RunstoreError | None) -> None:
    one = following()
    list(one.runs(b"id: 1.0\n\n"))
    waits = [one.seconds_to_wait(error, 0.5) for _ in range(12)]
    if isinstance(error, Overloaded):
        assert all(wait >= 7 for wait in waits)
    else:
        assert waits[0] < 1
        assert waits == sorted(waits)
    assert max(waits) <= RETRY_PAUSE_SECONDS_MAX
    list(one.runs(b"id: 2.0\n\n"))
    assert one.seconds_to_wait(error, 0.5) == waits[0], "it begins anew when something came"


def test_it_gives_up_in_the_end() -> None:
    one = following()
    list(one.runs(b"id: 1.0\n\n"))
    waited = 0.0
    with pytest.raises(ConnectionFailed):
        while True:
            waited += one.seconds_to_wait(ConnectionFailed("broken"), 0.5)
    assert TAIL_RETRY_SECONDS_MAX <= waited < TAIL_RETRY_SECONDS_MAX + 20


@pytest.mark.parametrize("error", FINAL, ids=repr)
def test_what_would_be_the_same_again_is_raised(error: RunstoreError) -> None:
    one = following()
    list(one.runs(b"id: 1.0\n\n"))
    with pytest.raises(type(error)):
        one.seconds_to_wait(error, 0.5)


@pytest.mark.parametrize(
    "error", [ConnectionFailed("no such host"), Unauthorized("no key")], ids=repr
)
def test_what_fails_at_first_is_raised(error: RunstoreError) -> None:
    with pytest.raises(type(error)):
        following().seconds_to_wait(error, 0.5)


def test_a_server_without_tails_is_told_from_one_without_the_data() -> None:
    one = following()
    with pytest.raises(NotFound, match="dataset"):
        one.seconds_to_wait(NotFound("dataset x not found"), 0.5)
    body(one)
    with pytest.raises(NotFound, match="Runstore does"):
        one.seconds_to_wait(NotFound("Not Found"), 0.5)
