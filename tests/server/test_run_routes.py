"""Routes of /runs that read or delete."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from runstore.errors import QueryBudgetExceeded
from runstore.limits import QUERY_BODY_BYTES_MAX, TRACES_DELETED_MAX
from runstore.plan.budget import Budget
from tests.server.conftest import Connect, app_of
from tests.server.live import open_engine
from tests.server.wirerun import run, uid


@pytest.fixture
def loaded(client: TestClient) -> TestClient:
    """Two traces: 1 with children 2 and 3 (an error), and 4."""
    runs = [run(1, end_time="2026-03-01T10:00:09Z"), run(2, parent=1, run_type="llm")]
    runs += [run(3, parent=1, error="boom", run_type="tool"), run(4, session_name="other")]
    assert client.post("/runs/batch", json={"post": runs}).status_code == 202
    return client


def project_id(client: TestClient, name: str) -> str:
    found: str = client.get("/sessions", params={"name": name}).json()[0]["id"]
    return found


def ids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()["runs"]]


@pytest.mark.parametrize("prefix", ["", "/api", "/api/v1"])
def test_a_query_is_answered_under_every_prefix(loaded: TestClient, prefix: str) -> None:
    body = {"session": [project_id(loaded, "tests")]}
    assert ids(loaded.post(f"{prefix}/runs/query", json=body)) == [uid(3), uid(2), uid(1)]


def test_pages_follow_each_other_until_the_cursor_ends(loaded: TestClient) -> None:
    body: dict[str, Any] = {"trace": uid(1), "limit": 2}
    first = loaded.post("/runs/query", json=body)
    assert ids(first) == [uid(3), uid(2)]
    cursor = first.json()["cursors"]["next"]
    second = loaded.post("/runs/query", json={**body, "cursor": cursor})
    assert ids(second) == [uid(1)]
    assert second.json()["cursors"]["next"] is None


def test_a_large_page_made_and_sent_in_parts_is_the_page_of_small_ones(client: TestClient) -> None:
    text = "x" * 5_000  # more than SEND_BYTES in a part
    runs = [run(n, inputs={"text": text, "n": n}) for n in range(1, 251)]
    assert client.post("/runs/batch", json={"post": runs}).status_code == 202
    body: dict[str, Any] = {"session": [project_id(client, "tests")]}
    large = client.post("/runs/query", json={**body, "limit": 1_000})
    assert int(large.headers["content-length"]) == len(large.content)
    small: list[Any] = []
    while True:
        page = client.post("/runs/query", json={**body, "limit": 100}).json()
        small += page["runs"]
        body["cursor"] = page["cursors"]["next"]
        if body["cursor"] is None:
            break
    assert large.json()["runs"] == small
    assert sorted(one["inputs"]["n"] for one in small) == list(range(1, 251))


def test_headers_tell_of_a_page_before_it_comes(loaded: TestClient) -> None:
    body: dict[str, Any] = {"trace": uid(1), "limit": 2}
    first = loaded.post("/runs/query", json=body)
    cursor = first.json()["cursors"]["next"]
    assert first.headers["Runstore-Runs"] == "2"
    assert first.headers["Runstore-Next-Cursor"] == cursor
    last = loaded.post("/runs/query", json={**body, "cursor": cursor})
    assert last.headers["Runstore-Runs"] == "1"
    assert "Runstore-Next-Cursor" not in last.headers


def test_a_run_is_read_without_what_it_was_made_from_if_so_asked(client: TestClient) -> None:
    client.post("/runs", json=run(1, serialized={"id": ["x"]}))
    whole = client.get(f"/runs/{uid(1)}").json()
    assert (whole["serialized"], whole["execution_order"]) == ({"id": ["x"]}, 1)
    asked = {"exclude_serialized": "true", "exclude_s3_stored_attributes": "true"}
    less = client.get(f"/runs/{uid(1)}", params=asked).json()
    assert whole.keys() - less.keys() >= {"serialized", "manifest"}
    assert less["inputs"] == whole["inputs"]
    wrong = client.get(f"/runs/{uid(1)}", params={"exclude_serialized": "maybe"})
    assert (wrong.status_code, wrong.json()["detail"][0]["loc"]) == (
        422,
        ["query", "exclude_serialized"],
    )


def test_a_project_nobody_knows_has_no_runs(loaded: TestClient) -> None:
    answer = loaded.post("/runs/query", json={"session": [uid(99)]})
    assert ids(answer) == []
    assert answer.json()["cursors"]["next"] is None


def test_unknown_fields_are_named_in_a_header(loaded: TestClient) -> None:
    body = {"trace": uid(1), "dataset_name": "x", "order_by": "y", "é\n": 1}
    for path in ("/runs/query", "/runs/stats"):
        answer = loaded.post(path, json=body)
        assert answer.headers["runstore-ignored"] == "dataset_name, order_by"
    clean = loaded.post("/runs/query", json={"trace": uid(1)})
    assert "runstore-ignored" not in clean.headers


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({}, 400, "At least one of 'session', 'id'"),
        ({"session": []}, 400, "At least one of 'session', 'id'"),
        ({"trace": "no"}, 422, "body"),
        ({"trace": uid(1), "limit": 0}, 422, "limit"),
        ({"trace": uid(1), "select": ["nope"]}, 422, "nope"),
        ({"trace": uid(1), "cursor": "nope"}, 400, "cursor"),
        ({"trace": uid(1), "filter": "eq(nam, 1)"}, 400, "name"),
        ({"trace": uid(1), "tree_filter": "and("}, 400, "tree_filter"),
    ],
)
def test_a_query_that_means_nothing_says_why(
    loaded: TestClient, body: dict[str, Any], status: int, said: str
) -> None:
    answer = loaded.post("/runs/query", json=body)
    assert (answer.status_code, said in answer.text) == (status, True), answer.text


def test_a_query_body_has_a_bound(client: TestClient) -> None:
    answer = client.post("/runs/query", content=b" " * (QUERY_BODY_BYTES_MAX + 1))
    assert (answer.status_code, answer.json()["limit"]) == (413, QUERY_BODY_BYTES_MAX)


def test_a_large_query_body_is_served(loaded: TestClient) -> None:
    many = [uid(n) for n in range(3, 20_000)]
    assert ids(loaded.post("/runs/query", json={"id": many})) == [uid(4), uid(3)]


def test_a_query_past_its_time_is_503(loaded: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*_: object, **__: object) -> None:
        raise QueryBudgetExceeded("the query ran past its time")

    monkeypatch.setattr(app_of(loaded).state.store.runs._engine, "fetch_runs", slow)
    answer = loaded.post("/runs/query", json={"trace": uid(1)})
    assert (answer.status_code, answer.json()["code"]) == (503, "query_budget_exceeded")


@pytest.mark.parametrize("path", ["/runs/query", "/runs/stats", "/runs/query/explain"])
def test_a_query_that_costs_too_much_is_422_and_told_what_would_cost_less(
    loaded: TestClient, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    workers = app_of(loaded).state.store._queries
    monkeypatch.setattr(workers, "_budget", Budget(memory_bytes=1))
    body = {"trace": uid(1), "filter": "gt(total_tokens, -1)"}
    answer = loaded.post(path, json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "query_too_costly")
    assert "its budget of memory; name a project" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"trace": uid(1), "filter": 'eq(name, "x")'}, []),
        (
            {"session": [uid(1)], "filter": "eq(", "trace_filter": "and("},
            ["filter", "trace_filter"],
        ),
        ({"trace": uid(1), "limit": 0}, ["limit"]),
        ({"trace": uid(1), "cursor": "x"}, ["cursor"]),
        ({}, ["body"]),
    ],
)
def test_validate_names_every_wrong_field(
    client: TestClient, body: dict[str, Any], fields: list[str]
) -> None:
    answer = client.post("/runs/query/validate", json=body)
    assert answer.status_code == 200
    said = answer.json()
    assert said["valid"] is (not fields)
    assert [error["field"] for error in said["errors"]] == fields
    assert all(error["message"] for error in said["errors"])


def test_a_run_that_is_not_there_is_404(client: TestClient) -> None:
    answer = client.get(f"/runs/{uid(1)}")
    assert (answer.status_code, answer.json()["detail"]) == (404, "Run not found")


def test_a_run_id_must_be_a_uuid(client: TestClient) -> None:
    assert client.get("/runs/nope").status_code == 422


def test_a_run_is_found_by_any_notation_of_its_id(loaded: TestClient) -> None:
    answer = loaded.get(f"/runs/{uid(1).replace('-', '').upper()}")
    assert answer.json()["id"] == uid(1)


def test_stats_count_up(loaded: TestClient) -> None:
    answer = loaded.post("/runs/stats", json={"trace": uid(1)})
    assert (answer.json()["run_count"], answer.json()["error_rate"]) == (3, pytest.approx(1 / 3))


def test_percentiles_of_tokens_are_counted_where_they_are_named(client: TestClient) -> None:
    usage = {"usage_metadata": {"input_tokens": 7}}
    assert client.post("/runs", json=run(1, outputs=usage)).status_code == 202
    names = ["median_tokens", "cost_p99"]
    answer = client.post("/runs/stats", json={"trace": uid(1), "select": names})
    assert answer.json() == {"median_tokens": 7, "cost_p99": None}
    assert client.post("/runs/stats", json={"trace": uid(1)}).json()["median_tokens"] is None


def test_stats_come_in_groups(loaded: TestClient) -> None:
    body = {"trace": uid(1), "group_by": {"attribute": "run_type"}, "select": ["run_count"]}
    answer = loaded.post("/runs/stats", json=body)
    assert answer.json() == {kind: {"run_count": 1} for kind in ("chain", "llm", "tool")}
    answer = loaded.post("/runs/stats", json=body | {"groups": ["tool", "none"]})
    assert answer.json() == {"tool": {"run_count": 1}}


Body = Callable[[TestClient], dict[str, Any]]


@pytest.mark.parametrize(
    ("body", "left"),
    [
        (lambda _: {"trace_ids": [uid(1)]}, [4]),
        (lambda _: {"trace_ids": [uid(1), uid(4)]}, []),
        (lambda _: {"trace_ids": uid(99)}, [1, 2, 3, 4]),
        (
            lambda c: {"trace_ids": [uid(1), uid(4)], "session_id": project_id(c, "other")},
            [1, 2, 3],
        ),
    ],
    ids=["one trace", "two traces", "an unknown trace", "only of one project"],
)
def test_deleted_traces_are_gone(loaded: TestClient, body: Body, left: list[int]) -> None:
    answer = loaded.post("/runs/delete", json=body(loaded))
    assert (answer.status_code, answer.json()["deleted"]) == (200, 4 - len(left))
    there = [n for n in (1, 2, 3, 4) if loaded.get(f"/runs/{uid(n)}").status_code == 200]
    assert there == left


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"trace_ids": []}, 422),
        ({"trace_ids": ["no"]}, 422),
        ({"trace_ids": [uid(n) for n in range(TRACES_DELETED_MAX + 1)]}, 413),
    ],
    ids=["none", "empty", "no uuid", "too many"],
)
def test_a_deletion_must_say_which(client: TestClient, body: Any, status: int) -> None:
    assert client.post("/runs/delete", json=body).status_code == status


@pytest.mark.parametrize("name", ["memory", "sqlite"])
def test_a_query_is_explained(connect: Connect, tmp_path: Path, name: str) -> None:
    client = connect(engine=open_engine(name, tmp_path / "explained"))
    client.post("/runs/batch", json={"post": [run(1), run(2), run(3, name="other")]})
    (project,) = client.get("/sessions").json()
    body = {
        "session": project["id"],
        "filter": 'neq(name,"other")',
        "query": "run",
        "trace_filter": "eq(is_root,true)",
        "order": "asc",
        "unheard": 1,
    }
    answer = client.post("/runs/query/explain", json=body)
    assert answer.status_code == 200
    assert answer.headers["runstore-ignored"] == "unheard"
    told = answer.json()
    assert told["filter"] == 'and(neq(name, "other"), search("run"))'
    assert told["trace_filter"] == "eq(is_root, true)"
    assert told["tree_filter"] is None
    assert (told["actual_runs"], told["estimated_runs"]) == (2, 2)
    assert told["rows_read"] >= 2
    assert told["ms"] >= 0
    assert all(isinstance(line, str) for line in told["steps"] + told["indexes"] + told["hints"])


def test_a_query_that_is_wrong_is_not_explained(client: TestClient) -> None:
    body = {"session": uid(1), "filter": "eq(nme, 1)"}
    assert client.post("/runs/query/explain", json=body).json()["code"] == "filter_invalid"
    assert client.post("/runs/query/explain", json={}).status_code == 400
