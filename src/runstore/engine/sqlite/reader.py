"""RunPlan -> Page: finds the keys of a page, then reads just these runs, whole.

Keys first and payloads last, so that a page costs the same however large payloads are elsewhere.
"""

import time
from collections.abc import Sequence

from runstore.engine.sqlite.asked import Asked
from runstore.engine.sqlite.connections import Connection
from runstore.engine.sqlite.descent import family_of, starts_of_traces
from runstore.engine.sqlite.explain import estimated_runs, indexes_of, rows_read
from runstore.engine.sqlite.feedback import feedback_of_runs
from runstore.engine.sqlite.finder import Finder
from runstore.engine.sqlite.page_runs import read_runs
from runstore.model.explanation import Explanation
from runstore.model.ids import id_from_bytes
from runstore.model.query import Page, Position
from runstore.plan.plan import RunPlan, RunScope
from runstore.sql.sqlite.select import Window

NO_PROJECT = 0  # the pid of runs no message has named a project for


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
    pids = projects.pids(scope.project_ids)
    return Finder(Asked(connection, scope, pids, projects.all_pids()))


def fetch_page(connection: Connection, plan: RunPlan) -> Page:
    """Inside a snapshot."""
    projects = Projects(connection)
    return _fetched(connection, plan, projects, finder(connection, plan.scope, projects))


def explain_page(connection: Connection, plan: RunPlan) -> Explanation:
    """Fetches the page, and tells how. Inside a snapshot."""
    started = time.perf_counter()
    projects = Projects(connection)
    find = finder(connection, plan.scope, projects)
    asked = find.asked
    page = _fetched(connection, plan, projects, find)
    seconds = time.perf_counter() - started
    return Explanation(
        steps=asked.steps,
        indexes=indexes_of(connection, asked.reads),
        estimated_runs=estimated_runs(asked),
        actual_runs=len(page.runs),
        rows_read=rows_read(connection, asked.reads),
        seconds=seconds,
    )


def _fetched(connection: Connection, plan: RunPlan, projects: Projects, find: Finder) -> Page:
    forward = plan.descending != plan.backward
    keys = find.keys(Window(forward, plan.after, plan.limit + 1))
    more = len(keys) > plan.limit
    rows, cut = read_runs(connection, keys[: plan.limit], plan, projects.id_of)
    del keys[len(rows) :]
    page = Page(has_next=more or cut)
    if plan.after is not None and keys:
        behind = Window(not forward, Position(keys[0].start_us, id_from_bytes(keys[0].id)), 1)
        # The run at the cursor was the last of a page of the same query.
        page.has_previous = find.has_keys(behind, plan.after.run_id)
    if plan.backward:
        rows.reverse()
        page.has_next, page.has_previous = page.has_previous, page.has_next
    page.runs = rows if plan.deferred else rows[:]
    if "feedback_stats" in plan.select:
        run_ids = [key.id.hex() for key in keys]
        page.feedback = feedback_of_runs(connection, run_ids, projects.id_of)
    if not plan.select.isdisjoint(("child_run_ids", "trace_starts")):
        bare = page.bare(0, len(rows))
        if "child_run_ids" in plan.select:
            page.child_ids, page.descendant_ids = family_of(connection, bare)
        if "trace_starts" in plan.select:
            page.trace_starts = starts_of_traces(connection, bare)
    return page


def count(connection: Connection, scope: RunScope) -> int:
    """How many runs are in the scope. Inside a snapshot."""
    find = finder(connection, scope, Projects(connection))
    statement = find.all_rows("count(*)")
    return 0 if statement is None else connection.all(statement)[0][0]
