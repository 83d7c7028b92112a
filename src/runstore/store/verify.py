"""A folder -> what is wrong with it: its database, and the attachments beside it. Reads alone.

The folder may be written meanwhile. So what looks wrong of an attachment is looked at a second time
before it is said: files and rows come and go together, but not at the same moment.
"""

import hashlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from runstore.engine.sqlite.connections import DATABASE
from runstore.engine.sqlite.findings import Findings
from runstore.engine.sqlite.guests import GuestReaders
from runstore.engine.sqlite.verify import verify_database
from runstore.sql.sqlite.codec import Codec
from runstore.store.blobs import BLOBS, INCOMING, SHA256, content_path
from runstore.store.opening import refuse_emptied
from runstore.store.signing import SECRET, SECRET_BYTES

_NAMED = "SELECT sha256, size, min(lower(hex(run_id))) FROM attachments GROUP BY sha256, size"


class _File(NamedTuple):
    """What the database says of the content of an attachment."""

    sha256: str
    size: int
    run_id: str  # one of those that have it, hexadecimal


def verify_folder(folder: Path, *, fast: bool = False) -> Iterator[Findings]:
    """Check by check, as they are done. `fast`: what takes long is left out.

    Raises FolderNotFound, StorageError for what cannot be opened at all.
    """
    refuse_emptied(folder)
    yield from verify_database(folder, fast=fast)
    readers = GuestReaders(folder / DATABASE, Codec())
    try:
        files = Findings("attachments", "every attachment's content is there, unchanged")
        yield files.take(lambda found: _check_contents(readers, folder, found, fast=fast))
        strays = Findings("strays", "every content in blobs/ is an attachment's")
        yield strays.take(lambda found: _check_strays(readers, folder, found))
    finally:
        readers.close()
    secret = Findings("secret", "links to attachments can be signed")
    yield secret.take(lambda found: _check_secret(folder, found))


def _check_contents(readers: GuestReaders, folder: Path, found: Findings, *, fast: bool) -> None:
    problems: dict[_File, str] = {}
    for file in _named(readers):
        found.looked_at += 1
        if problem := _damage(content_path(folder / BLOBS, file.sha256), file, fast=fast):
            problems[file] = problem
    if problems:
        still = set(_named(readers))
        for file, problem in problems.items():
            if file in still:
                found.note(f"the content {file.sha256} of run {file.run_id} {problem}")


def _damage(path: Path, file: _File, *, fast: bool) -> str:
    """What is wrong with a content; "" for nothing."""
    try:
        size = path.stat().st_size
        if size != file.size:
            return f"has {size} bytes, not {file.size}"
        if not fast and _digest(path) != file.sha256:
            return "is not what was stored: its SHA-256 is another one"
    except FileNotFoundError:
        return "is missing"
    return ""


def _digest(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _check_strays(readers: GuestReaders, folder: Path, found: Findings) -> None:
    blobs = folder / BLOBS
    files = [path for shard in sorted(blobs.glob("[0-9a-f][0-9a-f]")) for path in shard.iterdir()]
    found.looked_at = len(files)
    # In this order: a request claims its contents until its runs can be seen.
    claimed = {path.name.partition(".")[0] for path in (blobs / INCOMING).glob("*.*")}
    known = claimed | {file.sha256 for file in _named(readers)}
    for path in files:
        if SHA256.fullmatch(path.name) is None:
            found.note(f"{path.relative_to(folder)} is no content of an attachment")
        elif path.name not in known and path.exists():
            found.note(f"{path.relative_to(folder)} is of no run; the next start removes it")


def _named(readers: GuestReaders) -> Collection[_File]:
    with readers.get().snapshot() as connection:
        rows: Any = connection.raw.execute(_NAMED)
        return [_File(*row) for row in rows]


def _check_secret(folder: Path, found: Findings) -> None:
    path = folder / SECRET
    if path.exists():
        found.looked_at = 1
        if path.stat().st_size != SECRET_BYTES:
            found.note(f"{SECRET} does not hold {SECRET_BYTES} bytes; delete it for a new one")
