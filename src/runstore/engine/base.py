"""What an engine promises. All engines are tested by the one suite in tests/conformance.

Engines are synchronous and may be called from several threads at once; the server runs them in
worker threads, a folder client calls them directly.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

from runstore.model.batch import Batch
from runstore.model.change import ChangePosition, Changes
from runstore.model.explanation import Explanation
from runstore.model.feedback import Feedback, FeedbackQuery
from runstore.model.project import Project, ProjectQuery
from runstore.model.query import Page
from runstore.model.run import Attachment, Refusal, Run
from runstore.model.stats import RunStats
from runstore.plan.budget import Budget
from runstore.plan.plan import RunPlan, RunScope, StatsPlan


class Preparer(Protocol):
    """`Engine.prepare`, alone and picklable, so that it can be done in another process."""

    def prepare(self, batch: Batch, now_us: int) -> Batch: ...


class Engine(Protocol):
    @property
    def is_read_only(self) -> bool:
        """True: whatever would change something raises ReadOnly."""

    def preparer(self) -> Preparer | None:
        """None: preparing is too cheap, or cannot be done elsewhere."""

    def opener(self) -> Callable[[], "Engine"] | None:
        """Opens the same store in another process, for reading; picklable. None: it cannot be."""

    def prepare(self, batch: Batch, now_us: int) -> Batch:
        """Work on `batch` that needs no database: tokenising, compressing. Optional for callers.

        Called from worker threads, many at once, before `write`; what it gives is for `write` of
        the same engine. `write` takes plain batches too.
        """
        return batch

    def write(self, batches: Sequence[Batch], now_us: int) -> list[list[Refusal]]:
        """Take several requests' messages in one transaction. One list of refusals per batch.

        When it returns, all that was not refused survives a killed process and is seen by the
        next read. Writing the same messages twice is harmless. Raises StorageError, and then
        nothing of it was written.
        """

    def tidy(self) -> bool:
        """A short step of upkeep that makes reading faster, for when nobody writes.

        True: there is more to do. Raises StorageError.
        """
        return False

    def probe(self) -> None:
        """Raises StorageError where a transaction of usual size could not be written now."""

    def fetch_runs(self, plan: RunPlan, *, budget: Budget | None = None) -> Page:
        """One page from one consistent snapshot. No match: an empty page, not an error.

        The page is cut at plan.limit runs, or before the run that would take it past
        plan.bytes_max (but never empty for that reason).

        Here and below: what would cost more than `budget` raises QueryBudgetExceeded or
        QueryTooCostly; an answer is never cut short for it.
        """

    def explain_runs(self, plan: RunPlan, *, budget: Budget | None = None) -> Explanation:
        """Does what `fetch_runs` does, and tells how it went about it. Raises as that does."""

    def last_change(self) -> ChangePosition:
        """Past everything written so far: where who wants only what comes begins."""

    def changed_runs(
        self,
        scope: RunScope,
        after: ChangePosition,
        limit: int,
        *,
        budget: Budget | None = None,
    ) -> Changes:
        """Runs in the scope among about the next `limit` that were written past `after`.

        None that was written past `after` is left out by who reads on from the position given,
        but some may be given again. A run is also written when its totals or its feedback change;
        with root_where or tree_where, when any run of its trace is. The feedback that is taken
        back does not count.
        """

    def stats(self, plan: StatsPlan, *, budget: Budget | None = None) -> dict[str, RunStats]:
        """Figures by group; the key is "" when the plan has no group."""

    def delete_traces(self, trace_ids: Sequence[str]) -> int:
        """All runs of these traces with their feedback; how many runs there were."""

    def count_runs(self, scope: RunScope, *, budget: Budget | None = None) -> int: ...

    # Projects. Names are unique.
    def create_project(self, project: Project) -> Project:
        """Raises Conflict if the name or id is taken."""

    def update_project(self, project_id: str, changes: Mapping[str, object]) -> Project:
        """`changes`: fields of Project -> new value. Raises NotFound, Conflict."""

    def delete_project(self, project_id: str) -> None:
        """With its runs and their feedback. Raises NotFound."""

    def list_projects(
        self, query: ProjectQuery, *, budget: Budget | None = None
    ) -> tuple[list[Project], int]:
        """A page of projects, and how many there are in all."""

    # Feedback. Creation goes through `write`.
    def list_feedback(
        self, query: FeedbackQuery, *, budget: Budget | None = None
    ) -> list[Feedback]:
        """Newest first."""

    def project_feedback(
        self, project_ids: Sequence[str], *, budget: Budget | None = None
    ) -> list[Feedback]:
        """What is said about these projects themselves, and about no run; in any order."""

    def update_feedback(self, feedback_id: str, changes: Mapping[str, object]) -> Feedback:
        """`changes`: fields of Feedback -> new value. Raises NotFound."""

    def delete_feedback(self, feedback_id: str) -> None:
        """Raises NotFound."""

    def attachments(self, run_id: str) -> tuple[Attachment, ...]: ...

    def referenced_blobs(self, sha256s: Collection[str]) -> set[str]:
        """Which of these contents an attachment of some run has.

        None of the others is brought back by a loss of power: their files may go.
        """

    def close(self) -> None: ...


__all__ = ["Engine", "Run"]
