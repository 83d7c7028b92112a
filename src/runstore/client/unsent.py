"""Writers with something to send when the program ends, or forks: they are held here till then.

Knows no queue, no server. Who has sent all is let go, so that a forgotten client is forgotten.
"""

import concurrent.futures.thread  # its exit hook must be registered before ours: see _register
import contextlib
import os
import threading
from typing import Protocol

assert concurrent.futures.thread


class Unsent(Protocol):
    def finish(self) -> None:
        """Send what waits, within WRITE_EXIT_SECONDS: the program ends."""

    def after_fork(self) -> None:
        """Begin anew: this is the child, and what waits is the parent's to send."""


_writers: set[Unsent] = set()
_is_registered = False


def hold(writer: Unsent) -> None:
    """Until `let_go`: it has something to send."""
    _writers.add(writer)
    _register()


def let_go(writer: Unsent) -> None:
    _writers.discard(writer)


def _register() -> None:
    """Once. The hook of `threading` runs while executors, which a folder needs, still take work.

    atexit, its public sibling, comes after they are shut down: concurrent.futures itself uses
    this one. Hooks run last in, first out, so ours comes before the executors'.
    """
    global _is_registered
    if not _is_registered:
        _is_registered = True
        with contextlib.suppress(RuntimeError):  # the program is ending already
            threading._register_atexit(_finish_all)  # type: ignore[attr-defined]


def _finish_all() -> None:
    for writer in list(_writers):
        writer.finish()


def _after_fork() -> None:
    for writer in list(_writers):
        writer.after_fork()
    _writers.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
