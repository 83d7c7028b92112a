"""The embedded engine: one folder, one SQLite database, one writer and many readers."""

import json
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from uuid import uuid4

import apsw

from runstore.engine.base import Engine
from runstore.engine.sqlite import deletion, feedback, projects
from runstore.engine.sqlite.changes import changes_after, last_change
from runstore.engine.sqlite.connections import (
    DATABASE,
    Connection,
    Readers,
    open_writer,
    sync_log,
    try_room,
)
from runstore.engine.sqlite.dictionary import Trainer, load_dictionaries
from runstore.engine.sqlite.faults import UNREADABLE, damaged, unopened, unwritten
from runstore.engine.sqlite.group import Group
from runstore.engine.sqlite.guests import GuestReaders
from runstore.engine.sqlite.lock import WriterLock
from runstore.engine.sqlite.migrate import migrate
from runstore.engine.sqlite.page_runs import attachments_of
from runstore.engine.sqlite.prepared import PreparedBatch, prepare
from runstore.engine.sqlite.preparer import SqlitePreparer
from runstore.engine.sqlite.reader import Projects, count, explain_page, fetch_page
from runstore.engine.sqlite.shelf import Shelf
from runstore.engine.sqlite.stats import run_stats
from runstore.errors import ReadOnly, storage_error
from runstore.limits import TIDY_PAGES
from runstore.model.batch import Batch
from runstore.model.change import ChangePosition, Changes
from runstore.model.explanation import Explanation
from runstore.model.feedback import Feedback, FeedbackQuery
from runstore.model.ids import id_to_bytes
from runstore.model.prices import Prices
from runstore.model.project import Project, ProjectQuery
from runstore.model.query import Page
from runstore.model.run import Attachment, Refusal
from runstore.model.stats import RunStats
from runstore.plan.budget import Budget
from runstore.plan.plan import RunPlan, RunScope, StatsPlan
from runstore.sql.sqlite.codec import Codec

_REFERENCED = (
    "SELECT value FROM json_each(?) WHERE EXISTS (SELECT 1 FROM attachments WHERE sha256 = value)"
)

_MERGE = "INSERT INTO inverted (inverted, rank) VALUES ('merge', ?)"


