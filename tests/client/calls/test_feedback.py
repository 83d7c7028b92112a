"""Requests of /feedback, and records as they come back."""

import uuid
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import pytest
from langsmith import schemas

from runstore.client.calls.feedback import (
    as_feedback,
    create_feedback,
    delete_feedback,
    list_feedback,
    make_feedback,
    read_feedback,
    update_feedback,
)
from runstore.errors import InvalidArgument
from runstore.wire.feedback import decode_feedback
from tests.client.calls.answering import always, run_steps

ID = "11111111-1111-4111-8111-111111111111"
RUN = "22222222-2222-4222-8222-222222222222"
TRACE = "33333333-3333-4333-8333-333333333333"
PROJECT = "44444444-4444-4444-8444-444444444444"
NOW = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
NOW_TEXT = "2026-01-02T03:04:05.000678+00:00"
FIELDS: dict[str, Any] = {
    "id": ID,
    "key": "score",
    "run_id": RUN,
    "trace_id": TRACE,
    "session_id": PROJECT,
    "score": 0.5,
    "value": {"a": "1"},
    "comment": "c",
    "correction": {"right": 1},
    "feedback_source": {"type": "model", "metadata": {"m": 1}, "user_id": None},
    "extra": {"x": 1},
    "created_at": "2026-01-02T03:04:05.678901",
    "modified_at": "2026-01-02T03:04:05Z",
    "a_field_of_tomorrow": 1,
}
BODY = orjson.dumps(FIELDS)


def made(run_id: Any = RUN, key: str = "k", **given: Any) -> dict[str, Any]:
    record = make_feedback(run_id, key, given, now=NOW, new_id=lambda: uuid.UUID(ID))  # type: ignore[arg-type]
    fields: dict[str, Any] = orjson.loads(record.body)
    return fields


def test_a_record_has_what_the_sdks_has() -> None:
    record, _ = run_steps(read_feedback(ID), always(BODY))
    theirs = schemas.Feedback(**FIELDS)
    for name in schemas.Feedback.model_fields:
        if name == "feedback_source":
            continue
        if name in ("created_at", "modified_at"):  # theirs stays naive
            assert getattr(record, name).tzinfo is UTC
            continue
        assert getattr(record, name) == getattr(theirs, name), name
    assert theirs.feedback_source is not None
    assert record.feedback_source.type == theirs.feedback_source.type
    assert record.feedback_source.metadata == theirs.feedback_source.metadata
    assert record.model_dump()["feedback_source"]["type"] == "model"
    assert record.model_dump(mode="json")["id"] == ID


def test_the_least_that_create_feedback_sends() -> None:
    assert made() == {
        "id": ID,
        "key": "k",
        "run_id": RUN,
        "feedback_source": {"type": "api", "metadata": {}},
        "created_at": NOW_TEXT,
        "modified_at": NOW_TEXT,
    }


@pytest.mark.parametrize(
    "given, field, sent",
    [
        pytest.param({"score": True}, "score", True, id="a boolean score stays one"),
        pytest.param({"score": 1 / 3}, "score", 0.3333, id="4 decimals, as LangSmith keeps"),
        pytest.param({"score": 0}, "score", 0, id="zero is a score"),
        pytest.param({"value": {"a": 1}}, "value", {"a": 1}, id="a value"),
        pytest.param({"comment": "c"}, "comment", "c", id="a comment"),
        pytest.param({"trace_id": UUID(TRACE)}, "trace_id", TRACE, id="the trace"),
        pytest.param({"session_id": PROJECT}, "session_id", PROJECT, id="the project"),
        pytest.param({"feedback_id": TRACE}, "id", TRACE, id="an id of one's own"),
        pytest.param(
            {"feedback_source_type": "model", "source_run_id": TRACE, "source_info": {"a": 1}},
            "feedback_source",
            {"type": "model", "metadata": {"a": 1, "__run": {"run_id": TRACE}}},
            id="made by a model's run",
        ),
        pytest.param(
            {"feedback_source_type": schemas.FeedbackSourceType.MODEL},
            "feedback_source",
            {"type": "model", "metadata": {}},
            id="the SDK's enum",
        ),
        pytest.param({"extra": {"o": {1}}}, "extra", {"o": [1]}, id="what JSON has no form for"),
    ],
)
def test_a_field_is_sent(given: dict[str, Any], field: str, sent: Any) -> None:
    assert made(**given)[field] == sent


