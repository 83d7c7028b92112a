"""The engine that keeps everything in dictionaries: for tests, and the second opinion.

Built on merge, derive and match alone. What it answers is what the other engines must answer.
Nothing survives the process.
"""

import threading
import time
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from runstore.engine.memory_view import View
from runstore.errors import Conflict, NotFound
from runstore.model.batch import Batch
from runstore.model.change import ChangedRun, ChangePosition, Changes
from runstore.model.derive import Values, derive
from runstore.model.explanation import Explanation
from runstore.model.feedback import Feedback, FeedbackQuery
from runstore.model.identity import resettle, settle
from runstore.model.merge import merge
from runstore.model.metadata import has_entries
from runstore.model.prices import Prices
from runstore.model.project import DEFAULT_PROJECT, Project, ProjectQuery
from runstore.model.query import Page
from runstore.model.run import Attachment, Refusal, Run, RunMessage
from runstore.model.stats import RunStats
from runstore.model.times import START_US_MIN
from runstore.plan.budget import Account, Budget, project_bytes, record_bytes
from runstore.plan.plan import RunPlan, RunScope, StatsPlan

Changeable = TypeVar("Changeable", Project, Feedback)


class MemoryEngine:
    is_read_only = False

    def __init__(self, prices: Prices | None = None) -> None:
        self._prices = Prices.load() if prices is None else prices
        self._lock = threading.RLock()
        self._runs: dict[str, Run] = {}
        self._projects: dict[str, Project] = {}
        self._feedback: dict[str, Feedback] = {}
        self._view: View | None = None  # of what is there now; made when it is asked for
        self._change = 0  # grows with every change
        self._changed: dict[str, int] = {}  # run id -> its last change, in this order

    # Writing.

    def tidy(self) -> bool:
        return False

    def probe(self) -> None:
        return None

    def preparer(self) -> None:
        return None

    def opener(self) -> None:
        return None

    def prepare(self, batch: Batch, now_us: int) -> Batch:
        return batch

    def write(self, batches: Sequence[Batch], now_us: int) -> list[list[Refusal]]:
        with self._lock:
            self._view = None
            return [self._take(batch, now_us) for batch in batches]

    def _take(self, batch: Batch, now_us: int) -> list[Refusal]:
        refusals = []
        for message in batch.messages:
            try:
                self._take_message(message, now_us)
            except ValueError as error:
                refusals.append(Refusal(message.id, str(error)))
        for record in batch.feedback:
            self._feedback[record.id] = replace(record)
            self._note_change(record.run_id)
        return refusals

    def _take_message(self, message: RunMessage, now_us: int) -> None:
        before = self._runs.get(message.id)
        project = self._project_of(message, now_us)
        run = merge(before, message, now_us, None if project is None else project.id)
        if project is not None:
            self._projects[project.id] = project
        if run.provisional and run.parent_run_id is not None:
            settle(run, self._runs.get(run.parent_run_id))
        self._runs[run.id] = run
        changed = [run]
        if before is None or before.dotted_order != run.dotted_order:
            changed += resettle(run, self._provisional_children)
        for one in changed:
            derive(one, self._prices, Values(one))
            if one is not run or run != before:
                for run_id in (*one.ancestor_ids, one.id):  # their totals
                    self._note_change(run_id)

    def _note_change(self, run_id: str | None) -> None:
        if run_id is not None and run_id in self._runs:
            self._change += 1
            self._changed.pop(run_id, None)
            self._changed[run_id] = self._change

    def _provisional_children(self, run_id: str) -> Iterable[Run]:
        return [
            run for run in self._runs.values() if run.provisional and run.parent_run_id == run_id
        ]

    def _project_of(self, message: RunMessage, now_us: int) -> Project | None:
        """The project a message names, made if it is new; None if it names none."""
        if message.project_id is not None:
            if message.project_id not in self._projects:
                raise ValueError(f"project {message.project_id} not found")
            return self._projects[message.project_id]
        name = message.project_name or (None if message.is_patch else DEFAULT_PROJECT)
        if name is None:
            return None
        start_us = now_us if message.start_us is None else message.start_us
        return self._project_named(name) or Project(
            id=str(uuid.uuid4()), name=name, start_us=start_us
        )

    def _project_named(self, name: str) -> Project | None:
        return next((one for one in self._projects.values() if one.name == name), None)

    # Reading runs.

    def _now(self) -> View:
        with self._lock:
            if self._view is None:
                self._view = View(self._runs, self._projects, self._feedback.values())
            return self._view

    def fetch_runs(self, plan: RunPlan, *, budget: Budget | None = None) -> Page:
        return self._now().page(plan, Account(budget))

    def explain_runs(self, plan: RunPlan, *, budget: Budget | None = None) -> Explanation:
        started = time.perf_counter()
        page = self.fetch_runs(plan, budget=budget)
        seconds = time.perf_counter() - started
        return Explanation(
            steps=[f"look at all {len(self._runs)} runs, keep what matches, sort by start and id"],
            indexes=[],
            estimated_runs=self.count_runs(plan.scope, budget=budget),
            actual_runs=len(page.runs),
            rows_read=len(self._runs),
            seconds=seconds,
        )

    def last_change(self) -> ChangePosition:
        return ChangePosition(self._change + 1)

    def changed_runs(
        self,
        scope: RunScope,
        after: ChangePosition,
        limit: int,
        *,
        budget: Budget | None = None,
    ) -> Changes:
        with self._lock:
            later = [(run_id, n) for run_id, n in self._changed.items() if n >= after.seq]
            scoped = {run.id for run in self._now().in_scope(scope, Account(budget))}
            changes = Changes(position=after, has_more=len(later) > limit)
            seen: set[str] = set()
            for run_id, n in later[:limit]:
                group = [run_id]
                if scope.root_where is not None or scope.tree_where is not None:
                    trace_id = self._runs[run_id].trace_id
                    group = [one.id for one in self._runs.values() if one.trace_id == trace_id]
                told = [one for one in group if one in scoped and one not in seen]
                for one in told:
                    run = self._runs[one]
                    place = ChangePosition(n + 1) if one == told[-1] else changes.position
                    changes.runs.append(ChangedRun(one, run.status, run.end_us, place))
                seen.update(told)
                changes.position = ChangePosition(n + 1)
            return changes

    def stats(self, plan: StatsPlan, *, budget: Budget | None = None) -> dict[str, RunStats]:
        return self._now().stats(plan, Account(budget))

    def count_runs(self, scope: RunScope, *, budget: Budget | None = None) -> int:
        return sum(1 for _ in self._now().in_scope(scope, Account(budget)))

    def attachments(self, run_id: str) -> tuple[Attachment, ...]:
        with self._lock:
            run = self._runs.get(run_id)
            return () if run is None else run.attachments

    def referenced_blobs(self, sha256s: Collection[str]) -> set[str]:
        with self._lock:
            named = {file.sha256 for run in self._runs.values() for file in run.attachments}
        return named.intersection(sha256s)

    def delete_traces(self, trace_ids: Sequence[str]) -> int:
        with self._lock:
            wanted = set(trace_ids)
            gone = {run.id for run in self._runs.values() if run.trace_id in wanted}
            self._drop(gone, wanted, set())
            return len(gone)

    def _drop(self, run_ids: set[str], trace_ids: set[str], project_ids: set[str]) -> None:
        self._view = None
        for run_id in run_ids:
            del self._runs[run_id]
            self._changed.pop(run_id, None)
        self._feedback = {
            record.id: record
            for record in self._feedback.values()
            if record.run_id not in run_ids
            and record.trace_id not in trace_ids
            and record.project_id not in project_ids
        }

    # Projects.

    def create_project(self, project: Project) -> Project:
        with self._lock:
            if project.id in self._projects:
                raise Conflict(f"project {project.id} exists already")
            self._check_name(project)
            self._view = None
            self._projects[project.id] = replace(project)
            return replace(project)

    def update_project(self, project_id: str, changes: Mapping[str, object]) -> Project:
        with self._lock:
            project = _changed(self._project(project_id), changes)
            self._check_name(project)
            self._view = None
            self._projects[project_id] = project
            return replace(project)

    def _project(self, project_id: str) -> Project:
        if project_id not in self._projects:
            raise NotFound(f"Project {project_id} not found")
        return self._projects[project_id]

    def _check_name(self, project: Project) -> None:
        other = self._project_named(project.name)
        if other is not None and other.id != project.id:
            raise Conflict(f"a project named {project.name!r} exists already")

    def delete_project(self, project_id: str) -> None:
        with self._lock:
            self._project(project_id)
            gone = {run.id for run in self._runs.values() if run.project_id == project_id}
            self._drop(gone, set(), {project_id})
            del self._projects[project_id]

    def list_projects(
        self, query: ProjectQuery, *, budget: Budget | None = None
    ) -> tuple[list[Project], int]:
        with self._lock:
            found = [replace(one) for one in self._projects.values() if _asked_for(one, query)]
            found.sort(
                key=lambda one: (self._place(one, query.sort_by), one.id), reverse=query.descending
            )
        page = found[query.offset : query.offset + query.limit]
        _charge(budget, len(self._projects), sum(map(project_bytes, page)))
        return page, len(found)

    def _place(self, project: Project, sort_by: str) -> str | int:
        if sort_by == "name":
            return project.name
        if sort_by == "last_run_start_time":
            starts = (run.start_us for run in self._runs.values() if run.project_id == project.id)
            return max(starts, default=START_US_MIN - 1)
        return project.start_us

    # Feedback.

    def list_feedback(
        self, query: FeedbackQuery, *, budget: Budget | None = None
    ) -> list[Feedback]:
        found = [replace(record) for record in self._now().list_feedback(query)]
        _charge(budget, len(self._feedback), sum(map(record_bytes, found)))
        return found

    def project_feedback(
        self, project_ids: Sequence[str], *, budget: Budget | None = None
    ) -> list[Feedback]:
        with self._lock:
            found = [
                replace(record)
                for record in self._feedback.values()
                if record.run_id is None and record.project_id in project_ids
            ]
        Account(budget).hold(sum(map(record_bytes, found)))
        return found

    def update_feedback(self, feedback_id: str, changes: Mapping[str, object]) -> Feedback:
        with self._lock:
            self._view = None
            record = _changed(self._record(feedback_id), changes)
            self._feedback[feedback_id] = record
            self._note_change(record.run_id)
            return self.list_feedback(FeedbackQuery(ids=(feedback_id,)))[0]

    def delete_feedback(self, feedback_id: str) -> None:
        with self._lock:
            self._record(feedback_id)
            self._view = None
            del self._feedback[feedback_id]

    def _record(self, feedback_id: str) -> Feedback:
        if feedback_id not in self._feedback:
            raise NotFound(f"Feedback {feedback_id} not found")
        return self._feedback[feedback_id]

    def close(self) -> None:
        pass


def _changed(thing: Changeable, changes: Mapping[str, Any]) -> Changeable:
    assert "id" not in changes
    return replace(thing, **changes)


def _charge(budget: Budget | None, rows: int, held: int) -> None:
    """For a list. Raises QueryTooCostly, QueryBudgetExceeded."""
    account = Account(budget)
    account.rows += rows
    account.check()
    account.hold(held)


def _asked_for(project: Project, query: ProjectQuery) -> bool:
    for wanted, have in (
        (query.ids, project.id),
        (query.reference_dataset_ids, project.reference_dataset_id),
    ):
        if wanted is not None and have not in wanted:
            return False
    if query.name is not None and query.name != project.name:
        return False
    contained = query.name_contains
    if contained is not None and contained.casefold() not in project.name.casefold():
        return False
    if query.is_experiment not in (None, project.reference_dataset_id is not None):
        return False
    return query.metadata is None or has_entries(project.extra, query.metadata)
