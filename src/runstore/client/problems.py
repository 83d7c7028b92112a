"""An error answer -> the error it stands for: by its code from Runstore, by its status from others.

Knows the bodies both write (docs/wire.md#errors); knows no transport.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from runstore.errors import (
    At,
    Conflict,
    FilterError,
    Forbidden,
    InvalidRequest,
    NotFound,
    Overloaded,
    RequestTimeout,
    RunstoreError,
    SchemaError,
    StorageError,
    TooLarge,
    Unauthorized,
    UnexpectedAnswer,
)
from runstore.limits import ERROR_BODY_CHARS

_BY_STATUS: dict[int, type[RunstoreError]] = {
    400: InvalidRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    408: RequestTimeout,
    409: Conflict,
    422: InvalidRequest,
    503: StorageError,
    504: RequestTimeout,
}

_HINTS = {  # LangSmith's `error` -> what to do about it
    "org_scoped_key_requires_workspace": "; give workspace_id, or set LANGSMITH_WORKSPACE_ID",
}


def error_from(
    status: int, headers: Mapping[str, str], body: bytes, *, sent: bytes = b""
) -> RunstoreError:
    """The error that an answer of `status` 300 and above stands for.

    `headers` have names in lower case; `sent` is the request's body, for the filter in it.
    """
    fields = _fields(body)
    error = _made(status, headers, body, fields, sent)
    error.status = status
    error.request_id = headers.get("x-request-id") or None
    return error


def code_from(body: bytes) -> str:
    """The stable code of Runstore's error; "" in others' answers."""
    code = _fields(body).get("code")
    return code if isinstance(code, str) else ""


def _made(
    status: int, headers: Mapping[str, str], body: bytes, fields: Mapping[str, Any], sent: bytes
) -> RunstoreError:
    message = _message(status, headers, body, fields)
    kind = _BY_CODE.get(str(fields.get("code"))) or _BY_STATUS.get(status)
    if kind is FilterError:
        return _filter_error(message, fields, sent)
    if kind is SchemaError:
        return SchemaError(*_problems(fields.get("detail"), message))
    if kind is TooLarge or status == 413:
        limit = fields.get("limit")
        return TooLarge(message, limit if isinstance(limit, int) else 0)
    if kind is Overloaded or status == 429:
        return Overloaded(message, _whole_seconds(headers.get("retry-after")))
    if kind is not None:
        return kind(message)
    if 300 <= status < 400:
        return UnexpectedAnswer(message)
    return RunstoreError(message) if status >= 500 else InvalidRequest(message)


def _message(
    status: int, headers: Mapping[str, str], body: bytes, fields: Mapping[str, Any]
) -> str:
    """What the answer says; without a word of its own, what it is."""
    if 300 <= status < 400:
        location = headers.get("location", "")
        return (
            f"the server answered {status}, a redirect to {location!r}; "
            "give the URL it leads to as the target"
        )
    detail = fields.get("detail")
    if isinstance(detail, str) and detail:
        return detail
    if isinstance(detail, list) and detail:
        return "; ".join(f"{'.'.join(map(str, at))}: {what}" for at, what in _problems(detail, ""))
    said = [fields[name] for name in ("error", "message") if isinstance(fields.get(name), str)]
    if any(said):
        return ": ".join(filter(None, said)) + _HINTS.get(said[0], "")
    text = body.decode("utf-8", "replace").strip()
    if len(text) > ERROR_BODY_CHARS:
        text = text[:ERROR_BODY_CHARS] + " ..."
    return f"the server answered {status}" + (f": {text}" if text else "")


def _filter_error(message: str, fields: Mapping[str, Any], sent: bytes) -> FilterError:
    at = fields.get("at")
    start, end = (at.get("start"), at.get("end")) if isinstance(at, dict) else (0, 0)
    allowed = fields.get("allowed")
    where = str(fields.get("where") or "filter")
    text = _fields(sent).get(where)
    place = At(start if isinstance(start, int) else 0, end if isinstance(end, int) else 0)
    problem = message.partition("\n")[0].removesuffix(f" (column {place.start + 1})")
    return FilterError(
        problem.removeprefix(f"{where}: "),
        text if isinstance(text, str) else "",
        place,
        str(fields.get("hint") or ""),
        tuple(map(str, allowed)) if isinstance(allowed, list) else (),
        where,
        message,
    )


def _problems(detail: object, message: str) -> list[tuple[tuple[str | int, ...], str]]:
    """(path, what is wrong) of FastAPI's form of a detail."""
    found: list[tuple[tuple[str | int, ...], str]] = []
    for one in detail if isinstance(detail, list) else []:
        if isinstance(one, dict):
            place = one.get("loc")
            found.append((tuple(place) if isinstance(place, list) else (), str(one.get("msg"))))
    return found or [(("body",), message)]


def _whole_seconds(text: str | None) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() else 1


def _fields(body: bytes) -> dict[str, Any]:
    """A JSON object's fields; none of anything else."""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return found if isinstance(found, dict) else {}


def _kinds(kind: type[RunstoreError] = RunstoreError) -> Iterator[type[RunstoreError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _kinds(child)


_BY_CODE = {kind.code: kind for kind in _kinds() if kind.__module__ == RunstoreError.__module__}
