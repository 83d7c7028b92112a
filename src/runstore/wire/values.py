"""JSON value -> domain value, leniently as the wire is. Knows kinds; knows no field, no endpoint.

Every function raises ValueError saying what it got and what it takes instead.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

import orjson

from runstore.limits import IDS_MAX
from runstore.model.ids import canonical_id
from runstore.model.times import us_from_epoch_ms, us_from_text

T = TypeVar("T")

# What pydantic, which the hosted API is built on, takes for a boolean.
_TRUE = frozenset({"true", "1", "t", "yes", "y", "on"})
_FALSE = frozenset({"false", "0", "f", "no", "n", "off"})
_SHOWN_CHARS = 80  # of a wrong value in a message


def shown(value: Any) -> str:
    """A value as a message may quote it: JSON, cut."""
    text = orjson.dumps(value, default=repr, option=orjson.OPT_NON_STR_KEYS).decode()
    return text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + "..."


def to_id(value: Any) -> str:
    if value.__class__ is not str:
        raise ValueError(f"{shown(value)} is not a UUID")
    try:
        return canonical_id(value)
    except ValueError:
        raise ValueError(f"{shown(value)} is not a UUID") from None


def to_text(value: Any) -> str:
    if value.__class__ is not str:
        raise ValueError(f"{shown(value)} is not a string")
    return str(value)


def to_us(value: Any) -> int:
    """ISO-8601 text, naive meaning UTC, or epoch milliseconds as the JS SDK sends end_time."""
    if value.__class__ is str:
        return us_from_text(value)
    if value.__class__ is int or value.__class__ is float:
        if abs(value) > 1e300:  # times 1,000 it would be infinite
            raise ValueError(f"time out of range: {value} ms since 1970")
        return us_from_epoch_ms(value)
    raise ValueError(f"{shown(value)} is neither an ISO-8601 time nor epoch milliseconds")


def to_bool(value: Any) -> bool:
    if value.__class__ is bool:
        return bool(value)
    if value.__class__ in (int, float) and value in (0, 1):
        return value == 1
    if value.__class__ is str:
        word = value.strip().lower()
        if word in _TRUE:
            return True
        if word in _FALSE:
            return False
    raise ValueError(f"{shown(value)} is not a boolean: write true or false")


def to_int(value: Any) -> int:
    if value.__class__ is int:
        return int(value)
    if value.__class__ is float and value.is_integer():
        return int(value)
    if value.__class__ is str:
        try:
            return int(value, 10)
        except ValueError:
            pass
    raise ValueError(f"{shown(value)} is not a whole number")


def to_ids(value: Any) -> tuple[str, ...]:
    """A list of ids, or one id, without repeats, in the order given."""
    items = value if value.__class__ is list else [value]
    if len(items) > IDS_MAX:
        raise ValueError(f"{len(items)} ids, at most {IDS_MAX} are allowed")
    return tuple(dict.fromkeys(map(to_id, items)))


def to_word(value: Any, allowed: Collection[str]) -> str:
    """One word of `allowed`, whatever its case."""
    word = value.strip().lower() if value.__class__ is str else None
    if word not in allowed:
        raise ValueError(f"{shown(value)} is none of {', '.join(allowed)}")
    return str(word)


def first_field(fields: Mapping[str, Any], name: str, read: Callable[[Any], T]) -> T | None:
    """The field read, None if it is missing or null. A wrong one names the field."""
    value = fields.get(name)
    if value is None:
        return None
    try:
        return read(value)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
