"""Use cases of projects: create, find, figures, change, delete. Speaks domain on both sides."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from runstore.engine.base import Engine
from runstore.errors import Conflict, NotFound, QueryBudgetExceeded
from runstore.model.aggregate import feedback_stats
from runstore.model.feedback import Feedback
from runstore.model.project import Project, ProjectQuery
from runstore.model.query import RunQuery
from runstore.model.stats import RunStats
from runstore.plan.budget import Budget
from runstore.plan.build import build_scope
from runstore.plan.plan import StatsPlan
from runstore.store.workers import QueryWorkers, advised

_ADVICE = "name the project (name, id)", "ask for fewer projects a page (limit)"


class Projects:
    def __init__(
        self, engine: Engine, workers: QueryWorkers, *, deleted: Callable[[], None] = lambda: None
    ) -> None:
        """`deleted` is called after a deletion, when attachments may have lost their runs."""
        self._engine = engine
        self._workers = workers
        self._deleted = deleted

    async def create(self, project: Project, *, upsert: bool = False) -> Project:
        """With `upsert`, a project of that name is changed to what was said instead.

        Raises Conflict if the name or the id is taken.
        """

        def create() -> Project:
            try:
                return self._engine.create_project(project)
            except Conflict:
                found, _ = self._engine.list_projects(ProjectQuery(name=project.name, limit=1))
                if not upsert or not found:
                    raise
                said = {
                    field: value
                    for field in ("description", "extra", "reference_dataset_id", "trace_tier")
                    if (value := getattr(project, field)) is not None
                }
                return self._engine.update_project(found[0].id, said) if said else found[0]

        return await self._workers.run(create)

    async def read(self, project_id: str) -> Project:
        """Raises NotFound."""
        found, _ = await self.find(ProjectQuery(ids=(project_id,), limit=1))
        if not found:
            raise NotFound(f"Project {project_id} not found")
        return found[0]

    async def find(self, query: ProjectQuery) -> tuple[list[Project], int]:
        """A page, and how many there are in all.

        Raises QueryBudgetExceeded, QueryTooCostly, Overloaded.
        """

        def find(budget: Budget) -> tuple[list[Project], int]:
            with advised(lambda: _ADVICE):
                return self._engine.list_projects(query, budget=budget)

        return await self._workers.run_within(find)

    async def stats(self, projects: Sequence[Project]) -> dict[str, RunStats]:
        """Figures of whole traces (roots, with their subtree totals), by project id; and of what
        was said about the projects themselves."""

        def count_up(budget: Budget) -> dict[str, RunStats]:
            with advised(lambda: _ADVICE):
                return self._stats(projects, budget)

        return await self._workers.run_within(count_up)

    def _stats(self, projects: Sequence[Project], budget: Budget) -> dict[str, RunStats]:
        """The time is that of all; what one holds is free again when the next is counted up."""
        ends = time.monotonic() + budget.seconds
        found: dict[str, RunStats] = {}

        def left() -> Budget:
            seconds = ends - time.monotonic()
            if seconds <= 0:
                raise QueryBudgetExceeded(
                    f"{len(found)} of {len(projects)} projects were counted up within the time"
                    f" budget of {budget.seconds:g} s"
                )
            return replace(budget, seconds=seconds)

        for project in projects:
            plan = StatsPlan(scope=build_scope(RunQuery(project_ids=(project.id,), is_root=True)))
            found[project.id] = self._engine.stats(plan, budget=left()).get("", RunStats())
        said: dict[str, list[Feedback]] = {project_id: [] for project_id in found}
        for record in self._engine.project_feedback(list(found), budget=left()):
            said[record.project_id or ""].append(record)
        for project_id, stats in found.items():
            stats.project_feedback = feedback_stats(said[project_id])
        return found

    async def update(self, project_id: str, changes: Mapping[str, object]) -> Project:
        """Raises NotFound, Conflict."""
        return await self._workers.run(lambda: self._engine.update_project(project_id, changes))

    async def delete(self, project_id: str) -> None:
        """With its runs and their feedback. Raises NotFound."""

        def delete() -> None:
            self._engine.delete_project(project_id)
            self._deleted()

        await self._workers.run(delete)
