"""Every route x every kind of key: who is let in. A new route needs a row in DECIDED."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from starlette.testclient import TestClient

from runstore.engine.memory import MemoryEngine
from runstore.server.app import ROUTES, create_app
from runstore.server.auth import is_open, role_needed
from runstore.settings import Settings
from runstore.store.keys import create_key
from tests.server.documented import DOCUMENT, assert_documented
from tests.server.wirerun import uid

# What a key has to be for, decided route by route; "open" needs none.
DECIDED = {
    "open": {
        *("GET /info", "GET /health", "GET /ok", "GET /ready"),
        *("GET /openapi.json", "GET /docs", "GET /attachments/{token}"),
    },
    "read": {
        *("POST /runs/query", "POST /runs/query/validate", "POST /runs/query/explain"),
        *("POST /runs/stats", "POST /runs/tail", "GET /runs/tail", "GET /runs/{id}"),
        *("GET /feedback", "GET /feedback/{id}", "GET /sessions", "GET /sessions/{id}"),
        "GET /metrics",
    },
    "write": {
        *("POST /runs", "POST /runs/batch", "POST /runs/multipart", "PATCH /runs/{id}"),
        *("POST /feedback", "PATCH /feedback/{id}", "DELETE /feedback/{id}"),
    },
    "admin": {
        *("POST /runs/delete", "POST /sessions", "PATCH /sessions/{id}"),
        "DELETE /sessions/{id}",
    },
}
SERVED = [f"{method} {route.path}" for route in ROUTES for method in sorted(route.methods or set())]
KEYS: dict[str, tuple[str, ...]] = {
    "read": ("read",),
    "write": ("write",),
    "read and write": ("read", "write"),
    "admin": ("admin",),
}
WITHOUT = ("no key", "an empty key", "a wrong key", "a hash")
PREFIXES = ("", "/api", "/api/v1")


def decided(route: str) -> str:
    """HEAD is what GET is."""
    asked = route.replace("HEAD ", "GET ")
    [role] = [role for role, routes in DECIDED.items() if asked in routes]
    return role


def test_every_route_is_decided_and_no_other() -> None:
    assert {route for routes in DECIDED.values() for route in routes} == {
        route for route in SERVED if not route.startswith("HEAD ")
    }


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, TestClient]]:
    """Clients of one server by what they show it."""
    folder = tmp_path_factory.mktemp("roles")
    headers = {"no key": {}, "an empty key": {"x-api-key": ""}, "a wrong key": {"x-api-key": "rs_"}}
    for name, roles in KEYS.items():
        key, secret = create_key(folder, 0, name=name, roles=roles)
        headers[name] = {"x-api-key": secret}
        headers["a hash"] = {"x-api-key": key.sha256}
    app = create_app(Settings(data=folder, ingest_processes=0), MemoryEngine())
    with ExitStack() as stack:
        first = stack.enter_context(TestClient(app, "http://127.0.0.1:1984"))
        clients = {}
        for name, shown in headers.items():
            clients[name] = TestClient(app, "http://127.0.0.1:1984", headers=shown)
            clients[name].portal = first.portal  # one loop, and one lifespan
        yield clients


@pytest.mark.parametrize("shown", [*WITHOUT, *KEYS])
@pytest.mark.parametrize("route", SERVED)
def test_who_is_let_in(doors: dict[str, TestClient], route: str, shown: str) -> None:
    method, _, path = route.partition(" ")
    path = path.replace("{id}", uid(1)).replace("{token}", "x.y")
    needed = decided(route)
    may = needed == "open" or needed in KEYS.get(shown, ()) or shown == "admin"
    refused = 403 if shown in KEYS else 401
    for prefix in PREFIXES:
        # A cursor no tail can have: else it would not end.
        answer = doors[shown].request(
            method, f"{prefix}{path}?cursor=x", json={"cursor": "x"} if method != "GET" else None
        )
        if may:
            assert answer.status_code not in (401, 403, 405), answer.text
        else:
            assert answer.status_code == refused, answer.text
        if method != "HEAD":
            assert_documented(method, path, answer)


@pytest.mark.parametrize("route", [route for route in SERVED if not route.startswith("HEAD ")])
def test_the_document_says_what_was_decided(route: str) -> None:
    method, _, path = route.partition(" ")
    told = DOCUMENT["paths"][path][method.lower()]
    needed = decided(route)
    assert is_open(path) is (needed == "open")
    assert (told["security"] == []) is (needed == "open")
    if needed != "open":
        assert role_needed(method, path) == needed
        assert f"for {needed}." in told["description"]


@pytest.mark.parametrize("shown", [*WITHOUT, "read", "write", "read and write"])
@pytest.mark.parametrize("method", ["PUT", "OPTIONS", "DELETE", "TRACE", "MERGE"])
@pytest.mark.parametrize("path", ["/runs", "/nothing", "/runs//query", "//runs/query", "/Runs"])
def test_what_is_not_served_is_told_to_nobody_but_an_admin(
    doors: dict[str, TestClient], path: str, method: str, shown: str
) -> None:
    url = f"http://127.0.0.1:1984{path}"
    assert doors[shown].request(method, url).status_code == (403 if shown in KEYS else 401)
    assert doors["admin"].request(method, url).status_code in (404, 405)
