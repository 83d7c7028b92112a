"""Any Python value -> JSON bytes, as langsmith's own serde writes it. Knows no run, no field.

Writing must never break the program that is traced: what JSON has no form for becomes text.

    pydantic models, to_dict()      their dump, without None       dataclasses   their fields
    NamedTuple                      an object                      sets, deques  lists
    datetime, UUID, Enum, numpy     ISO text, text, value, arrays  bytes         base64
    Decimal, timedelta              a number, seconds              exceptions    their kind and text
    anything else                   str(it)
"""

import base64
import dataclasses
import datetime
import re
from collections import deque
from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import orjson

from runstore.limits import JSON_DEPTH_MAX, SERDE_NODES_MAX

_OPTIONS = (
    orjson.OPT_SERIALIZE_NUMPY
    # Subclasses of str, dict, ... come to `_simpler`, the one place a secret can be masked.
    | orjson.OPT_PASSTHROUGH_SUBCLASS
)
_DUMPS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("model_dump", {"mode": "json", "exclude_none": True}),
    ("model_dump", {"exclude_none": True}),  # of models with fields pydantic cannot make JSON of
    ("dict", {}),
    ("to_dict", {}),
)
_SECRET = "[LANGSMITH SECRET]"  # what langsmith writes for a LangSmithSecret
_CUT = "[too deep]"
_INT_BITS_MAX = 64
_SURROGATES = re.compile("[\ud800-\udfff]")


def dump_json(value: Any) -> bytes:
    """Never raises, and never more than JSON_DEPTH_MAX levels where orjson had to be helped."""
    try:
        return orjson.dumps(value, default=_simpler, option=_OPTIONS)
    except Exception:  # a key that is no text, half a character, a cycle, a number of 65 bits
        return orjson.dumps(_Plain().of(value, 0))


class _Plain:
    """The same walk in Python, for the values orjson refuses. Bounded in depth and in size."""

    def __init__(self) -> None:
        self._open: set[int] = set()  # ids of the containers around: meeting one is a cycle
        self._nodes = 0

    def of(self, value: Any, depth: int) -> Any:
        self._nodes += 1
        kind = value.__class__
        if kind is str:
            return _SURROGATES.sub("", value)
        if kind is int and value.bit_length() >= _INT_BITS_MAX:
            return orjson.Fragment(_digits(value))
        if value is None or kind in (bool, int, float):
            return value
        if depth >= JSON_DEPTH_MAX - 1 or self._nodes > SERDE_NODES_MAX or id(value) in self._open:
            return _CUT
        self._open.add(id(value))
        try:
            return self._container(value, depth)
        finally:
            self._open.discard(id(value))

    def _container(self, value: Any, depth: int) -> Any:
        if isinstance(value, Mapping) and value.__class__.__module__ != "builtins":
            value = _simpler(value)
        if value.__class__ is dict:
            return {_key(name): self.of(item, depth + 1) for name, item in list(value.items())}
        if value.__class__ in (list, tuple):
            return [self.of(item, depth + 1) for item in value]
        try:  # what orjson knows by itself: times, ids, enums, arrays
            return orjson.Fragment(orjson.dumps(value, option=_OPTIONS))
        except Exception:  # or it does not, or a part of it is what orjson refuses
            return self.of(_opened(value), depth + 1)


def _opened(value: Any) -> Any:
    """One step nearer to JSON, of anything at all."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: getattr(value, field.name, None)
            for field in dataclasses.fields(value)
            if not field.name.startswith("_")
        }
    if isinstance(value, Enum):
        return value.value
    return _simpler(value)


def _simpler(value: Any) -> Any:
    """orjson's `default`: the value as something nearer to JSON. Never raises."""
    try:
        if isinstance(value, type):
            return _text(value)
        for kinds, convert in _BUILTIN:
            if isinstance(value, kinds):
                return convert(value)
        return _dumped(value)
    except Exception:  # a property or a dump of the caller's class: it may do anything
        return _text(value)


def _dumped(value: Any) -> Any:
    for name, options in _DUMPS:
        dump = getattr(value, name, None)
        if callable(dump):
            try:
                found = dump(**options)
            except Exception:  # the caller's class; the next way may do
                continue
            return found if isinstance(found, dict) else _text(found)
    for kinds, convert in _KNOWN:
        if isinstance(value, kinds):
            return convert(value)
    return _text(value)


def _tuple(value: tuple[Any, ...]) -> Any:
    as_dict = getattr(value, "_asdict", None)
    return as_dict() if callable(as_dict) else list(value)


def _str(value: str) -> str:
    return _SECRET if type(value).__name__ == "LangSmithSecret" else str.__str__(value)


def _decimal(value: Decimal) -> Any:
    exponent = value.as_tuple().exponent
    return int(value) if isinstance(exponent, int) and exponent >= 0 else float(value)


def _digits(value: int) -> bytes:
    try:
        return str(value).encode()
    except ValueError:  # past sys.set_int_max_str_digits
        return orjson.dumps(hex(value))


def _key(name: Any) -> str:
    if name.__class__ is str:
        return _SURROGATES.sub("", name)
    if isinstance(name, str):
        return _SURROGATES.sub("", _str(name))
    if name is None or isinstance(name, (bool, int, float)):
        return orjson.dumps(name).decode() if _is_small(name) else str(name)
    if isinstance(name, Enum):
        return _key(name.value)
    for kinds, convert in _KNOWN:
        if isinstance(name, kinds):
            name = convert(name)
            break
    return _text(name)


def _is_small(number: Any) -> bool:
    return not isinstance(number, int) or number.bit_length() < _INT_BITS_MAX


def _text(value: Any) -> str:
    try:
        return _SURROGATES.sub("", str(value))
    except Exception:  # the caller's __str__
        return object.__repr__(value)


Conversions = tuple[tuple[Any, Callable[[Any], Any]], ...]

# fmt: off
_BUILTIN: Conversions = (
    (tuple,                                _tuple),
    ((set, frozenset, deque),              list),
    (str,                                  _str),
    (bool,                                 bool),
    (int,                                  int.__int__),
    (float,                                float.__float__),
    (dict,                                 lambda value: dict(value.items())),
    (list,                                 lambda value: list(value)),
)
_KNOWN: Conversions = (
    ((datetime.datetime, datetime.date),   lambda value: value.isoformat()),
    (UUID,                                 str),
    (BaseException,                        lambda value: {"error": type(value).__name__,
                                                          "message": _text(value)}),
    (datetime.timezone,                    lambda value: value.tzname(None)),
    (datetime.timedelta,                   lambda value: value.total_seconds()),
    (Decimal,                              _decimal),
    (re.Pattern,                           lambda value: value.pattern),
    ((bytes, bytearray, memoryview),       lambda value: base64.b64encode(value).decode()),
    (Mapping,                              dict),
)
# fmt: on
