"""create_run and update_run: what is written comes back, at every place and in both modes."""

import contextlib
import gc
import time
import uuid
import weakref
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from runstore import Client, InvalidArgument
from runstore.errors import FolderNotFound
from runstore.limits import NAME_CHARS_MAX, WRITE_BATCH_OPERATIONS
from tests.client.conftest import Connect, Place

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def writer(connect: Connect) -> Client:
    return connect()


def read(client: Client, run_id: Any) -> Any:
    assert client.flush(20)
    assert client.write_stats.lost == 0, client.write_stats
    return client.read_run(run_id)


def test_a_run_comes_back_as_it_was_written(writer: Client) -> None:
    run_id = writer.create_run(
        "step",
        {"question": "why"},
        "llm",
        id=uuid.uuid4(),
        project_name="p",
        start_time=START,
        end_time=START + timedelta(seconds=2),
        outputs={"answer": 42},
        tags=["a", "b"],
        extra={"runtime": {"sdk": "own"}},
        metadata={"tenant": "acme"},
        usage_metadata={"input_tokens": 3, "output_tokens": 4},
        events=[{"name": "new_token", "time": "2026-01-02T03:04:06Z"}],
    )
    run = read(writer, run_id)
    assert (run.id, run.name, run.run_type, run.status) == (run_id, "step", "llm", "success")
    assert (run.start_time, run.latency) == (START, 2)
    assert (run.inputs, run.outputs) == ({"question": "why"}, {"answer": 42})
    assert run.tags == ["a", "b"]
    assert run.metadata["tenant"] == "acme" and run.extra["runtime"] == {"sdk": "own"}
    assert (run.prompt_tokens, run.completion_tokens, run.total_tokens) == (3, 4, 7)
    assert run.events[0]["name"] == "new_token"
    assert writer.read_project(project_name="p").id == run.session_id


def test_a_trace_is_written_by_parent_ids_alone(writer: Client) -> None:
    root = writer.create_run("root", {}, "chain", project_name="p")
    child = writer.create_run("child", {}, "chain", parent_run_id=root)
    leaf = writer.create_run("leaf", {}, "tool", parent_run_id=str(child))
    for run_id in (leaf, child, root):
        writer.update_run(run_id, outputs={"done": True})
    assert writer.flush(20)
    trace = writer.read_trace(root)
    below = [run for run in trace.child_runs or () for run in (run, *(run.child_runs or ()))]
    assert [run.id for run in below] == [child, leaf]
    assert {run.status for run in (trace, *below)} == {"success"}
    assert writer.read_run(leaf).parent_run_ids == [root, child]


def test_a_child_of_a_run_that_another_client_created_finds_its_place(connect: Connect) -> None:
    one, other = connect(), connect()
    root = one.create_run("root", {}, "chain", project_name="p")
    one.flush(20)
    child = other.create_run("child", {}, "tool", parent_run_id=root, project_name="p")
    run = read(other, child)
    assert (run.trace_id, run.parent_run_id) == (root, root)


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "in two"])
def test_an_update_adds_to_its_run(writer: Client, together: bool) -> None:
    run_id = writer.create_run("n", {"a": 1}, "chain", tags=["x"], metadata={"a": 1, "b": 1})
    if not together:
        assert writer.flush(20)
    writer.update_run(run_id, tags=["y"], metadata={"b": 2}, end_time=START + timedelta(days=999))
    writer.update_run(run_id, name="renamed", error=ValueError("bad"))
    run = read(writer, run_id)
    assert (run.name, run.inputs, run.error) == ("renamed", {"a": 1}, "ValueError('bad')")
    assert run.status == "error"
    assert set(run.tags) == {"x", "y"}
    assert {key: run.metadata[key] for key in "ab"} == {"a": 1, "b": 2}
    assert run.end_time == START + timedelta(days=999), "an error does not move the end"


def test_a_run_that_was_not_updated_is_pending(writer: Client) -> None:
    assert read(writer, writer.create_run("n", {}, "chain")).status == "pending"


