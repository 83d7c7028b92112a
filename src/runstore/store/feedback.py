"""Use cases of feedback: say, read, list, change, take back. Speaks domain on both sides."""

from collections.abc import Callable, Mapping

from runstore.engine.base import Engine
from runstore.errors import InvalidRequest, NotFound
from runstore.model.batch import Batch
from runstore.model.feedback import Feedback, FeedbackQuery
from runstore.plan.budget import Budget
from runstore.store.ingest import Clock, IngestWriter
from runstore.store.workers import QueryWorkers, advised

_ADVICE = "name its runs (run) or its keys (key)", "ask for fewer records a page (limit)"


class FeedbackRecords:
    def __init__(
        self,
        engine: Engine,
        workers: QueryWorkers,
        ingest: IngestWriter,
        clock: Clock,
        *,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        """`changed` is called when the feedback of a run has become another."""
        self._changed = changed
        self._clock = clock
        self._engine = engine
        self._workers = workers
        self._ingest = ingest

    async def create(self, record: Feedback) -> None:
        """Durable and visible when it returns. Its run need not be here yet.

        Raises InvalidRequest with the engine's reason, Overloaded, StorageError.
        """
        refused = await self._ingest.submit(Batch(feedback=[record]))
        if refused:
            raise InvalidRequest(refused[0].reason)

    async def read(self, feedback_id: str) -> Feedback:
        """Raises NotFound."""
        found = await self.find(FeedbackQuery(ids=(feedback_id,), limit=1))
        if not found:
            raise NotFound("Feedback not found")
        return found[0]

    async def find(self, query: FeedbackQuery) -> list[Feedback]:
        """Newest first. Raises QueryBudgetExceeded, QueryTooCostly, Overloaded."""

        def find(budget: Budget) -> list[Feedback]:
            with advised(lambda: _ADVICE):
                return self._engine.list_feedback(query, budget=budget)

        return await self._workers.run_within(find)

    async def update(self, feedback_id: str, changes: Mapping[str, object]) -> Feedback:
        """Raises NotFound."""
        dated = {**changes, "modified_us": self._clock()}
        record = await self._workers.run(lambda: self._engine.update_feedback(feedback_id, dated))
        self._changed()
        return record

    async def delete(self, feedback_id: str) -> None:
        """Raises NotFound."""
        await self._workers.run(lambda: self._engine.delete_feedback(feedback_id))
