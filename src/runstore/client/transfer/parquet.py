"""Bundles ⇄ Parquet: the columns of frames.py, and session_name, feedback, attachments beside.

Parquet cannot be appended to: each commit is a part of its own, and the last step joins them.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from runstore.client.durable import replace_durably, sync_folder
from runstore.client.frames import ArrowPages, require
from runstore.client.transfer.attachment_folder import AttachmentFolder
from runstore.client.transfer.bundle import CONTENT, Bundle
from runstore.client.transfer.ledger import Ledger
from runstore.client.transfer.record_fields import BESIDE, bundle_from, fields_beside
from runstore.client.transfer.state import SAY_RESTART
from runstore.errors import StorageError
from runstore.limits import PARQUET_GROUP_BYTES, PARQUET_GROUP_RUNS, TRANSFER_CHUNK_RUNS
from runstore.model.jsontext import valid_json

_PAYLOADS = frozenset(
    {"inputs", "outputs", "extra", "events", "serialized", "feedback", "attachments"}
)


class ParquetSink:
    """See exporting.Sink. Its position is the number of parts."""

    def __init__(self, destination: Path, ledger: Ledger) -> None:
        self._destination = destination
        self._parts = destination.with_name(f"{destination.name}.parts")
        self._folder = AttachmentFolder(destination)
        self._ledger = ledger
        self._pages = ArrowPages()
        self._batches: list[Any] = []
        self._count = 0
        arrow = require("pyarrow", "arrow")
        self._arrow = arrow
        self._schema = self._pages.schema
        for name in BESIDE:
            self._schema = self._schema.append(arrow.field(name, arrow.string()))

    def open(self, position: int) -> None:
        self._parts.mkdir(exist_ok=True)
        there = {self._part(number).name for number in range(position)}
        missing = there - {one.name for one in self._parts.iterdir()}
        if missing:
            raise StorageError(
                f"{self._parts} lacks {min(missing)}, which was written: "
                f"it is not the one of this export; {SAY_RESTART}"
            )
        for one in self._parts.iterdir():
            if one.name not in there:  # written, but the state does not know of it
                one.unlink()
        self._count = position

    def write(self, page: bytes, bundles: Sequence[Bundle]) -> None:
        batch = self._pages.batch(page, len(bundles))
        beside = [fields_beside(bundle, self._folder, self._ledger) for bundle in bundles]
        for name in BESIDE:
            texts = [
                bundle.project if name == "session_name" else fields[name].decode()
                for bundle, fields in zip(bundles, beside, strict=True)
            ]
            batch = batch.append_column(name, self._arrow.array(texts, self._arrow.string()))
        self._batches.append(batch)
        self._ledger.runs.written += len(bundles)

    def commit(self, *, is_last: bool) -> int | None:
        rows = sum(one.num_rows for one in self._batches)
        size = sum(one.nbytes for one in self._batches)
        if not is_last and rows < PARQUET_GROUP_RUNS and size < PARQUET_GROUP_BYTES:
            return None
        if rows:
            table = self._arrow.Table.from_batches(self._batches, schema=self._schema)
            self._batches = []
            part = self._parts / f".{self._count}.part"
            with self._writer(part) as writer:
                writer.write_table(table, row_group_size=PARQUET_GROUP_RUNS)
            replace_durably(part, self._part(self._count))
            self._count += 1
        return self._count

    def finish(self, position: int) -> None:
        if not self._parts.exists():  # finished already
            return
        if position == 1 and self._part(0).exists():
            os.replace(self._part(0), self._destination)
            sync_folder(self._destination.parent)
        elif position != 1:
            from pyarrow import parquet

            whole = self._destination.with_name(f"{self._destination.name}.part")
            with self._writer(whole) as writer:
                for number in range(position):
                    with parquet.ParquetFile(self._part(number)) as part:
                        for group in range(part.num_row_groups):
                            writer.write_table(part.read_row_group(group))
            replace_durably(whole, self._destination)
        shutil.rmtree(self._parts)

    def close(self) -> None:
        """Nothing is open between two commits."""

    def discard(self) -> None:
        shutil.rmtree(self._parts, ignore_errors=True)

    def _part(self, number: int) -> Path:
        return self._parts / f"{number:06}.parquet"

    def _writer(self, path: Path) -> Any:
        from pyarrow import parquet

        return parquet.ParquetWriter(path, self._schema, compression="zstd")


def read_parquet(path: Path, ledger: Ledger) -> Iterator[Bundle]:
    """A row that is no run is refused in `ledger`, by its number. Raises StorageError."""
    folder = AttachmentFolder(path)
    number = 0
    for rows in _batches(path):
        for row in rows:
            number += 1
            try:
                fields = {name: _json(name, value) for name, value in row.items()}
                yield bundle_from(fields, folder)
            except (ValueError, TypeError) as error:
                ledger.runs.read += 1
                ledger.refuse("run", f"row {number}", str(error))


def _batches(path: Path) -> Iterator[list[dict[str, Any]]]:
    arrow = require("pyarrow", "arrow")
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            names = [name for name in (*CONTENT, *BESIDE) if name in file.schema_arrow.names]
            for batch in file.iter_batches(TRANSFER_CHUNK_RUNS, columns=names):
                yield batch.to_pylist()
    except (OSError, arrow.ArrowException) as error:
        raise StorageError(f"cannot read {path}: {error}") from error


def _json(name: str, value: Any) -> bytes:
    """A cell -> the field's JSON. Payloads are JSON text already, or structs of other writers."""
    if name in _PAYLOADS and isinstance(value, str):
        try:
            return valid_json(value.encode())[0]
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    if isinstance(value, datetime) and value.tzinfo is None:
        value = value.replace(tzinfo=UTC)
    return orjson.dumps(value, default=str)
