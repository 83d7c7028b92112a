"""The real langsmith client against a real server, over every engine."""

import asyncio
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from langsmith import AsyncClient, Client, traceable, tracing_context
from langsmith import utils as ls_utils
from langsmith.run_helpers import LangSmithExtra
from langsmith.schemas import Attachment

from tests.server.live import Live, open_engine, serve

KEY = "live-key"
PROJECT = "live"
START = datetime(2026, 3, 1, 10, tzinfo=UTC)


@pytest.fixture(scope="module", params=["memory", "sqlite"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Live]:
    folder: Path = tmp_path_factory.mktemp("live")
    with serve(open_engine(request.param, folder), folder, KEY) as live:
        yield live


@pytest.fixture(scope="module", params=["", "/api/v1"])
def client(server: Live, request: pytest.FixtureRequest) -> Iterator[Client]:
    one = Client(server.url + request.param, api_key=KEY)
    yield one
    one.cleanup()


@traceable(run_type="llm", name="model")
def model(question: str) -> dict[str, Any]:
    if question == "fail":
        raise ValueError("no answer")
    usage = {"input_tokens": 5, "output_tokens": 7, "total_tokens": 12}
    return {"content": question.upper(), "usage_metadata": usage}


@traceable(name="agent", tags=["t1"], metadata={"thread_id": "th-1", "plan": {"tier": "pro"}})
def agent(question: str) -> str:
    return str(model(question)["content"])


def traced(client: Client, question: str) -> uuid.UUID:
    """Run the agent traced by `client`; its root run's id, once the server has all of it."""
    run_id = uuid.uuid4()
    extra: LangSmithExtra = {"client": client, "project_name": PROJECT, "run_id": run_id}
    try:
        with tracing_context(enabled=True):
            agent(question, langsmith_extra=extra)
    except ValueError:
        assert question == "fail"
    client.flush()
    return run_id


def test_a_traced_call_is_there_after_a_flush(client: Client) -> None:
    run = client.read_run(traced(client, "hello"), load_child_runs=True)
    assert (run.name, run.status, run.outputs) == ("agent", "success", {"output": "HELLO"})
    assert run.tags == ["t1"]
    assert [child.name for child in run.child_runs or []] == ["model"]
    assert run.total_tokens == 12
    assert run.url is not None
    assert str(run.id) in run.url


def test_a_failed_call_is_an_error(client: Client) -> None:
    run = client.read_run(traced(client, "fail"))
    assert run.status == "error"
    assert run.error is not None
    assert "no answer" in run.error


def test_list_runs_filters_and_pages(client: Client) -> None:
    ids = {traced(client, f"q{n}") for n in range(3)}
    roots = client.list_runs(project_name=PROJECT, is_root=True, filter='eq(name, "agent")')
    assert ids <= {run.id for run in roots}
    found = client.list_runs(id=sorted(ids, key=str), limit=2)
    assert len(list(found)) == 2
    with_model = client.list_runs(
        id=sorted(ids, key=str), tree_filter='and(eq(run_type, "llm"), gt(total_tokens, 5))'
    )
    assert {run.id for run in with_model} == ids


def test_a_wrong_filter_is_told_with_its_place(client: Client) -> None:
    with pytest.raises(ls_utils.LangSmithError, match="did you mean|unknown"):
        list(client.list_runs(filter="eq(nam, 1)", id=[uuid.uuid4()]))


def test_a_run_nobody_wrote_is_not_found(client: Client) -> None:
    with pytest.raises(ls_utils.LangSmithNotFoundError, match="Run not found"):
        client.read_run(uuid.uuid4())


def test_a_wrong_key_is_an_auth_error(server: Live) -> None:
    stranger = Client(server.url, api_key="wrong", auto_batch_tracing=False)
    with pytest.raises(ls_utils.LangSmithAuthError):
        stranger.read_run(uuid.uuid4())


def test_runs_are_created_and_updated_by_hand(server: Live) -> None:
    client = Client(server.url, api_key=KEY, auto_batch_tracing=False)
    run_id = uuid.uuid4()
    client.create_run(
        "by hand", {"a": 1}, "chain", id=run_id, project_name=PROJECT, start_time=START
    )
    client.update_run(run_id, outputs={"b": 2}, end_time=START + timedelta(seconds=2))
    run = client.read_run(run_id)
    assert (run.inputs, run.outputs, run.status) == ({"a": 1}, {"b": 2}, "success")
    assert run.start_time.replace(tzinfo=UTC) == START


def test_batch_ingest_without_multipart(client: Client) -> None:
    run_id, when = uuid.uuid4(), "20260301T100000000000Z"
    run = {
        "id": run_id,
        "trace_id": run_id,
        "dotted_order": f"{when}{run_id}",
        "name": "batched",
        "run_type": "chain",
        "inputs": {},
        "session_name": PROJECT,
        "start_time": START,
    }
    client.batch_ingest_runs(create=[run], update=[])
    assert client.read_run(run_id).name == "batched"


def test_a_refused_run_is_named_and_the_others_are_stored(client: Client) -> None:
    good, bad, stray = (str(uuid.uuid4()) for _ in range(3))
    runs = [
        {"id": good, "name": "good", "run_type": "chain", "session_name": PROJECT},
        {"id": bad, "name": "bad", "run_type": "chain", "start_time": "yesterday"},
        {"id": stray, "name": "stray", "run_type": "chain", "session_id": str(uuid.uuid4())},
    ]
    answer = client.request_with_retries("POST", "/runs/batch", json={"post": runs})
    assert answer.status_code == 202
    assert {one["run_id"] for one in answer.json()["refused"]} == {bad, stray}
    assert client.read_run(good).name == "good"
    with pytest.raises(ls_utils.LangSmithNotFoundError):
        client.read_run(stray)


def test_attachments_come_back(client: Client) -> None:
    run_id = uuid.uuid4()
    content = b"\x00\xff" * 100_000
    client.create_run(
        "with a file",
        {},
        "chain",
        id=run_id,
        trace_id=run_id,
        dotted_order=f"20260301T100000000000Z{run_id}",
        project_name=PROJECT,
        attachments={"photo": Attachment(mime_type="image/png", data=content)},
    )
    client.flush()
    run = client.read_run(run_id)
    assert run.attachments is not None
    assert run.attachments["photo"]["reader"].read() == content
    [listed] = client.list_runs(id=[run_id], select=["id", "s3_urls"])
    assert listed.attachments is not None
    assert listed.attachments["photo"]["mime_type"] == "image/png"


@pytest.mark.parametrize("background", [False, True], ids=["at once", "in the background"])
def test_feedback_lives_its_life(client: Client, background: bool) -> None:
    run_id = traced(client, "rate me")
    project_id = client.read_run(run_id).session_id
    said = client.create_feedback(
        run_id,
        "quality",
        score=0.5,
        comment="fine",
        session_id=project_id,
        trace_id=run_id if background else None,
    )
    client.flush()
    kept = client.read_feedback(said.id)
    assert (kept.key, kept.score, kept.comment, kept.run_id) == ("quality", 0.5, "fine", run_id)
    assert [one.id for one in client.list_feedback(run_ids=[run_id])] == [said.id]
    client.update_feedback(said.id, score=1, comment=None)
    assert client.read_feedback(said.id).score == 1
    stats = client.read_run(run_id).feedback_stats
    assert stats is not None
    assert stats["quality"]["avg"] == 1
    client.delete_feedback(said.id)
    assert list(client.list_feedback(run_ids=[run_id], feedback_key=["quality"])) == []


def test_projects_live_their_life(client: Client) -> None:
    name = f"project {uuid.uuid4()}"
    assert not client.has_project(name)
    made = client.create_project(name, description="d", metadata={"k": "v"})
    assert client.has_project(name)
    with pytest.raises(ls_utils.LangSmithConflictError):
        client.create_project(name)
    assert client.create_project(name, description="e", upsert=True).id == made.id
    assert client.read_project(project_name=name).description == "e"
    by_id = client.read_project(project_id=str(made.id), include_stats=True)
    assert by_id.run_count == 0
    assert [one.id for one in client.list_projects(metadata={"k": "v"}, name=name)] == [made.id]
    assert [one.id for one in client.list_projects(name_contains=name[:20])] == [made.id]
    client.update_project(made.id, name=f"{name} done", end_time=START)
    assert client.read_project(project_id=str(made.id)).name == f"{name} done"
    client.delete_project(project_id=str(made.id))
    with pytest.raises(ls_utils.LangSmithNotFoundError):
        client.read_project(project_name=f"{name} done")


def test_stats_and_urls(client: Client) -> None:
    run = client.read_run(traced(client, "count me"))
    stats = client.get_run_stats(project_names=[PROJECT], id=[str(run.id)])
    assert (stats["run_count"], stats["total_tokens"] >= 0) == (1, True)
    assert str(run.id) in client.get_run_url(run=run, project_name=PROJECT)


def test_the_async_client_reads_and_writes(server: Live, client: Client) -> None:
    run_id = traced(client, "from afar")

    async def scenario() -> None:
        async with AsyncClient(server.url, api_key=KEY) as far:
            run = await far.read_run(run_id)
            assert run.name == "agent"
            listed = far.list_runs(project_name=PROJECT, filter=f'eq(id, "{run_id}")')
            assert [one.id async for one in listed] == [run_id]
            said = await far.create_feedback(run_id, key="k", score=1, session_id=run.session_id)
            assert (await far.read_feedback(said.id)).score == 1
            assert [one.id async for one in far.list_feedback(run_ids=[run_id])] == [said.id]
            await far.delete_feedback(said.id)
            project = await far.create_project(f"far {uuid.uuid4()}")
            assert (await far.read_project(project_id=str(project.id))).name == project.name
            await far.delete_project(project_id=str(project.id))
            other = uuid.uuid4()
            await far.create_run(
                "far run", {}, "chain", id=other, project_name=PROJECT, start_time=START
            )
            await far.update_run(other, outputs={"x": 1}, end_time=START)
            assert (await far.read_run(other)).outputs == {"x": 1}

    asyncio.run(scenario())
