"""Python values -> literals of the filter language. Knows no field."""

import json
import math
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from numbers import Real
from uuid import UUID

from runstore.client.moments import aware

Value = str | int | float | bool | Decimal | datetime | date | timedelta | UUID | Enum | None
"""Times without a zone are local time; a timedelta is a latency. None is absence."""

_WORDS = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


def literal(value: Value) -> str:
    """A value as the language writes it. Raises TypeError, ValueError for what it cannot say."""
    if isinstance(value, Enum):
        value = value.value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, UUID):
        return f'"{value}"'
    if isinstance(value, datetime):
        return f'"{aware(value).isoformat()}"'
    if isinstance(value, date):
        return f'"{value.isoformat()}"'
    if isinstance(value, timedelta):
        return f"{Decimal(value // timedelta(microseconds=1)) / 1_000_000:f}"
    if isinstance(value, Real | Decimal):
        if not math.isfinite(value):
            raise ValueError(f"{value} is no number a filter can say")
        return str(value)
    raise TypeError(f"a filter compares with text, numbers, times, ids, not {type(value).__name__}")


def bound(value: Value) -> str:
    if value is None or isinstance(value, bool):
        raise TypeError(f"{value} is neither greater nor less than anything")
    return literal(value)


def listed(values: Iterable[Value]) -> list[str]:
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise TypeError(f"a list of values is meant here, not {type(values).__name__}")
    return [literal(value) for value in values]


def text_literal(value: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"text is meant here, not {type(value).__name__}")
    return literal(value)


def key_text(key: str) -> str:
    """Quoted, unless it is plain words with dots between."""
    if not isinstance(key, str):
        raise TypeError(f"a key is text, not {type(key).__name__}")
    return key if _WORDS.fullmatch(key) else literal(key)
