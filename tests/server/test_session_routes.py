"""Routes of /sessions: projects."""

import time
from typing import Any

import pytest
from starlette.testclient import TestClient

from runstore.plan.budget import Budget
from runstore.plan.plan import StatsPlan
from tests.server.conftest import app_of
from tests.server.wirerun import run, uid


@pytest.fixture
def made(client: TestClient) -> dict[str, Any]:
    """The project "one"."""
    answer = client.post("/sessions", json={"name": "one", "extra": {"metadata": {"k": "v"}}})
    assert answer.status_code == 200
    project: dict[str, Any] = answer.json()
    return project


def names(client: TestClient, **params: Any) -> list[str]:
    answer = client.get("/sessions", params=params)
    assert answer.status_code == 200, answer.text
    return sorted(one["name"] for one in answer.json())


def test_a_project_can_be_read_by_id_and_by_name(client: TestClient, made: dict[str, Any]) -> None:
    assert client.get(f"/sessions/{made['id']}").json() == made
    params = {"limit": "1", "name": "one", "include_stats": "False"}
    assert client.get("/sessions", params=params).json() == [made]


def test_a_project_exists_once_its_first_run_is_accepted(client: TestClient) -> None:
    client.post("/runs", json=run(1, session_name="new"))
    assert names(client, name="new") == ["new"]


def test_a_taken_name_is_a_conflict_unless_upsert_is_said(
    client: TestClient, made: dict[str, Any]
) -> None:
    again = {"name": "one", "description": "anew"}
    assert client.post("/sessions", json=again).status_code == 409
    answer = client.post("/sessions", json=again, params={"upsert": "True"})
    assert answer.status_code == 200
    assert answer.json() == {**made, "description": "anew"}
    answer = client.post("/sessions", json={"name": "one"}, params={"upsert": "True"})
    assert answer.json()["description"] == "anew"


def test_upsert_makes_a_project_that_is_not_there(client: TestClient) -> None:
    answer = client.post("/sessions", json={"name": "two"}, params={"upsert": "True"})
    assert (answer.status_code, answer.json()["name"]) == (200, "two")


def test_a_taken_id_is_a_conflict_even_with_upsert(
    client: TestClient, made: dict[str, Any]
) -> None:
    body = {"name": "two", "id": made["id"]}
    assert client.post("/sessions", json=body, params={"upsert": "True"}).status_code == 409


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({}, ["one", "three", "two"]),
        ({"name_contains": "o"}, ["one", "two"]),
        ({"metadata": '{"k": "v"}'}, ["one"]),
        ({"id": [uid(2), uid(3)]}, ["three", "two"]),
        ({"reference_free": "false"}, ["three"]),
        ({"limit": 2, "sort_by": "name", "sort_by_desc": "false"}, ["one", "three"]),
        ({"limit": 2, "offset": 2, "sort_by": "name", "sort_by_desc": "false"}, ["two"]),
    ],
)
def test_projects_are_listed_by(
    client: TestClient, made: dict[str, Any], params: dict[str, Any], found: list[str]
) -> None:
    client.post("/sessions", json={"name": "two", "id": uid(2)})
    client.post("/sessions", json={"name": "three", "id": uid(3), "reference_dataset_id": uid(8)})
    assert names(client, **params) == found
    if "limit" in params:
        assert client.get("/sessions", params=params).headers["x-pagination-total"] == "3"


@pytest.mark.parametrize("query", [{}, {"include_stats": True}])
def test_a_list_that_costs_too_much_is_422_and_told_what_would_cost_less(
    client: TestClient,
    made: dict[str, Any],
    query: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(app_of(client).state.store._queries, "_budget", Budget(memory_bytes=1))
    answer = client.get("/sessions", params=query)
    assert (answer.status_code, answer.json()["code"]) == (422, "query_too_costly")
    assert "its budget of memory; name the project" in answer.json()["detail"]


def test_the_time_of_a_query_is_that_of_all_projects_of_a_list(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two", "three"):
        client.post("/sessions", json={"name": name})
    store = app_of(client).state.store
    stats, given = store.projects._engine.stats, []

    def slow(plan: StatsPlan, *, budget: Budget) -> Any:
        given.append(budget.seconds)
        time.sleep(0.2)
        return stats(plan, budget=Budget())

    monkeypatch.setattr(store.projects._engine, "stats", slow)
    monkeypatch.setattr(store._queries, "_budget", Budget(seconds=0.3))
    answer = client.get("/sessions", params={"include_stats": True})
    assert (answer.status_code, answer.json()["code"]) == (503, "query_budget_exceeded")
    assert "ask for fewer projects a page (limit)" in answer.json()["detail"]
    assert len(given) == 2
    assert given[1] < given[0] - 0.19


def test_stats_tell_what_was_said_of_the_project_itself(client: TestClient) -> None:
    assert client.post("/runs", json=run(1)).status_code == 202
    params = {"name": "tests", "include_stats": "true"}
    [project] = client.get("/sessions", params=params).json()
    assert project["session_feedback_stats"] == {}
    said = {"key": "accuracy", "score": 0.75, "session_id": project["id"]}
    assert client.post("/feedback", json=said).status_code == 200
    [project] = client.get("/sessions", params=params).json()
    assert project["session_feedback_stats"]["accuracy"]["avg"] == 0.75
    assert project["feedback_stats"] == {}


def test_stats_are_of_whole_traces(client: TestClient) -> None:
    usage = {"usage_metadata": {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}}
    client.post("/runs/batch", json={"post": [run(1), run(2, parent=1, outputs=usage)]})
    params = {"name": "tests", "include_stats": "true"}
    listed = client.get("/sessions", params=params).json()[0]
    assert (listed["run_count"], listed["total_tokens"]) == (1, 7)
    single = client.get(f"/sessions/{listed['id']}", params={"include_stats": "True"}).json()
    assert single == listed


def test_a_patch_changes_what_it_says(client: TestClient, made: dict[str, Any]) -> None:
    path = f"/sessions/{made['id']}"
    body = {"name": "renamed", "extra": None, "description": None, "end_time": "2026-03-02"}
    answer = client.patch(path, json=body)
    expected = {**made, "name": "renamed", "end_time": "2026-03-02T00:00:00.000000+00:00"}
    assert (answer.status_code, answer.json()) == (200, expected)
    assert client.get(path).json() == expected


def test_a_deleted_project_takes_its_runs_along(client: TestClient) -> None:
    client.post("/runs", json=run(1))
    project = client.get("/sessions", params={"name": "tests"}).json()[0]
    assert client.delete(f"/sessions/{project['id']}").status_code == 202
    assert client.get(f"/runs/{uid(1)}").status_code == 404
    assert names(client) == []


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_a_project_that_is_not_there_is_404(client: TestClient, method: str) -> None:
    content = b'{"name": "x"}' if method == "PATCH" else b""
    assert client.request(method, f"/sessions/{uid(1)}", content=content).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "content"),
    [
        ("POST", "/sessions", b"{}"),
        ("POST", "/sessions", b'{"name": ""}'),
        ("POST", "/sessions?upsert=maybe", b'{"name": "x"}'),
        ("GET", "/sessions?limit=0", b""),
        ("GET", "/sessions?metadata=x", b""),
        ("GET", "/sessions/nope", b""),
        ("PATCH", "/sessions/nope", b"{}"),
        ("DELETE", "/sessions/nope", b""),
    ],
)
def test_a_request_of_the_wrong_shape_is_422(
    client: TestClient, method: str, path: str, content: bytes
) -> None:
    assert client.request(method, path, content=content).status_code == 422