def test_without_a_project_a_run_goes_to_the_environments(
    writer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANGSMITH_PROJECT", "mine")
    run = read(writer, writer.create_run("n", {}, "chain"))
    assert writer.read_project(project_id=run.session_id).name == "mine"


def test_attachments_come_back(writer: Client) -> None:
    data = bytes(range(256)) * 50
    run_id = writer.create_run(
        "n", {}, "llm", attachments={"pic": ("image/png", data), "note": ("text/plain", b"hi")}
    )
    run = read(writer, run_id)
    assert {name: one.mime_type for name, one in run.attachments.items()} == {
        "pic": "image/png",
        "note": "text/plain",
    }
    assert writer.read_attachment(run.attachments["pic"]) == data
    [listed] = writer.list_runs(run_ids=run_id, select=["name", "attachments"])
    assert writer.read_attachment(listed.attachments["pic"]) == data


def test_any_value_can_be_an_input(writer: Client) -> None:
    class Odd:
        def __repr__(self) -> str:
            return "Odd()"

    run_id = writer.create_run(
        "n", {"odd": Odd(), "half": "a\ud800", "set": {1}, "big": 2**70, 5: b"x"}, "llm"
    )
    inputs = read(writer, run_id).inputs
    assert (inputs["odd"], inputs["half"], inputs["set"]) == ("Odd()", "a", [1])
    assert (inputs["big"], inputs["5"]) == (2**70, "eA==")


def test_what_the_server_refuses_is_counted_and_the_rest_is_stored(writer: Client) -> None:
    good = writer.create_run("good", {}, "chain")
    bad = writer.create_run("x" * (NAME_CHARS_MAX + 1), {}, "chain")
    assert writer.flush(20)
    stats = writer.write_stats
    assert (stats.sent, stats.refused, stats.dropped) == (1, 1, 0)
    assert stats.refusals[0].run_id == str(bad) and "name" in stats.refusals[0].reason
    assert writer.read_run(good).name == "good"


def test_an_update_that_went_into_a_refused_create_is_refused_too(writer: Client) -> None:
    bad = writer.create_run("x" * (NAME_CHARS_MAX + 1), {}, "chain")
    writer.update_run(bad, outputs={})
    writer.create_run("good", {}, "chain")
    assert writer.flush(20)
    stats = writer.write_stats
    assert (stats.sent, stats.refused, stats.dropped) == (1, 2, 0)


def test_more_than_a_batch_is_written(writer: Client) -> None:
    count = WRITE_BATCH_OPERATIONS * 2 + 50
    ids = {writer.create_run(f"n{number}", {"n": number}, "tool") for number in range(count)}
    assert writer.flush(30)
    assert {run.id for run in writer.list_runs(project_name="default")} == ids
    assert writer.write_stats.sent == count


def test_feedback_comes_along_in_the_background(writer: Client) -> None:
    run_id = writer.create_run("n", {}, "chain")
    record = writer.create_feedback(run_id, "score", score=0.5, comment="c", background=True)
    run = read(writer, run_id)
    assert run.feedback_stats["score"]["avg"] == 0.5
    stored = writer.read_feedback(record.id)
    assert (stored.score, stored.comment, stored.trace_id) == (0.5, "c", run_id)


@pytest.mark.parametrize("own_place", ["http"], indirect=True)
def test_writing_to_a_folder_that_a_server_holds_is_dropped_and_said(
    own_place: Place, tmp_path: Path
) -> None:
    with Client(own_place.target) as over_http, Client(tmp_path) as one:
        assert not over_http.has_project("p"), "the server is up"
        one.create_run("n", {}, "chain")
        assert one.flush(20)
        stats = one.write_stats
    assert (stats.sent, stats.dropped) == (0, 1)
    assert "FolderBusy" in (stats.last_error or "")


def test_a_forgotten_client_goes_and_what_it_wrote_is_sent(own_place: Place) -> None:
    one: Client | None = Client(own_place.target)
    assert one is not None
    forgotten = weakref.ref(one)
    run_id = one.create_run("n", {}, "chain")
    one = None
    gc.collect()
    assert forgotten() is None
    with Client(own_place.target) as other:
        for _ in range(200):
            with contextlib.suppress(FolderNotFound):
                if other.list_runs(run_ids=[run_id]).first() is not None:
                    return
            time.sleep(0.05)
    pytest.fail("the run did not come")


def test_closing_sends_what_waits(connect: Connect) -> None:
    one = connect()
    run_id = one.create_run("n", {}, "chain")
    one.close()
    assert connect().read_run(run_id).name == "n"


def test_a_wrong_argument_is_told_at_once_and_nothing_is_queued(writer: Client) -> None:
    with pytest.raises(InvalidArgument, match="parent_run_id: 'x' is not a UUID"):
        writer.create_run("n", {}, "chain", parent_run_id="x")
    with pytest.raises(TypeError, match="update_run.*'outpust'; did you mean outputs"):
        writer.update_run(uuid.uuid4(), outpust={})  # type: ignore[call-arg]
    assert writer.write_stats.queued == 0
