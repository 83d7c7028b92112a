"""Holds an answer of the server to what /openapi.json says of its route."""

import re
from functools import cache
from typing import Any, Protocol

import jsonschema_rs

from runstore.server.app import ROUTES
from runstore.server.openapi.document import Json, make_document

DOCUMENT = make_document(ROUTES)
_PATTERNS = [
    (re.compile(re.sub(r"{\w+}", "[^/]+", path)), path)
    for path in sorted(DOCUMENT["paths"], key=lambda path: path.count("{"))
]


class Answered(Protocol):
    """What httpx and requests have in common."""

    @property
    def status_code(self) -> int: ...
    @property
    def headers(self) -> Any: ...
    @property
    def content(self) -> bytes: ...
    def json(self) -> Any: ...


def assert_documented(method: str, path: str, answer: Answered) -> None:
    """Its status is listed, its media type too, and its body and headers fit."""
    route = route_of(method, path)
    if route is None:  # no such path or method
        assert answer.status_code in (401, 404, 405), (method, path, answer.content[:300])
        return
    listed = DOCUMENT["paths"][route][method.lower()]["responses"]
    assert str(answer.status_code) in listed, (method, route, answer.status_code, answer.content)
    told = listed[str(answer.status_code)]
    for name, header in told.get("headers", {}).items():
        assert not header.get("required") or name in answer.headers, (route, name)
    media_type = answer.headers["content-type"].partition(";")[0]
    if "*/*" in told["content"] and media_type not in told["content"]:
        return
    assert media_type in told["content"], (method, route, media_type)
    schema = told["content"][media_type].get("schema")
    if schema is not None:
        try:
            validator(method.lower(), route, answer.status_code).validate(answer.json())
        except jsonschema_rs.ValidationError as error:
            raise AssertionError(f"{method} {route} {answer.status_code}: {error}") from None


def route_of(method: str, path: str) -> str | None:
    bare = re.sub(r"^/api(/v1)?(?=/)", "", path.partition("?")[0])
    for pattern, route in _PATTERNS:
        if pattern.fullmatch(bare) and method.lower() in DOCUMENT["paths"][route]:
            return str(route)
    return None


@cache
def validator(method: str, route: str, status: int) -> jsonschema_rs.Draft202012Validator:
    told: Json = DOCUMENT["paths"][route][method]["responses"][str(status)]
    schema = told["content"]["application/json"]["schema"]
    return jsonschema_rs.Draft202012Validator(
        {**schema, "components": DOCUMENT["components"]}, validate_formats=True
    )
