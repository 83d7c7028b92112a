"""Attachment bytes -> files named by their SHA-256. Knows one folder; knows no run.

    blobs/ab/abcdef...   the content of one attachment, written once, never changed
    blobs/incoming/      files being written; what a killed process left there is swept later

A file appears under its name by rename after fsync, so a name that exists has all its bytes.
"""

import hashlib
import os
import re
import tempfile
import time
from pathlib import Path
from typing import BinaryIO

from runstore.errors import StorageError
from runstore.limits import INCOMING_SECONDS_MAX
from runstore.model.run import Attachment

_SHA256 = re.compile(r"[0-9a-f]{64}")


class Blobs:
    """The content-addressed files of one folder. Any thread may call."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "blobs"
        self._incoming = self._folder / "incoming"
        try:
            self._incoming.mkdir(parents=True, exist_ok=True)
            self._sweep()
        except OSError as error:
            raise StorageError(f"cannot keep attachments in {self._folder}: {error}") from error

    def open(self, run_id: str, name: str, mime_type: str) -> "BlobWriter":
        """The wire's AttachmentSink. Raises StorageError."""
        return BlobWriter(self, name, mime_type)

    def path(self, sha256: str) -> Path | None:
        """Where the content lies; None when it is not here."""
        if _SHA256.fullmatch(sha256) is None:
            return None
        path = self._folder / sha256[:2] / sha256
        return path if path.is_file() else None

    def _sweep(self) -> None:
        """Remove what is too old to be still written to, by us or by another process."""
        oldest = time.time() - INCOMING_SECONDS_MAX
        for left in self._incoming.iterdir():
            if left.stat().st_mtime < oldest:
                left.unlink(missing_ok=True)

    def new_file(self) -> tuple[BinaryIO, Path]:
        handle, path = tempfile.mkstemp(dir=self._incoming)
        return os.fdopen(handle, "wb"), Path(path)

    def keep(self, temporary: Path, sha256: str) -> None:
        """Move a complete, synced file to its name; a no-op for content we have."""
        shard = self._folder / sha256[:2]
        shard.mkdir(exist_ok=True)
        os.replace(temporary, shard / sha256)
        _sync_folder(shard)


class BlobWriter:
    """One attachment on its way to disk: `write` ..., then `finish`, or `abort`."""

    def __init__(self, blobs: Blobs, name: str, mime_type: str) -> None:
        self._blobs = blobs
        self._name = name
        self._mime_type = mime_type
        self._digest = hashlib.sha256()
        self._size = 0
        try:
            self._file, self._path = blobs.new_file()
        except OSError as error:
            raise StorageError(f"cannot store an attachment: {error}") from error

    def write(self, piece: bytes) -> None:
        """Raises StorageError."""
        self._size += len(piece)
        self._digest.update(piece)
        try:
            self._file.write(piece)
        except OSError as error:
            raise StorageError(f"cannot store an attachment: {error}") from error

    def finish(self) -> Attachment:
        """When it returns, the content is on disk under its name. Raises StorageError."""
        sha256 = self._digest.hexdigest()
        try:
            with self._file:
                self._file.flush()
                os.fsync(self._file.fileno())
            self._blobs.keep(self._path, sha256)
        except OSError as error:
            raise StorageError(f"cannot store an attachment: {error}") from error
        return Attachment(self._name, sha256, self._mime_type, self._size)

    def abort(self) -> None:
        """Drop what was written. May be called after `finish`, and then does nothing."""
        self._file.close()
        self._path.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """A rename survives power loss only once its folder has been synced."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
