"""A text or a tuple that is wrong -> a shorter one that is wrong too."""

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T", str, tuple[str, ...])


def shrunk(what: T, is_wrong: Callable[[T], bool]) -> T:
    """Leaves parts out, large ones first, while it stays wrong; ends where every part is needed."""
    size = max(1, len(what) // 2)
    while True:
        at, shorter = 0, False
        while at < len(what):
            smaller = what[:at] + what[at + size :]
            if is_wrong(smaller):
                what, shorter = smaller, True
            else:
                at += size
        if size == 1 and not shorter:
            return what
        size = max(1, size // 2)
