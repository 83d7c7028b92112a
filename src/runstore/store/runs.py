"""Use cases of runs: query, read one, count up, delete. Speaks domain on both sides."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from runstore.engine.base import Engine
from runstore.errors import NotFound
from runstore.filter.check import compile_filter
from runstore.filter.errors import FilterError
from runstore.filter.unparse import unparse
from runstore.model.explanation import Explained
from runstore.model.query import Page, RunQuery
from runstore.model.run import Attachment
from runstore.model.stats import RunStats
from runstore.plan.budget import Budget
from runstore.plan.build import build_plan, build_scope, filter_of
from runstore.plan.hints import advice, hints
from runstore.plan.lanes import Lane, lane_of_filters, lane_of_query, lane_of_stats
from runstore.plan.plan import StatsPlan
from runstore.store.workers import QueryWorkers, advised

Answer = TypeVar("Answer")
FILTERS = ("filter", "trace_filter", "tree_filter", "search_filter")


def fetch_page(engine: Engine, query: RunQuery, budget: Budget, *, deferred: bool) -> Page:
    """Raises as `Runs.query` does, Overloaded aside."""
    plan = build_plan(query)
    if deferred:
        plan = replace(plan, deferred=True)
    with advised(lambda: advice(plan)):
        return engine.fetch_runs(plan, budget=budget)


class Runs:
    def __init__(
        self, engine: Engine, workers: QueryWorkers, *, deleted: Callable[[], None] = lambda: None
    ) -> None:
        """`deleted` is called after a deletion, when attachments may have lost their runs."""
        self._engine = engine
        self._workers = workers
        self._deleted = deleted

    async def query(
        self,
        query: RunQuery,
        use: Callable[[Page], Answer],
        *,
        deferred: bool = False,
        elsewhere: Callable[[Budget], Answer | None] | None = None,
    ) -> Answer:
        """What `use` makes of one page, in the thread that fetched it.

        `deferred`: its runs may be made when they are looked at. `elsewhere`: is asked for the
        answer to a large page first; None: here, then.

        A project nobody knows has no runs: an empty page, not an error. Raises FilterError,
        QueryBudgetExceeded, QueryTooCostly, Overloaded.
        """

        def fetch(budget: Budget) -> Answer:
            if elsewhere is not None and lane is Lane.PAGES:
                answer = elsewhere(budget)
                if answer is not None:
                    return answer
            return use(fetch_page(self._engine, query, budget, deferred=deferred))

        lane = await self._lane(query)
        return await self._workers.run_within(fetch, lane)

    async def _lane(self, query: RunQuery) -> Lane:
        lane = lane_of_query(query)
        if lane is None:
            lane = await self._workers.run(lambda: lane_of_filters(query))
        return lane

    async def read(
        self, run_id: str, use: Callable[[Page], Answer], select: frozenset[str] | None = None
    ) -> Answer:
        """`query` for a page of this one run. Raises NotFound."""

        def found(page: Page) -> Answer:
            if not page.runs:
                raise NotFound("Run not found")
            return use(page)

        return await self.query(RunQuery(ids=(run_id,), select=select, limit=1), found)

    async def stats(
        self,
        query: RunQuery,
        *,
        group_by: str | None = None,
        group_path: str | None = None,
        groups_max: int = 100,
        groups: frozenset[str] | None = None,
        percentiles: bool = False,
    ) -> dict[str, RunStats]:
        """By group; one figure under "" without a group. `percentiles`: of tokens and costs, too.

        Raises as `query` does.
        """

        def planned() -> StatsPlan:
            return StatsPlan(
                scope=build_scope(query),
                group_by=group_by,
                group_path=group_path,
                groups_max=groups_max,
                groups=groups,
                percentiles=percentiles,
            )

        plan = await self._workers.run(planned)

        def count_up(budget: Budget) -> dict[str, RunStats]:
            with advised(lambda: advice(plan)):
                return self._engine.stats(plan, budget=budget)

        return await self._workers.run_within(count_up, lane_of_stats(plan))

    async def explain(self, query: RunQuery) -> Explained:
        """Runs the query and tells how. Raises as `query` does."""

        def explain(budget: Budget) -> Explained:
            plan = build_plan(query)
            with advised(lambda: advice(plan)):
                how = self._engine.explain_runs(plan, budget=budget)
            nodes = {
                "filter": filter_of(query),
                "trace_filter": plan.scope.root_where,
                "tree_filter": plan.scope.tree_where,
            }
            filters = {
                name: None if node is None else unparse(node) for name, node in nodes.items()
            }
            return Explained(filters=filters, how=how, hints=hints(plan, how))

        return await self._workers.run_within(explain, await self._lane(query))

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

    async def delete_traces(self, trace_ids: Sequence[str], project_id: str | None = None) -> int:
        """How many runs went. With `project_id`, only traces that have a run in it."""

        def is_in_project(trace_id: str) -> bool:
            query = RunQuery(project_ids=(project_id or "",), trace_id=trace_id, limit=1)
            return bool(self._engine.fetch_runs(build_plan(query)).runs)

        def delete() -> int:
            chosen = [one for one in trace_ids if project_id is None or is_in_project(one)]
            count = self._engine.delete_traces(chosen) if chosen else 0
            if count:
                self._deleted()
            return count

        return await self._workers.run(delete)

    async def attachments(self, run_id: str) -> tuple[Attachment, ...]:
        return await self._workers.run(lambda: self._engine.attachments(run_id))
