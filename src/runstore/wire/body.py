"""Body bytes -> a JSON object, or SchemaError. Knows no field, no endpoint."""

from typing import Any

from runstore.errors import SchemaError, TooLarge
from runstore.model.jsontext import valid_json
from runstore.wire.values import shown


def decode_object(body: bytes, *, bytes_max: int | None = None) -> dict[str, Any]:
    """A fresh dict; the caller may change it. Raises SchemaError, TooLarge."""
    if bytes_max is not None and len(body) > bytes_max:
        raise TooLarge(
            f"the body has {len(body)} bytes, at most {bytes_max} are allowed", bytes_max
        )
    try:
        _, value = valid_json(body)
    except ValueError as error:
        raise SchemaError((("body",), str(error))) from None
    if value.__class__ is not dict:
        raise SchemaError((("body",), f"{shown(value)} is not a JSON object"))
    return value
