"""Runs of a page -> the ids of the runs below each. Reads each of their traces once."""

from collections.abc import Sequence

from runstore.engine.sqlite.connections import Connection
from runstore.model.ids import id_from_bytes, id_to_bytes
from runstore.model.run import Run

_TRACE = "SELECT id, dotted_order FROM runs WHERE trace_id = ? ORDER BY dotted_order, id"


def descendants_of(connection: Connection, runs: Sequence[Run]) -> dict[str, list[str]]:
    """By run id, in dotted order."""
    below: dict[str, list[str]] = {run.id: [] for run in runs}
    for trace_id in dict.fromkeys(run.trace_id for run in runs):
        for raw, dotted_order in connection.raw.execute(_TRACE, (id_to_bytes(trace_id),)):
            for segment in dotted_order.split(".")[:-1]:
                if (found := below.get(segment[-36:])) is not None:
                    found.append(id_from_bytes(raw))
    return below
