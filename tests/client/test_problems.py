"""What an error answer becomes: the error Runstore raised, or the one LangSmith means."""

from typing import Any

import orjson
import pytest

from runstore.client.problems import error_from
from runstore.errors import (
    At,
    Conflict,
    CursorError,
    FilterError,
    Forbidden,
    InvalidRequest,
    NotFound,
    Overloaded,
    QueryBudgetExceeded,
    QueryTooCostly,
    RequestTimeout,
    RunstoreError,
    SchemaError,
    StorageError,
    TooLarge,
    Unauthorized,
    UnexpectedAnswer,
)
from runstore.filter.check import compile_filter
from runstore.server.problems import problem_response

FILTER = 'and(eq(run_tipe, "llm"), gt(latency, 10))'


def filter_error(where: str = "filter") -> FilterError:
    with pytest.raises(FilterError) as caught:
        compile_filter(FILTER)
    caught.value.where = where
    return caught.value


@pytest.mark.parametrize(
    "error",
    [
        InvalidRequest("what is wrong"),
        CursorError("damaged"),
        SchemaError((("body", "select", 0), "x is none of these"), (("body", "limit"), "0")),
        Unauthorized("no key"),
        NotFound("no such run"),
        Conflict("taken"),
        TooLarge("over", 10),
        Overloaded("full", 7),
        QueryBudgetExceeded("too slow"),
        QueryTooCostly("too many rows"),
        StorageError("locked"),
        RunstoreError("Internal server error"),
        filter_error(),
        filter_error("tree_filter"),
    ],
    ids=lambda error: f"{error.code} {getattr(error, 'where', '')}",
)
def test_what_the_server_raises_the_client_raises(error: RunstoreError) -> None:
    answer = problem_response(error)
    headers = {**answer.headers, "x-request-id": "r-1"}
    sent = orjson.dumps({getattr(error, "where", "filter"): FILTER})
    found = error_from(answer.status_code, headers, bytes(answer.body), sent=sent)
    assert type(found) is type(error)
    assert str(found) == str(error)
    assert (found.code, found.status, found.request_id) == (error.code, error.status, "r-1")
    left_out = {"request_id", "status", "_message"}
    facts = {name: value for name, value in vars(error).items() if name not in left_out}
    assert {name: value for name, value in vars(found).items() if name not in left_out} == facts


def test_a_filter_error_has_its_place_and_its_caret() -> None:
    answer = problem_response(filter_error())
    found = error_from(400, {}, bytes(answer.body), sent=orjson.dumps({"filter": FILTER}))
    assert isinstance(found, FilterError)
    assert found.at == At(7, 15)
    assert FILTER[found.at.start : found.at.end] == "run_tipe"
    assert str(found).splitlines()[1:4] == [
        FILTER,
        "       ^^^^^^^^",
        "hint: did you mean run_type?",
    ]


# fmt: off
@pytest.mark.parametrize("status, body, kind, message", [
    (400, {"detail": "At least one of ..."},     InvalidRequest,   "At least one of ..."),
    (401, {"detail": "Invalid token"},           Unauthorized,     "Invalid token"),
    (403, {"error": "Forbidden"},                Forbidden,        "Forbidden"),
    (404, {"detail": "Run not found"},           NotFound,         "Run not found"),
    (405, {"detail": "Method Not Allowed"},      InvalidRequest,   "Method Not Allowed"),
    (408, b"",                                   RequestTimeout,   "the server answered 408"),
    (403, {"error": "org_scoped_key_requires_workspace", "message": "Name one."},
                                                 Forbidden,        "Name one.; give workspace_id"),
    (409, {"message": "exists"},                 Conflict,         "exists"),
    (413, b"too big",                            TooLarge,         "answered 413: too big"),
    (422, {"detail": [{"loc": ["body", "id", 0], "msg": "bad uuid", "type": "x"}]},
                                                 InvalidRequest,   "body.id.0: bad uuid"),
    (429, b"slow down",                          Overloaded,       "answered 429: slow down"),
    (500, {"detail": "Internal server error"},   RunstoreError,    "Internal server error"),
    (502, b"<html>bad gateway</html>",           RunstoreError,    "<html>bad gateway</html>"),
    (503, b"",                                   StorageError,     "the server answered 503"),
    (504, b"",                                   RequestTimeout,   "the server answered 504"),
    (418, b"[1]",                                InvalidRequest,   "the server answered 418: [1]"),
    (400, b"\xff\xfe",                           InvalidRequest,   "the server answered 400"),
    (400, {"detail": {"odd": 1}},                InvalidRequest,   "the server answered 400: {"),
    (400, {"detail": "x", "code": "unheard_of"}, InvalidRequest,   "x"),
    (400, {"detail": "x", "code": 5},            InvalidRequest,   "x"),
    (400, {"detail": "x", "code": "filter_invalid", "at": "odd"}, FilterError, "x"),
])
# fmt: on
def test_what_others_answer(
    status: int, body: bytes | dict[str, Any], kind: type[RunstoreError], message: str
) -> None:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    found = error_from(status, {}, raw)
    assert type(found) is kind
    assert message in str(found)
    assert found.status == status


def test_a_redirect_says_where_it_leads() -> None:
    found = error_from(308, {"location": "https://host/api"}, b"")
    assert isinstance(found, UnexpectedAnswer)
    assert "https://host/api" in str(found)


def test_a_long_page_of_a_proxy_is_cut() -> None:
    assert len(str(error_from(502, {}, b"x" * 100_000))) < 1_000


@pytest.mark.parametrize("header, seconds", [("7", 7), (None, 1), ("soon", 1)])
def test_how_long_an_overloaded_server_asks_for(header: str | None, seconds: int) -> None:
    headers = {} if header is None else {"retry-after": header}
    found = error_from(429, headers, b"")
    assert isinstance(found, Overloaded)
    assert found.retry_after_s == seconds
