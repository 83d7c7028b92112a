"""One process writes a folder: the lock that sees to it, and the card that says who it is.

    writer.lock   locked by the process that writes; free by itself when that process ends
    writer.json   {"pid", "url"} of that process; the URL only where it serves, once it listens

Any number of processes may read meanwhile.
"""

import errno
import json
import os
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout

from runstore.errors import FolderBusy, StorageError, storage_error

LOCK = "writer.lock"
CARD = "writer.json"


class Writer(NamedTuple):
    """Who writes a folder. `url`: where it serves; None: nowhere, or not yet."""

    pid: int
    url: str | None


class WriterLock:
    """Held from when it is made until `release`."""

    def __init__(self, folder: Path) -> None:
        """Raises FolderBusy, StorageError."""
        self._folder = folder
        # Not by thread: who closes a folder need not be the thread that opened it.
        self._lock = FileLock(folder / LOCK, thread_local=False)
        try:
            self._lock.acquire(blocking=False)
        except Timeout:
            raise busy(folder) from None
        except (OSError, RuntimeError) as error:
            raise _unwritable(folder, error) from error
        try:
            _write_card(folder, None)
        except OSError as error:
            self._lock.release()
            raise _unwritable(folder, error) from error

    def release(self) -> None:
        (self._folder / CARD).unlink(missing_ok=True)
        self._lock.release()


def announce(folder: Path, url: str) -> None:
    """Where this process, which holds the folder's lock, serves it. Raises StorageError."""
    try:
        _write_card(folder, url)
    except OSError as error:
        raise _unwritable(folder, error) from error


def writer_of(folder: Path) -> Writer | None:
    """Who the card says writes; of use only while the lock is held. None: it does not say."""
    try:
        card = json.loads((folder / CARD).read_bytes())
        return Writer(int(card["pid"]), card["url"])
    except (OSError, ValueError, TypeError, KeyError):
        return None


def busy(folder: Path) -> FolderBusy:
    """What to tell who wants to write while another process does."""
    writer = writer_of(folder)
    if writer is None:
        return FolderBusy(f"another process writes {folder}; it has to end, or to close it, first")
    if writer.url is None:
        return FolderBusy(
            f"process {writer.pid} writes {folder}; it has to end, or to close it, first"
        )
    return FolderBusy(
        f"process {writer.pid} writes {folder} and serves it: use {writer.url} instead", writer.url
    )


def _unwritable(folder: Path, error: OSError | RuntimeError) -> StorageError:
    if not isinstance(error, OSError):
        return StorageError(f"cannot lock {folder} for writing: {error}")
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return StorageError(
            f"{folder} cannot be written ({error.strerror}); reading works:"
            f" `runstore list --target {folder}`, Client({str(folder)!r})"
        )
    return storage_error(f"cannot open {folder} for writing", error)


def _write_card(folder: Path, url: str | None) -> None:
    """Complete or not at all."""
    own = folder / f"{CARD}.{os.getpid()}"
    own.write_text(json.dumps({"pid": os.getpid(), "url": url}), "utf-8")
    own.replace(folder / CARD)
