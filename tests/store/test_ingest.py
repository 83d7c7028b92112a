"""IngestWriter: what waits shares a transaction, each request hears of its own."""

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from runstore.errors import Damaged, DiskFull, Overloaded, StorageError
from runstore.model.batch import Batch
from runstore.model.feedback import Feedback
from runstore.model.run import Refusal
from runstore.store import ingest
from runstore.store.ingest import Commit, IngestWriter
from tests.store.fakes import RUN, RecordingEngine, batch


class Seen:
    def __init__(self) -> None:
        self.commits: list[Commit] = []

    def committed(self, commit: Commit) -> None:
        self.commits.append(commit)

    def queried(self, seconds: float) -> None:
        raise AssertionError("nothing was queried")


@pytest.fixture
def workers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


def ids(*numbers: int) -> list[str]:
    return [RUN.format(number) for number in numbers]


def until_closing(writer: IngestWriter) -> None:
    while writer.is_open:
        time.sleep(0.001)


async def behind_a_gate(
    engine: RecordingEngine, writer: IngestWriter, *batches: Batch
) -> list[asyncio.Task[list[Refusal]]]:
    """Submit all while the writer is busy with the first, then let it go on."""
    engine.gate.clear()
    tasks = [asyncio.create_task(writer.submit_prepared(batches[0]))]
    await asyncio.to_thread(engine.entered.wait, 10)
    tasks += [asyncio.create_task(writer.submit_prepared(one)) for one in batches[1:]]
    await asyncio.sleep(0)  # each task runs up to its wait
    assert writer.waiting == len(batches) - 1
    engine.gate.set()
    await asyncio.wait(tasks)
    return tasks


def test_what_waits_is_written_in_one_transaction_in_order_of_arrival(
    workers: ThreadPoolExecutor,
) -> None:
    engine, seen = RecordingEngine(), Seen()
    writer = IngestWriter(engine.as_engine(), workers, observer=seen)

    async def scenario() -> None:
        await behind_a_gate(engine, writer, batch(1), batch(2, 3), batch(4))

    asyncio.run(scenario())
    writer.close()
    assert engine.writes == [ids(1), ids(2, 3, 4)]
    assert [(one.requests, one.messages, one.failed) for one in seen.commits] == [
        (1, 1, False),
        (2, 3, False),
    ]


