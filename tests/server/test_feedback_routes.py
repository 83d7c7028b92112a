"""Routes of /feedback."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from runstore.plan.budget import Budget
from tests.server.conftest import app_of
from tests.server.wirerun import run, uid


def say(client: TestClient, number: int, **fields: Any) -> dict[str, Any]:
    body = {"id": uid(number), "run_id": uid(1), "key": "good", "score": 1, **fields}
    answer = client.post("/feedback", json=body)
    assert answer.status_code == 200, answer.text
    record: dict[str, Any] = answer.json()
    return record


def test_feedback_is_there_at_once(client: TestClient) -> None:
    client.post("/runs", json=run(1))
    said = say(client, 10, comment="well done", value={"a": [1]})
    assert (said["score"], said["comment"], said["value"]) == (1.0, "well done", {"a": [1]})
    kept = client.get(f"/feedback/{uid(10)}").json()
    assert kept == {**said, "session_id": kept["session_id"], "trace_id": kept["trace_id"]}
    stats = client.get(f"/runs/{uid(1)}").json()["feedback_stats"]
    assert (stats["good"]["n"], stats["good"]["avg"]) == (1, 1.0)


def test_feedback_without_an_id_gets_one(client: TestClient) -> None:
    answer = client.post("/feedback", json={"run_id": uid(1), "key": "k"})
    assert client.get(f"/feedback/{answer.json()['id']}").status_code == 200


def test_feedback_may_come_before_its_run(client: TestClient) -> None:
    say(client, 10)
    client.post("/runs", json=run(1))
    assert client.get(f"/runs/{uid(1)}").json()["feedback_stats"]["good"]["n"] == 1


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({}, [10, 11, 12]),
        ({"run": uid(1)}, [10, 11]),
        ({"run": [uid(1), uid(2)], "key": "good"}, [10, 12]),
        ({"key": ["bad", "good"]}, [10, 11, 12]),
        ({"source": "model"}, [12]),
        ({"has_comment": "true"}, [11]),
        ({"limit": 2, "offset": 2}, [10]),
    ],
)
def test_feedback_is_listed_by(
    client: TestClient, params: dict[str, Any], found: list[int]
) -> None:
    say(client, 10, created_at="2026-03-01T00:00:00Z")
    say(client, 11, key="bad", comment="why", created_at="2026-03-02T00:00:00Z")
    source = {"type": "model", "metadata": {}}
    when = "2026-03-03T00:00:00Z"
    say(client, 12, run_id=uid(2), feedback_source=source, created_at=when)
    listed = client.get("/feedback", params=params).json()
    assert sorted(one["id"] for one in listed) == [uid(n) for n in found]


def test_a_list_that_costs_too_much_is_422_and_told_what_would_cost_less(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(client, 10)
    monkeypatch.setattr(app_of(client).state.store._queries, "_budget", Budget(memory_bytes=1))
    answer = client.get("/feedback")
    assert (answer.status_code, answer.json()["code"]) == (422, "query_too_costly")
    assert "its budget of memory; name its runs (run)" in answer.json()["detail"]


def test_a_patch_changes_what_it_says_and_null_clears(client: TestClient) -> None:
    before = say(client, 10, comment="hm", modified_at="2026-03-01T00:00:00Z")
    answer = client.patch(f"/feedback/{uid(10)}", json={"score": 0.5, "comment": None})
    after = answer.json()
    assert (answer.status_code, after["score"], after["comment"]) == (200, 0.5, None)
    assert after["modified_at"] > before["modified_at"]
    assert client.get(f"/feedback/{uid(10)}").json() == after


def test_deleted_feedback_is_gone(client: TestClient) -> None:
    say(client, 10)
    assert client.delete(f"/feedback/{uid(10)}").status_code == 200
    assert client.get(f"/feedback/{uid(10)}").status_code == 404


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_feedback_that_is_not_there_is_404(client: TestClient, method: str) -> None:
    content = b'{"score": 1}' if method == "PATCH" else b""
    assert client.request(method, f"/feedback/{uid(1)}", content=content).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "content"),
    [
        ("POST", "/feedback", b"{}"),
        ("POST", "/feedback", b'{"key": "k"}'),
        ("POST", "/feedback", b'{"key": "k", "run_id": "no"}'),
        ("POST", "/feedback", b'{"key": "k", "score": "high", "run_id": "%s"}' % uid(1).encode()),
        ("PATCH", f"/feedback/{uid(1)}", b'{"score": "high"}'),
        ("GET", "/feedback/nope", b""),
        ("GET", "/feedback?run=nope", b""),
    ],
)
def test_a_request_of_the_wrong_shape_is_422(
    client: TestClient, method: str, path: str, content: bytes
) -> None:
    assert client.request(method, path, content=content).status_code == 422
