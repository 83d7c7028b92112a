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
from typing import Generic, NamedTuple, TypeVar

from runstore.engine.base import Engine
from runstore.errors import CursorError, Overloaded
from runstore.limits import (
    RETRY_AFTER_S,
    TAIL_CHANGES,
    TAIL_HEARTBEAT_SECONDS,
    TAIL_PAGE_BYTES,
    TAIL_PAGE_RUNS,
    TAIL_POLL_SECONDS,
    TAIL_SENT_MAX,
    TAILS_MAX,
)
from runstore.model.change import ChangedRun, ChangePosition, Changes
from runstore.model.query import Page, Position, RunQuery
from runstore.plan.build import build_plan, build_scope
from runstore.plan.plan import RunPlan, RunScope
from runstore.store.workers import QueryWorkers

Answer = TypeVar("Answer")


class TailPage(NamedTuple, Generic[Answer]):
    """`answer` None: nothing new, a sign of life. Who has taken all up to here reads on from
    `position`; before the last page of a read it is still where that began."""

    answer: Answer | None
    position: ChangePosition


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
            changes = await self._read(self._changes)
            news = [run for run in changes.runs if self._sent.is_news(run)]
            begun = self._position
            for at in range(0, len(news), TAIL_PAGE_RUNS):
                part = news[at : at + TAIL_PAGE_RUNS]
                is_last = at + TAIL_PAGE_RUNS >= len(news)
                async for answer, is_end in self._fetched(part, use):
                    yield TailPage(answer, changes.position if is_last and is_end else begun)
                self._sent.note(part)
            self._position = changes.position
            if changes.has_more:
                await asyncio.sleep(0)
            elif not await self._has_woken():
                yield TailPage(None, self._position)

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

    def _changes(self, seconds: float) -> Changes:
        return self._engine.changed_runs(
            self._scope, self._position, TAIL_CHANGES, deadline_s=seconds
        )

    async def _fetched(
        self, news: Sequence[ChangedRun], use: Callable[[Page], Answer]
    ) -> AsyncIterator[tuple[Answer, bool]]:
        """Pages of these runs as far as they still match, and whether it is the last."""
        after: Position | None = None
        is_end = False
        while not is_end:
            plan = replace(
                build_plan(
                    replace(
                        self._query,
                        ids=tuple(run.id for run in news),
                        limit=TAIL_PAGE_RUNS,
                        descending=False,
                        after=after,
                    )
                ),
                bytes_max=TAIL_PAGE_BYTES,
            )

            def fetch(seconds: float, plan: RunPlan = plan) -> tuple[Answer, Page]:
                page = self._engine.fetch_runs(plan, deadline_s=seconds)
                return use(page), page

            answer, page = await self._read(fetch)
            is_end = not page.has_next
            if page.runs:
                after = Position(page.runs[-1].start_us, page.runs[-1].id)
            yield answer, is_end

    async def _read(self, call: Callable[[float], Answer]) -> Answer:
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
