"""Runs of a page -> the ids of the runs below each, when their traces' runs started.

Reads each of their traces once.
"""

from collections.abc import Sequence
from typing import Any

from runstore.engine.sqlite.connections import Connection
from runstore.model.dotted_order import SEGMENT_CHARS
from runstore.model.ids import ID_CHARS, id_to_bytes
from runstore.model.run import Run
from runstore.plan.budget import ID_BYTES

_TRACE = "SELECT start_us, dotted_order FROM runs WHERE trace_id = ? ORDER BY dotted_order, id"
_STARTS = "SELECT min(start_us), max(start_us) FROM runs INDEXED BY runs_trace WHERE trace_id = ?"

Ids = dict[str, list[str]]
"""By run id."""


def family_of(connection: Connection, runs: Sequence[Run]) -> tuple[Ids, Ids]:
    """The runs of its trace right below each by start and id, and all below it in dotted order."""
    children: dict[str, list[tuple[int, str]]] = {run.id: [] for run in runs}
    below: Ids = {run.id: [] for run in runs}
    traces: dict[str, set[str]] = {}
    for run in runs:
        traces.setdefault(run.trace_id, set()).add(run.id)
    account = connection.account
    for trace_id, asked in traces.items():
        rows: Any = connection.raw.execute(_TRACE, (id_to_bytes(trace_id),))
        for start_us, dotted_order in rows:
            run_id = dotted_order[-ID_CHARS:]
            for end in range(SEGMENT_CHARS, len(dotted_order) - SEGMENT_CHARS, SEGMENT_CHARS + 1):
                # One asked for may still be thought to be of another trace: see model/identity.py.
                if (above := dotted_order[end - ID_CHARS : end]) in asked:
                    below[above].append(run_id)
                    account.hold(ID_BYTES)
            parent = dotted_order[-SEGMENT_CHARS - 1 - ID_CHARS : -SEGMENT_CHARS - 1]
            if parent in asked:
                children[parent].append((start_us, run_id))
    return {run_id: [one for _, one in sorted(kids)] for run_id, kids in children.items()}, below


def starts_of_traces(connection: Connection, runs: Sequence[Run]) -> dict[str, tuple[int, int]]:
    """By trace id, the first and the last start of its runs."""
    found: dict[str, tuple[int, int]] = {}
    for trace_id in {run.trace_id for run in runs}:
        row: Any = connection.raw.execute(_STARTS, (id_to_bytes(trace_id),)).fetchone()
        found[trace_id] = row
    return found
