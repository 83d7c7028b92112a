"""Requests of /sessions, and projects as they come back: from Runstore and from LangSmith."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
import pytest
from langsmith.schemas import TracerSessionResult

from runstore.client.calls.projects import (
    create_project,
    delete_project,
    has_project,
    list_projects,
    read_project,
    update_project,
)
from runstore.errors import InvalidArgument, NotFound
from tests.client.calls.answering import always, in_turn, run_steps

ID = "11111111-1111-4111-8111-111111111111"
TENANT = "00000000-0000-0000-0000-000000000001"
FIELDS: dict[str, Any] = {
    "id": ID,
    "tenant_id": TENANT,
    "name": "p",
    "start_time": "2026-01-02T03:04:05.678901",
    "end_time": None,
    "description": "d",
    "extra": {"metadata": {"team": "a"}, "tags": ["x"]},
    "reference_dataset_id": None,
    "trace_tier": "longlived",
    "run_count": 3,
    "latency_p50": 1.5,
    "latency_p99": 2,
    "total_tokens": 10,
    "total_cost": "0.000123",
    "error_rate": 0.25,
    "last_run_start_time": "2026-01-02T03:04:05Z",
    "feedback_stats": {"k": {"n": 1}},
    "a_field_of_tomorrow": [1],
}
BODY = orjson.dumps(FIELDS)
LIST = orjson.dumps([FIELDS])


def test_a_project_has_what_the_sdks_has() -> None:
    project, _ = run_steps(read_project(project_id=ID, host_url="https://h"), always(BODY))
    theirs = TracerSessionResult(**{**FIELDS, "_host_url": "https://h"})
    for name in (*TracerSessionResult.model_fields, "url", "metadata", "tags"):
        assert getattr(project, name) == getattr(theirs, name), name
    assert project.start_time == datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
    assert project.latency_p50 == timedelta(seconds=1.5)
    assert project.total_cost == Decimal("0.000123")
    assert project.url == f"https://h/o/{TENANT}/projects/p/{ID}"


def test_a_project_is_dumped_as_python_and_as_json() -> None:
    project, _ = run_steps(read_project(project_id=ID), always(BODY))
    dumped = project.model_dump()
    assert dumped["id"] == UUID(ID) and "_host_url" not in dumped
    assert orjson.loads(orjson.dumps(project.model_dump(mode="json")))["id"] == ID


@pytest.mark.parametrize(
    "given, params",
    [
        ({}, []),
        ({"name": "p"}, [("name", "p")]),
        ({"name_contains": "a&b"}, [("name_contains", "a&b")]),
        ({"project_ids": [ID]}, [("id", ID)]),
        ({"reference_free": True}, [("reference_free", "true")]),
        ({"include_stats": False}, [("include_stats", "false")]),
        ({"metadata": {"team": "a"}}, [("metadata", '{"team":"a"}')]),
        ({"reference_dataset_id": UUID(ID)}, [("reference_dataset", ID)]),
    ],
)
def test_filters_of_list_projects(given: dict[str, Any], params: list[tuple[str, str]]) -> None:
    pages = list_projects(**given)
    projects, sent = run_steps(pages.next_page(), always(LIST))
    assert [project.name for project in projects] == ["p"]
    assert list(sent[0].params) == [*params, ("limit", "100"), ("offset", "0")]


@pytest.mark.parametrize("keyword", ["names", "project_name"])
def test_an_unknown_filter_is_a_type_error(keyword: str) -> None:
    with pytest.raises(TypeError, match=f"list_projects.*{keyword}.*did you mean"):
        list_projects(**{keyword: "x"})  # type: ignore[arg-type]


def test_a_project_is_read_by_its_name() -> None:
    project, sent = run_steps(read_project(project_name="p"), always(LIST))
    assert str(project.id) == ID
    assert sent[0].params == (("name", "p"), ("limit", "1"), ("include_stats", "false"))


def test_a_project_that_is_not_there() -> None:
    with pytest.raises(NotFound, match="there is no project 'p'"):
        run_steps(read_project(project_name="p"), always(b"[]"))
    assert run_steps(has_project("p"), always(b"[]"))[0] is False
    assert run_steps(has_project(None, project_id=ID), always(NotFound("no")))[0] is False
    assert run_steps(has_project("p"), always(LIST))[0] is True


@pytest.mark.parametrize("call", [read_project, delete_project])
@pytest.mark.parametrize(
    "given, said",
    [
        ({}, "neither is given"),
        ({"project_id": ID, "project_name": "p"}, "both are given"),
        ({"project_name": ""}, "project_name is empty"),
    ],
)
def test_one_of_id_and_name_is_wanted(call: Any, given: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidArgument, match=said):
        run_steps(call(**given), always(BODY))


def test_what_create_project_sends() -> None:
    fields: Any = {"metadata": {"a": 1}, "project_extra": {"b": 2}, "description": "d"}
    _, sent = run_steps(create_project("p", fields, upsert=True), always(BODY))
    assert (sent[0].method, sent[0].path, sent[0].params) == (
        "POST",
        "/sessions",
        (("upsert", "true"),),
    )
    assert orjson.loads(sent[0].body) == {
        "name": "p",
        "extra": {"b": 2, "metadata": {"a": 1}},
        "description": "d",
    }


@pytest.mark.parametrize("upsert", [True, False])
def test_only_an_upsert_may_be_sent_twice(upsert: bool) -> None:
    _, sent = run_steps(create_project("p", {}, upsert=upsert), always(BODY))
    assert sent[0].is_repeatable is upsert


def test_what_update_project_sends() -> None:
    end = datetime(2026, 1, 2, tzinfo=UTC)
    _, sent = run_steps(update_project(ID, {"name": "q", "end_time": end}), always(BODY))
    assert (sent[0].method, sent[0].path) == ("PATCH", f"/sessions/{ID}")
    body = orjson.loads(sent[0].body)
    assert body == {
        "name": "q",
        "extra": None,
        "description": None,
        "end_time": "2026-01-02T00:00:00+00:00",
    }


def test_a_project_is_deleted_by_its_name() -> None:
    _, sent = run_steps(delete_project(project_name="p"), in_turn(LIST, b"{}"))
    assert [(one.method, one.path) for one in sent] == [
        ("GET", "/sessions"),
        ("DELETE", f"/sessions/{ID}"),
    ]
