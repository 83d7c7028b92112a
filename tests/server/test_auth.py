"""API keys: who must show one, how, and what is open to all."""

import pytest
from starlette.testclient import TestClient

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
