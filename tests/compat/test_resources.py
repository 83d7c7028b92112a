"""Runs written by hand, feedback, projects and stats, through the real clients."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from langsmith import AsyncClient, Client
from langsmith.utils import LangSmithNotFoundError

from tests.compat.conftest import RunAsync
from tests.compat.world import BAD, GOOD, PROJECT, World

START = datetime(2026, 6, 1, tzinfo=UTC)


def create(client: Client, project: str, **fields: Any) -> UUID:
    run_id = uuid4()
    client.create_run("made", {"a": 1}, "chain", id=run_id, project_name=project, **fields)
    client.flush()
    return run_id


def test_an_update_adds_to_a_run(client: Client) -> None:
    run_id = create(client, "updates", start_time=START, extra={"metadata": {"a": 1}}, tags=["x"])
    assert client.read_run(run_id).status == "pending"
    client.update_run(
        run_id,
        end_time=START + timedelta(seconds=3),
        outputs={"b": 2},
        tags=["y"],
        extra={"metadata": {"b": 2}},
    )
    client.flush()
    run = client.read_run(run_id)
    assert (run.inputs, run.outputs) == ({"a": 1}, {"b": 2})
    assert run.status == "success"
    assert run.latency == 3
    assert set(run.tags or []) == {"x", "y"}
    assert (run.metadata["a"], run.metadata["b"]) == (1, 2)


def test_a_second_update_is_merged_not_refused(client: Client) -> None:
    run_id = create(client, "updates", start_time=START)
    for outputs in ({"b": 1}, {"b": 2}):
        client.update_run(run_id, outputs=outputs, end_time=START)
        client.flush()
    assert client.read_run(run_id).outputs == {"b": 2}


def test_a_run_nobody_wrote_is_not_found(client: Client) -> None:
    with pytest.raises(LangSmithNotFoundError, match="Run not found"):
        client.read_run(uuid4())


@pytest.mark.parametrize("in_background", [True, False], ids=["in the background", "at once"])
def test_feedback_is_created_listed_updated_and_deleted(
    client: Client, world: World, in_background: bool
) -> None:
    run_id = create(client, "rated", start_time=START, end_time=START)
    session = client.read_project(project_name="rated").id
    made = client.create_feedback(
        run_id=run_id,
        trace_id=run_id if in_background else None,
        key="helpful",
        score=0.25,
        comment="too short",
        value="poor",
        session_id=session,
    )
    client.flush()
    (found,) = client.list_feedback(run_ids=[run_id])
    assert (found.id, found.key, found.score) == (made.id, "helpful", 0.25)
    assert (found.comment, found.value) == ("too short", "poor")
    client.update_feedback(made.id, score=1.0, comment="longer now")
    assert client.read_feedback(made.id).score == 1.0
    stats = client.read_run(run_id).feedback_stats
    assert stats is not None
    assert (stats["helpful"]["n"], stats["helpful"]["avg"]) == (1, 1.0)
    client.delete_feedback(made.id)
    assert list(client.list_feedback(run_ids=[run_id])) == []
    assert not client.read_run(run_id).feedback_stats


def test_feedback_is_listed_by_key(client: Client, world: World) -> None:
    found = client.list_feedback(run_ids=[GOOD, BAD], feedback_key=["user_score"])
    assert {(one.run_id, one.score) for one in found} == {(GOOD, 1), (BAD, 0)}


def test_feedback_of_the_async_client(run_async: RunAsync, client: Client) -> None:
    run_id = create(client, "rated", start_time=START, end_time=START)
    session = client.read_project(project_name="rated").id

    async def rate(one: AsyncClient) -> Any:
        await one.create_feedback(run_id, key="clear", score=1, session_id=session)
        return [found async for found in one.list_feedback(run_ids=[run_id])]

    (found,) = run_async(rate)
    assert (found.key, found.score) == ("clear", 1)


def test_a_project_is_created_read_updated_listed_and_deleted(client: Client) -> None:
    name = f"project-{uuid4()}"
    made = client.create_project(name, description="first", metadata={"team": "search"})
    assert client.read_project(project_name=name).id == made.id
    assert client.read_project(project_id=made.id).name == name
    assert client.has_project(name)
    client.update_project(made.id, description="second")
    assert client.read_project(project_id=made.id).description == "second"
    assert [one.id for one in client.list_projects(name=name)] == [made.id]
    assert [one.id for one in client.list_projects(name_contains=name[8:20])] == [made.id]
    client.delete_project(project_name=name)
    assert not client.has_project(name)


def test_a_deleted_project_takes_its_runs_along(client: Client) -> None:
    run_id = create(client, "short-lived", start_time=START)
    client.delete_project(project_name="short-lived")
    with pytest.raises(LangSmithNotFoundError):
        client.read_run(run_id)


def test_a_project_tells_its_figures(client: Client, world: World) -> None:
    project = client.read_project(project_name=PROJECT, include_stats=True)
    assert project.run_count == 3  # of roots, as LangSmith counts here
    assert project.feedback_stats is not None
    assert project.feedback_stats["user_score"]["n"] == 2


def test_stats_of_roots_are_of_whole_traces(client: Client, world: World) -> None:
    stats = client.get_run_stats(project_names=[PROJECT], is_root=True)
    assert stats["run_count"] == 3
    assert stats["total_tokens"] == 6_030 + 110
    assert stats["latency_p50"] == 5


def test_stats_obey_a_filter(client: Client, world: World) -> None:
    stats = client.get_run_stats(project_names=[PROJECT], filter='eq(run_type, "tool")')
    assert stats["run_count"] == 2
    assert stats["error_rate"] == 0.5


def test_a_run_has_an_address(client: Client, world: World) -> None:
    run = client.read_run(GOOD)
    assert run.url is not None
    assert str(GOOD) in run.url