class SqliteEngine:
    """Owns `folder`, made if it is not there: no other process writes it until `close`.

    `full_sync`: also survive a loss of power, not only a killed process. `read_only`: changes
    nothing, and any number of them may be open beside one that writes; the folder need not be
    there yet.
    """

    def __init__(
        self,
        folder: Path,
        prices: Prices | None = None,
        *,
        full_sync: bool = False,
        read_only: bool = False,
    ) -> None:
        """Raises FolderBusy if another process writes the folder; StorageError: not a folder of
        ours, newer than we are, or unreadable. With `read_only`, reading raises these instead."""
        self.is_read_only = read_only
        self._prices = Prices.load() if prices is None else prices
        self._folder = folder
        self._codec = Codec()
        self._readers: Readers
        if read_only:
            self._readers = GuestReaders(folder / DATABASE, self._codec)
        else:
            self._open_for_writing(folder / DATABASE, full_sync)
            self._readers = Readers(folder / DATABASE, self._codec)

    def _open_for_writing(self, path: Path, full_sync: bool) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(f"cannot make the data folder {self._folder}", error) from error
        self._held = WriterLock(self._folder)
        try:
            self._lock = threading.Lock()
            self._is_shelf_stale = False
            self._trainer = Trainer(self._codec)
            self._writer = open_writer(path, self._codec, full_sync=full_sync)
            try:
                migrate(self._writer.raw, str(self._folder))
                load_dictionaries(self._writer.raw, self._codec)
                self._shelf = self._new_shelf()
            except BaseException:
                self._writer.close()
                raise
        except BaseException as error:
            self._held.release()
            if isinstance(error, (apsw.Error, *UNREADABLE)):
                raise unopened(self._folder, error) from error
            raise

    def _new_shelf(self) -> Shelf:
        """Made inside the transaction that needs it: the next writer must not see the old one."""
        return Shelf(
            self._writer.raw, self._prices, self._codec, self._trainer, lambda: str(uuid4())
        )

    @contextmanager
    def _transaction(self) -> Iterator[apsw.Connection]:
        """All or nothing. Raises ReadOnly, StorageError for what the disk or database refuses."""
        self._refuse_if_read_only()
        with self._lock:
            connection = self._writer.raw
            try:
                if self._is_shelf_stale:
                    self._shelf = self._new_shelf()
                    self._is_shelf_stale = False
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            except BaseException as error:
                self._is_shelf_stale = True  # read again later: now even that may fail
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                if isinstance(error, apsw.Error):
                    raise unwritten(self._folder, error) from error
                if self._writer.tells_damage(error):
                    raise damaged(self._folder, error) from error
                raise

    def _refuse_if_read_only(self) -> None:
        if self.is_read_only:
            raise ReadOnly(f"{self._folder} was opened for reading alone")

    @contextmanager
    def _snapshot(self, budget: Budget | None = None) -> Iterator[Connection]:
        with self._readers.get().snapshot(budget) as connection:
            yield connection
        self._readers.confirm()

    # Runs.

    def preparer(self) -> SqlitePreparer | None:
        return None if self.is_read_only else SqlitePreparer(self._folder, self._prices)

    def opener(self) -> Callable[[], Engine] | None:
        if self.is_read_only:
            return None
        return partial(SqliteEngine, self._folder, self._prices, read_only=True)

    def prepare(self, batch: Batch, now_us: int) -> PreparedBatch:
        self._refuse_if_read_only()  # before the work, not after it
        return prepare(batch, now_us, self._prices, self._codec)

    def write(self, batches: Sequence[Batch], now_us: int) -> list[list[Refusal]]:
        with self._transaction() as connection:
            group = Group(connection, self._shelf, now_us)
            refusals = [group.take(batch) for batch in batches]
            group.write()
            dictionary = self._trainer.store(connection)
        if dictionary is not None:
            self._codec.learn(dictionary)
        return refusals

    def tidy(self) -> bool:
        """Merges a few pages of the inverted index: each group of writes left a segment there,
        and a lookup has to ask every segment."""
        if self.is_read_only:
            return False
        with self._transaction() as connection:
            before = connection.total_changes()
            connection.execute(_MERGE, (TIDY_PAGES,))
            return connection.total_changes() - before > 1  # FTS5 says so when it did something

    def probe(self) -> None:
        self._refuse_if_read_only()
        try_room(self._folder)
        with self._transaction() as connection:
            connection.pragma("user_version", connection.pragma("user_version"))

    def fetch_runs(self, plan: RunPlan, *, budget: Budget | None = None) -> Page:
        with self._snapshot(budget) as connection:
            return fetch_page(connection, plan)

    def explain_runs(self, plan: RunPlan, *, budget: Budget | None = None) -> Explanation:
        with self._snapshot(budget) as connection:
            return explain_page(connection, plan)

    def last_change(self) -> ChangePosition:
        with self._snapshot() as connection:
            return last_change(connection)

    def changed_runs(
        self,
        scope: RunScope,
        after: ChangePosition,
        limit: int,
        *,
        budget: Budget | None = None,
    ) -> Changes:
        with self._snapshot(budget) as connection:
            return changes_after(connection, scope, after, limit)

    def stats(self, plan: StatsPlan, *, budget: Budget | None = None) -> dict[str, RunStats]:
        with self._snapshot(budget) as connection:
            return run_stats(connection, plan)

    def count_runs(self, scope: RunScope, *, budget: Budget | None = None) -> int:
        with self._snapshot(budget) as connection:
            return count(connection, scope)

    def delete_traces(self, trace_ids: Sequence[str]) -> int:
        with self._transaction() as connection:
            return deletion.delete_traces(connection, self._shelf, trace_ids)

    def attachments(self, run_id: str) -> tuple[Attachment, ...]:
        with self._snapshot() as connection:
            return attachments_of(connection.raw, id_to_bytes(run_id))

    def referenced_blobs(self, sha256s: Collection[str]) -> set[str]:
        asked = json.dumps(list(sha256s))
        with self._snapshot() as connection:
            named = {sha256 for (sha256,) in connection.raw.execute(_REFERENCED, (asked,))}
        if not self.is_read_only and len(named) < len(set(sha256s)):
            # What is removed for it is gone: a loss of power must not bring its runs back.
            sync_log(self._folder / DATABASE)
        return named

    # Projects.

    def create_project(self, project: Project) -> Project:
        with self._transaction() as connection:
            pid = projects.insert(connection, project)
            self._shelf.add_project(pid, project.id, project.name)
        return project

    def update_project(self, project_id: str, changes: Mapping[str, object]) -> Project:
        with self._transaction() as connection:
            project = projects.update(connection, project_id, changes)
            self._shelf = self._new_shelf()
        return project

    def delete_project(self, project_id: str) -> None:
        with self._transaction() as connection:
            pid, _ = projects.read(connection, project_id)
            deletion.delete_project(connection, self._shelf, pid)
            self._shelf = self._new_shelf()

    def list_projects(
        self, query: ProjectQuery, *, budget: Budget | None = None
    ) -> tuple[list[Project], int]:
        with self._snapshot(budget) as connection:
            return projects.list_projects(connection, query)

    # Feedback.

    def list_feedback(
        self, query: FeedbackQuery, *, budget: Budget | None = None
    ) -> list[Feedback]:
        with self._snapshot(budget) as connection:
            known = Projects(connection)
            return feedback.list_feedback(
                connection, query, known.pids(query.project_ids), known.id_of
            )

    def project_feedback(
        self, project_ids: Sequence[str], *, budget: Budget | None = None
    ) -> list[Feedback]:
        with self._snapshot(budget) as connection:
            known = Projects(connection)
            pids = known.pids(tuple(project_ids)) or ()
            return feedback.feedback_of_projects(connection, pids, known.id_of)

    def update_feedback(self, feedback_id: str, changes: Mapping[str, object]) -> Feedback:
        with self._transaction() as connection:
            record = feedback.read_feedback(connection, feedback_id, self._shelf.project_ids)
            for name, value in changes.items():
                setattr(record, name, value)
            pid = self._shelf.pid_of(record.project_id)
            feedback.upsert(connection, [feedback.feedback_row(record, pid)])
            if record.run_id is not None:
                self._shelf.changes.note_runs([id_to_bytes(record.run_id)])
        return record

    def delete_feedback(self, feedback_id: str) -> None:
        with self._transaction() as connection:
            feedback.delete(connection, feedback_id)

    def close(self) -> None:
        self._readers.close()
        if self.is_read_only:
            return
        with self._lock:
            self._writer.close()
            self._held.release()
