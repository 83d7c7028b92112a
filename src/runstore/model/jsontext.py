"""JSON text ⇄ values, for the few places that look inside a payload.

orjson reads nearly everything. What it refuses but senders do send (NaN, Infinity, lone
surrogates) is read by the standard library and written anew as valid JSON: not-a-number and
infinity become null, a lone surrogate becomes U+FFFD. Whole numbers past 64 bits are floats.
"""

import json
import math
from typing import Any

import orjson

from runstore.limits import JSON_DEPTH_MAX
from runstore.model.run import JsonText

_TOO_DEEP = f"not JSON we take: nested deeper than {JSON_DEPTH_MAX}"


def decode(text: bytes) -> Any:
    return orjson.loads(text)


def encode(value: Any) -> JsonText:
    """Any value `decode` or `valid_json` gave. Never fails on those."""
    return JsonText(orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS))


def valid_json(text: bytes) -> tuple[JsonText, Any]:
    """Untrusted bytes -> the same bytes (or, if they had to be mended, mended ones) and the value.

    Raises ValueError, saying where, for what is no JSON or nests deeper than JSON_DEPTH_MAX.
    """
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as strict:
        try:
            value = _mended(json.loads(text), 0)
        except RecursionError:
            raise ValueError(_TOO_DEEP) from None
        except ValueError:
            raise ValueError(f"not JSON: {strict}") from strict
        return encode(value), value
    if len(text) > 2 * JSON_DEPTH_MAX and text.count(b"[") + text.count(b"{") > JSON_DEPTH_MAX:
        _check_depth(value)
    # Bytes are not given to JsonText: to call it takes as long as to check a short text.
    return (text if text.__class__ is bytes else bytes(text)), value  # type: ignore[return-value]


def _mended(value: Any, depth: int) -> Any:
    if depth > JSON_DEPTH_MAX:
        raise RecursionError
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, int) and not isinstance(value, bool):
        return value if -(2**63) <= value < 2**64 else _float(value)
    if isinstance(value, list):
        return [_mended(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {_mended(key, depth): _mended(item, depth + 1) for key, item in value.items()}
    return value


def _float(value: int) -> float | None:
    try:
        return float(value)
    except OverflowError:
        return None


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(JSON_DEPTH_MAX):
        level = [
            child
            for item in level
            if isinstance(item, (dict, list))
            for child in (item.values() if isinstance(item, dict) else item)
            if isinstance(child, (dict, list))
        ]
        if not level:
            return
    raise ValueError(_TOO_DEEP)
