"""Files that are there whole, or not at all, also after a loss of power."""

import os
from pathlib import Path


def replace_durably(part: Path, path: Path) -> None:
    """`part` becomes `path` in one step, and is on disk before it does."""
    with part.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(part, path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """What was made or renamed in `folder` stays so. Windows cannot and need not."""
    if os.name == "nt":
        return
    at = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(at)
    finally:
        os.close(at)
