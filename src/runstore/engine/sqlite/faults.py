"""What SQLite cannot do -> the error that says what became of it, and what to do."""

import json

import apsw
import msgspec
import zstandard

from runstore.errors import Damaged, DiskFull, StorageError

UNREADABLE = (
    apsw.CorruptError,
    apsw.NotADBError,
    zstandard.ZstdError,
    UnicodeDecodeError,
    json.JSONDecodeError,
    msgspec.DecodeError,
)
"""What reading damaged pages, payloads and columns ends in: we wrote them whole."""


_FULL = frozenset({apsw.SQLITE_FULL, apsw.SQLITE_IOERR_SHMSIZE})
"""The second: the log's index, in a file beside it, could not grow."""


def _is_full(error: BaseException) -> bool:
    """Whether it is for want of room."""
    return getattr(error, "extendedresult", None) in _FULL  # not on all of apsw's


UNEXPECTED = (TypeError, ValueError, LookupError, AttributeError)
"""What rows that are not as we wrote them may end in, and mistakes of ours."""


def damaged(folder: object, error: BaseException) -> Damaged:
    return Damaged(
        f"the database in {folder} is damaged ({error}): `runstore check {folder}` tells what is,"
        " and docs/operations.md what to do"
    )


def unread(folder: object, error: apsw.Error) -> StorageError:
    """For what was to be read."""
    if isinstance(error, UNREADABLE):
        return damaged(folder, error)
    if _is_full(error):
        return DiskFull(f"cannot read {folder}, its disk is full, and reading needs a little too")
    return StorageError(f"the data folder {folder} could not be read: {error}")


def unopened(folder: object, error: BaseException) -> StorageError:
    """For a folder that was to be opened for writing."""
    if _is_full(error):
        return DiskFull(f"cannot open {folder} for writing, its disk is full; free space there")
    if isinstance(error, UNREADABLE):
        return Damaged(f"cannot open {folder}: {damaged(folder, error)}")
    return StorageError(f"cannot open {folder} for writing: {error}")


def unwritten(folder: object, error: apsw.Error) -> StorageError:
    """For a transaction, none of which is there now."""
    if _is_full(error):
        return DiskFull(
            f"the disk of the data folder {folder} is full: nothing of this was stored; free space"
            " there and send it again, a restart is not needed"
        )
    # We write nothing that breaks a constraint; a damaged index does when it is added to.
    if isinstance(error, (*UNREADABLE, apsw.ConstraintError)):
        return damaged(folder, error)
    if isinstance(error, apsw.ReadOnlyError):
        return StorageError(
            f"the data folder {folder} can no longer be written ({error}): nothing of this was"
            " stored; make it writable and send it again"
        )
    return StorageError(
        f"the data folder {folder} could not be written: {error}; nothing of this was stored"
    )
