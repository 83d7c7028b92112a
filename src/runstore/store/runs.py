"""Use cases of runs: query, read one, count up, delete. Speaks domain on both sides."""

from collections.abc import Sequence

from runstore.engine.base import Engine
from runstore.errors import NotFound
from runstore.filter.check import compile_filter
from runstore.filter.errors import FilterError
from runstore.model.query import Page, RunQuery
from runstore.model.run import Attachment
from runstore.model.stats import RunStats
from runstore.plan.build import build_plan, build_scope
from runstore.plan.plan import StatsPlan
from runstore.store.workers import QueryWorkers

FILTERS = ("filter", "trace_filter", "tree_filter", "search_filter")


class Runs:
    def __init__(self, engine: Engine, workers: QueryWorkers) -> None:
        self._engine = engine
        self._workers = workers

    async def query(self, query: RunQuery) -> Page:
        """One page. A project nobody knows has no runs: an empty page, not an error.

        Raises FilterError, QueryBudgetExceeded, Overloaded.
        """

        def fetch(seconds: float) -> Page:
            return self._engine.fetch_runs(build_plan(query), deadline_s=seconds)

        return await self._workers.run_within(fetch)

    async def read(self, run_id: str, select: frozenset[str] | None = None) -> Page:
        """A page of this one run. Raises NotFound."""
        page = await self.query(RunQuery(ids=(run_id,), select=select, limit=1))
        if not page.runs:
            raise NotFound("Run not found")
        return page

    async def stats(
        self,
        query: RunQuery,
        *,
        group_by: str | None = None,
        group_path: str | None = None,
        groups_max: int = 100,
    ) -> dict[str, RunStats]:
        """By group; one figure under "" without a group. Raises as `query` does."""

        def count_up(seconds: float) -> dict[str, RunStats]:
            plan = StatsPlan(
                scope=build_scope(query),
                group_by=group_by,
                group_path=group_path,
                groups_max=groups_max,
            )
            return self._engine.stats(plan, deadline_s=seconds)

        return await self._workers.run_within(count_up)

    async def problems(self, query: RunQuery) -> list[FilterError]:
        """Everything wrong with the filters of `query`, which is not run."""

        def check() -> list[FilterError]:
            found = []
            for where in FILTERS:
                text = getattr(query, where)
                if text is None:
                    continue
                try:
                    compile_filter(text, where)
                except FilterError as error:
                    found.append(error)
            return found

        return await self._workers.run(check)

    async def delete_traces(self, trace_ids: Sequence[str]) -> int:
        """How many runs went."""
        return await self._workers.run(lambda: self._engine.delete_traces(trace_ids))

    async def attachments(self, run_id: str) -> tuple[Attachment, ...]:
        return await self._workers.run(lambda: self._engine.attachments(run_id))
