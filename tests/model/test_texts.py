from datetime import UTC, datetime
from decimal import Decimal

import pytest

from runstore.model.times import (
    START_US_MAX,
    START_US_MIN,
    US_PER_S,
    text_from_us,
    us_from_datetime,
    us_from_text,
)
from runstore.model.usage import PICO_PER_USD, usd_text


@pytest.mark.parametrize(
    ("us", "text"),
    [
        (0, "1970-01-01T00:00:00.000000+00:00"),
        (1, "1970-01-01T00:00:00.000001+00:00"),
        (-1, "1969-12-31T23:59:59.999999+00:00"),
        (US_PER_S - 1, "1970-01-01T00:00:00.999999+00:00"),
        (US_PER_S, "1970-01-01T00:00:01.000000+00:00"),
        (1_767_323_045_000_090, "2026-01-02T03:04:05.000090+00:00"),
        (START_US_MAX, "9999-12-31T23:59:59.999999+00:00"),
        (START_US_MIN, "0001-01-01T00:00:00.000000+00:00"),
    ],
)
def test_a_time_has_six_digits_and_a_zone(us: int, text: str) -> None:
    assert text_from_us(us) == text
    assert us_from_datetime(datetime.fromisoformat(text).astimezone(UTC)) == us


@pytest.mark.parametrize(
    ("text", "us"),
    [
        ("2026-01-02T03:04:05.000090+00:00", 1_767_323_045_000_090),
        ("2026-01-02 03:04:05.000090+00:00", 1_767_323_045_000_090),
        ("2026-01-02T03:04:05,000090+00:00", 1_767_323_045_000_090),
        ("9999-12-31T23:59:59.999999+00:00", START_US_MAX),
        ("0001-01-01T00:00:00.000000+00:00", START_US_MIN),
        ("2026-W01-5T03:04:05.00009+00:00", None),
        ("2026-W01-5T03:04:05.000090+00:00", None),
        ("2026-01-02T03:04:05.0000900000+00:00"[:32], None),
        ("2026-01-02T030405.000000090+00:00"[:32], None),
        ("2026-02-30T03:04:05.000090+00:00", None),
        ("２026-01-02T03:04:05.00009+00:00", None),
    ],
)
def test_a_time_in_the_shape_of_all_others_is_one_only_if_it_is(text: str, us: int | None) -> None:
    if us is not None:
        assert us_from_text(text) == us
        return
    with pytest.raises(ValueError, match="time|day|isoformat"):
        us_from_text(text)


@pytest.mark.parametrize(
    ("picodollars", "text"),
    [
        (0, "0"),
        (1, "0.000000000001"),
        (37_500_000, "0.0000375"),
        (PICO_PER_USD - 1, "0.999999999999"),
        (PICO_PER_USD, "1"),
        (10 * PICO_PER_USD, "10"),
        (12 * PICO_PER_USD + 500_000_000_000, "12.5"),
        (2**63 - 1, "9223372.036854775807"),
        (-37_500_000, "-0.0000375"),
        (-PICO_PER_USD, "-1"),
    ],
)
def test_a_cost_is_plain_decimal_text_and_exact(picodollars: int, text: str) -> None:
    assert usd_text(picodollars) == text
    assert Decimal(text) * PICO_PER_USD == picodollars
