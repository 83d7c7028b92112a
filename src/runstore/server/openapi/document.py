"""The route table -> an OpenAPI 3.1 document. Knows operations, roles and errors; knows no HTTP.

Made from the tables the server itself runs on: paths from its routes, who may ask from
server/auth.py, shapes from wire/schema, statuses from errors.py.
"""

import re
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.metadata import version
from typing import Any, Final

from starlette.routing import Route

from runstore.errors import Forbidden, RunstoreError, Unauthorized
from runstore.server.auth import is_open, role_needed
from runstore.server.openapi.operations import JSON, OPERATIONS, Answer, Link, Operation
from runstore.wire.schema import answered, asked
from runstore.wire.schema.values import GIVEN_ID, TEXT, ref

Json = dict[str, Any]

DESCRIPTION: Final = (
    "The run store for traces of LLM programs that speaks LangSmith's wire protocol."
    " Every path is also served under /api and /api/v1; HEAD is answered wherever GET is."
    " Bodies may have Content-Encoding gzip, deflate or zstd. More is taken than is written here"
    " (other notations of ids and times, 1 for true), and unknown fields are ignored:"
    " docs/wire.md says how each is understood. A request whose head takes too long, or whose body"
    " stops coming, is answered 408 by the connection, not by a route."
)
_PLACE: Final = re.compile(r"{(\w+)}")
_HEADERS: Final[dict[str, Json]] = {
    "Runstore-Ignored": {"schema": TEXT, "description": "fields of the body without effect"},
    "Runstore-Runs": {
        "schema": {"type": "integer", "minimum": 0},
        "required": True,
        "description": "how many runs are in the page",
    },
    "Runstore-Next-Cursor": {"schema": TEXT, "description": "as in the page's cursors"},
    "Runstore-Parsed-Query": {
        "schema": TEXT,
        "description": "the filter a model made of query; what no header may have is %-encoded",
    },
    "X-Pagination-Total": {
        "schema": {"type": "integer", "minimum": 0},
        "required": True,
        "description": "how many there are in all",
    },
    "Retry-After": {"schema": {"type": "integer", "minimum": 0}, "description": "seconds"},
    "WWW-Authenticate": {"schema": {"const": "Bearer"}, "required": True},
}
_OF_STATUS: Final[dict[int, tuple[str, ...]]] = {
    401: ("WWW-Authenticate",),
    429: ("Retry-After",),
    503: ("Retry-After",),
}


def make_document(routes: Iterable[Route]) -> Json:
    """Raises KeyError for a route that has no operation."""
    paths: dict[str, Json] = {}
    for route in routes:
        for method in sorted((route.methods or set()) - {"HEAD"}):
            operation = OPERATIONS[method, route.path]
            paths.setdefault(route.path, {})[method.lower()] = _operation(
                operation, method, route.path
            )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Runstore",
            "version": version("runstore"),
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {
                "ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                "Bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def statuses(method: str, path: str) -> list[int]:
    """All that this route may be answered with."""
    operation = OPERATIONS[method, path]
    return sorted({*operation.answers, *_by_status(_errors(operation, path))})


def _operation(operation: Operation, method: str, path: str) -> Json:
    answers = {}
    errors = _by_status(_errors(operation, path))
    for status in statuses(method, path):
        answers[str(status)] = _answer(
            status, operation.answers.get(status), errors.get(status, ()), path
        )
    if operation.links:
        first = str(min(operation.answers))
        answers[first]["links"] = {name: _link(link) for name, link in operation.links.items()}
    role = "nothing" if is_open(path) else role_needed(method, path)
    return {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": f"Needs a key for {role}." if role != "nothing" else "Needs no key.",
        "parameters": _parameters(operation, path),
        **_body(operation),
        "responses": answers,
        "security": [] if role == "nothing" else [{"ApiKey": []}, {"Bearer": []}],
    }


def _errors(operation: Operation, path: str) -> Sequence[type[RunstoreError]]:
    return operation.errors if is_open(path) else (*operation.errors, Unauthorized, Forbidden)


def _by_status(errors: Sequence[type[RunstoreError]]) -> dict[int, tuple[type[RunstoreError], ...]]:
    return {
        status: tuple(error for error in errors if error.status == status)
        for status in sorted({error.status for error in errors})
    }


def _answer(
    status: int, given: Answer | None, errors: Sequence[type[RunstoreError]], path: str
) -> Json:
    """What a status may come with: an answer, errors, and for a path that leads nowhere, a word."""
    content: dict[str, Json] = {}
    shapes: list[Json] = []
    headers = _OF_STATUS.get(status, ())
    if given is not None:
        headers += given.headers
        if given.schema:
            shape = ref(given.schema)
            shapes.append({"type": "array", "items": shape} if given.is_list else shape)
        else:
            content[given.media_type] = {}
    if errors:
        shapes.append(answered.problem(errors))
    if status == 404 and _PLACE.search(path):
        shapes.append(ref("NotServed"))
    if shapes:
        content[JSON] = {"schema": shapes[0] if len(shapes) == 1 else {"anyOf": shapes}}
    return {
        "description": ", ".join(error.code for error in errors) if errors else _FINE[status],
        **({"headers": {name: _HEADERS[name] for name in headers}} if headers else {}),
        "content": content,
    }


_FINE: Final = {
    200: "OK",
    202: "stored, and seen by the next query",
    206: "the range",
    416: "no such range",
    422: "nothing could be taken",
    503: "not now",
}


def _parameters(operation: Operation, path: str) -> list[Json]:
    places = [
        {"name": name, "in": "path", "required": True, "schema": GIVEN_ID if name == "id" else TEXT}
        for name in _PLACE.findall(path)
    ]
    params = [
        {
            "name": name,
            "in": "query",
            "schema": schema,
            **({"style": "form", "explode": True} if schema.get("type") == "array" else {}),
        }
        for name, schema in operation.params.items()
    ]
    headers = [
        {"name": name, "in": "header", "schema": schema}
        for name, schema in operation.headers.items()
    ]
    return [*places, *params, *headers]


def _body(operation: Operation) -> Json:
    if not operation.body:
        return {}
    content = {operation.body_type: {"schema": ref(operation.body)}}
    return {"requestBody": {"required": True, "content": content}}


def _link(link: Link) -> Json:
    return {
        "operationId": link.to,
        **({"parameters": dict(link.parameters)} if link.parameters else {}),
        **({"requestBody": link.body} if link.body is not None else {}),
    }


@cache
def _schemas() -> Json:
    own: Json = {
        "Document": {"type": "object", "required": ["openapi", "paths"]},
        "Nothing": {"type": "object", "maxProperties": 0},
    }
    errors = {
        error.__name__: answered.error_body(error)
        for operation in OPERATIONS.values()
        for error in (*operation.errors, Unauthorized, Forbidden)
    }
    return {**asked.components(), **answered.components(), **own, **errors}
