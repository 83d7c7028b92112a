"""Connections to one folder's database: their settings, and the functions SQL calls back."""

import os
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import apsw

from runstore.engine.sqlite.dictionary import load_dictionaries
from runstore.engine.sqlite.faults import UNEXPECTED, UNREADABLE, damaged, unopened, unread
from runstore.errors import storage_error
from runstore.limits import DAMAGE_LOOK_SECONDS, PROBE_BYTES
from runstore.model.metadata import has_entries
from runstore.model.run import JsonText
from runstore.plan.budget import Account, Budget
from runstore.sql.sqlite.codec import Codec
from runstore.sql.sqlite.payload_tests import PayloadTest, metadata_text, tags_text
from runstore.sql.sqlite.select import Statement

DATABASE = "runs.db"
PAGE_BYTES = 8192
CACHE_KIB_WRITER = 32 * 1024  # 64 MiB made ingest no faster; the system's cache holds the rest
CACHE_KIB_READER = 16 * 1024
MMAP_BYTES = 256 * 1024**3  # mapped, not allocated: readers share the system's cache
BUSY_MS = 10_000  # another process may be checkpointing
WAL_PAGES = 16_000  # about 128 MB between checkpoints: 10 % less per write than with 32 MB
WORDS_ONE_BY_ONE = 6  # forms of a word looked up singly, 0.08 ms each
STEPS_BETWEEN_CHECKS = 20_000  # virtual machine steps between looks at the account, about 1 ms
STEPS_PER_ROW = 5  # to pass over an index entry; a run that is read and tested takes 13 to 16


class Connection:
    """One apsw connection, used by one thread at a time."""

    def __init__(
        self, path: Path, codec: Codec, *, read_only: bool, immutable: bool = False
    ) -> None:
        """`immutable`: nobody writes, and no file may be made beside the database."""
        self._codec = codec
        self._folder = path.parent
        flags = (
            apsw.SQLITE_OPEN_READONLY
            if read_only
            else (apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE)
        )
        name = str(path)
        if immutable:
            flags |= apsw.SQLITE_OPEN_URI
            name = f"{path.absolute().as_uri()}?immutable=1"
        self.raw = apsw.Connection(name, flags=flags, statementcachesize=200)
        self._tests: Sequence[PayloadTest] = ()
        self.account = Account()  # of the query that is running
        self.raw.set_busy_timeout(BUSY_MS)
        self.raw.create_scalar_function("holds", self._holds, 2, deterministic=True)
        self.raw.create_scalar_function("unpack", lambda *a: self._unpack(*a), 1)
        self.raw.create_scalar_function(
            "metadata_text", lambda *a: metadata_text(*a), 1, deterministic=True
        )
        self.raw.create_scalar_function(
            "tags_text", lambda *a: tags_text(*a), 1, deterministic=True
        )
        self.raw.create_scalar_function("casefold_contains", lambda *a: _name_contains(*a), 2)
        self.raw.create_scalar_function("metadata_contains", lambda *a: _metadata_contains(*a), 2)
        cache = CACHE_KIB_READER if read_only else CACHE_KIB_WRITER
        # Of a file larger than memory, a map brings 128 KB from the disk for each page that is not
        # in it: 40 KB a run, for one that writes all over 10 million.
        for pragma in (
            f"cache_size = -{cache}",
            f"mmap_size = {MMAP_BYTES if read_only else 0}",
            "temp_store = MEMORY",
        ):
            self.raw.execute(f"PRAGMA {pragma}")
        if read_only:
            # Made outside of any transaction, for snapshots end in a rollback.
            self.raw.execute(
                "CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab('main', 'inverted', 'row');"
                "CREATE VIRTUAL TABLE temp.word_places"
                " USING fts5vocab('main', 'inverted', 'instance')"
            )

    def _holds(self, *arguments: Any) -> bool:
        slot, value = arguments
        # A test of a large payload takes as long as many steps elsewhere.
        if self.account.problem() is not None:
            self.raw.interrupt()
        held: bool = self._tests[slot](value)
        return held

    def unpack(self, stored: bytes) -> JsonText:
        try:
            return self._codec.unpack(stored)
        except KeyError:  # trained since, by the process that writes
            load_dictionaries(self.raw, self._codec)
            return self._codec.unpack(stored)

    def unpack_all(self, frames: Sequence[bytes]) -> list[JsonText]:
        """`unpack` of each, of what begins with MAGIC alone."""
        try:
            return self._codec.unpack_all(frames)
        except KeyError:
            load_dictionaries(self.raw, self._codec)
            return self._codec.unpack_all(frames)

    def unpacker(self) -> Callable[..., list[JsonText]]:
        """`unpack_all` for what this snapshot has, from any thread, also when it has ended."""
        rows: Any = self.raw.execute("SELECT count(*) FROM dictionaries").fetchall()
        if rows[0][0] > self._codec.dictionaries:
            load_dictionaries(self.raw, self._codec)
        return self._codec.unpack_all

    def _unpack(self, stored: bytes | None) -> bytes | None:
        if stored is None:
            return None
        payload = self.unpack(stored)
        self.account.opened += len(payload)
        return payload

    def rows(self, statement: Statement) -> Generator[tuple[Any, ...], None, None]:
        """Rows as they are found. Other statements may be asked between two of them."""
        self._tests = statement.tests
        found = self.raw.execute(statement.text, statement.values)
        if not statement.tests:
            yield from found
            return
        for row in found:
            yield row
            self._tests = statement.tests

    def all(self, statement: Statement) -> list[Any]:
        self._tests = statement.tests
        return self.raw.execute(statement.text, statement.values).fetchall()

    def words(self, prefix: str, limit: int) -> list[str]:
        """Up to `limit` indexed terms that begin with `prefix`, in order."""
        # A vocabulary of rows counts each term's runs before it names the term: for a common
        # word that takes longer than to look for the next term anew. Most prefixes are whole
        # words and have few forms.
        end = prefix + "\U0010ffff"
        found: list[str] = []
        start = prefix
        while len(found) < min(limit, WORDS_ONE_BY_ONE):
            row: Any = self.raw.execute(
                "SELECT term FROM temp.word_places WHERE term >= ? AND term < ? LIMIT 1",
                (start, end),
            ).fetchone()
            if row is None:
                return found
            found.append(row[0])
            start = row[0] + "\x01"  # no term has this character
        rest = self.raw.execute(
            "SELECT term FROM temp.vocabulary WHERE term >= ? AND term < ? LIMIT ?",
            (start, end, limit - len(found)),
        )
        return found + [term for (term,) in rest]

    @contextmanager
    def snapshot(self, budget: Budget | None = None) -> Iterator["Connection"]:
        """Everything read inside is of one moment. Raises QueryBudgetExceeded, QueryTooCostly."""
        self.account = Account(budget)
        if budget is not None:
            self.raw.set_progress_handler(self._has_stepped, STEPS_BETWEEN_CHECKS)
        try:
            self.raw.execute("BEGIN")
            try:
                yield self
            finally:
                if self.raw.in_transaction:
                    self.raw.execute("ROLLBACK")
        except apsw.InterruptError as error:
            self.account.check()
            raise unread(self._folder, error) from error
        except apsw.Error as error:
            raise unread(self._folder, error) from error
        except Exception as error:
            if self.tells_damage(error):
                raise damaged(self._folder, error) from error
            raise
        finally:
            self._tests = ()
            if budget is not None:
                self.account = Account()
                self.raw.set_progress_handler(None, 0)

    def tells_damage(self, error: BaseException) -> bool:
        """Whether it came of damaged pages, and is no mistake of ours."""
        return isinstance(error, UNREADABLE) or (
            isinstance(error, UNEXPECTED) and self._is_damaged()
        )

    def _is_damaged(self) -> bool:
        """Whether SQLite finds it so, as far as it comes in DAMAGE_LOOK_SECONDS."""
        ends = time.monotonic() + DAMAGE_LOOK_SECONDS
        self.raw.set_progress_handler(lambda: time.monotonic() > ends, STEPS_BETWEEN_CHECKS)
        try:
            return self.raw.execute("PRAGMA quick_check(1)").fetchall() != [("ok",)]
        except apsw.InterruptError:
            return False
        except apsw.Error:
            return True
        finally:
            self.raw.set_progress_handler(None, 0)

    def _has_stepped(self) -> bool:
        """Whether to stop."""
        self.account.rows += STEPS_BETWEEN_CHECKS // STEPS_PER_ROW
        return self.account.problem() is not None

    def close(self) -> None:
        self.raw.close()


