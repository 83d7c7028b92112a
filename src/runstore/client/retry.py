"""(attempt, outcome) -> seconds to wait, or stop. Pure: knows no clock, no socket.

    outcome                                      repeatable request     any other
    the connection could not be made             ATTEMPTS_MAX           ATTEMPTS_MAX
    the connection broke                         ATTEMPTS_MAX           never
    no answer in time                            never                  never
    429; 503 with Retry-After                    ATTEMPTS_BUSY_MAX      ATTEMPTS_BUSY_MAX
    408, 425, 500, 502, 503, 504                 ATTEMPTS_MAX           never
    anything else                                never                  never

A query that took too long is not asked again: it would take as long, beside the first one.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum

from runstore.limits import (
    ATTEMPTS_BUSY_MAX,
    ATTEMPTS_MAX,
    RETRY_AFTER_SECONDS_MAX,
    RETRY_PAUSE_SECONDS,
    RETRY_PAUSE_SECONDS_MAX,
    RETRY_SECONDS_MAX,
)

PASSING = frozenset({408, 425, 500, 502, 503, 504})
"""Statuses that may be another the next time, without a word about when."""
FINAL_CODES = frozenset(
    {"query_budget_exceeded", "query_too_costly", "read_only", "damaged", "folder_format"}
)
"""Codes of Runstore's errors that a repetition cannot change, whatever their status."""


class Fault(Enum):
    """What became of a request that got no answer."""

    UNCONNECTED = "the server cannot be reached"  # it has seen nothing of the request
    BROKEN = "the connection broke"  # it may have seen all of it
    TIMED_OUT = "no answer came in time"  # it may still be at it


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one attempt that did not succeed: a fault, or the status of an answer."""

    fault: Fault | None = None
    status: int = 0
    code: str = ""  # of Runstore's error
    retry_after: str | None = None  # the header, as it came


def seconds_to_wait(
    attempt: int,
    outcome: Outcome,
    *,
    is_repeatable: bool,
    waited_s: float,
    now: datetime,
    jitter: float,
) -> float | None:
    """Before the next attempt; None: there is none. `attempt` counts from 1, `jitter` in [0, 1)."""
    asked_s = seconds_asked(outcome.retry_after, now)
    if attempt >= _attempts(outcome, is_repeatable=is_repeatable, is_asked=asked_s is not None):
        return None
    pause_s = min(RETRY_PAUSE_SECONDS * 2 ** (attempt - 1), RETRY_PAUSE_SECONDS_MAX)
    wait_s = pause_s * (0.5 + jitter / 2)
    if asked_s is not None:
        if asked_s > RETRY_AFTER_SECONDS_MAX:
            return None
        # Never sooner than asked; and not all who were asked at the same moment.
        wait_s = asked_s + min(wait_s, asked_s * jitter / 4 + RETRY_PAUSE_SECONDS * jitter)
    return None if waited_s + wait_s > RETRY_SECONDS_MAX else wait_s


def _attempts(outcome: Outcome, *, is_repeatable: bool, is_asked: bool) -> int:
    if outcome.fault is Fault.UNCONNECTED:
        return ATTEMPTS_MAX
    if outcome.fault is Fault.BROKEN:
        return ATTEMPTS_MAX if is_repeatable else 1
    if outcome.fault is Fault.TIMED_OUT or outcome.code in FINAL_CODES:
        return 1
    if outcome.status == 429 or (outcome.status == 503 and is_asked):
        return ATTEMPTS_BUSY_MAX
    return ATTEMPTS_MAX if outcome.status in PASSING and is_repeatable else 1


def seconds_asked(retry_after: str | None, now: datetime) -> float | None:
    """A Retry-After header, in seconds or as a date. None without one, or with nonsense in it."""
    text = (retry_after or "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            at = parsedate_to_datetime(text)
        except ValueError:
            return None
        aware = at.replace(tzinfo=UTC) if at.tzinfo is None else at
        seconds = (aware - now).total_seconds()
    return max(0.0, seconds) if seconds == seconds else None  # nan is nonsense too