@pytest.mark.parametrize(
    ("bounds", "writes"),
    [
        ({"commit_messages_max": 3}, [ids(1), ids(2, 3, 4), ids(5)]),
        ({"commit_messages_max": 1}, [ids(1), ids(2, 3), ids(4), ids(5)]),
        ({"commit_bytes_max": 6_000}, [ids(1), ids(2, 3), ids(4, 5)]),
        ({"commit_bytes_max": 1}, [ids(1), ids(2, 3), ids(4), ids(5)]),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_a_transaction_has_a_bound_and_no_batch_is_split(
    workers: ThreadPoolExecutor, bounds: dict[str, int], writes: list[list[str]]
) -> None:
    engine = RecordingEngine()
    writer = IngestWriter(engine.as_engine(), workers, **bounds)  # type: ignore[arg-type]
    sized = [batch(2, 3, size=1_000), batch(4, size=2_000), batch(5)]

    async def scenario() -> None:
        await behind_a_gate(engine, writer, batch(1), *sized)

    asyncio.run(scenario())
    writer.close()
    assert engine.writes == writes


def test_each_request_hears_of_its_own_refusals(workers: ThreadPoolExecutor) -> None:
    engine = RecordingEngine(
        lambda batch: [Refusal(m.id, "no") for m in batch.messages if m.id == ids(3)[0]]
    )
    writer = IngestWriter(engine.as_engine(), workers)

    async def scenario() -> list[list[Refusal]]:
        return [
            task.result()
            for task in await behind_a_gate(engine, writer, batch(1), batch(2), batch(3, 4))
        ]

    assert asyncio.run(scenario()) == [[], [], [Refusal(ids(3)[0], "no")]]
    writer.close()


def test_a_failed_write_fails_its_group_and_the_writer_lives_on(
    workers: ThreadPoolExecutor,
) -> None:
    def full(batch: Batch) -> list[Refusal]:
        if any(message.id in ids(2, 3) for message in batch.messages):
            raise StorageError("disk is full")
        return []

    engine, seen = RecordingEngine(full), Seen()
    writer = IngestWriter(engine.as_engine(), workers, observer=seen)

    async def scenario() -> list[Any]:
        tasks = await behind_a_gate(engine, writer, batch(1), batch(2), batch(3))
        after = await writer.submit(batch(4))
        return [*(task.exception() for task in tasks), after]

    first, second, third, after = asyncio.run(scenario())
    writer.close()
    assert first is None
    assert isinstance(second, StorageError)
    assert isinstance(third, StorageError)
    assert str(second) == "disk is full"
    assert second is not third
    assert after == []
    assert engine.writes == [ids(1), ids(4)]
    assert [one.failed for one in seen.commits] == [False, True, False]


def test_after_a_failed_write_the_writer_looks_until_writing_works_again(
    workers: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "IDLE_SECONDS", 0.001)
    monkeypatch.setattr(ingest, "PROBE_SECONDS", 0.001)

    def refuse(_: Batch) -> list[Refusal]:
        raise DiskFull("no room")

    engine = RecordingEngine(refuse)
    engine.fault = DiskFull("still no room")
    writer = IngestWriter(engine.as_engine(), workers)

    def until(is_so: Callable[[], bool]) -> None:
        ends = time.monotonic() + 10
        while not is_so():
            assert time.monotonic() < ends
            time.sleep(0.001)

    async def scenario() -> None:
        assert writer.fault is None
        with pytest.raises(DiskFull):
            await writer.submit(batch(1))
        until(lambda: str(writer.fault) == "still no room")
        engine.fault = None
        until(lambda: writer.fault is None)
        assert engine.probes > 1

    asyncio.run(scenario())
    writer.close()


@pytest.mark.parametrize(
    ("error", "is_fault"),
    [
        pytest.param(StorageError("I/O error"), True, id="nothing can be written"),
        pytest.param(Damaged("run 7"), False, id="a run that is damaged: others are written"),
    ],
)
def test_a_write_that_succeeds_shows_that_writing_works(
    workers: ThreadPoolExecutor, error: StorageError, is_fault: bool
) -> None:
    def refuse_the_first(batch: Batch) -> list[Refusal]:
        if batch.messages[0].id == ids(1)[0]:
            raise error
        return []

    engine = RecordingEngine(refuse_the_first)
    engine.fault = StorageError("the probe")
    writer = IngestWriter(engine.as_engine(), workers)

    async def scenario() -> None:
        with pytest.raises(StorageError):
            await writer.submit(batch(1))
        assert (writer.fault is not None) == is_fault
        await writer.submit(batch(2))
        assert writer.fault is None

    asyncio.run(scenario())
    writer.close()


def test_one_batch_that_breaks_the_engine_fails_alone(workers: ThreadPoolExecutor) -> None:
    def broken(batch: Batch) -> list[Refusal]:
        if batch.messages[0].id == ids(3)[0]:
            raise ZeroDivisionError
        return []

    engine = RecordingEngine(broken)
    writer = IngestWriter(engine.as_engine(), workers)

    async def scenario() -> list[BaseException | None]:
        tasks = await behind_a_gate(engine, writer, batch(1), batch(2), batch(3), batch(4))
        return [task.exception() for task in tasks]

    outcomes = asyncio.run(scenario())
    writer.close()
    assert [type(outcome) for outcome in outcomes] == [
        type(None),
        type(None),
        ZeroDivisionError,
        type(None),
    ]
    assert engine.writes == [ids(1), ids(2), ids(4)]


def test_past_the_queue_bound_a_request_is_refused_and_may_come_again(
    workers: ThreadPoolExecutor,
) -> None:
    engine = RecordingEngine()
    writer = IngestWriter(engine.as_engine(), workers, queue_bytes_max=5_000)

    async def scenario() -> None:
        engine.gate.clear()
        first = asyncio.create_task(writer.submit(batch(1, size=3_000)))
        await asyncio.to_thread(engine.entered.wait, 10)
        with pytest.raises(Overloaded):
            await writer.submit(batch(2, size=3_000))
        assert writer.budget.taken == 4_000
        engine.gate.set()
        await first
        assert await writer.submit(batch(2, size=3_000)) == []

    asyncio.run(scenario())
    writer.close()
    assert engine.writes == [ids(1), ids(2)]
    assert writer.budget.taken == 0


def test_close_writes_what_was_accepted_and_then_nothing_is(workers: ThreadPoolExecutor) -> None:
    engine = RecordingEngine()
    writer = IngestWriter(engine.as_engine(), workers)

    async def scenario() -> None:
        engine.gate.clear()
        tasks = [asyncio.create_task(writer.submit_prepared(batch(n))) for n in (1, 2, 3)]
        await asyncio.to_thread(engine.entered.wait, 10)
        closing = asyncio.create_task(asyncio.to_thread(writer.close))
        await asyncio.to_thread(until_closing, writer)
        with pytest.raises(Overloaded):
            await writer.submit_prepared(batch(4))
        engine.gate.set()
        await asyncio.wait_for(closing, 10)
        assert [await task for task in tasks] == [[], [], []]

    asyncio.run(scenario())
    writer.close()
    assert sorted(sum(engine.writes, [])) == ids(1, 2, 3)


def test_a_cancelled_request_is_written_all_the_same(workers: ThreadPoolExecutor) -> None:
    engine = RecordingEngine()
    writer = IngestWriter(engine.as_engine(), workers)

    async def scenario() -> None:
        engine.gate.clear()
        task = asyncio.create_task(writer.submit_prepared(batch(1)))
        await asyncio.to_thread(engine.entered.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert writer.budget.taken == 1_000
        engine.gate.set()
        assert await writer.submit(batch(2)) == []

    asyncio.run(scenario())
    writer.close()
    assert engine.writes == [ids(1), ids(2)]
    assert writer.budget.taken == 0


def test_the_engine_prepares_before_the_writer_sees_it(workers: ThreadPoolExecutor) -> None:
    engine = RecordingEngine()
    writer = IngestWriter(engine.as_engine(), workers)

    async def scenario() -> None:
        await writer.submit(Batch(batch(7).messages, [Feedback(id=RUN.format(1), key="k")]))

    asyncio.run(scenario())
    writer.close()
    assert (engine.prepared, engine.writes) == (ids(7), [ids(7)])


def test_an_idle_writer_tidies_up_and_a_failure_there_harms_nobody(
    workers: ThreadPoolExecutor,
) -> None:
    engine = RecordingEngine()
    engine.upkeep = 3
    writer = IngestWriter(engine.as_engine(), workers)

    async def told() -> None:
        await writer.submit(batch(1))
        assert await asyncio.to_thread(engine.tidied.wait, 10)
        assert await writer.submit(batch(2)) == []

    asyncio.run(told())
    writer.close()
    assert engine.writes == [ids(1), ids(2)]
    assert engine.upkeep <= 0


def test_a_transaction_waits_a_little_for_a_request_under_way(
    workers: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "GATHER_SECONDS", 10.0)  # however busy the machine is
    engine = RecordingEngine()
    writer = IngestWriter(engine.as_engine(), workers)

    async def told() -> None:
        with writer.budget.lease() as lease:
            lease.grow(1_000)  # its body is coming in
            first = asyncio.create_task(writer.submit_prepared(batch(1)))
            await asyncio.sleep(0.01)
            await asyncio.gather(first, writer.submit_prepared(batch(2), lease))

    asyncio.run(told())
    writer.close()
    assert engine.writes == [ids(1, 2)]
