"""RunPlan -> Page: finds the keys of a page, then reads just these runs, whole.

Keys first and payloads last, so that a page costs the same however large payloads are elsewhere.
"""

import time
from collections.abc import Sequence
from typing import Any

from runstore.engine.sqlite.candidates import Key
from runstore.engine.sqlite.connections import Connection
from runstore.engine.sqlite.descent import descendants_of
from runstore.engine.sqlite.explain import estimated_runs, indexes_of, rows_read
from runstore.engine.sqlite.feedback import feedback_of_runs
from runstore.engine.sqlite.finder import Finder
from runstore.engine.sqlite.rows import PAYLOAD_COLUMNS, RUN_COLUMNS, run_from_row
from runstore.model.explanation import Explanation
from runstore.model.ids import id_from_bytes, id_to_bytes
from runstore.model.query import Page, Position
from runstore.model.run import Attachment, Run
from runstore.plan.plan import RunPlan, RunScope
from runstore.sql.sqlite.select import Window, key_list

_RUN_BYTES = 500  # about what a run takes in an answer besides its payloads
NO_PROJECT = 0  # the pid of runs no message has named a project for

# One statement for all runs of a page, in the order of the list. A payload not asked for is not
# read: CROSS JOIN keeps the order, and payloads stand last.
_RUNS = (
    "SELECT {columns} FROM json_each(?) AS k CROSS JOIN runs AS r NOT INDEXED ON r.rid = k.value"
)
_PAYLOADS = " LEFT JOIN payloads AS p ON p.rid = r.rid"
_COSTLY = {"usage", "totals", "tags"}  # columns whose JSON need not be read unless asked for
_NOT_OF_RUN = {  # columns for filters alone, and ids, which the dotted order has too
    "id", "trace_id", "parent_id", "is_root", "latency_us", "present", "prompt_tokens",
    "completion_tokens", "total_tokens", "prompt_cost", "completion_cost", "total_cost",
}  # fmt: skip
_ATTACHMENTS = (
    "SELECT name, sha256, mime_type, size FROM attachments WHERE run_id = ? ORDER BY name"
)
_CHILDREN = (
    "SELECT c.id FROM runs AS c WHERE c.trace_id = ? AND c.parent_id = ? ORDER BY c.start_us, c.id"
)


class Projects:
    """pid ⇄ project id, as one snapshot has them."""

    def __init__(self, connection: Connection) -> None:
        rows = list(connection.raw.execute("SELECT pid, id FROM projects"))
        self.pid_of = {id_from_bytes(raw): pid for pid, raw in rows}
        self.id_of = {pid: project_id for project_id, pid in self.pid_of.items()}

    def pids(self, project_ids: Sequence[str] | None) -> list[int] | None:
        if project_ids is None:
            return None
        known = (self.pid_of.get(project_id) for project_id in dict.fromkeys(project_ids))
        return [pid for pid in known if pid is not None]

    def all_pids(self) -> list[int]:
        return [NO_PROJECT, *self.id_of]


def finder(connection: Connection, scope: RunScope, projects: Projects) -> Finder:
    return Finder(connection, scope, projects.pids(scope.project_ids), projects.all_pids())


def fetch_page(connection: Connection, plan: RunPlan) -> Page:
    """Inside a snapshot."""
    projects = Projects(connection)
    return _fetched(connection, plan, projects, finder(connection, plan.scope, projects))


def explain_page(connection: Connection, plan: RunPlan) -> Explanation:
    """Fetches the page, and tells how. Inside a snapshot."""
    started = time.perf_counter()
    projects = Projects(connection)
    find = finder(connection, plan.scope, projects)
    page = _fetched(connection, plan, projects, find)
    seconds = time.perf_counter() - started
    return Explanation(
        steps=find.steps,
        indexes=indexes_of(connection, find.reads),
        estimated_runs=estimated_runs(connection, find),
        actual_runs=len(page.runs),
        rows_read=rows_read(connection, find.reads),
        seconds=seconds,
    )


def _fetched(connection: Connection, plan: RunPlan, projects: Projects, find: Finder) -> Page:
    forward = plan.descending != plan.backward
    keys = find.keys(Window(forward, plan.after, plan.limit + 1))
    more = len(keys) > plan.limit
    runs, cut = _read_runs(connection, keys[: plan.limit], plan, projects)
    more = more or cut
    page = Page(runs=runs, has_next=more)
    if plan.after is not None and runs:
        behind = Window(not forward, Position(runs[0].start_us, runs[0].id), 1)
        # The run at the cursor was the last of a page of the same query.
        page.has_previous = find.has_keys(behind, plan.after.run_id)
    if plan.backward:
        page.runs.reverse()
        page.has_next, page.has_previous = page.has_previous, page.has_next
    if "feedback_stats" in plan.select:
        page.feedback = feedback_of_runs(connection, [run.id for run in runs], projects.id_of)
    if "child_run_ids" in plan.select:
        page.child_ids = {run.id: _children(connection, run) for run in runs}
        page.descendant_ids = descendants_of(connection, runs)
    return page


def count(connection: Connection, scope: RunScope) -> int:
    """How many runs are in the scope. Inside a snapshot."""
    find = finder(connection, scope, Projects(connection))
    statement = find.all_rows("count(*)")
    return 0 if statement is None else connection.all(statement)[0][0]


def _read_runs(
    connection: Connection, keys: Sequence[Key], plan: RunPlan, projects: Projects
) -> tuple[list[Run], bool]:
    """The runs of these keys, in order, and whether bytes_max cut them short."""
    if not keys:
        return [], False
    payloads = [column for column in PAYLOAD_COLUMNS if column in plan.select]
    with_attachments = "attachments" in plan.select
    rows = connection.raw.execute(
        _runs_sql(plan.select, payloads), (key_list([key.rid for key in keys]),)
    )
    width = len(RUN_COLUMNS) + 1
    runs: list[Run] = []
    size = 0
    for key, row in zip(keys, rows, strict=True):
        fixed: Any = row[:width] if payloads else row
        rid, run = run_from_row(fixed, projects.id_of.get(fixed[-1]))
        assert rid == key.rid, "the statement reads the list in its order"
        if payloads:
            size += _RUN_BYTES
            for column, stored in zip(payloads, row[width:], strict=True):
                if stored is not None:
                    payload = connection.unpack(stored)
                    size += len(payload)
                    setattr(run, column, payload)
            if size > plan.bytes_max and runs:
                return runs, True
        if with_attachments:
            run.attachments = attachments_of(connection, key.id)
        runs.append(run)
    return runs, False


def _runs_sql(select: frozenset[str], payloads: Sequence[str]) -> str:
    columns = ["r.rid"]
    unread = _NOT_OF_RUN | (_COSTLY - select)
    columns += ["NULL" if name in unread else f"r.{name}" for name in RUN_COLUMNS]
    columns += [f"p.{name}" for name in payloads]
    sql = _RUNS.format(columns=", ".join(columns))
    return sql + _PAYLOADS if payloads else sql


def attachments_of(connection: Connection, run_id: bytes) -> tuple[Attachment, ...]:
    rows = connection.raw.execute(_ATTACHMENTS, (run_id,))
    return tuple(Attachment(*row) for row in rows)


def _children(connection: Connection, run: Run) -> list[str]:
    keys = (id_to_bytes(run.trace_id), id_to_bytes(run.id))
    return [id_from_bytes(raw) for (raw,) in connection.raw.execute(_CHILDREN, keys)]
