"""A data folder -> its engine, unless what lies there is no longer what was."""

from pathlib import Path

from runstore.engine.sqlite.connections import DATABASE
from runstore.engine.sqlite.engine import SqliteEngine
from runstore.errors import Damaged
from runstore.model.prices import Prices
from runstore.store.signing import SECRET


def open_engine(folder: Path, prices: Path | None, *, read_only: bool = False) -> SqliteEngine:
    """`prices`: a file that overrides the table which comes with the program.

    Raises what SqliteEngine raises, and Damaged for an emptied database.
    """
    refuse_emptied(folder)
    return SqliteEngine(folder, Prices.load(prices), read_only=read_only)


def refuse_emptied(folder: Path) -> None:
    """Raises Damaged for a database that had runs and has lost every byte.

    SQLite takes such a file for a new database: runs would be gone without a word, and their
    attachments removed, for nothing names them. The secret tells that it was one, for it is made
    once the schema is there.
    """
    has_log = _size(folder / f"{DATABASE}-wal") not in (None, 0)
    if _size(folder / DATABASE) == 0 and _size(folder / SECRET) is not None and not has_log:
        raise Damaged(
            f"the database in {folder} is damaged: {DATABASE} is empty. Put back a copy of it; to"
            f" begin anew without what was in it, remove {DATABASE} and {SECRET}"
        )


def _size(path: Path) -> int | None:
    """Bytes; None where there is no such file, or none that may be looked at."""
    try:
        return path.stat().st_size
    except OSError:
        return None
