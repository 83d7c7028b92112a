"""Projects and feedback: made, found, changed, deleted; at every place and in both modes."""

import uuid
from datetime import UTC, datetime

import pytest

from runstore import Client, Conflict, InvalidArgument, InvalidRequest, NotFound
from tests.client.conftest import Connect, Place
from tests.client.world import APP, EMPTY, MANY, MANY_PROJECT, id_of


def names(client: Client, **asked: object) -> list[str | None]:
    return [project.name for project in client.list_projects(**asked)]  # type: ignore[arg-type]


def test_all_projects_are_listed(client: Client) -> None:
    assert sorted(map(str, names(client))) == [APP, EMPTY, MANY_PROJECT]


def test_projects_are_found(client: Client) -> None:
    app = client.read_project(APP)
    assert names(client, name=APP) == [APP]
    assert names(client, name_contains="mp") == [EMPTY]
    assert names(client, project_ids=[app.id]) == [APP]
    assert names(client, project_ids=[]) == []
    assert len(names(client, limit=2)) == 2
    assert client.list_projects(name="nope").first() is None
    assert next(client.list_projects(name=APP)).id == app.id


def test_a_project_with_figures(client: Client) -> None:
    many = client.read_project(project_name=MANY_PROJECT, include_stats=True)
    assert many.run_count == MANY
    assert many.last_run_start_time is not None and many.latency_p50 is not None
    assert client.read_project(project_id=many.id).run_count is None
    found = client.list_projects(name=APP, include_stats=True).first()
    assert found is not None and found.feedback_stats is not None
    assert found.feedback_stats["user_score"]["n"] == 1


def test_a_projects_page_is_the_servers(client: Client, place: Place) -> None:
    project = client.read_project(project_name=APP)
    if place.kind == "folder":
        assert project.url is None
    else:
        assert project.url == f"{place.target}/o/{project.tenant_id}/projects/p/{project.id}"


def test_whether_a_project_is_there(client: Client) -> None:
    assert client.has_project(APP) and not client.has_project("nope")
    assert client.has_project(project_id=client.read_project(project_name=APP).id)
    with pytest.raises(NotFound, match="'nope'"):
        client.read_project(project_name="nope")
    with pytest.raises(InvalidArgument, match="neither is given"):
        client.read_project()


def test_a_project_is_made_changed_and_deleted(connect: Connect) -> None:
    client = connect()
    made = client.create_project("p", description="d", metadata={"team": "a"})
    assert (made.name, made.description, made.metadata) == ("p", "d", {"team": "a"})
    with pytest.raises(Conflict):
        client.create_project("p")
    assert client.create_project("p", upsert=True, description="e").id == made.id
    end = datetime(2026, 1, 2, tzinfo=UTC)
    changed = client.update_project(made.id, name="q", end_time=end)
    assert (changed.name, changed.end_time, changed.metadata) == ("q", end, {"team": "a"})
    assert names(client, metadata={"team": "a"}) == ["q"]
    assert names(client, metadata={"team": "b"}) == []
    client.delete_project(project_name="q")
    assert names(client) == []
    with pytest.raises(NotFound):
        client.delete_project(project_id=made.id)


def test_feedback_is_listed(client: Client) -> None:
    agent = id_of("agent")
    found = client.list_feedback(run_ids=[agent]).to_list()
    assert {record.key: record.score for record in found} == {"user_score": 1, "correctness": 0.5}
    assert {record.run_id for record in found} == {agent}
    assert [record.key for record in client.list_feedback(feedback_key="user_score")] == [
        "user_score"
    ]
    assert client.list_feedback(run_ids=[uuid.uuid4()]).to_list() == []
    assert client.list_feedback(run_ids=[]).to_list() == []
    assert len(client.list_feedback(limit=1).to_list()) == 1
    assert client.list_feedback(feedback_source_type="model").first() is None


def test_feedback_of_very_many_runs_is_found(client: Client) -> None:
    ids = [uuid.uuid4() for _ in range(250)] + [id_of("agent")]
    assert len(client.list_feedback(run_ids=ids).to_list()) == 2


def test_feedback_is_made_changed_and_deleted(connect: Connect) -> None:
    client = connect()
    run_id = client.create_run("n", {}, "chain")
    assert client.flush(20)
    made = client.create_feedback(
        run_id,
        "score",
        score=1 / 3,
        value={"a": "1"},
        correction={"b": 2},
        source_info={"by": "me"},
    )
    assert (made.score, made.value, made.correction) == (0.3333, {"a": "1"}, {"b": 2})
    assert made.trace_id == run_id, "the client knows the trace of what it wrote"
    assert made.feedback_source is not None and made.feedback_source.metadata == {"by": "me"}
    changed = client.update_feedback(made.id, score=1, correction=None)
    assert (changed.score, changed.value, changed.correction) == (1, {"a": "1"}, None)
    assert client.read_feedback(made.id) == changed
    client.delete_feedback(made.id)
    with pytest.raises(NotFound):
        client.read_feedback(made.id)


def test_the_same_feedback_id_again_replaces_the_record(connect: Connect) -> None:
    client, feedback_id = connect(), uuid.uuid4()
    run_id = client.create_run("n", {}, "chain")
    for score in (0, 1):
        client.create_feedback(run_id, "score", score=score, feedback_id=feedback_id)
    assert [record.score for record in client.list_feedback(run_ids=run_id)] == [1]


def test_public_links_are_not_a_runstores(client: Client) -> None:
    with pytest.raises(InvalidRequest, match="has no public links"):
        client.share_run(id_of("agent"))
    with pytest.raises(InvalidRequest, match="has no public links"):
        client.run_is_shared(id_of("agent"))
