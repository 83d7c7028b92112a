"""Attachment bytes -> files named by their SHA-256. Knows one folder; knows no run.

    blobs/ab/abcdef...            the content of one attachment, written once, never changed
    blobs/incoming/tmp...         a file being written
    blobs/incoming/<sha256>.<id>  a claim: content of a request that is not written yet
    blobs/incoming/<sha256>.away  content on its way out

A file appears under its name only after fsync, so a name that exists has all its bytes. Content
no run names is removed: of a request that was given up or refused, and after deletions. Uploads of
the same content may go on meanwhile, in other processes too, and lose nothing: an upload claims
before its content has a name, a removal takes the name away before it looks for claims and runs,
and gives it back if it finds any.
"""

import hashlib
import logging
import os
import re
import secrets
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from runstore.errors import ReadOnly, StorageError, storage_error
from runstore.limits import INCOMING_SECONDS_MAX
from runstore.model.run import Attachment
from runstore.store.pool import Pool

log = logging.getLogger(__name__)

Referenced = Callable[[Collection[str]], set[str]]
"""Which of these contents a run names. May raise StorageError."""

BLOBS = "blobs"
INCOMING = "incoming"
SHA256 = re.compile(r"[0-9a-f]{64}")
_AWAY = ".away"


def content_path(blobs: Path, sha256: str) -> Path:
    """Where in that folder a content lies, if it is there."""
    return blobs / sha256[:2] / sha256


class Blobs:
    """The content-addressed files of one folder. Any thread may call.

    Without `referenced`, as where bodies are only decoded, nothing is ever removed; with
    `read_only`, nothing is made either.
    """

    def __init__(
        self, folder: Path, referenced: Referenced | None = None, *, read_only: bool = False
    ) -> None:
        """Raises StorageError."""
        self._folder = folder / BLOBS
        self._incoming = self._folder / INCOMING
        self._referenced = None if read_only else referenced
        self._is_read_only = read_only
        self._collector = Pool(1, "runstore-blobs")
        self._all_waits = threading.Event()
        self._closing = False
        if read_only:
            return
        try:
            self._incoming.mkdir(parents=True, exist_ok=True)
            self._sweep()
        except OSError as error:
            raise storage_error(f"cannot keep attachments in {self._folder}", error) from error

    def open(self, run_id: str, name: str, mime_type: str) -> "BlobWriter":
        """The wire's AttachmentSink. Raises ReadOnly, StorageError."""
        if self._is_read_only:
            raise ReadOnly(f"{self._folder.parent} was opened for reading alone")
        return BlobWriter(self, name, mime_type)

    def path(self, sha256: str) -> Path | None:
        """Where the content lies; None when it is not here."""
        if SHA256.fullmatch(sha256) is None:
            return None
        path = self._path(sha256)
        return path if path.is_file() else None

    def _path(self, sha256: str) -> Path:
        return content_path(self._folder, sha256)

    # Coming in.

    def new_file(self) -> tuple[BinaryIO, Path]:
        handle, path = tempfile.mkstemp(dir=self._incoming)
        return os.fdopen(handle, "wb"), Path(path)

    def keep(self, temporary: Path, sha256: str) -> None:
        """Give a complete, synced file its name, and claim it until `release`.

        Claims on one content are as good as each other, and another request may give up ours and
        leave us its own: nothing is done by the name of a claim.
        """
        os.link(temporary, self._incoming / f"{sha256}.{secrets.token_hex(8)}")
        try:
            shard = self._folder / sha256[:2]
            shard.mkdir(exist_ok=True)
            with suppress(FileExistsError):  # content we have
                os.link(temporary, shard / sha256)
            _sync_folder(shard)
        except OSError:  # a full disk, most likely: nobody will release this claim
            self.release((sha256,))
            raise
        with suppress(OSError):  # one left behind is swept later
            temporary.unlink()

    def release(self, sha256s: Iterable[str]) -> None:
        """Give up one claim on each: its run is written, or never will be. Raises no error."""
        for sha256 in sha256s:
            with suppress(OSError):  # one left behind is swept later
                self._release(sha256)

    def _release(self, sha256: str) -> None:
        while claims := self._claims(sha256):
            for claim in claims:
                with suppress(FileNotFoundError):  # another request has just given up that one
                    claim.unlink()
                    return

    def _claims(self, sha256: str) -> list[Path]:
        return [
            path for path in self._incoming.glob(f"{sha256}.*") if not path.name.endswith(_AWAY)
        ]

    # Going out.

    def collect(self, sha256s: Collection[str]) -> None:
        """Remove those of these contents that no run names, soon."""
        if self._referenced is not None and sha256s:
            self._later(lambda: self._remove_unreferenced(set(sha256s)))

    def collect_all(self) -> None:
        """Remove every content that no run names, soon. Looks at the name of every file."""
        if self._referenced is not None and not self._all_waits.is_set():
            self._all_waits.set()
            self._later(self._remove_all_unreferenced)

    def wait(self) -> None:
        """Until what was to be collected by now has been."""
        with suppress(RuntimeError):
            self._collector.submit(lambda: None).result()

    def close(self) -> None:
        self._closing = True
        self._collector.shutdown(cancel_futures=True)

    def _later(self, work: Callable[[], None]) -> None:
        def run() -> None:
            try:
                work()
            except (OSError, StorageError) as error:  # the next collection of all finds the rest
                log.warning("attachments were not collected", extra={"reason": str(error)})

        with suppress(RuntimeError):  # closed
            self._collector.submit(run)

    def _remove_all_unreferenced(self) -> None:
        self._all_waits.clear()
        for shard in sorted(self._folder.glob("[0-9a-f][0-9a-f]")):
            self._remove_unreferenced({path.name for path in shard.iterdir()})

    def _remove_unreferenced(self, sha256s: set[str]) -> None:
        assert self._referenced is not None
        for sha256 in sha256s - self._referenced(sha256s):
            if self._closing:
                return
            self._remove(sha256, self._referenced)

    def _remove(self, sha256: str, referenced: Referenced) -> None:
        """Why nothing is lost in between: see the top of this file."""
        path, away = self._path(sha256), self._incoming / f"{sha256}{_AWAY}"
        try:
            os.rename(path, away)
        except FileNotFoundError:
            return
        is_wanted = True  # also when nobody can say
        try:
            # In this order: a claim is given up only after its run can be seen.
            is_wanted = bool(self._claims(sha256) or referenced((sha256,)))
        finally:
            if is_wanted:
                os.replace(away, path)  # takes no space; what came there meanwhile is the same
            else:
                away.unlink(missing_ok=True)

    def _sweep(self) -> None:
        """Put right what a killed process left: what is too old to be still in use by any.

        Content on its way out is given back at once by who may remove: no other process does, and
        a run may name it.
        """
        oldest = time.time() - INCOMING_SECONDS_MAX
        for left in self._incoming.iterdir():
            with suppress(FileNotFoundError):  # another process sweeps, too
                is_old = left.stat().st_mtime < oldest
                if left.name.endswith(_AWAY):
                    if is_old or self._referenced is not None:
                        os.replace(left, self._path(left.name.removesuffix(_AWAY)))
                elif is_old:
                    left.unlink()


