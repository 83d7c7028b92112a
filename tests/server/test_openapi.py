"""/openapi.json says what the server does: all of its routes, and only what it answers."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from starlette.routing import Route
from starlette.testclient import TestClient

from runstore.engine.sqlite.engine import SqliteEngine
from runstore.server.app import ROUTES, create_app
from runstore.server.openapi.document import make_document, statuses
from runstore.server.openapi.operations import OPERATIONS
from runstore.settings import Settings
from tests.server.documented import DOCUMENT, assert_documented
from tests.server.wirerun import MULTIPART, json_part, multipart, run, uid

WIRE = (Path(__file__).parents[2] / "docs" / "wire.md").read_text(encoding="utf-8")
SERVED = [
    (method, route.path)
    for route in ROUTES
    for method in sorted((route.methods or set()) - {"HEAD"})
]
named = pytest.mark.parametrize(("method", "path"), SERVED, ids=lambda word: word)


def test_the_document_has_the_routes_of_the_server_and_no_other() -> None:
    listed = [
        (method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods
    ]
    assert sorted(listed) == sorted(SERVED)
    assert set(OPERATIONS) == set(SERVED)


def test_a_route_that_nobody_described_is_no_part_of_a_document() -> None:
    async def nothing(request: Any) -> Any: ...

    with pytest.raises(KeyError):
        make_document([*ROUTES, Route("/new", nothing, methods=["GET"])])


@named
def test_a_route_has_its_row_in_the_wire_document_with_how_it_ends_well(
    method: str, path: str
) -> None:
    [row] = [
        line
        for line in WIRE.splitlines()
        if line.startswith("| `") and f"`{method} {path}`" in line.split("|")[1]
    ]
    well = [status for status in OPERATIONS[method, path].answers if status < 400]
    assert all(str(status) in row for status in well), row


@named
def test_a_route_says_what_befalls_every_request(method: str, path: str) -> None:
    told = DOCUMENT["paths"][path][method.lower()]
    assert list(map(int, told["responses"])) == statuses(method, path)
    assert ("401" in told["responses"]) is ("403" in told["responses"]) is bool(told["security"])
    assert 500 not in statuses(method, path)


def test_what_the_document_refers_to_is_in_it() -> None:
    found = set(re.findall(r"'\$ref': '#/components/schemas/(\w+)'", str(DOCUMENT)))
    assert found == set(DOCUMENT["components"]["schemas"]), "none is missing, none is left over"
    operations = [
        operation for methods in DOCUMENT["paths"].values() for operation in methods.values()
    ]
    ids = [operation["operationId"] for operation in operations]
    assert len(ids) == len(set(ids))
    links = [
        link
        for operation in operations
        for answer in operation["responses"].values()
        for link in answer.get("links", {}).values()
    ]
    assert links
    assert {link["operationId"] for link in links} <= set(ids)


@pytest.mark.parametrize("name", DOCUMENT["components"]["schemas"])
def test_its_schemas_are_json_schemas(name: str) -> None:
    schema = DOCUMENT["components"]["schemas"][name]
    jsonschema_rs.meta.validate(
        schema | {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    )


# --- a live server keeps to it

# fmt: off
USAGE = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7, "input_cost": 0.1,
         "output_cost": 0.2, "input_token_details": {"cache_read": 1}}
WHOLE: dict[str, Any] = {
    "outputs": {"usage_metadata": USAGE}, "end_time": "2026-03-01T10:00:30Z", "tags": ["a"],
    "events": [{}], "extra": {"metadata": {"thread_id": "t", "k": 1}}, "serialized": {"id": ["x"]}}
# fmt: on
EVERYTHING = sorted(name for name in DOCUMENT["components"]["schemas"]["Run"]["properties"])
SELECT = [name for name in EVERYTHING if name not in
          ("execution_order", "direct_child_run_ids", "trace_min_start_time",
           "trace_max_start_time")]  # fmt: skip
QUERY: dict[str, Any] = {"trace": uid(1)}
FEEDBACK = {"id": uid(70), "run_id": uid(1), "key": "k", "score": 1, "comment": "c", "value": "v"}

# In order: later ones find what earlier ones made.
ASKED: list[tuple[int, str, str, Any]] = [
    (202, "POST", "/runs", run(1, run_type="llm", **WHOLE)),
    (202, "POST", "/runs", run(2, 1, error="no")),
    (422, "POST", "/runs", {}),
    (422, "POST", "/runs", [1]),
    (202, "POST", "/runs/batch", {"post": [run(3), {"id": 1}]}),
    (202, "PATCH", f"/runs/{uid(3)}", {"end_time": "2026-03-01T10:00:30Z"}),
    (422, "PATCH", "/runs/x", {}),
    (200, "POST", "/runs/query", QUERY),
    (200, "POST", "/runs/query", {**QUERY, "select": SELECT, "limit": 1, "unknown": 1}),
    (200, "POST", "/runs/query", {**QUERY, "query": "words"}),
    (400, "POST", "/runs/query", {}),
    (400, "POST", "/runs/query", {**QUERY, "filter": "eq(nam, 1)"}),
    (400, "POST", "/runs/query", {**QUERY, "cursor": "x"}),
    (422, "POST", "/runs/query", {**QUERY, "limit": 0}),
    (413, "POST", "/runs/query", {"id": [uid(1)] * 100_001}),
    (200, "POST", "/runs/query/validate", {"filter": "eq(", "limit": "x"}),
    (200, "POST", "/runs/query/explain", {**QUERY, "filter": "eq(name, 'x')"}),
    (400, "POST", "/runs/query/explain", {}),
    (200, "POST", "/feedback", FEEDBACK),
    (200, "POST", "/feedback", {"key": "k", "run_id": uid(1), "correction": {"a": 1}}),
    (422, "POST", "/feedback", {"key": "k"}),
    (200, "GET", "/feedback?key=k", None),
    (422, "GET", "/feedback?limit=x", None),
    (200, "GET", f"/feedback/{uid(70)}", None),
    (200, "PATCH", f"/feedback/{uid(70)}", {"comment": None}),
    (404, "PATCH", f"/feedback/{uid(71)}", {}),
    (200, "POST", "/runs/stats", QUERY),
    (200, "POST", "/runs/stats", {**QUERY, "group_by": {"attribute": "tag"}}),
    (400, "POST", "/runs/stats", {}),
    (200, "GET", f"/runs/{uid(1)}", None),
    (404, "GET", f"/runs/{uid(9)}", None),
    (422, "GET", "/runs/x", None),
    (200, "DELETE", f"/feedback/{uid(70)}", None),
    (404, "DELETE", f"/feedback/{uid(70)}", None),
    (200, "POST", "/sessions", {"name": "p", "id": uid(80), "extra": {"metadata": {}}}),
    (409, "POST", "/sessions", {"name": "p"}),
    (422, "POST", "/sessions", {}),
    (200, "GET", "/sessions?include_stats=true", None),
    (200, "GET", f"/sessions/{uid(80)}?include_stats=true", None),
    (404, "GET", f"/sessions/{uid(81)}", None),
    (200, "PATCH", f"/sessions/{uid(80)}", {"description": "d"}),
    (409, "PATCH", f"/sessions/{uid(80)}", {"name": "tests"}),
    (202, "DELETE", f"/sessions/{uid(80)}", None),
    (404, "DELETE", f"/sessions/{uid(80)}", None),
    (400, "POST", "/runs/tail", {"cursor": "x"}),
    (400, "GET", "/runs/tail?filter=eq(", None),
    (404, "GET", "/attachments/x", None),
    (200, "GET", "/info", None),
    (200, "GET", "/health", None),
    (200, "GET", "/ok", None),
    (200, "GET", "/ready", None),
    (200, "GET", "/metrics", None),
    (200, "GET", "/openapi.json", None),
    (200, "GET", "/docs", None),
    (200, "POST", "/runs/delete", {"trace_ids": [uid(1)]}),
    (422, "POST", "/runs/delete", {}),
]  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder = tmp_path_factory.mktemp("documented")
    app = create_app(Settings(data=folder, ingest_processes=0), SqliteEngine(folder))
    with TestClient(app, "http://127.0.0.1:1984", raise_server_exceptions=False) as client:
        yield client


def test_answers_are_as_the_document_says(server: TestClient) -> None:
    for number, (status, method, path, body) in enumerate(ASKED):
        answer = server.request(method, path, json=body)
        assert answer.status_code == status, f"{number}: {method} {path}: {answer.text}"
        assert_documented(method, path, answer)


def test_links_to_attachments_are_as_the_document_says(server: TestClient) -> None:
    parts = (json_part(f"post.{uid(5)}", run(5)),
             (f"attachment.{uid(5)}.a", b"0123", "text/plain"))  # fmt: skip
    answer = server.post("/runs/multipart", content=multipart(*parts), headers=MULTIPART)
    assert_documented("POST", "/runs/multipart", answer)
    answer = server.get(f"/runs/{uid(5)}")
    assert_documented("GET", f"/runs/{uid(5)}", answer)
    link = answer.json()["s3_urls"]["attachment.a"]["presigned_url"]
    for asked, status in (("", 200), ("bytes=1-2", 206), ("bytes=9-", 416)):
        answer = server.get(link, headers={"range": asked} if asked else {})
        assert answer.status_code == status
        assert_documented("GET", link, answer)


def test_an_answer_that_is_not_as_documented_is_noticed(server: TestClient) -> None:
    answer = server.get("/info")
    with pytest.raises(AssertionError, match="GET /health 200"):
        assert_documented("GET", "/health", answer)
    with pytest.raises(AssertionError):
        assert_documented("GET", "/docs", answer)


# --- for people


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: dict[str, list[dict[str, str | None]]] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.setdefault(tag, []).append(dict(attrs))
        if tag not in ("meta", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_complete_in_itself_and_runs_nothing(server: TestClient) -> None:
    answer = server.get("/docs")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    page = _Tags()
    page.feed(answer.text)
    assert not page.open
    assert not page.seen.keys() & {"script", "link", "img", "iframe", "object"}
    assert [one["href"] for one in page.seen["a"]] == ["openapi.json"]
    ids = {one["id"] for one in page.seen["details"]}
    assert ids == {operation.id for operation in OPERATIONS.values()}


@pytest.mark.parametrize("prefix", ["", "/api", "/api/v1"])
def test_document_and_page_are_where_the_api_is(server: TestClient, prefix: str) -> None:
    assert server.get(f"{prefix}/openapi.json").json()["openapi"] == "3.1.0"
    assert server.get(f"{prefix}/docs").headers["content-type"].startswith("text/html")
