"""API keys of a folder: made, listed, revoked; and known to a server that runs meanwhile.

keys.json   {"keys": [{"id", "name", "roles", "sha256", "created_at"}]}, readable by its owner
            only. A key itself is shown once and stored nowhere.
keys.lock   held by whoever changes it
"""

import hashlib
import json
import logging
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from runstore.errors import (
    Conflict,
    InvalidRequest,
    NotFound,
    StorageError,
    TooLarge,
    storage_error,
)
from runstore.limits import KEYS_LOCK_SECONDS, KEYS_LOOK_SECONDS, KEYS_MAX
from runstore.model.times import text_from_us, us_from_text
from runstore.settings import key_hash

log = logging.getLogger(__name__)

FILE = "keys.json"
LOCK = "keys.lock"
ROLES = ("admin", "read", "write")
KEY_BYTES = 32
ID_CHARS = 12  # of the hash in hex: enough to tell a thousand keys apart


@dataclass(frozen=True, slots=True)
class Key:
    """`sha256` in hex, of the key."""

    name: str
    roles: tuple[str, ...]  # of ROLES
    sha256: str
    created_us: int

    @property
    def id(self) -> str:
        return self.sha256[:ID_CHARS]


def read_keys(folder: Path) -> tuple[Key, ...]:
    """Oldest first; () where none was made. Raises StorageError."""
    path = folder / FILE
    try:
        listed = json.loads(path.read_bytes())["keys"]
        return tuple(_key(fields) for fields in listed)
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error}") from error
    except (ValueError, TypeError, KeyError) as error:
        raise StorageError(
            f"{path} is damaged ({error}); repair it, or delete it and make new keys"
        ) from error


def create_key(
    folder: Path, now_us: int, *, name: str = "", roles: Sequence[str] = ("admin",)
) -> tuple[Key, str]:
    """What is stored of it, and the key. Makes the folder: keys come before a server's first start.

    Raises InvalidRequest for a role there is not, Conflict, TooLarge, StorageError.
    """
    wanted = tuple(role for role in ROLES if role in roles)
    unknown = [role for role in roles if role not in ROLES]
    if unknown or not wanted:
        raise InvalidRequest(f"role {', '.join(unknown) or '(none)'}: one of {', '.join(ROLES)}")
    secret = f"rs_{secrets.token_urlsafe(KEY_BYTES)}"
    key = Key(name, wanted, key_hash(secret), now_us)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot make the folder {folder}: {error}") from error
    with _locked(folder):
        known = read_keys(folder)
        if name and any(one.name == name for one in known):
            raise Conflict(
                f"there is a key named {name!r} already; revoke it first, or say another"
            )
        if len(known) >= KEYS_MAX:
            raise TooLarge(f"there are {KEYS_MAX} keys already; revoke some", KEYS_MAX)
        _write(folder, (*known, key))
    return key, secret


def revoke_key(folder: Path, id_or_name: str) -> Key:
    """It is good for nothing a second later. Raises NotFound, StorageError."""
    with _locked(folder):
        known = read_keys(folder)
        found = next((key for key in known if id_or_name in (key.id, key.name)), None)
        if found is None or not id_or_name:
            raise NotFound(f"no key has the id or name {id_or_name!r}")
        _write(folder, [key for key in known if key is not found])
    return found


class KeyRing:
    """The folder's keys, looked at again at most every KEYS_LOOK_SECONDS."""

    def __init__(self, folder: Path) -> None:
        """Raises StorageError: a server does not start with keys it cannot read."""
        self._folder = folder
        self._mark = self._look()
        self._keys = read_keys(folder)
        self._looked = time.monotonic()

    def keys(self) -> tuple[Key, ...]:
        """Those known last, while the file cannot be read."""
        now = time.monotonic()
        if now - self._looked >= KEYS_LOOK_SECONDS:
            self._looked = now
            mark = self._look()
            if mark != self._mark:
                try:
                    self._keys = read_keys(self._folder)
                    self._mark = mark
                except StorageError as error:
                    log.error("cannot read the keys", extra={"reason": str(error)})
        return self._keys

    def _look(self) -> tuple[int, int, int] | None:
        try:
            found = os.stat(self._folder / FILE)
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    if not folder.is_dir():
        raise StorageError(
            f"{folder} is not a folder; name the one the server is given with --data"
        )
    lock = FileLock(folder / LOCK, timeout=KEYS_LOCK_SECONDS)
    try:
        lock.acquire()
    except (Timeout, OSError) as error:
        raise StorageError(f"cannot lock {folder / LOCK}: {error}") from error
    try:
        yield
    finally:
        lock.release()


def _write(folder: Path, keys: Sequence[Key]) -> None:
    """Complete or not at all."""
    own = folder / f"{FILE}.{os.getpid()}"
    listed = [
        {
            "id": key.id,
            "name": key.name,
            "roles": key.roles,
            "sha256": key.sha256,
            "created_at": text_from_us(key.created_us),
        }
        for key in keys
    ]
    try:
        own.unlink(missing_ok=True)
        handle = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump({"keys": listed}, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        own.replace(folder / FILE)
    except OSError as error:
        raise storage_error(f"cannot write {folder / FILE}", error) from error


def _key(fields: Any) -> Key:
    roles = tuple(fields["roles"])
    sha256 = str(fields["sha256"]).lower()
    if len(bytes.fromhex(sha256)) != hashlib.sha256().digest_size:
        raise ValueError(f"{sha256!r} is not a SHA-256")
    if not roles or not set(roles) <= set(ROLES):
        raise ValueError(f"roles {roles!r}")
    return Key(str(fields["name"]), roles, sha256, us_from_text(fields["created_at"]))
