"""The machine a program runs on, as far as figures depend on it. No names."""

import os
import platform
from datetime import UTC, datetime


def day(when: datetime) -> str:
    """As in 7 March 2026."""
    return f"{when:%d %B %Y}".lstrip("0")


def today() -> str:
    """In UTC."""
    return day(datetime.now(UTC))


def machine() -> str:
    """Cores, memory, system, Python."""
    return (
        f"{_cores()} cores, {_memory()}{platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}"
    )


def _cores() -> int:
    """Those this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory() -> str:
    """Nothing on a system that does not say."""
    try:
        gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    except (AttributeError, OSError, ValueError):
        return ""
    return f"{gib:.0f} GiB, "
