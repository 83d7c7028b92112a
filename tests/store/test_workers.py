"""QueryWorkers: a bounded wait, a deadline that counts it, a cancelled call that costs nothing."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from runstore.errors import Overloaded, QueryBudgetExceeded
from runstore.plan.budget import Budget
from runstore.plan.lanes import Lane
from runstore.store.workers import QueryWorkers


class Busy:
    """A call that holds its thread until it is let go."""

    def __init__(self) -> None:
        self.began, self.go = threading.Event(), threading.Event()

    def __call__(self) -> str:
        self.began.set()
        assert self.go.wait(10)
        return "done"


@pytest.fixture
def workers() -> Iterator[QueryWorkers]:
    one = QueryWorkers(threads=1, waiting_max=1, budget=Budget(seconds=60))
    yield one
    one.close()


def test_past_the_wait_a_call_is_refused(workers: QueryWorkers) -> None:
    async def scenario() -> None:
        busy = Busy()
        running = asyncio.create_task(workers.run(busy))
        await asyncio.to_thread(busy.began.wait, 10)
        waiting = asyncio.create_task(workers.run(lambda: "later"))
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await workers.run(lambda: "too many")
        busy.go.set()
        assert [await running, await waiting] == ["done", "later"]
        assert await workers.run(lambda: "again") == "again"

    asyncio.run(scenario())


def test_a_call_cancelled_while_it_waits_never_runs(workers: QueryWorkers) -> None:
    ran = []

    async def scenario() -> None:
        busy = Busy()
        running = asyncio.create_task(workers.run(busy))
        await asyncio.to_thread(busy.began.wait, 10)
        waiting = asyncio.create_task(workers.run(lambda: ran.append("it ran")))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        busy.go.set()
        await running

    asyncio.run(scenario())
    workers.close()
    assert ran == []


def test_the_wait_counts_towards_the_deadline() -> None:
    workers = QueryWorkers(threads=1, waiting_max=1, budget=Budget(seconds=0))
    ran = []
    with pytest.raises(QueryBudgetExceeded):
        asyncio.run(workers.run(lambda: ran.append("it ran")))
    workers.close()
    assert ran == []


def test_a_call_is_told_what_is_left(workers: QueryWorkers) -> None:
    assert 0 < asyncio.run(workers.run_within(lambda budget: budget.seconds)) <= 60


def test_an_error_of_the_call_is_the_callers(workers: QueryWorkers) -> None:
    with pytest.raises(ZeroDivisionError):
        asyncio.run(workers.run(lambda: 1 // 0))


def test_every_call_is_observed() -> None:
    seen: list[float] = []
    workers = QueryWorkers(threads=1, observe=seen.append)
    asyncio.run(workers.run(lambda: None))
    with pytest.raises(ZeroDivisionError):
        asyncio.run(workers.run(lambda: 1 // 0))
    workers.close()
    assert len(seen) == 2
    assert min(seen) >= 0


def test_what_takes_long_keeps_nothing_else_waiting() -> None:
    workers = QueryWorkers(threads=1, page_threads=1, scan_threads=1, waiting_max=1)

    async def scenario() -> None:
        busy = {lane: Busy() for lane in (Lane.PAGES, Lane.SCANS)}
        running = [
            asyncio.create_task(workers.run_within(lambda _, one=one: one(), lane))  # type: ignore[misc]
            for lane, one in busy.items()
        ]
        for one in busy.values():
            await asyncio.to_thread(one.began.wait, 10)
        waiting = asyncio.create_task(workers.run_within(lambda _: "later", Lane.PAGES))
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await workers.run_within(lambda _: "too many", Lane.PAGES)
        assert await workers.run(lambda: "quick") == "quick"
        for one in busy.values():
            one.go.set()
        assert [await one for one in (*running, waiting)] == ["done", "done", "later"]

    asyncio.run(scenario())
    workers.close()