def test_a_trace_alone_means_its_root() -> None:
    fields = made(None, trace_id=TRACE)
    assert (fields["run_id"], fields["trace_id"]) == (TRACE, TRACE)


def test_a_project_can_have_feedback_without_a_run() -> None:
    fields = made(None, project_id=PROJECT)
    assert "run_id" not in fields and fields["session_id"] == PROJECT


@pytest.mark.parametrize(
    "run_id, given, said",
    [
        (None, {}, "on a run .* or on a project"),
        (RUN, {"project_id": PROJECT}, "give one"),
        ("run", {}, "run_id: 'run' is not a UUID"),
    ],
)
def test_feedback_on_nothing_is_refused(run_id: Any, given: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidArgument, match=said):
        made(run_id, **given)


def test_the_server_reads_what_is_sent() -> None:
    given: Any = {"score": 0.25, "value": "v", "comment": "c", "trace_id": TRACE}
    record = make_feedback(RUN, "k", given, now=NOW, new_id=lambda: uuid.UUID(ID))
    read = decode_feedback(record.body, new_id=lambda: "", now_us=0)
    assert (read.id, read.key, read.run_id, read.trace_id) == (ID, "k", RUN, TRACE)
    assert (read.score, read.value, read.comment) == (0.25, b'"v"', "c")
    ours = as_feedback(record)
    assert (ours.id, ours.score, ours.created_at) == (UUID(ID), 0.25, NOW)


def test_create_feedback_gives_the_servers_record() -> None:
    record = make_feedback(RUN, "k", {}, now=NOW)
    found, sent = run_steps(create_feedback(record), always(BODY))
    assert found.key == "score"
    assert (sent[0].method, sent[0].path, sent[0].body) == ("POST", "/feedback", record.body)


@pytest.mark.parametrize(
    "given, params",
    [
        ({}, []),
        ({"run_ids": [RUN, UUID(TRACE)]}, [("run", RUN), ("run", TRACE)]),
        ({"feedback_key": "a"}, [("key", "a")]),
        ({"feedback_key": ["a", "b"]}, [("key", "a"), ("key", "b")]),
        (
            {"feedback_source_type": [schemas.FeedbackSourceType.API, "app"]},
            [("source", "api"), ("source", "app")],
        ),
        ({"session_id": PROJECT}, [("session", PROJECT)]),
        (
            {"has_score": True, "has_comment": False},
            [("has_score", "true"), ("has_comment", "false")],
        ),
        ({"min_created_at": NOW}, [("min_created_at", NOW_TEXT)]),
    ],
)
def test_filters_of_list_feedback(given: dict[str, Any], params: list[tuple[str, str]]) -> None:
    records, sent = run_steps(list_feedback(**given).next_page(), always(b"[" + BODY + b"]"))
    assert len(records) == 1
    assert list(sent[0].params) == [*params, ("limit", "100"), ("offset", "0")]


def test_feedback_of_no_run_is_none_and_nothing_is_asked() -> None:
    assert list_feedback(run_ids=[]).is_done


@pytest.mark.parametrize(
    "change, body",
    [
        ({"score": 1 / 3}, {"score": 0.3333}),
        ({"comment": None}, {"comment": None}),
        ({}, {}),
    ],
    ids=["a new score", "None clears", "what is left out stays"],
)
def test_what_update_feedback_sends(change: Any, body: dict[str, Any]) -> None:
    found, sent = run_steps(update_feedback(ID, change), always(BODY))
    assert found.key == "score"
    assert (sent[0].method, sent[0].path) == ("PATCH", f"/feedback/{ID}")
    assert orjson.loads(sent[0].body) == body


def test_update_feedback_knows_its_fields() -> None:
    with pytest.raises(TypeError, match="update_feedback.*'scores'; did you mean score"):
        run_steps(update_feedback(ID, {"scores": 1}), always(BODY))  # type: ignore[typeddict-unknown-key]


def test_feedback_is_deleted() -> None:
    _, sent = run_steps(delete_feedback(ID), always(b"{}"))
    assert (sent[0].method, sent[0].path) == ("DELETE", f"/feedback/{ID}")
