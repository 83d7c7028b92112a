"""Batches -> the engine: one writer thread, everything that waits in one transaction.

A transaction costs about the same for one run as for a hundred, so requests that arrive while one
is being written share the next. A submission ends when its transaction has: what it did not refuse
is then stored and visible. Source: docs/decisions/0011-group-commit.md.

    submit -> prepare (worker thread) -> waiting -> one write for many (writer thread) -> refusals
"""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from runstore.engine.base import Engine
from runstore.errors import Damaged, Overloaded, StorageError
from runstore.limits import (
    COMMIT_BYTES_MAX,
    COMMIT_MESSAGES_MAX,
    GATHER_MESSAGES,
    GATHER_SECONDS,
    IDLE_SECONDS,
    INGEST_QUEUE_BYTES_MAX,
    PROBE_SECONDS,
    RETRY_AFTER_S,
    TIDY_PAUSE_SECONDS,
)
from runstore.model.batch import Batch
from runstore.model.run import Refusal
from runstore.store.blobs import Blobs
from runstore.store.budget import ByteBudget, Lease

log = logging.getLogger(__name__)

MESSAGE_BYTES = 1_000  # what a message weighs beside its payloads, about
Clock = Callable[[], int]


def now_us() -> int:
    return time.time_ns() // 1_000


class Commit(NamedTuple):
    """What one transaction brought, for whoever counts."""

    requests: int
    messages: int
    feedback: int
    refused: int
    bytes: int
    seconds: float
    failed: bool


class Observer(Protocol):
    """Told of what the store does, from any thread."""

    def committed(self, commit: Commit) -> None: ...

    def queried(self, seconds: float) -> None: ...


@dataclass(slots=True)
class _Waiting:
    batch: Batch
    lease: Lease  # closed when its transaction has ended
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[list[Refusal]]


