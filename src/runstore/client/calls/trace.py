"""A run with what is below it, linked: the calls that read trees. No I/O."""

from collections.abc import Iterable
from typing import Any

from runstore.client.asking import Id, Moment, RunAsk, as_id, as_select
from runstore.client.calls.resolve import Server
from runstore.client.calls.runs import ReadPage, ReadRun, RunPager, read_run
from runstore.client.http import Steps
from runstore.client.run import Run
from runstore.client.run_page import RunPage
from runstore.errors import NotFound

ID_CHARS = 36  # at the end of each segment of a dotted_order


def read_run_with_children(
    run_id: Id,
    server: Server,
    *,
    read: ReadRun,
    read_page: ReadPage[RunPage],
    project_id: Id | None = None,
    start_time: Moment | None = None,
) -> Steps[Run]:
    """One run, `child_runs` set on it and on all below it. Requests: 1, and 1 a page of its trace.

    Raises NotFound.
    """
    run = yield from read_run(run_id, read, project_id=project_id, start_time=start_time)
    where: dict[str, Any] = {"trace": str(run.trace_id), "is_root": False}
    if run.session_id is not None:
        where = {"session": [str(run.session_id)], **where}
    found = yield from _all(RunPager(RunAsk(where), server, read_page))
    own_id = str(run.id)
    below = [one for one in found if one.id != run.id and own_id in _ancestor_ids(one)]
    link_children(run, below)
    return run


def read_trace(
    trace_id: Id,
    server: Server,
    *,
    select: str | Iterable[str] | None = None,
    read_page: ReadPage[RunPage],
) -> Steps[Run]:
    """The root, with the runs of its trace below it. Raises NotFound, also before the root came."""
    asked = as_id("trace_id", trace_id)
    ask = RunAsk({"trace": asked}, select=as_select(select))
    runs = yield from _all(RunPager(ask, server, read_page))
    root = next((run for run in runs if str(run.id) == asked), None)
    if root is None:
        below = f"its root has not come; {len(runs)} of its runs have: list_runs(trace_id=...)"
        raise NotFound(f"Trace {asked} not found" + (f": {below}" if runs else ""))
    link_children(root, [run for run in runs if run is not root])
    return root


def link_children(top: Run, below: Iterable[Run]) -> None:
    """Sets `child_runs`, in the order of the trace, on `top` and all of `below`.

    A run whose parent is not there hangs below its nearest ancestor that is.
    """
    ordered = sorted(below, key=lambda run: run.dotted_order)
    by_id = {str(run.id): run for run in (top, *ordered)}
    children: dict[str, list[Run]] = {run_id: [] for run_id in by_id}
    for run in ordered:
        parent = str(run.parent_run_id) if run.parent_run_id else ""
        if parent not in by_id:
            parent = next((one for one in reversed(_ancestor_ids(run)) if one in by_id), "")
        children[parent or str(top.id)].append(run)
    for run_id, run in by_id.items():
        run.child_runs = children[run_id]


def _ancestor_ids(run: Run) -> list[str]:
    """From the root down to the parent. The times in a dotted_order may differ; the ids do not."""
    return [segment[-ID_CHARS:] for segment in run.dotted_order.split(".")[:-1]]


def _all(pager: RunPager[RunPage]) -> Steps[list[Run]]:
    runs: list[Run] = []
    while (page := (yield from pager.next_page())) is not None:
        runs.extend(page.runs)
    return runs
