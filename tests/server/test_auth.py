"""API keys: who must show one, how, and what is open to all."""

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from runstore.engine.memory import MemoryEngine
from runstore.server.app import create_app
from runstore.settings import Settings
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