class IngestWriter:
    """Owns `engine.write`. Made once a process; `close` writes what was accepted, then ends."""

    def __init__(
        self,
        engine: Engine,
        workers: Executor,
        *,
        clock: Clock = now_us,
        observer: Observer | None = None,
        blobs: Blobs | None = None,
        queue_bytes_max: int = INGEST_QUEUE_BYTES_MAX,
        commit_messages_max: int = COMMIT_MESSAGES_MAX,
        commit_bytes_max: int = COMMIT_BYTES_MAX,
    ) -> None:
        self.budget = ByteBudget(queue_bytes_max)
        self._engine = engine
        self._workers = workers
        self._clock = clock
        self._observer = observer
        self._blobs = blobs
        self._messages_max = commit_messages_max
        self._bytes_max = commit_bytes_max
        self._waiting: deque[_Waiting] = deque()
        self._wake = threading.Condition()
        self._closing = False
        self._is_tidy = False
        self._fault: StorageError | None = None
        self._thread = threading.Thread(target=self._run, name="runstore-writer", daemon=True)
        self._thread.start()

    @property
    def is_open(self) -> bool:
        return not self._closing and self._thread.is_alive()

    @property
    def fault(self) -> StorageError | None:
        """Why nothing can be written at present, as the last attempt showed."""
        return self._fault

    @property
    def waiting(self) -> int:
        """Batches not yet in a transaction."""
        return len(self._waiting)

    def prepare(self, batch: Batch) -> Batch:
        """The engine's share of the work that needs no database. For worker threads."""
        return self._engine.prepare(batch, self._clock())

    async def submit(self, batch: Batch, lease: Lease | None = None) -> list[Refusal]:
        """Prepare, store, and return what was refused by the engine, once that is durable.

        Raises Overloaded when too much waits already, StorageError when nothing was written.
        """
        prepared = await asyncio.get_running_loop().run_in_executor(
            self._workers, self.prepare, batch
        )
        return await self.submit_prepared(prepared, lease)

    async def submit_prepared(self, batch: Batch, lease: Lease | None = None) -> list[Refusal]:
        """`submit` for a batch that `prepare` gave. What `lease` holds passes to the writer."""
        weight = batch.byte_size() + MESSAGE_BYTES * len(batch.feedback)
        own = self.budget.lease() if lease is None else lease.hand_over()
        own.arrived()
        try:
            own.resize(weight)
            waiting = self._queue(batch, own)
        except BaseException as error:
            own.close()
            self._settle_blobs(batch, error)
            raise
        # Shielded: who goes away does not take his messages out of a transaction.
        return await asyncio.shield(waiting.answer)

    def _queue(self, batch: Batch, lease: Lease) -> _Waiting:
        loop = asyncio.get_running_loop()
        waiting = _Waiting(batch, lease, loop, loop.create_future())
        with self._wake:
            if self._closing:
                raise Overloaded("the server is stopping", RETRY_AFTER_S)
            self._waiting.append(waiting)
            self._wake.notify()
        return waiting

    def close(self) -> None:
        """Blocks until all that was accepted has been written. May be called twice."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join()

    def _run(self) -> None:
        while group := self._take():
            self._commit(group)

    def _take(self) -> list[_Waiting]:
        """All that waits, up to a transaction's bounds and at least one; [] when closed."""
        with self._wake:
            self._wait_for_work()
            self._gather()
            group: list[_Waiting] = []
            messages = weight = 0
            while self._waiting:
                first = self._waiting[0]
                messages += first.batch.message_count
                weight += first.lease.held
                if group and (messages > self._messages_max or weight > self._bytes_max):
                    break
                group.append(self._waiting.popleft())
            return group

    def _wait_for_work(self) -> None:
        """While nothing comes, the engine tidies up, a step at a time.

        Or, where the last write failed, looks whether the next one would.
        """
        pause = IDLE_SECONDS
        while not self._waiting and not self._closing:
            is_done = self._is_tidy and self._fault is None
            if self._wake.wait(None if is_done else pause):
                continue
            self._wake.release()  # whoever comes meanwhile need not wait to be queued
            try:
                if self._fault is None:
                    pause = TIDY_PAUSE_SECONDS
                    self._tidy()
                else:
                    pause = PROBE_SECONDS
                    self._probe()
            finally:
                self._wake.acquire()

    def _tidy(self) -> None:
        try:
            self._is_tidy = not self._engine.tidy()
        except StorageError as error:  # a full disk, most likely
            self._is_tidy = True  # until the next write
            log.warning("could not tidy up", extra={"reason": str(error)})
        except Exception:  # as in _commit: the writer must outlive it
            self._is_tidy = True
            log.exception("could not tidy up")

    def _probe(self) -> None:
        try:
            self._engine.probe()
        except StorageError as error:
            self._fault = error
        except Exception:
            log.exception("could not look whether writing works again")
        else:
            self._fault = None
            log.warning("writing works again")

    def _gather(self) -> None:
        """Wait a little for requests that are on their way: a larger transaction costs less a run.

        Nobody waits for himself: with no other request under way, this returns at once.
        """
        ends = time.monotonic() + GATHER_SECONDS
        while not self._closing:
            messages = sum(one.batch.message_count for one in self._waiting)
            held = sum(one.lease.held for one in self._waiting)
            left = ends - time.monotonic()
            if messages >= GATHER_MESSAGES or held >= self.budget.taken or left <= 0:
                return
            self._wake.wait(left)

    def _commit(self, group: list[_Waiting]) -> None:
        started = time.perf_counter()
        self._is_tidy = False
        try:
            refusals = self._engine.write([one.batch for one in group], self._clock())
        except StorageError as error:
            if isinstance(error, Damaged) and len(group) > 1:
                self._commit_each(group)
                return
            log.error("write failed", extra={"requests": len(group), "reason": str(error)})
            if not isinstance(error, Damaged):  # of some runs: others are written and read
                self._fault = error
            self._observe(group, started, refusals=None)
            for one in group:  # an error of its own each: one instance is raised in one task
                self._answer(one, type(error)(str(error)))
        except Exception as error:  # the writer must outlive what one batch does to it
            if len(group) > 1:
                self._commit_each(group)
                return
            log.exception("write failed unexpectedly")
            self._observe(group, started, refusals=None)
            self._answer(group[0], error)
        else:
            self._fault = None
            self._observe(group, started, refusals)
            for one, refused in zip(group, refusals, strict=True):
                self._answer(one, refused)

    def _commit_each(self, group: list[_Waiting]) -> None:
        """So that only the culprit's request fails."""
        for one in group:
            self._commit([one])

    def _observe(
        self, group: list[_Waiting], started: float, refusals: list[list[Refusal]] | None
    ) -> None:
        if self._observer is None:
            return
        self._observer.committed(
            Commit(
                requests=len(group),
                messages=sum(one.batch.message_count for one in group),
                feedback=sum(len(one.batch.feedback) for one in group),
                refused=sum(map(len, refusals or ())),
                bytes=sum(one.lease.held for one in group),
                seconds=time.perf_counter() - started,
                failed=refusals is None,
            )
        )

    def _answer(self, one: _Waiting, outcome: list[Refusal] | Exception) -> None:
        one.lease.close()
        self._settle_blobs(one.batch, outcome)

        def settle() -> None:
            if one.answer.done():  # its request was cancelled
                return
            if isinstance(outcome, Exception):
                one.answer.set_exception(outcome)
            else:
                one.answer.set_result(outcome)

        try:
            one.loop.call_soon_threadsafe(settle)
        except RuntimeError:  # the loop has closed: nobody waits any longer
            log.warning("an answer came after its event loop had closed")

    def _settle_blobs(self, batch: Batch, outcome: list[Refusal] | BaseException) -> None:
        """Attachments are named by their runs now, or by none if these were refused."""
        if self._blobs is None:
            return
        files = [file.sha256 for message in batch.messages for file in message.attachments]
        if files:
            self._blobs.release(files)
            if outcome:
                self._blobs.collect(files)