class Readers:
    """One read-only connection a thread."""

    def __init__(self, path: Path, codec: Codec) -> None:
        self._path = path
        self._codec = codec
        self._local = threading.local()
        self._lock = threading.Lock()
        self._all: list[Connection] = []

    def get(self) -> Connection:
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._open()
            self._local.connection = connection
            with self._lock:
                self._all.append(connection)
        return connection

    def confirm(self) -> None:
        """After a snapshot of this thread's: that it was one. Raises StorageError."""

    def _open(self) -> Connection:
        try:
            return Connection(self._path, self._codec, read_only=True)
        except apsw.Error as error:
            raise unread(self._path.parent, error) from error

    def _drop(self, connection: Connection) -> None:
        """This thread's; it gets a new one when it asks again."""
        self._local.connection = None
        with self._lock:
            self._all.remove(connection)
        connection.close()

    def close(self) -> None:
        with self._lock:
            for connection in self._all:
                connection.close()
            self._all.clear()


def _name_contains(name: str, part: str) -> bool:
    return part.casefold() in name.casefold()


def _metadata_contains(extra: bytes | None, wanted: bytes) -> bool:
    """Whether every entry of the object `wanted` is in the metadata of a project's `extra`."""
    return has_entries(None if extra is None else JsonText(extra), JsonText(wanted))


def open_writer(path: Path, codec: Codec, *, full_sync: bool) -> Connection:
    """The folder's one writing connection. Raises StorageError."""
    try:
        connection = Connection(path, codec, read_only=False)
        for pragma in (
            f"page_size = {PAGE_BYTES}",
            "journal_mode = WAL",
            f"synchronous = {'FULL' if full_sync else 'NORMAL'}",
            f"wal_autocheckpoint = {WAL_PAGES}",
            "foreign_keys = OFF",
        ):
            connection.raw.execute(f"PRAGMA {pragma}")
    except apsw.Error as error:
        raise unopened(path.parent, error) from error
    return connection


def sync_log(path: Path) -> None:
    """What was committed until now survives a loss of power, too. Raises StorageError.

    Closing the log gives up no lock of SQLite's: those are on the other two files.
    """
    log = path.with_name(path.name + "-wal")
    try:
        with log.open("r+b") as file:
            os.fsync(file.fileno())
    except FileNotFoundError:  # nothing was written since the folder was opened
        return
    except OSError as error:
        raise storage_error(f"cannot sync {log}", error) from error


def try_room(folder: Path) -> None:
    """That a few pages can be written there and synced. Raises StorageError."""
    try:
        with TemporaryFile(dir=folder) as file:  # without a name: nothing is left of it
            file.write(bytes(PROBE_BYTES))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise storage_error(f"the data folder {folder} cannot be written", error) from error
