"""How far an export has come: a small file beside it, never ahead of what is on disk."""

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from runstore.client.durable import replace_durably
from runstore.client.transfer.hashing import NOTHING, ContentHash
from runstore.client.transfer.ledger import Ledger, ledger_from
from runstore.errors import Conflict, StorageError

VERSION = 1
SAY_RESTART = "say restart=True, --restart"


@dataclass(slots=True)
class ExportState:
    """What a later process needs to go on."""

    source: str  # the target exported from
    asked: dict[str, Any]  # what was asked for, as the caller said it
    fields: dict[str, Any] | None  # the same with names resolved: cursors hold for this alone
    cursor: str | None = None
    position: int = 0  # of the sink
    is_read: bool = False  # all pages are in the sink
    ledger: dict[str, Any] | None = None
    hash: ContentHash = NOTHING  # of what was read, if that is to be compared

    def ledger_so_far(self) -> Ledger:
        return Ledger() if self.ledger is None else ledger_from(self.ledger)


class StateFile:
    def __init__(self, destination: Path) -> None:
        self.path = destination.with_name(f"{destination.name}.export.json")

    def load(self) -> ExportState | None:
        """None: no export is under way. Raises StorageError for what is none of ours."""
        try:
            said = orjson.loads(self.path.read_bytes())
            if said.pop("version") != VERSION:
                raise ValueError("of another version")
            state = ExportState(**said)
            state.hash = ContentHash(*state.hash)
            state.ledger_so_far()
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise StorageError(f"{self.path} is not the state of an export: {error}") from error
        return state

    def save(self, state: ExportState) -> None:
        """On disk when it returns; what it tells of must be so before."""
        part = self.path.with_name(f".{self.path.name}.part")
        said = {"version": VERSION, **asdict(state), "hash": list(state.hash)}
        part.write_bytes(orjson.dumps(said))
        replace_durably(part, self.path)

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """One process at a time. Raises Conflict when another one exports to the same file."""
        path = self.path.with_name(f"{self.path.name}.lock")
        with path.open("a") as file:
            if not (_lock(file.fileno()) and _is_at(path, file.fileno())):
                raise Conflict(f"another process is writing this export: {path} is locked")
            try:
                yield
            finally:
                with contextlib.suppress(OSError):  # Windows keeps what is open
                    os.unlink(path)


def _is_at(path: Path, at: int) -> bool:
    """False when whoever had it before us has just unlinked it: the next one makes another file."""
    try:
        return os.path.samestat(os.fstat(at), path.stat())
    except FileNotFoundError:
        return False


def _lock(at: int) -> bool:
    """Whether it is ours. The system lets go of it when the process ends, however it does."""
    try:
        import fcntl
    except ImportError:  # Windows: nothing stops a second export of the same file
        return True
    try:
        fcntl.flock(at, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
