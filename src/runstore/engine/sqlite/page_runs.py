"""Keys of a page -> its runs, whole: one statement for runs and payloads, one for attachments.

A row becomes a Run when somebody looks at it, and a payload is unpacked when it is wanted, many in
one go. What runs of a page have in common is decoded once.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar, overload

import apsw
import zstandard

from runstore.engine.sqlite.candidates import Key
from runstore.engine.sqlite.connections import Connection
from runstore.engine.sqlite.faults import UNREADABLE
from runstore.engine.sqlite.rows import (
    PAYLOAD_COLUMNS,
    READ_COLUMNS,
    run_from_columns,
    sums,
    tags_from,
)
from runstore.errors import Damaged
from runstore.limits import UNPACK_THREADS
from runstore.model.query import DeferredRuns
from runstore.model.run import Attachment, JsonText, Run
from runstore.plan.plan import RunPlan
from runstore.sql.sqlite.codec import MAGIC, unpacked_bytes
from runstore.sql.sqlite.select import key_list

V = TypeVar("V")
UnpackAll = Callable[..., list[JsonText]]

_RUN_BYTES = 500  # about what a run takes in an answer besides its payloads
# One statement for all runs of a page, in the order of the list. A payload not asked for is not
# read: CROSS JOIN keeps the order, and payloads stand last.
_RUNS = (
    "SELECT {columns} FROM json_each(?) AS k CROSS JOIN runs AS r NOT INDEXED ON r.rid = k.value"
)
_PAYLOADS = " LEFT JOIN payloads AS p ON p.rid = r.rid"
_IF_ASKED = {  # columns that no page needs, and those with JSON
    "has_create", "provisional", "start_guessed", "said_status", "usage", "totals", "tags",
}  # fmt: skip
_FRAME_BYTE = MAGIC[0]  # no JSON begins with it either
_WIDTH = 2 + len(READ_COLUMNS)  # of a row, before its payloads
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


class PageRuns(DeferredRuns):
    """Rows of _runs_sql, and payloads as they are stored."""

    def __init__(
        self,
        rows: list[tuple[Any, ...]],
        payloads: Sequence[str],
        project_ids: Mapping[int, str],
        unpack_all: UnpackAll,
    ) -> None:
        self._rows = rows
        self._columns = {name: _WIDTH + place for place, name in enumerate(payloads)}
        self._project_ids, self._unpack_all = project_ids, unpack_all
        self._sums_of = _Known(sums).__getitem__
        self._tags_of = _Known(tags_from).__getitem__
        self._attachments: dict[int, list[Attachment]] = {}  # by rid

    def attach(self, rid: int, file: Attachment) -> None:
        self._attachments.setdefault(rid, []).append(file)

    def reverse(self) -> None:
        self._rows.reverse()

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, at: int) -> Run: ...

    @overload
    def __getitem__(self, at: slice) -> list[Run]: ...

    def __getitem__(self, at: int | slice) -> Run | list[Run]:
        """Raises Damaged for payloads that are damaged."""
        return (
            self._made(self._rows[at]) if isinstance(at, slice) else self._made([self._rows[at]])[0]
        )

    def __iter__(self) -> Iterator[Run]:
        return iter(self[:])

    def bare(self, first: int, last: int) -> list[Run]:
        return self._bare(self._rows[first:last])

    def payloads(self, name: str, first: int, last: int) -> list[JsonText | None]:
        if name not in self._columns:
            return [None] * len(self._rows[first:last])
        return self._texts(self._rows[first:last], [name])[0]

    def _made(self, rows: Sequence[tuple[Any, ...]]) -> list[Run]:
        runs, names = self._bare(rows), list(self._columns)
        for name, texts in zip(names, self._texts(rows, names), strict=True):
            for run, text in zip(runs, texts, strict=True):
                setattr(run, name, text)
        return runs

    def _bare(self, rows: Sequence[tuple[Any, ...]]) -> list[Run]:
        project_of, sums_of, tags_of = self._project_ids.get, self._sums_of, self._tags_of
        try:
            runs = [
                run_from_columns(row[2:_WIDTH], project_of(row[1]), sums_of, tags_of)
                for row in rows
            ]
        except UNREADABLE as error:
            raise Damaged(f"a run in the data folder is damaged: {error}") from error
        if self._attachments:
            for row, run in zip(rows, runs, strict=True):
                run.attachments = tuple(self._attachments.get(row[0], ()))
        return runs

    def _texts(
        self, rows: Sequence[tuple[Any, ...]], names: Sequence[str]
    ) -> list[list[JsonText | None]]:
        """Of each payload named, that of each row: what is packed is unpacked in one go."""
        places = [self._columns[name] for name in names]
        texts: list[list[JsonText | None]] = [[row[place] for row in rows] for place in places]
        packed: list[tuple[list[JsonText | None], int]] = []
        frames: list[bytes] = []
        for column in texts:
            for number, one in enumerate(column):
                if one is not None and one[0] == _FRAME_BYTE:
                    packed.append((column, number))
                    frames.append(one)
        try:
            unpacked = self._unpack_all(frames)
        except zstandard.ZstdError as error:
            raise self._damaged(rows, names, error) from error
        for (column, number), text in zip(packed, unpacked, strict=True):
            column[number] = text
        return texts

    def _damaged(
        self, rows: Sequence[tuple[Any, ...]], names: Sequence[str], error: zstandard.ZstdError
    ) -> Damaged:
        """Says which run it is, so that whoever asks can leave it out."""
        for row in rows:
            for name in names:
                stored = row[self._columns[name]]
                if stored is None or stored[0] != _FRAME_BYTE:
                    continue
                try:
                    self._unpack_all([stored])
                except zstandard.ZstdError as its_own:
                    run_id = self._bare([row])[0].id
                    return Damaged(
                        f"{name} of run {run_id} are damaged in the data folder ({its_own}); leave"
                        f' {name} out of `select`, or the run out with neq(id, "{run_id}")'
                    )
        return Damaged(f"a payload in the data folder is damaged: {error}")


def read_runs(
    connection: Connection, keys: Sequence[Key], plan: RunPlan, project_ids: Mapping[int, str]
) -> tuple[PageRuns, bool]:
    """The runs of these keys, in order, and whether bytes_max cut them short."""
    payloads = [column for column in PAYLOAD_COLUMNS if column in plan.select]
    rids = [key.rid for key in keys]
    found: Any = ()
    if rids:
        found = connection.raw.execute(_runs_sql(plan.select, payloads), (key_list(rids),))
    rows: list[tuple[Any, ...]] = []
    size = 0
    if payloads:
        rows, size = _within(found, plan.bytes_max)
    else:
        rows = list(found)
    is_cut = len(rows) < len(rids)
    assert [row[0] for row in rows] == rids[: len(rows)], "read in the order of the list"
    unpack_all: UnpackAll = connection.unpacker()
    if plan.deferred:  # whoever looks at the runs waits, and what he waits for holds no lock
        unpack_all = partial(unpack_all, threads=UNPACK_THREADS)
    runs = PageRuns(rows, payloads, project_ids, unpack_all)
    connection.account.hold(size)
    if "attachments" in plan.select:
        _add_attachments(connection, keys[: len(runs)], runs)
    return runs, is_cut


def _within(found: Iterable[tuple[Any, ...]], bytes_max: int) -> tuple[list[tuple[Any, ...]], int]:
    """The first rows, at least one, whose runs take bytes_max; and how many all looked at take."""
    rows: list[tuple[Any, ...]] = []
    size = 0
    for row in found:
        size += _RUN_BYTES
        for one in row[_WIDTH:]:
            if one is None:
                continue
            try:
                size += unpacked_bytes(one) if one[0] == _FRAME_BYTE else len(one)
            except zstandard.ZstdError:  # said, with the name of its run, when it is unpacked
                size += len(one)
        if size > bytes_max and rows:
            break
        rows.append(row)
    return rows, size


def _runs_sql(select: frozenset[str], payloads: Sequence[str]) -> str:
    unread = _IF_ASKED - select
    columns = ["r.rid", "r.pid"]
    columns += ["NULL" if name in unread else f"r.{name}" for name in READ_COLUMNS]
    columns += [f"p.{name}" for name in payloads]
    sql = _RUNS.format(columns=", ".join(columns))
    return sql + _PAYLOADS if payloads else sql


def attachments_of(connection: apsw.Connection, run_id: bytes) -> tuple[Attachment, ...]:
    rows: Any = connection.execute(_ATTACHMENTS, (run_id,))
    return tuple(Attachment(*row) for row in rows)


def _add_attachments(connection: Connection, keys: Sequence[Key], runs: PageRuns) -> None:
    rids = {key.id: key.rid for key in keys}
    for run_id, *columns in connection.raw.execute(_ATTACHMENTS_OF_RUNS, (key_list(list(rids)),)):
        runs.attach(rids[run_id], Attachment(*columns))
