"""Synchronous engine calls -> awaitables: a few threads a lane, a bounded wait, a deadline.

The time a call waits for a thread counts towards its deadline: a query nobody can answer in time is
refused before it costs anything.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

from runstore.errors import Overloaded, QueryBudgetExceeded
from runstore.limits import (
    PAGE_THREADS,
    QUERIES_WAITING_MAX,
    QUERY_THREADS,
    RETRY_AFTER_S,
    SCAN_THREADS,
)
from runstore.plan.budget import Budget
from runstore.plan.lanes import Lane
from runstore.store.pool import Pool

Answer = TypeVar("Answer")
_BUDGET = Budget()


@contextmanager
def advised(advice: Callable[[], Sequence[str]]) -> Iterator[None]:
    """A query that costs too much is told what would cost less."""
    try:
        yield
    except QueryBudgetExceeded as error:
        raise type(error)("; ".join((str(error), *advice()))) from error


class QueryWorkers:
    """Runs what reads the engine. A caller that is cancelled while he waits costs no thread."""

    def __init__(
        self,
        threads: int = QUERY_THREADS,
        page_threads: int = PAGE_THREADS,
        scan_threads: int = SCAN_THREADS,
        waiting_max: int = QUERIES_WAITING_MAX,
        budget: Budget = _BUDGET,
        observe: Callable[[float], None] | None = None,
    ) -> None:
        self._lanes = {
            Lane.QUICK: _Running(threads, "runstore-query", waiting_max),
            Lane.PAGES: _Running(page_threads, "runstore-page", waiting_max),
            Lane.SCANS: _Running(scan_threads, "runstore-scan", waiting_max),
        }
        self._budget = budget
        self._observe = observe

    async def run(self, call: Callable[[], Answer]) -> Answer:
        """For calls that are quick or cannot be stopped. Raises Overloaded."""
        return await self.run_within(lambda _: call())

    async def run_within(self, call: Callable[[Budget], Answer], lane: Lane = Lane.QUICK) -> Answer:
        """`call` is given what it may cost, with the time that is left.

        Raises Overloaded, QueryBudgetExceeded.
        """
        running = self._lanes[lane]
        if running.calls >= running.calls_max:
            raise Overloaded(
                f"{running.calls} queries are under way already; send again in {RETRY_AFTER_S} s",
                RETRY_AFTER_S,
            )
        started = time.monotonic()
        deadline = started + self._budget.seconds

        def work() -> Answer:
            left = deadline - time.monotonic()
            if left <= 0:
                raise QueryBudgetExceeded(
                    f"the query waited {self._budget.seconds:g} s, its time budget, for its turn;"
                    " ask fewer at a time"
                )
            return call(replace(self._budget, seconds=left))

        running.calls += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(running.pool, work)
        finally:
            running.calls -= 1
            if self._observe is not None:
                self._observe(time.monotonic() - started)

    def close(self) -> None:
        """Blocks until the running calls have ended; those that wait are cancelled."""
        for running in self._lanes.values():
            running.pool.shutdown(cancel_futures=True)


class _Running:
    """The threads of one lane, and what they have to do."""

    def __init__(self, threads: int, name: str, waiting_max: int) -> None:
        self.pool = Pool(threads, name)
        self.calls_max = threads + waiting_max
        self.calls = 0  # running or waiting; only touched on the event loop
