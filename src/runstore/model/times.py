"""Times: integer microseconds since 1970, UTC, inside; ISO-8601 text or epoch numbers outside.

Integers, so that comparison, storage and subtraction are exact in every engine.
"""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
US_PER_S = 1_000_000
ZONE = "+00:00"  # of all times we write
USUAL_CHARS = 32  # of a time as SDKs write it
_US_PER_HOUR = 3_600 * US_PER_S
_US_PER_DAY = 24 * _US_PER_HOUR
_CLOCK = [f":{minute:02d}:{second:02d}" for minute in range(60) for second in range(60)]
START_US_MAX = 253_402_300_799_999_999  # 9999-12-31T23:59:59.999999Z
START_US_MIN = -62_135_596_800_000_000  # 0001-01-01T00:00:00Z
_ISO = re.compile(
    r"\s*(\d{4}-\d\d-\d\d)"
    r"(?:[T ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,9}))?\s*(Z|z|[+-]\d\d:?\d\d)?)?\s*"
)


def us_from_datetime(moment: datetime) -> int:
    """Naive means UTC."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - EPOCH) // timedelta(microseconds=1)


def us_from_text(text: str) -> int:
    """ISO-8601 date or time, naive meaning UTC, digits past the microsecond cut off.

    Raises ValueError.
    """
    if len(text) == USUAL_CHARS and text[26:] == ZONE and text[10] == "T" and text[7] == "-":
        usual = _us_from_usual(text)
        if usual is not None:
            return usual
    found = _ISO.fullmatch(text)
    if found is None:
        raise ValueError(f"not an ISO-8601 time: {text[:80]!r}")
    day, clock, fraction, zone = found.groups()
    if clock is None:
        clock = "00:00:00"
    if len(clock) == 5:
        clock += ":00"
    if zone in (None, "Z", "z"):
        zone = "+00:00"
    try:
        whole = datetime.fromisoformat(f"{day}T{clock}{zone}")
        us = (whole - EPOCH) // timedelta(seconds=1) * US_PER_S
    except OverflowError as error:
        raise ValueError(f"time out of range: {text[:80]!r}") from error
    us += int((fraction or "0").ljust(6, "0")[:6])
    if not START_US_MIN <= us <= START_US_MAX:  # in its own zone it was not
        raise ValueError(f"time out of range: {text[:80]!r}")
    return us


def _us_from_usual(text: str) -> int | None:
    """Of 2024-04-29T00:49:12.090000+00:00, as both SDKs and we write it; None for what is not."""
    try:
        since = datetime.fromisoformat(text) - EPOCH
    except ValueError:
        return None
    if text[16] != ":" or text[19] != ".":
        return None
    return since.days * _US_PER_DAY + since.seconds * US_PER_S + since.microseconds


def us_from_epoch_ms(milliseconds: float) -> int:
    """Epoch milliseconds, as the JS SDK sends end_time. Raises ValueError out of range."""
    us = round(milliseconds * 1000)
    if not START_US_MIN <= us <= START_US_MAX:
        raise ValueError(f"time out of range: {milliseconds} ms since 1970")
    return us


def datetime_from_us(us: int) -> datetime:
    return EPOCH + timedelta(microseconds=us)


def text_from_us(us: int) -> str:
    """2024-04-29T00:49:12.090000+00:00: always six digits and a zone."""
    if us < US_PER_S:
        return datetime_from_us(us).isoformat(timespec="microseconds")
    hour, rest = divmod(us, _US_PER_HOUR)
    return f"{_hour_text(hour)}{_CLOCK[rest // US_PER_S]}.{str(us)[-6:]}{ZONE}"


@lru_cache(maxsize=4096)
def _hour_text(hour: int) -> str:
    """2024-04-29T00, of hours since 1970: the runs of a page have few."""
    return datetime_from_us(hour * _US_PER_HOUR).isoformat()[:13]
