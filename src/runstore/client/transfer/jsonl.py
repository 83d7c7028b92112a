"""Bundles ⇄ JSON lines: .jsonl, and .jsonl.zst where each commit is a zstd frame of its own.

What is behind the last commit is cut off before a writer goes on.
"""

import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, cast

import zstandard

from runstore.client.durable import replace_durably
from runstore.client.transfer.attachment_folder import AttachmentFolder
from runstore.client.transfer.bundle import Bundle, fields_of, joined
from runstore.client.transfer.ledger import Ledger
from runstore.client.transfer.record_fields import bundle_from, fields_beside
from runstore.client.transfer.state import SAY_RESTART
from runstore.errors import StorageError
from runstore.limits import LINE_BYTES_MAX

COMPRESSED = ".zst"


class JsonlSink:
    """See exporting.Sink. Its position is the length of the file in bytes."""

    def __init__(self, destination: Path, ledger: Ledger) -> None:
        self._destination = destination
        self._part = destination.with_name(f"{destination.name}.part")
        self._folder = AttachmentFolder(destination)
        self._is_compressed = destination.suffix == COMPRESSED
        self._ledger = ledger
        self._lines: list[bytes] = []
        self._file: IO[bytes] | None = None

    def open(self, position: int) -> None:
        have = self._part.stat().st_size if self._part.exists() else 0
        if have < position:
            raise StorageError(
                f"{self._part} has {have:,} bytes, and {position:,} were written: "
                f"it is not the one of this export; {SAY_RESTART}"
            )
        self._file = self._part.open("r+b" if position else "wb")
        self._file.truncate(position)
        self._file.seek(position)

    def write(self, page: bytes, bundles: Sequence[Bundle]) -> None:
        for bundle in bundles:
            beside = fields_beside(bundle, self._folder, self._ledger)
            self._lines.append(joined(bundle.fields, beside) + b"\n")
            self._ledger.runs.written += 1

    def commit(self, *, is_last: bool) -> int:
        assert self._file is not None
        if self._lines:
            text = b"".join(self._lines)
            self._file.write(
                zstandard.ZstdCompressor().compress(text) if self._is_compressed else text
            )
            self._lines = []
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._file.tell()

    def finish(self, position: int) -> None:
        self.close()
        if self._part.exists():  # else it is finished already
            replace_durably(self._part, self._destination)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def discard(self) -> None:
        self.close()
        self._part.unlink(missing_ok=True)


def read_jsonl(path: Path, ledger: Ledger) -> Iterator[Bundle]:
    """A line that is no run is refused in `ledger`, by its number, and does not end the reading.

    Raises StorageError when the file cannot be read.
    """
    folder = AttachmentFolder(path)
    for number, line in _lines(path):
        if not line.strip():
            continue
        try:
            if len(line) > LINE_BYTES_MAX:
                raise ValueError(f"longer than {LINE_BYTES_MAX:,} bytes")
            fields = fields_of(line, nulls=True)
            yield bundle_from(fields, folder)
        except ValueError as error:
            ledger.runs.read += 1
            ledger.refuse("run", f"line {number}", str(error))


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    number = 0
    try:
        with path.open("rb") as raw:
            file: IO[bytes] = raw
            if path.suffix == COMPRESSED:
                reader = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)
                file = io.BufferedReader(cast(io.RawIOBase, reader))
            while line := file.readline(LINE_BYTES_MAX + 1):
                number += 1
                yield number, line
                while len(line) > LINE_BYTES_MAX and not line.endswith(b"\n"):
                    line = file.readline(LINE_BYTES_MAX + 1)  # the rest of one that is too long
    except (OSError, zstandard.ZstdError) as error:
        raise StorageError(f"cannot read {path} past line {number}: {error}") from error
