"""API keys: who must show one, how, and what is open to all."""

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from runstore.engine.memory import MemoryEngine
from runstore.server.app import ROUTES, create_app
from runstore.server.auth import role_needed
from runstore.settings import Settings, key_hash
from runstore.store.keys import create_key, revoke_key
from tests.server.conftest import Connect
from tests.server.wirerun import uid

KEYS = ("first-key", "second-key")


@pytest.fixture
def guarded(connect: Connect) -> TestClient:
    return connect(*KEYS)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"x-api-key": "first-key"}, 200),
        ({"x-api-key": "second-key"}, 200),
        ({"X-API-KEY": "first-key"}, 200),
        ({"authorization": "Bearer first-key"}, 200),
        ({"authorization": "bearer first-key"}, 200),
        ({"authorization": "Bearer  first-key "}, 200),
        ({"authorization": "Basic first-key"}, 401),
        ({"authorization": "first-key"}, 401),
        ({"x-api-key": ""}, 401),
        ({"x-api-key": "first-ke"}, 401),
        ({"x-api-key": "wrong", "authorization": "Bearer first-key"}, 401),
    ],
    ids=str,
)
def test_a_key_is_taken_from_its_header(
    guarded: TestClient, headers: dict[str, str], status: int
) -> None:
    answer = guarded.get("/sessions", headers=headers)
    assert answer.status_code == status
    assert ("www-authenticate" in answer.headers) is (status == 401)
    if status == 401:
        assert answer.json()["code"] == "unauthorized"


@pytest.mark.parametrize("prefix", ["", "/api", "/api/v1"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/runs"),
        ("POST", "/runs/multipart"),
        ("POST", "/runs/query"),
        ("GET", f"/runs/{uid(1)}"),
        ("POST", "/runs/delete"),
        ("DELETE", f"/sessions/{uid(1)}"),
        ("POST", "/feedback"),
        ("GET", "/metrics"),
        ("GET", "/no/such/route"),
        ("GET", "/attachments"),
    ],
)
def test_without_a_key_nothing_is_told(
    guarded: TestClient, prefix: str, method: str, path: str
) -> None:
    assert guarded.request(method, prefix + path).status_code == 401


@pytest.mark.parametrize("path", ["/info", "/api/v1/info", "/health", "/ok", "/ready"])
def test_health_and_info_are_open(guarded: TestClient, path: str) -> None:
    assert guarded.get(path).status_code == 200


def test_a_signed_link_is_its_own_key(guarded: TestClient) -> None:
    assert guarded.get("/attachments/forged.token").status_code == 404


def test_without_configured_keys_any_key_will_do(client: TestClient) -> None:
    for headers in ({}, {"x-api-key": "anything"}):
        assert client.get("/sessions", headers=headers).status_code == 200


def test_metrics_are_told_to_whoever_has_a_key(guarded: TestClient) -> None:
    headers = {"authorization": f"Bearer {KEYS[1]}"}
    assert guarded.get("/metrics", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"host": "localhost:1984"}, 200),
        ({"host": "[::1]:1984"}, 200),
        ({"host": "app.localhost"}, 200),
        ({"host": "rebound.example.org:1984"}, 401),
        ({"host": "127.0.0.1.example.org"}, 401),
        ({"host": ""}, 401),
        ({"origin": "http://localhost:3000"}, 200),
        ({"origin": "https://example.org"}, 401),
        ({"origin": "null"}, 401),
        ({"origin": "http://[broken"}, 401),
    ],
    ids=str,
)
def test_without_keys_web_pages_are_not_answered(
    client: TestClient, headers: dict[str, str], status: int
) -> None:
    answer = client.get("/sessions", headers=headers)
    assert answer.status_code == status
    if status == 401:
        assert "RUNSTORE_API_KEY_HASHES" in answer.json()["detail"]


def test_with_keys_the_host_does_not_matter(guarded: TestClient) -> None:
    headers = {"host": "runs.example.org", "origin": "https://example.org", "x-api-key": KEYS[0]}
    assert guarded.get("/sessions", headers=headers).status_code == 200


def test_who_insists_on_being_open_is_open(tmp_path: Path) -> None:
    settings = Settings(host="0.0.0.0", insecure=True, data=tmp_path)
    with TestClient(create_app(settings, MemoryEngine()), "http://runs.example.org") as client:
        assert client.get("/sessions").status_code == 200


