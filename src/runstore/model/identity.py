"""Where a run stands in its trace: trace, parent and dotted order, said or derived.

A message says none, some or all of the three, and may contradict itself. `said_identity` sorts
that out for one message, `derived_identity` fills in what nobody said, `settle` and `resettle`
redo that once a parent is known. A run no message has said the dotted order of stays
`provisional`: what stands there then follows from what is known of its parent, and is redone
whenever that changes.

What an engine does with a message, where `runs` is its lookup by id:

    run = merge(runs.get(message.id), message, now_us, project_id)
    if run.provisional and run.parent_run_id is not None:
        settle(run, runs.get(run.parent_run_id))
    if the run is new or its dotted order changed:
        also_changed = resettle(run, children_of)  # provisional runs that name it as parent
    derive(each of them)
"""

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from runstore.limits import DEPTH_MAX
from runstore.model.dotted_order import (
    SEGMENT_CHARS,
    START_CHARS,
    parse_dotted_order,
    segment,
)
from runstore.model.run import Run, RunMessage

_SEGMENT = r"[0-9]{8}T[0-9]{12}Z[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_CANONICAL = re.compile(rf"{_SEGMENT}(?:\.{_SEGMENT})*")
_STEP = SEGMENT_CHARS + 1  # a segment and its point


class Said(NamedTuple):
    """What messages say of a run's place when they do not say its dotted order."""

    trace_id: str | None
    parent_run_id: str | None


class Place(NamedTuple):
    """Where a run stands."""

    trace_id: str
    parent_run_id: str | None
    dotted_order: str


def said_identity(message: RunMessage) -> Place | Said:
    """What one message says of its run's place, with its contradictions repaired.

    A sound dotted order decides, and gives a Place. One that is damaged, ends in another run or
    disagrees with trace_id and parent_run_id is dropped when parent_run_id, or being its own
    trace's root, tells the place as well; then, as without one, the result is a Said. Raises
    ValueError, for the sender, when nothing tells.
    """
    run_id, trace_id, parent_id = message.id, message.trace_id, message.parent_run_id
    if parent_id == run_id:
        raise ValueError(f"run {run_id} names itself as its parent")
    if message.dotted_order is None:
        return Said(trace_id, parent_id)
    order = message.dotted_order
    try:
        order, run_ids = _parsed(order)
    except ValueError as error:
        problem = f"invalid 'dotted_order': {error}"
    else:
        problem = _contradiction(run_id, trace_id, parent_id, order, run_ids)
        if not problem:
            return Place(run_ids[0], run_ids[-2] if len(run_ids) > 1 else None, order)
        if trace_id is None and run_ids[0] != run_id:
            trace_id = run_ids[0]
    if parent_id is not None or trace_id == run_id:
        return Said(trace_id, parent_id)
    raise ValueError(problem)


def _parsed(order: str) -> tuple[str, tuple[str, ...]]:
    """The dotted order in its canonical form, and the ids in it. Raises ValueError."""
    if _CANONICAL.fullmatch(order) is None:
        if not order.isascii():
            raise ValueError("it has characters past ASCII")
        run_ids = parse_dotted_order(order)
        starts = [part[:START_CHARS] for part in order.split(".")]
        return ".".join(map(str.__add__, starts, run_ids)), run_ids
    if len(order) == SEGMENT_CHARS:
        return order, (order[START_CHARS:],)
    run_ids = tuple(order[end - 36 : end] for end in range(SEGMENT_CHARS, len(order) + 1, _STEP))
    if len(run_ids) > DEPTH_MAX:
        raise ValueError(f"it names {len(run_ids)} runs, at most {DEPTH_MAX} are allowed")
    return order, run_ids


def _contradiction(
    run_id: str,
    trace_id: str | None,
    parent_id: str | None,
    order: str,
    run_ids: tuple[str, ...],
) -> str:
    """Why the dotted order cannot be this run's; "" when it can."""
    if run_ids[-1] != run_id:
        return f"dotted_order {order} does not end in the run's id {run_id}"
    if len(run_ids) == 1:
        if parent_id is not None:
            return f"dotted_order {order} has a single part, but the run has parent {parent_id}"
    elif len(set(run_ids)) != len(run_ids):
        return f"dotted_order {order} names a run twice"
    elif trace_id == run_id and parent_id is None:
        return f"dotted_order must contain a single part for root runs, not {order}"
    # With the same parent said apart from it, the dotted order is right and trace_id is wrong.
    same_parent = len(run_ids) > 1 and parent_id == run_ids[-2]
    if trace_id is not None and trace_id != run_ids[0] and not same_parent:
        return f"trace_id {trace_id} does not match first part of dotted_order {order}"
    return ""


def derived_identity(run_id: str, said: Said, start_us: int) -> Place:
    """A place from what was said, for as long as the parent is not known.

    Without a parent it is a root, unless another run is named as its trace: then that is taken
    for the parent too. The starts of runs not known are not known either; its own stands in.
    """
    trace_id = said.trace_id if said.trace_id != run_id else None
    parent_id = said.parent_run_id if said.parent_run_id is not None else trace_id
    own = segment(start_us, run_id)
    if parent_id is None:
        return Place(run_id, None, own)
    start = own[:START_CHARS]
    if trace_id is None or trace_id == parent_id:
        return Place(parent_id, parent_id, f"{start}{parent_id}.{own}")
    return Place(trace_id, parent_id, f"{start}{trace_id}.{start}{parent_id}.{own}")


def settle(run: Run, parent: Run | None) -> bool:
    """Redo the place of a provisional run in view of its parent, or of its absence (None).

    Works in place; whether anything changed. Nothing to do for other runs. Runs that name each
    other as parents are taken as if the parent had not arrived.
    """
    if not run.provisional:
        return False
    place = None
    if parent is not None and run.parent_run_id == parent.id:
        place = _below(run, parent)
    if place is None:
        place = derived_identity(run.id, Said(run.trace_id, run.parent_run_id), run.start_us)
    changed = place.dotted_order != run.dotted_order
    run.trace_id, run.parent_run_id, run.dotted_order = place
    return changed


def _below(run: Run, parent: Run) -> Place | None:
    """The place right below the parent; None where that would close a circle or be too deep."""
    if parent.depth + 2 > DEPTH_MAX or run.id in parent.dotted_order:
        return None
    order = f"{parent.dotted_order}.{segment(run.start_us, run.id)}"
    return Place(parent.trace_id, parent.id, order)


def resettle(run: Run, children_of: Callable[[str], Iterable[Run]]) -> list[Run]:
    """Settle the provisional runs below `run`, whose place has just become known or changed.

    `children_of` gives the provisional runs that name an id as their parent. Works in place;
    the runs that changed, parents first.
    """
    changed: list[Run] = []
    seen = {run.id}  # each run once: runs in a circle would else push each other for ever
    parents = [run]
    for parent in parents:
        for child in children_of(parent.id):
            if child.id not in seen and settle(child, parent):
                seen.add(child.id)
                changed.append(child)
                parents.append(child)
    return changed
