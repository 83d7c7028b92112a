"""Following a query: runs that match as they arrive or end, from a place on, page by page.

Nothing is queued for who follows: a commit wakes him, and he reads on from where he is. So a slow
one costs no memory, and none is left out. Source: docs/decisions/0013-tail.md.
"""

import asyncio
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Generic, NamedTuple, TypeVar

from runstore.engine.base import Engine
from runstore.errors import CursorError, Overloaded
from runstore.limits import (
    RETRY_AFTER_S,
    TAIL_CHANGES,
    TAIL_HEARTBEAT_SECONDS,
    TAIL_PAGE_BYTES,
    TAIL_PAGE_RUNS,
    TAIL_PAUSE_SECONDS_MAX,
    TAIL_POLL_SECONDS,
    TAIL_SENT_MAX,
    TAILS_MAX,
)
from runstore.model.change import ChangedRun, ChangePosition, Changes
from runstore.model.query import Page, RunQuery
from runstore.plan.budget import Budget
from runstore.plan.build import build_plan, build_scope
from runstore.plan.plan import RunScope
from runstore.store.workers import QueryWorkers

Answer = TypeVar("Answer")


class TailPage(NamedTuple, Generic[Answer]):
    """`answer` None: nothing new, a sign of life. Who has got the n-th run of the page reads on
    from the n-th of `positions`; of a sign of life, from the only one."""

    answer: Answer | None
    positions: tuple[ChangePosition, ...]


class Tails:
    """All tails of one store. `wake` and `close` may be called from any thread."""

    def __init__(
        self, engine: Engine, workers: QueryWorkers, *, tails_max: int = TAILS_MAX
    ) -> None:
        self._engine = engine
        self._workers = workers
        self._tails_max = tails_max
        self._lock = threading.Lock()
        self._open: dict[Tail, asyncio.AbstractEventLoop] = {}
        self._is_closed = False

    async def open(self, query: RunQuery, after: ChangePosition | None = None) -> "Tail":
        """From `after` on; None: only what comes. The caller closes it.

        Raises FilterError and what else is wrong with the query, CursorError for a place this
        store has not reached, Overloaded when TAILS_MAX are open.
        """
        if len(self._open) >= self._tails_max or self._is_closed:
            raise Overloaded(
                f"{len(self._open)} tails are open already; end one, or try again", RETRY_AFTER_S
            )
        tail = Tail(self, self._engine, self._workers, query)
        with self._lock:
            self._open[tail] = asyncio.get_running_loop()
        try:
            await tail.begin(after)
        except BaseException:
            self.forget(tail)
            raise
        return tail

    @property
    def count(self) -> int:
        """Open ones."""
        return len(self._open)

    def forget(self, tail: "Tail") -> None:
        with self._lock:
            self._open.pop(tail, None)

    def wake(self) -> None:
        """Something was written."""
        with self._lock:
            for tail, loop in self._open.items():
                # An event loop that has closed takes no calls: nobody follows there any longer.
                if not loop.is_closed():
                    loop.call_soon_threadsafe(tail.wake)

    def close(self) -> None:
        """All tails end, and no more are opened."""
        self._is_closed = True
        with self._lock:
            for tail in self._open:
                tail.is_ending = True
        self.wake()