# Keys of the folder.

ROLE_OF = {
    "read": [
        ("GET", "/sessions"),
        ("GET", "/metrics"),
        ("GET", "/runs/tail?cursor=x"),
        ("POST", "/runs/query"),
        ("POST", "/api/v1/runs/query"),
        ("POST", "/runs/query/validate"),
        ("POST", "/runs/query/explain"),
        ("POST", "/runs/stats"),
    ],
    "write": [
        ("POST", "/runs"),
        ("POST", "/runs/batch"),
        ("POST", "/api/runs/multipart"),
        ("PATCH", f"/runs/{uid(1)}"),
        ("POST", "/feedback"),
        ("PATCH", f"/feedback/{uid(1)}"),
        ("DELETE", f"/feedback/{uid(1)}"),
    ],
    "admin": [
        ("POST", "/runs/delete"),
        ("POST", "/sessions"),
        ("PATCH", f"/sessions/{uid(1)}"),
        ("DELETE", f"/sessions/{uid(1)}"),
    ],
}


@pytest.mark.parametrize("role", ["read", "write", "admin"])
@pytest.mark.parametrize(
    ("needed", "method", "path"),
    [(role, *asked) for role, listed in ROLE_OF.items() for asked in listed],
)
def test_a_key_is_good_for_its_role(
    tmp_path: Path, role: str, needed: str, method: str, path: str
) -> None:
    _, secret = create_key(tmp_path, 0, roles=(role,))
    app = create_app(Settings(data=tmp_path, ingest_processes=0), MemoryEngine())
    with TestClient(app) as client:
        answer = client.request(method, path, headers={"x-api-key": secret})
    assert (answer.status_code == 403) is (role not in (needed, "admin"))
    if answer.status_code == 403:
        assert answer.json()["code"] == "forbidden"
        assert f"one for {needed}" in answer.json()["detail"]


def test_every_route_has_the_role_its_method_suggests() -> None:
    needed = {
        (method, route.path): role_needed(method, route.path)
        for route in ROUTES
        for method in route.methods or ()
    }
    assert all(role == "read" for (method, _), role in needed.items() if method == "GET")
    assert {path for (method, path), role in needed.items() if role == "admin"} == {
        "/runs/delete",
        "/sessions",
        "/sessions/{id}",
    }


def test_keys_come_and_go_while_the_server_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runstore.store.keys.KEYS_LOOK_SECONDS", 0.0)
    app = create_app(Settings(data=tmp_path, ingest_processes=0), MemoryEngine())
    with TestClient(app, "http://127.0.0.1:1984") as client:
        assert client.get("/sessions").status_code == 200, "no keys: this machine is let in"
        _, secret = create_key(tmp_path, 0, name="a", roles=("read", "write"))
        assert client.get("/sessions").status_code == 401
        headers = {"x-api-key": secret}
        assert client.get("/sessions", headers=headers).status_code == 200
        assert client.post("/feedback", headers=headers).status_code == 422
        assert client.post("/runs/delete", headers=headers).status_code == 403
        create_key(tmp_path, 0, name="b")
        revoke_key(tmp_path, "a")
        assert client.get("/sessions", headers=headers).status_code == 401


def test_when_the_last_key_is_revoked_other_machines_stay_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runstore.store.keys.KEYS_LOOK_SECONDS", 0.0)
    key, secret = create_key(tmp_path, 0)
    settings = Settings(host="0.0.0.0", data=tmp_path, ingest_processes=0)
    with TestClient(create_app(settings, MemoryEngine())) as client:
        headers = {"x-api-key": secret}
        assert client.get("/sessions", headers=headers).status_code == 200
        revoke_key(tmp_path, key.id)
        assert client.get("/sessions", headers=headers).status_code == 401
        assert client.get("/info").status_code == 200


def test_keys_of_the_environment_are_good_for_everything(tmp_path: Path) -> None:
    create_key(tmp_path, 0, roles=("read",))
    settings = Settings(data=tmp_path, api_key_hashes=(key_hash("own"),), ingest_processes=0)
    with TestClient(create_app(settings, MemoryEngine())) as client:
        headers = {"x-api-key": "own"}
        body = {"trace_ids": [uid(1)]}
        assert client.post("/runs/delete", headers=headers, json=body).status_code == 200
