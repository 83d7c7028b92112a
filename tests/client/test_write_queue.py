"""Every write is sent, refused or dropped, and counted as one of them."""

import logging

import pytest

from runstore.client.calls.bodies import FeedbackWrite
from runstore.client.calls.ingest import IngestTerms, RefusedWrite
from runstore.client.write_queue import WriteQueue, retry_pause_s
from runstore.errors import (
    ConnectionFailed,
    InvalidRequest,
    Overloaded,
    ReadOnly,
    RunstoreError,
    Unauthorized,
)
from runstore.limits import WRITE_RETRY_PAUSE_SECONDS_MAX, WRITE_RETRY_SECONDS_MAX

TERMS = IngestTerms(operations_max=2)


def write(name: str = "w", size: int = 1) -> FeedbackWrite:
    return FeedbackWrite(name, name, b"x" * size)


def filled(count: int) -> WriteQueue:
    queue = WriteQueue()
    for number in range(count):
        assert queue.put(write(str(number)))
    return queue


def test_batches_come_in_order_and_stay_queued_until_they_are_answered() -> None:
    queue = filled(3)
    first = queue.next_batch(TERMS)
    assert [one.run_id for one in first] == ["0", "1"]
    assert queue.next_batch(TERMS) == first
    queue.settle(first, [])
    assert [one.run_id for one in queue.next_batch(TERMS)] == ["2"]
    assert queue.stats().queued == 1 and queue.stats().sent == 2


def test_what_was_put_before_is_answered_when_its_batch_is() -> None:
    queue = filled(3)
    until = queue.put_count
    queue.put(write("later"))
    queue.put(write("later still"))
    queue.settle(queue.next_batch(TERMS), [])
    assert not queue.is_answered(until)
    queue.settle(queue.next_batch(TERMS), [])
    assert queue.is_answered(until) and not queue.is_empty


@pytest.mark.parametrize(
    "queue, said",
    [
        (WriteQueue(operations_max=2), "the queue is full (2 writes"),
        (WriteQueue(bytes_max=600), "the queue is full (2 writes"),
    ],
    ids=["by count", "by bytes"],
)
def test_past_its_bounds_writes_are_dropped_counted_and_said_once(
    queue: WriteQueue, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "runstore.client"):
        taken = [queue.put(write(str(number), 100)) for number in range(4)]
    assert taken == [True, True, False, False]
    stats = queue.stats()
    assert (stats.queued, stats.dropped, stats.lost) == (2, 2, 2)
    assert said in (stats.last_error or "")
    assert len(caplog.records) == 1 and said in caplog.text


def test_a_write_larger_than_the_queue_is_dropped() -> None:
    queue = WriteQueue(bytes_max=100)
    assert not queue.put(write("big", 1_000))
    assert "one write of" in (queue.stats().last_error or "")


def test_refusals_are_counted_kept_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    queue = filled(4)
    with caplog.at_level(logging.WARNING, "runstore.client"):
        for run_id in ("0", "2"):
            queue.settle(queue.next_batch(TERMS), [RefusedWrite(run_id, "name: too long")])
    stats = queue.stats()
    assert (stats.sent, stats.refused, stats.lost) == (2, 2, 2)
    assert stats.refusals == (
        RefusedWrite("0", "name: too long"),
        RefusedWrite("2", "name: too long"),
    )
    assert stats.last_error == "run 2 refused: name: too long"
    assert len(caplog.records) == 1 and "run 0 refused" in caplog.text


def test_room_is_made_by_every_way_out() -> None:
    queue = WriteQueue(operations_max=2)
    queue.put(write())
    queue.put(write())
    queue.drop(queue.next_batch(TERMS), "nobody answers")
    assert queue.put(write()) and queue.put(write())
    assert queue.drop_all("closed") == 2
    assert queue.put(write())
    assert (queue.stats().dropped, queue.stats().queued) == (4, 1)


def test_a_delay_is_said_once_in_a_row_and_is_the_reason_of_what_is_given_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    queue = filled(4)
    with caplog.at_level(logging.WARNING, "runstore.client"):
        queue.delay("connection refused")
        queue.delay("connection refused")
        assert caplog.text.count("writing is delayed") == 1
        assert queue.stats().last_error == "connection refused"
        queue.settle(queue.next_batch(TERMS), [])
        queue.delay("no route to host")
        assert caplog.text.count("writing is delayed") == 2
    queue.drop_all("closed")
    assert queue.stats().last_error == "2 dropped: closed: no route to host"


def test_an_answer_that_comes_after_all_was_dropped_counts_nothing_twice() -> None:
    queue = filled(2)
    batch = queue.next_batch(TERMS)
    queue.drop_all("closed")
    queue.settle(batch, [])
    stats = queue.stats()
    assert (stats.sent, stats.dropped, stats.queued) == (0, 2, 0)


def test_a_forked_process_begins_with_nothing() -> None:
    queue = filled(2)
    queue.lock.acquire()  # as it may be in the parent at that moment, by another thread
    queue.after_fork()
    assert queue.stats().queued == 0
    assert queue.put(write()) and queue.stats().queued == 1


class BadGateway(RunstoreError):
    status = 502


@pytest.mark.parametrize(
    "error, elapsed_s, pause_s",
    [
        pytest.param(ConnectionFailed("gone"), 0, 0.5, id="the server is away"),
        pytest.param(BadGateway("proxy"), 0, 0.5, id="the proxy says it is away"),
        pytest.param(Overloaded("busy", 7), 0, 7, id="it says when to come back"),
        pytest.param(Overloaded("busy", 999), 0, WRITE_RETRY_PAUSE_SECONDS_MAX, id="within bounds"),
        pytest.param(Unauthorized("key"), 0, None, id="a wrong key stays wrong"),
        pytest.param(ReadOnly("folder"), 0, None, id="a folder others write"),
        pytest.param(InvalidRequest("bad"), 0, None, id="a bad request"),
        pytest.param(RunstoreError("500"), 0, None, id="the server fails on this very batch"),
        pytest.param(
            ConnectionFailed("gone"), WRITE_RETRY_SECONDS_MAX, None, id="it has been away too long"
        ),
    ],
)
def test_when_a_batch_is_sent_again(
    error: RunstoreError, elapsed_s: float, pause_s: float | None
) -> None:
    assert retry_pause_s(error, 0, elapsed_s, lambda: 0.5) == pause_s


def test_pauses_grow_up_to_their_bound() -> None:
    pauses = [retry_pause_s(ConnectionFailed(""), n, 0, lambda: 0.5) for n in range(8)]
    assert pauses == [0.5, 1, 2, 4, 8, 15, 15, 15]