class Tail:
    """One follower, on one event loop."""

    def __init__(
        self, tails: Tails, engine: Engine, workers: QueryWorkers, query: RunQuery
    ) -> None:
        self.is_ending = False
        self._tails = tails
        self._engine = engine
        self._workers = workers
        self._query = query
        self._scope = RunScope()
        self._position = ChangePosition(0)
        self._sent = Sent(TAIL_SENT_MAX)
        self._woken = asyncio.Event()

    @property
    def position(self) -> ChangePosition:
        return self._position

    async def begin(self, after: ChangePosition | None) -> None:
        def look() -> tuple[RunScope, ChangePosition]:
            return build_scope(self._query), self._engine.last_change()

        self._scope, last = await self._workers.run(look)
        if after is not None and after > last:
            raise CursorError(
                "the tail's cursor is past everything this store has seen: it is of another store;"
                " ask without it"
            )
        self._position = last if after is None else after

    async def pages(self, use: Callable[[Page], Answer]) -> AsyncIterator[TailPage[Answer]]:
        """What `use` makes of pages of runs that are news, in the thread that fetched them.

        Runs come about in the order they were written. Something comes at least every
        TAIL_HEARTBEAT_SECONDS. Ends when the store closes. Raises as a query does.
        """
        while not self.is_ending:
            self._woken.clear()
            started = time.monotonic()
            changes = await self._read(self._changes)
            seconds = time.monotonic() - started
            news = [run for run in changes.runs if self._sent.is_news(run)]
            async for page in self._fetched(news, use):
                yield page
            self._position = changes.position
            if changes.has_more:
                continue
            # All tails wake with every commit; together they keep one core busy at most.
            await asyncio.sleep(min(seconds * self._tails.count, TAIL_PAUSE_SECONDS_MAX))
            if not await self._has_woken():
                yield TailPage(None, (self._position,))

    def close(self) -> None:
        self._tails.forget(self)

    def wake(self) -> None:
        """On the tail's own event loop."""
        self._woken.set()

    async def _has_woken(self) -> bool:
        """False after TAIL_HEARTBEAT_SECONDS without a change."""
        ends = time.monotonic() + TAIL_HEARTBEAT_SECONDS
        # Nobody wakes us for what another process writes.
        step = TAIL_POLL_SECONDS if self._engine.is_read_only else TAIL_HEARTBEAT_SECONDS
        while (left := ends - time.monotonic()) > 0:
            try:
                await asyncio.wait_for(self._woken.wait(), min(step, left))
            except TimeoutError:
                if await self._workers.run(self._engine.last_change) != self._position:
                    return True
            else:
                return True
        return False

    def _changes(self, budget: Budget) -> Changes:
        return self._engine.changed_runs(self._scope, self._position, TAIL_CHANGES, budget=budget)

    async def _fetched(
        self, news: Sequence[ChangedRun], use: Callable[[Page], Answer]
    ) -> AsyncIterator[TailPage[Answer]]:
        """These runs as far as they still match, in their order."""
        at, count = 0, TAIL_PAGE_RUNS
        while at < len(news):
            part = news[at : at + count]
            answer, found, is_whole = await self._read(partial(self._fetch, part, use))
            if not is_whole and len(part) > 1:
                count = max(1, min(len(found), len(part) // 2))  # so many bytes are too many
                continue
            if found:
                places = {run.id: run.position for run in part}
                yield TailPage(answer, tuple(places[run_id] for run_id in found))
            self._sent.note(part)
            at += len(part)
            count = min(2 * count, TAIL_PAGE_RUNS)

    def _fetch(
        self, part: Sequence[ChangedRun], use: Callable[[Page], Answer], budget: Budget
    ) -> tuple[Answer, list[str], bool]:
        """What `use` makes of the page, the ids on it, and whether all of them were."""
        ids = tuple(run.id for run in part)
        plan = build_plan(replace(self._query, ids=ids, limit=len(ids)))
        page = self._engine.fetch_runs(replace(plan, bytes_max=TAIL_PAGE_BYTES), budget=budget)
        order = {run_id: place for place, run_id in enumerate(ids)}
        page.runs = sorted(page.runs, key=lambda run: order[run.id])
        return use(page), [run.id for run in page.runs], not page.has_next

    async def _read(self, call: Callable[[Budget], Answer]) -> Answer:
        """A full house is waited for: the follower has been let in already."""
        while True:
            try:
                return await self._workers.run_within(call)
            except Overloaded as error:
                await asyncio.sleep(error.retry_after_s)


class Sent:
    """Which runs were sent in which state; the oldest are forgotten, and then sent again."""

    def __init__(self, runs_max: int) -> None:
        self._runs_max = runs_max
        self._states: OrderedDict[str, tuple[str, int | None]] = OrderedDict()

    def is_news(self, run: ChangedRun) -> bool:
        return self._states.get(run.id) != (run.status, run.end_us)

    def note(self, runs: Sequence[ChangedRun]) -> None:
        for run in runs:
            self._states[run.id] = (run.status, run.end_us)
            self._states.move_to_end(run.id)
        while len(self._states) > self._runs_max:
            self._states.popitem(last=False)
