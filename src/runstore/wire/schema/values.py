"""The kinds of wire/values.py as JSON Schema (2020-12). Knows no field, no endpoint.

What is taken is wider than what is written here: other notations, 1 for true, "7" for 7. A client
that sends what is written is understood.
"""

from typing import Any, Final

from runstore.limits import IDS_MAX, NAME_CHARS_MAX
from runstore.model.times import START_US_MAX, START_US_MIN

Schema = dict[str, Any]

NULL: Final[Schema] = {"type": "null"}
TEXT: Final[Schema] = {"type": "string"}
FLAG: Final[Schema] = {"type": "boolean"}
COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
NUMBER: Final[Schema] = {"type": "number"}
OBJECT: Final[Schema] = {"type": "object"}
NAME: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": NAME_CHARS_MAX}
ANYTHING: Final[Schema] = {}

GIVEN_ID: Final[Schema] = {"type": "string", "format": "uuid"}
_DAY = r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])"
_CLOCK = r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?(Z|\+00:00)?"
GIVEN_TIME: Final[Schema] = {
    "description": "ISO-8601, naive meaning UTC; or milliseconds since 1970",
    "anyOf": [
        {"type": "string", "format": "date-time", "pattern": f"^(?!0000){_DAY}T{_CLOCK}$"},
        {"type": "number", "minimum": START_US_MIN // 1_000, "maximum": START_US_MAX // 1_000},
    ],
}

ID: Final[Schema] = {
    "type": "string",
    "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
}
TIME: Final[Schema] = {
    "type": "string",
    "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$",
}
USD: Final[Schema] = {
    "type": "string",
    "pattern": r"^-?\d+(\.\d+)?$",
    "description": "decimal text in USD: none is rounded",
}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def words(*allowed: str) -> Schema:
    return {"type": "string", "enum": list(allowed)}


def list_of(schema: Schema, **bounds: int) -> Schema:
    return {"type": "array", "items": schema, **bounds}


def map_of(schema: Schema) -> Schema:
    return {"type": "object", "additionalProperties": schema}


def nullable(schema: Schema) -> Schema:
    """In what is sent: null is "not given". In answers: there is none."""
    return {"anyOf": [schema, NULL]}


def one_or_many(schema: Schema) -> Schema:
    return {"anyOf": [schema, list_of(schema, maxItems=IDS_MAX)]}


def said(schema: Schema, meaning: str) -> Schema:
    """With a description."""
    return {**schema, "description": meaning}


def given(fields: dict[str, Schema], *, required: tuple[str, ...] = ()) -> Schema:
    """An object that is sent: fields not required may be null, unknown ones are ignored."""
    return {
        "type": "object",
        "properties": {
            name: field if name in required else nullable(field) for name, field in fields.items()
        },
        **({"required": list(required)} if required else {}),
    }


def answer(fields: dict[str, Schema], *, required: tuple[str, ...] | None = None) -> Schema:
    """An object that is answered: these fields and no others; all of them unless it is said."""
    return {
        "type": "object",
        "properties": fields,
        "required": list(fields if required is None else required),
        "additionalProperties": False,
    }
