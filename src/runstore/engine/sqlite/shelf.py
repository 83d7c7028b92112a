"""What the writer knows without asking the database: projects, and who is awaited.

Read once when the folder is opened and kept true by the one writer; read again after a
transaction that failed.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

import apsw

from runstore.engine.sqlite.changes import ChangeLog
from runstore.engine.sqlite.dictionary import Trainer
from runstore.engine.sqlite.rollup import Rollups
from runstore.engine.sqlite.totals import AwaitedTotals
from runstore.engine.sqlite.trace_spans import TraceSpans
from runstore.limits import RECENT_TERMS_MAX
from runstore.model.ids import id_from_bytes, id_to_bytes
from runstore.model.prices import Prices
from runstore.model.project import DEFAULT_PROJECT
from runstore.model.run import Refusal
from runstore.sql.sqlite.codec import Codec
from runstore.sql.sqlite.terms import Terms

_PROVISIONAL_PARENTS = (
    "SELECT DISTINCT parent_id FROM runs WHERE provisional = 1 AND parent_id IS NOT NULL"
)


class KnownTerms(NamedTuple):
    """What a patch hardly ever changes."""

    of_inputs: Terms
    of_run: Terms


class Recent:
    """rid -> index terms, for the runs written last: patches come soon."""

    def __init__(self, entries_max: int) -> None:
        self._entries_max = entries_max
        self._terms: OrderedDict[int, KnownTerms] = OrderedDict()

    def get(self, rid: int) -> KnownTerms | None:
        return self._terms.get(rid)

    def put(self, rid: int, terms: KnownTerms) -> None:
        self._terms[rid] = terms
        if len(self._terms) > self._entries_max:
            self._terms.popitem(last=False)


class Shelf:
    def __init__(
        self,
        connection: apsw.Connection,
        prices: Prices,
        codec: Codec,
        trainer: Trainer,
        new_id: Callable[[], str],
    ) -> None:
        self._connection = connection
        self._new_id = new_id
        self.prices = prices
        self.codec = codec
        self.trainer = trainer
        self._rid: int = _column(connection, "SELECT ifnull(max(rid), 0) FROM runs")[0]
        rows: list[Any] = connection.execute("SELECT pid, id, name FROM projects").fetchall()
        self.project_ids: dict[int, str] = {pid: id_from_bytes(raw) for pid, raw, _ in rows}
        self._pids = {project_id: pid for pid, project_id in self.project_ids.items()}
        self._by_name = {name: id_from_bytes(raw) for _, raw, name in rows}
        self.awaited_totals = AwaitedTotals(connection)
        self.rollups = Rollups(connection)
        self.changes = ChangeLog(connection)
        self.trace_spans = TraceSpans(connection)
        self.recent = Recent(RECENT_TERMS_MAX)
        self.provisional_parents = _ids(connection, _PROVISIONAL_PARENTS)

    def next_rid(self) -> int:
        self._rid += 1
        return self._rid

    def pid_of(self, project_id: str | None) -> int | None:
        return None if project_id is None else self._pids.get(project_id)

    def project_of(
        self, run_id: str, project_id: str | None, name: str | None, start_us: int
    ) -> str | Refusal:
        """The project a message about a run names, made on first use; naming none, the default."""
        if project_id is not None:
            if project_id in self._pids:
                return project_id
            return Refusal(
                run_id,
                f"session_id {project_id}: no such project;"
                " create it first, or send session_name to have it made",
            )
        name = DEFAULT_PROJECT if name is None else name
        return self._by_name.get(name) or self._create(name, start_us)

    def _create(self, name: str, start_us: int) -> str:
        project_id = self._new_id()
        self._connection.execute(
            "INSERT INTO projects (id, name, start_us) VALUES (?, ?, ?)",
            (id_to_bytes(project_id), name, start_us),
        )
        self.add_project(self._connection.last_insert_rowid(), project_id, name)
        return project_id

    def forget_project(self, project_id: str) -> None:
        """Undo the making of a project whose first message was refused."""
        pid = self._pids.pop(project_id)
        del self.project_ids[pid]
        self._by_name = {
            name: known for name, known in self._by_name.items() if known != project_id
        }
        self._connection.execute("DELETE FROM projects WHERE pid = ?", (pid,))

    def add_project(self, pid: int, project_id: str, name: str) -> None:
        self.project_ids[pid] = project_id
        self._pids[project_id] = pid
        self._by_name[name] = project_id


def _column(connection: apsw.Connection, sql: str) -> list[Any]:
    return [row[0] for row in connection.execute(sql)]


def _ids(connection: apsw.Connection, sql: str) -> set[str]:
    return {id_from_bytes(raw) for raw in _column(connection, sql)}
