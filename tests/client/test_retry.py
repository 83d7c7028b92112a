"""When a request is tried again, and after how long."""

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest

from runstore.client.retry import Fault, Outcome, seconds_asked, seconds_to_wait
from runstore.limits import (
    ATTEMPTS_BUSY_MAX,
    ATTEMPTS_MAX,
    RETRY_AFTER_SECONDS_MAX,
    RETRY_PAUSE_SECONDS,
    RETRY_PAUSE_SECONDS_MAX,
    RETRY_SECONDS_MAX,
)

NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)
IN_5_S = format_datetime(NOW.replace(second=5), usegmt=True)


def wait(
    outcome: Outcome,
    attempt: int = 1,
    *,
    is_repeatable: bool = True,
    waited_s: float = 0.0,
    jitter: float = 0.0,
) -> float | None:
    return seconds_to_wait(
        attempt,
        outcome,
        is_repeatable=is_repeatable,
        waited_s=waited_s,
        now=NOW,
        jitter=jitter,
    )


# fmt: off
@pytest.mark.parametrize("outcome, repeatable, others", [
    (Outcome(Fault.UNCONNECTED),                   ATTEMPTS_MAX,      ATTEMPTS_MAX),
    (Outcome(Fault.BROKEN),                        ATTEMPTS_MAX,      1),
    (Outcome(Fault.TIMED_OUT),                     1,                 1),
    (Outcome(status=429),                          ATTEMPTS_BUSY_MAX, ATTEMPTS_BUSY_MAX),
    (Outcome(status=429, retry_after="1"),         ATTEMPTS_BUSY_MAX, ATTEMPTS_BUSY_MAX),
    (Outcome(status=503, retry_after="1"),         ATTEMPTS_BUSY_MAX, ATTEMPTS_BUSY_MAX),
    (Outcome(status=503),                          ATTEMPTS_MAX,      1),
    (Outcome(status=503, code="query_budget_exceeded"), 1,            1),
    (Outcome(status=422, code="query_too_costly"),      1,            1),
    (Outcome(status=500),                          ATTEMPTS_MAX,      1),
    (Outcome(status=502),                          ATTEMPTS_MAX,      1),
    (Outcome(status=504),                          ATTEMPTS_MAX,      1),
    (Outcome(status=408),                          ATTEMPTS_MAX,      1),
    (Outcome(status=425),                          ATTEMPTS_MAX,      1),
    (Outcome(status=400),                          1,                 1),
    (Outcome(status=401),                          1,                 1),
    (Outcome(status=404),                          1,                 1),
    (Outcome(status=409),                          1,                 1),
    (Outcome(status=307),                          1,                 1),
])
# fmt: on
def test_how_often_a_request_is_sent(outcome: Outcome, repeatable: int, others: int) -> None:
    for is_repeatable, attempts in ((True, repeatable), (False, others)):
        waits = [wait(outcome, n, is_repeatable=is_repeatable) for n in range(1, attempts + 1)]
        assert waits[-1] is None
        assert None not in waits[:-1]


def test_pauses_double_up_to_a_bound_and_are_spread() -> None:
    busy = Outcome(status=429)
    least = [wait(busy, attempt) or 0 for attempt in range(1, ATTEMPTS_BUSY_MAX)]
    most = [wait(busy, attempt, jitter=0.999999) or 0 for attempt in range(1, ATTEMPTS_BUSY_MAX)]
    assert least[:3] == [RETRY_PAUSE_SECONDS / 2, RETRY_PAUSE_SECONDS, RETRY_PAUSE_SECONDS * 2]
    assert max(most) <= RETRY_PAUSE_SECONDS_MAX
    assert all(low < high for low, high in zip(least, most, strict=True))


# fmt: off
@pytest.mark.parametrize("header, seconds", [
    ("0",        0.0),
    ("5",        5.0),
    (" 1.5 ",    1.5),
    (IN_5_S,     5.0),
    ("Sun, 01 Mar 2026 09:00:00 GMT", 0.0),
    ("-3",       0.0),
    (None,       None),
    ("",         None),
    ("soon",     None),
    ("nan",      None),
])
# fmt: on
def test_what_retry_after_says(header: str | None, seconds: float | None) -> None:
    assert seconds_asked(header, NOW) == seconds


def test_it_never_comes_back_sooner_than_asked() -> None:
    for jitter in (0.0, 0.5, 0.999):
        waited = wait(Outcome(status=429, retry_after="7"), jitter=jitter)
        assert waited is not None
        assert 7 <= waited <= 7 * 1.5


def test_a_server_that_asks_for_too_long_is_not_waited_for() -> None:
    asked = str(RETRY_AFTER_SECONDS_MAX + 1)
    assert wait(Outcome(status=429, retry_after=asked)) is None


def test_the_waits_of_one_request_have_a_bound() -> None:
    assert wait(Outcome(status=429), waited_s=RETRY_SECONDS_MAX) is None
