"""Keys of a page -> its runs, whole: one statement for runs and payloads, one for attachments.

What runs of a page have in common is decoded once, and its payloads are unpacked in one go.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from runstore.engine.sqlite.candidates import Key
from runstore.engine.sqlite.connections import Connection
from runstore.engine.sqlite.rows import (
    PAYLOAD_COLUMNS,
    RUN_COLUMNS,
    run_from_row,
    sums,
    tags_from,
)
from runstore.model.run import Attachment, Run
from runstore.plan.plan import RunPlan
from runstore.sql.sqlite.codec import MAGIC, unpacked_bytes
from runstore.sql.sqlite.select import key_list

V = TypeVar("V")

_RUN_BYTES = 500  # about what a run takes in an answer besides its payloads
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
_FRAME_BYTE = MAGIC[0]  # no JSON begins with it either
_WIDTH = len(RUN_COLUMNS) + 1  # of a row, before its payloads
_ATTACHMENTS = (
    "SELECT name, sha256, mime_type, size FROM attachments WHERE run_id = ? ORDER BY name"
)
_ATTACHMENTS_OF_RUNS = (
    "SELECT a.run_id, a.name, a.sha256, a.mime_type, a.size FROM json_each(?) AS k"
    " CROSS JOIN attachments AS a ON a.run_id = unhex(k.value) ORDER BY a.run_id, a.name"
)


class _Known(dict[str, V]):
    """Text -> what it means, found once. Runs share it: nobody changes a run that was read."""

    def __init__(self, decode: Callable[[str], V]) -> None:
        self._decode = decode

    def __missing__(self, text: str) -> V:
        value = self[text] = self._decode(text)
        return value


class _Packed:
    """Payloads that wait to be unpacked together, and where they belong."""

    def __init__(self) -> None:
        self._frames: list[bytes] = []
        self._runs: list[Run] = []
        self._columns: list[str] = []

    def put(self, run: Run, columns: Sequence[str], stored: Sequence[bytes | None]) -> int:
        """How many bytes they will be. What is not packed is the run's at once."""
        size = 0
        for column, one in zip(columns, stored, strict=True):
            if one is None:
                continue
            if one[0] == _FRAME_BYTE:
                size += unpacked_bytes(one)
                self._frames.append(one)
                self._runs.append(run)
                self._columns.append(column)
            else:
                size += len(one)
                setattr(run, column, one)
        return size

    def drop(self, run: Run) -> None:
        """The last that was put."""
        while self._runs and self._runs[-1] is run:
            del self._frames[-1], self._runs[-1], self._columns[-1]

    def unpack(self, connection: Connection) -> None:
        texts = connection.unpack_all(self._frames)
        for run, column, text in zip(self._runs, self._columns, texts, strict=True):
            setattr(run, column, text)


def read_runs(
    connection: Connection, keys: Sequence[Key], plan: RunPlan, project_ids: Mapping[int, str]
) -> tuple[list[Run], bool]:
    """The runs of these keys, in order, and whether bytes_max cut them short."""
    if not keys:
        return [], False
    payloads = [column for column in PAYLOAD_COLUMNS if column in plan.select]
    rows: Any = connection.raw.execute(
        _runs_sql(plan.select, payloads), (key_list([key.rid for key in keys]),)
    )
    sums_of, tags_of = _Known(sums).__getitem__, _Known(tags_from).__getitem__
    runs: list[Run] = []
    packed = _Packed()
    size, is_cut = 0, False
    for key, row in zip(keys, rows, strict=True):
        fixed = row[:_WIDTH] if payloads else row
        rid, run = run_from_row(fixed, project_ids.get(fixed[-1]), sums_of, tags_of)
        assert rid == key.rid, "the statement reads the list in its order"
        if payloads:
            size += _RUN_BYTES + packed.put(run, payloads, row[_WIDTH:])
            if size > plan.bytes_max and runs:
                packed.drop(run)
                is_cut = True
                break
        runs.append(run)
    packed.unpack(connection)
    if "attachments" in plan.select:
        _add_attachments(connection, keys, runs)
    return runs, is_cut


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


def _add_attachments(connection: Connection, keys: Sequence[Key], runs: Sequence[Run]) -> None:
    found: dict[bytes, list[Attachment]] = {}
    ids = key_list([key.id for key in keys[: len(runs)]])
    for run_id, *columns in connection.raw.execute(_ATTACHMENTS_OF_RUNS, (ids,)):
        found.setdefault(run_id, []).append(Attachment(*columns))
    if found:
        for key, run in zip(keys, runs, strict=False):
            run.attachments = tuple(found.get(key.id, ()))
