"""Comparing metadata: whether one object has all entries of another, by JSON's own types."""

from typing import Any

from runstore.model.jsontext import decode
from runstore.model.run import JsonText


def has_entries(extra: JsonText | None, wanted: JsonText) -> bool:
    """Whether every entry of the object `wanted` is in the `metadata` of `extra`."""
    value = None if extra is None else decode(extra)
    metadata = value.get("metadata") if isinstance(value, dict) else None
    have: dict[str, Any] = metadata if isinstance(metadata, dict) else {}
    return all(key in have and json_equal(have[key], item) for key, item in decode(wanted).items())


def json_equal(one: Any, other: Any) -> bool:
    """1 equals 1.0, but true equals neither, at any depth."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(json_equal(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(json_equal, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)
