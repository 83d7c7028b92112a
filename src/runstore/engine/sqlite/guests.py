"""Reading a folder that another process may write, or nobody, or that is not there yet.

A guest changes nothing: it brings no schema up to date, and does not even make the files that
readers of a database in WAL mode share if the folder does not let it.
"""

import os
from pathlib import Path
from typing import NamedTuple

import apsw

from runstore.engine.sqlite.connections import Connection, Readers
from runstore.engine.sqlite.faults import unread
from runstore.engine.sqlite.migrate import refuse_foreign, schema_version
from runstore.errors import FolderFormat, FolderNotFound, StorageError
from runstore.sql.sqlite.codec import Codec


class _Mark(NamedTuple):
    """Which file a connection has open; another one may lie there by now."""

    device: int
    inode: int
    frozen: tuple[int, int] | None  # size, time of change: of a file read as if it never changed


class GuestReaders(Readers):
    """Every connection is looked at again before it is used: files and schemas come and go."""

    def __init__(self, path: Path, codec: Codec) -> None:
        super().__init__(path, codec)
        self._schema = schema_version()

    def get(self) -> Connection:
        """Raises FolderNotFound, StorageError."""
        mark = self._look()
        known: Connection | None = getattr(self._local, "connection", None)
        if known is not None and getattr(self._local, "mark", None) != mark:
            self._drop(known)
        try:
            connection = super().get()
            self._local.mark = mark
            self._refuse_unreadable(connection)
        except apsw.CantOpenError as error:
            raise self._unopened(error) from error
        except apsw.Error as error:
            raise unread(self._path.parent, error) from error
        return connection

    def confirm(self) -> None:
        mark: _Mark = self._local.mark
        if mark.frozen is not None and self._look() != mark:
            raise StorageError(
                f"{self._path.parent} began to be written while it was read; ask again"
            )

    def _open(self) -> Connection:
        is_frozen = self._look().frozen is not None
        return Connection(self._path, self._codec, read_only=True, immutable=is_frozen)

    def _look(self) -> _Mark:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            raise self._not_found() from None
        except OSError as error:
            raise StorageError(f"cannot read {self._path}: {error}") from error
        is_frozen = not os.access(self._path.parent, os.W_OK) and not self._has_log()
        frozen = (found.st_size, found.st_mtime_ns) if is_frozen else None
        return _Mark(found.st_dev, found.st_ino, frozen)

    def _has_log(self) -> bool:
        """Whether some process has the database open, or left it in a hurry."""
        return self._path.with_name(self._path.name + "-wal").exists()

    def _refuse_unreadable(self, connection: Connection) -> None:
        folder = str(self._path.parent)
        version = refuse_foreign(connection.raw, folder)
        if version == 0:
            raise self._not_found()
        if version < self._schema:
            raise FolderFormat(
                f"{folder} was written by an older Runstore (schema {version}, this program reads"
                f" {self._schema}); open it for writing once, as `runstore serve` does, and it is"
                " brought up to date"
            )

    def _unopened(self, error: apsw.Error) -> StorageError:
        if self._has_log() and not os.access(self._path.parent, os.W_OK):
            return StorageError(
                f"{self._path.parent} was left by a process that was killed, and what that one"
                " wrote last can only be read where a folder can be written; make it writable,"
                " or copy it to where it is"
            )
        return StorageError(f"cannot read {self._path}: {error}")

    def _not_found(self) -> FolderNotFound:
        return FolderNotFound(
            f"there is no Runstore folder at {self._path.parent};"
            " the first run that is written makes one"
        )
