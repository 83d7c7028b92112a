"""An engine under test, in few words."""

import pickle
from typing import Any

from runstore.engine.base import Engine
from runstore.model.batch import Batch
from runstore.model.feedback import Feedback
from runstore.model.project import ProjectQuery
from runstore.model.query import Page, Position, RunQuery
from runstore.model.run import Refusal, Run, RunMessage
from runstore.model.stats import RunStats
from runstore.plan.build import build_plan, build_scope
from runstore.plan.plan import StatsPlan
from tests.model.make import T0, S, rid

NOW = T0 + 1_000 * S
Told = RunMessage | Feedback


def batch_of(*told: Told) -> Batch:
    return Batch(
        messages=[one for one in told if isinstance(one, RunMessage)],
        feedback=[one for one in told if isinstance(one, Feedback)],
    )


def number(run_id: str) -> int:
    return int(run_id[-12:], 16)


class Asked:
    """`way`, as the server does it: batches go "prepared" through `Engine.prepare` first, or
    "sent" from another process that did it; "" as they are."""

    def __init__(self, engine: Engine, way: str = "") -> None:
        self.engine = engine
        self._way = way

    def write(self, *told: Told, now_us: int = NOW) -> list[Refusal]:
        """As one request."""
        return self.write_batches(batch_of(*told), now_us=now_us)[0]

    def write_batches(self, *batches: Batch, now_us: int = NOW) -> list[list[Refusal]]:
        """Several requests in one transaction."""
        ready = list(batches)
        if self._way:
            ready = [self.engine.prepare(batch, now_us) for batch in ready]
        if self._way == "sent":
            ready = pickle.loads(pickle.dumps(ready))
        return self.engine.write(ready, now_us)

    def page(self, **query: Any) -> Page:
        return self.engine.fetch_runs(build_plan(RunQuery(**query)))

    def numbers(self, **query: Any) -> list[int]:
        """The numbers of the runs found, in order."""
        query = {"select": frozenset({"id"})} | query
        return [number(run.id) for run in self.page(**query).runs]

    def read(self, run_number: int) -> Run:
        (run,) = self.page(ids=(rid(run_number),)).runs
        return run

    def count(self, **query: Any) -> int:
        return self.engine.count_runs(build_scope(RunQuery(**query)))

    def stats(
        self,
        group_by: str | None = None,
        group_path: str | None = None,
        *,
        percentiles: bool = False,
        **query: Any,
    ) -> dict[str, RunStats]:
        plan = StatsPlan(
            scope=build_scope(RunQuery(**query)),
            group_by=group_by,
            group_path=group_path,
            percentiles=percentiles,
        )
        return self.engine.stats(plan)

    def total(self, run_number: int, name: str = "total_tokens") -> int | None:
        """A counter of the run's subtree; None: nobody reported it."""
        found = self.read(run_number).totals.get(name)
        return None if found is None else found[0]

    def project_id(self, name: str) -> str:
        (project,), _ = self.engine.list_projects(ProjectQuery(name=name))
        return project.id

    def project_names(self, **query: Any) -> list[str]:
        return [project.name for project in self.engine.list_projects(ProjectQuery(**query))[0]]


def position(run: Run) -> Position:
    return Position(run.start_us, run.id)
