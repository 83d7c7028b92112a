from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from runstore.model.times import us_from_datetime, us_from_text
from runstore.wire.values import shown, to_bool, to_int, to_us


@given(moment=st.datetimes(timezones=st.just(UTC)))
@example(moment=datetime(1, 1, 1, 0, 0, 0, 1, tzinfo=UTC))
@example(moment=datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC))
def test_a_time_as_the_sdk_writes_it_is_exact(moment: datetime) -> None:
    text = moment.isoformat(timespec="microseconds")
    assert to_us(text) == us_from_text(text) == us_from_datetime(moment)


# fmt: off
@pytest.mark.parametrize("text", [
    "2026-01-02T03:04:05.12345x+00:00", "2026-01-02T03:04:05.+12345+00:00",
    "2026-01-02T03:04:65.123456+00:00", "2026-01-02T03:04   .123456+00:00",
    "2026-13-02T03:04:05.123456+00:00", "2026-01-02T03:04:05.123456-0x:00",
    "                    123456+00:00", "2026-01-02xxxxxx:04.123456+00:00",
])
# fmt: on
def test_what_only_looks_like_it_is_refused(text: str) -> None:
    assert len(text) == 32
    with pytest.raises(ValueError, match=r"time|must be in"):
        to_us(text)


@pytest.mark.parametrize("word", ["true", "True", " YES ", "1", "t", "on", 1, 1.0, True])
def test_what_is_true(word: Any) -> None:
    assert to_bool(word) is True


@pytest.mark.parametrize("word", ["false", "False", "no", "0", "f", "off", 0, 0.0, False])
def test_what_is_false(word: Any) -> None:
    assert to_bool(word) is False


@pytest.mark.parametrize("word", ["", "maybe", 2, -1, 0.5, None, [], {}])
def test_what_is_no_boolean(word: Any) -> None:
    with pytest.raises(ValueError, match="is not a boolean"):
        to_bool(word)


@pytest.mark.parametrize(("value", "number"), [(5, 5), ("5", 5), (" -5 ", -5), (5.0, 5)])
def test_what_is_a_whole_number(value: Any, number: int) -> None:
    assert to_int(value) == number


@pytest.mark.parametrize("value", [True, 5.5, "5.0", "", None, [5]])
def test_what_is_no_whole_number(value: Any) -> None:
    with pytest.raises(ValueError, match="is not a whole number"):
        to_int(value)


def test_a_long_value_is_shown_cut() -> None:
    assert shown("x" * 500) == '"' + "x" * 79 + "..."
    assert shown({"a": 1}) == '{"a":1}'