class BlobWriter:
    """One attachment on its way to disk: `write` ..., then `finish`, or `abort`."""

    def __init__(self, blobs: Blobs, name: str, mime_type: str) -> None:
        self._blobs = blobs
        self._name = name
        self._mime_type = mime_type
        self._digest = hashlib.sha256()
        self._size = 0
        self._kept: str | None = None  # the SHA-256, once it has its name
        try:
            self._file, self._path = blobs.new_file()
        except OSError as error:
            raise storage_error("cannot store an attachment", error) from error

    def write(self, piece: bytes) -> None:
        """Raises StorageError."""
        self._size += len(piece)
        self._digest.update(piece)
        try:
            self._file.write(piece)
        except OSError as error:
            raise storage_error("cannot store an attachment", error) from error

    def finish(self) -> Attachment:
        """When it returns, the content is on disk under its name, claimed. Raises StorageError."""
        sha256 = self._digest.hexdigest()
        try:
            with self._file:
                self._file.flush()
                os.fsync(self._file.fileno())
            self._blobs.keep(self._path, sha256)
        except OSError as error:
            raise storage_error("cannot store an attachment", error) from error
        self._kept = sha256
        return Attachment(self._name, sha256, self._mime_type, self._size)

    def abort(self) -> None:
        """Drop what was written: unless a run names it by now, finished content goes, too."""
        kept, self._kept = self._kept, None
        if kept is not None:
            self._blobs.release((kept,))
            self._blobs.collect((kept,))
        with suppress(OSError):  # a full disk does not take what is still in memory
            self._file.close()
        with suppress(OSError):  # what is left is swept later
            self._path.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """A rename survives power loss only once its folder has been synced."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
