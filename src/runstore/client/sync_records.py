"""What Client writes, and its projects and feedback. aio_records.py is its twin."""

from collections.abc import Iterable
from functools import partial
from typing import Any, TypeVar, Unpack
from uuid import UUID

from runstore.client.asking import Id
from runstore.client.batcher import ThreadWriter
from runstore.client.calls import feedback, projects, sharing
from runstore.client.calls.feedback import FeedbackChange, FeedbackFilters, FeedbackGiven
from runstore.client.calls.projects import ProjectChange, ProjectFields, ProjectFilters
from runstore.client.drive import drive
from runstore.client.feedback import Feedback
from runstore.client.http import Steps, SyncTransport
from runstore.client.items import Items
from runstore.client.keywords import shows
from runstore.client.project import Project
from runstore.client.run import Run
from runstore.client.target import Target
from runstore.client.write_queue import WriteStats
from runstore.client.writes import RunCreate, RunUpdate, RunWriter
from runstore.limits import WRITE_CLOSE_SECONDS

T = TypeVar("T")


class Records:
    """Part of Client."""

    target: Target
    _transport: SyncTransport

    def _open_records(self) -> None:
        self._writes = RunWriter()
        self._writer = ThreadWriter(
            partial(_drive, self._transport), compress=self.target.folder is None
        )

    # --- writing runs

    @shows(RunCreate)
    def create_run(self, name: str, inputs: Any, run_type: str, **given: Unpack[RunCreate]) -> UUID:
        """Queues a new run, to be sent in the background; its id. Never waits for the server.

        `run_type`: "llm", "chain", "tool", "retriever", "embedding", "prompt", "parser" or another
        word. By default it starts now, in the project of its parent or of LANGSMITH_PROJECT, or
        "default". `trace_id` and `dotted_order` follow from `parent_run_id` if this client created
        the parent. Payloads may hold anything; what JSON has no form for is sent as text.

        Raises TypeError for an unknown argument, InvalidArgument for a wrong id or time.
        """
        write = self._writes.create(name, inputs, run_type, given)
        self._writer.put(write)
        return UUID(write.run_id)

    @shows(RunUpdate)
    def update_run(self, run_id: Id, **given: Unpack[RunUpdate]) -> None:
        """Queues what is new about a run. None leaves a field as it is.

        Outputs or an error end the run, now unless `end_time` says when. The server joins tags,
        events and metadata with those it has.
        """
        self._writer.put(self._writes.update(run_id, given))

    def flush(self, timeout_s: float | None = None) -> bool:
        """Waits until all that was written before is answered. False: not within `timeout_s`.

        Whether the server took it is in `write_stats`.
        """
        return self._writer.flush(timeout_s)

    @property
    def write_stats(self) -> WriteStats:
        """How many writes wait, were sent, dropped, refused; and the last error."""
        return self._writer.stats

    def _close_records(self) -> None:
        self._writer.close(WRITE_CLOSE_SECONDS)

    # --- feedback

    @shows(FeedbackGiven)
    def create_feedback(
        self,
        run_id: Id | None = None,
        key: str = "unnamed",
        *,
        background: bool = False,
        **given: Unpack[FeedbackGiven],
    ) -> Feedback:
        """Puts a score, value or comment on a run, or on a project; the record.

        `background`: queued with the runs, so that it comes after them. Scores are rounded to 4
        decimals, as LangSmith keeps them. Raises InvalidArgument, TypeError.
        """
        record = self._writes.feedback(run_id, key, given)
        if background:
            self._writer.put(record)
            return feedback.as_feedback(record)
        return self._call(feedback.create_feedback(record))

    @shows(FeedbackFilters)
    def list_feedback(self, **asked: Unpack[FeedbackFilters]) -> Items[Feedback]:
        """Feedback that meets all that is given, the newest first. Empty `run_ids` give none."""
        return Items(feedback.list_feedback(**asked), self._transport)

    def read_feedback(self, feedback_id: Id) -> Feedback:
        """Raises NotFound."""
        return self._call(feedback.read_feedback(feedback_id))

    @shows(FeedbackChange)
    def update_feedback(self, feedback_id: Id, **change: Unpack[FeedbackChange]) -> Feedback:
        """The record with the change. None clears a field, what is left out stays.

        Raises NotFound.
        """
        return self._call(feedback.update_feedback(feedback_id, change))

    def delete_feedback(self, feedback_id: Id) -> None:
        """Raises NotFound."""
        self._call(feedback.delete_feedback(feedback_id))

    # --- projects

    @shows(ProjectFilters)
    def list_projects(self, **asked: Unpack[ProjectFilters]) -> Items[Project]:
        """Projects that meet all that is given, the newest first.

        `metadata`: an object every entry of which must be there; `include_stats`: with figures.
        """
        pages = projects.list_projects(**asked, host_url=self.target.host_url)
        return Items(pages, self._transport)

    def read_project(
        self,
        project_name: str | None = None,
        *,
        project_id: Id | None = None,
        include_stats: bool = False,
    ) -> Project:
        """By its id or by its name. Raises NotFound, InvalidArgument."""
        return self._call(
            projects.read_project(
                project_id=project_id,
                project_name=project_name,
                include_stats=include_stats,
                host_url=self.target.host_url,
            )
        )

    def has_project(self, project_name: str | None = None, *, project_id: Id | None = None) -> bool:
        return self._call(projects.has_project(project_name, project_id=project_id))

    @shows(ProjectFields)
    def create_project(
        self, project_name: str, *, upsert: bool = False, **fields: Unpack[ProjectFields]
    ) -> Project:
        """Raises Conflict when there is one of this name, unless `upsert`: then it is changed.

        Runs make their project themselves; this is for one with a description or metadata.
        """
        return self._call(
            projects.create_project(
                project_name, fields, upsert=upsert, host_url=self.target.host_url
            )
        )

    @shows(ProjectChange)
    def update_project(self, project_id: Id, **change: Unpack[ProjectChange]) -> Project:
        """None leaves a field as it is. Raises NotFound, and Conflict when the name is taken."""
        return self._call(
            projects.update_project(project_id, change, host_url=self.target.host_url)
        )

    def delete_project(
        self, *, project_name: str | None = None, project_id: Id | None = None
    ) -> None:
        """With all its runs and their feedback, for good. Raises NotFound, InvalidArgument."""
        self._call(projects.delete_project(project_name=project_name, project_id=project_id))

    # --- public links, which LangSmith has and Runstore has not

    def share_run(self, run_id: Id, *, share_id: Id | None = None) -> str:
        """The URL where anyone may read the run. Raises InvalidRequest where there is no such."""
        return self._call(
            sharing.share_run(run_id, share_id=share_id, host_url=self.target.host_url)
        )

    def unshare_run(self, run_id: Id) -> None:
        self._call(sharing.unshare_run(run_id))

    def read_run_shared_link(self, run_id: Id) -> str | None:
        """None: the run is not shared."""
        return self._call(sharing.read_run_shared_link(run_id, host_url=self.target.host_url))

    def run_is_shared(self, run_id: Id) -> bool:
        return self.read_run_shared_link(run_id) is not None

    def read_shared_run(self, share_token: Id, run_id: Id | None = None) -> Run:
        """`share_token`: the token, or the whole URL; `run_id`: another run of that trace."""
        return self._call(
            sharing.read_shared_run(share_token, run_id, host_url=self.target.host_url)
        )

    def list_shared_runs(
        self, share_token: Id, run_ids: Iterable[Id] | Id | None = None
    ) -> Items[Run]:
        """Runs of a shared trace: all, or `run_ids`. `share_token` as in read_shared_run."""
        pages = sharing.SharedRuns(share_token, run_ids, self.target.host_url)
        return Items(pages, self._transport)

    def _call(self, steps: Steps[T]) -> T:
        return drive(steps, self._transport)


def _drive(transport: SyncTransport, steps: Steps[Any]) -> Any:
    """For the writer, which must not hold on to the client."""
    return drive(steps, transport)
