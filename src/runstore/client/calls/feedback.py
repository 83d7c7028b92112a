"""Calls about feedback: requests of /feedback and their answers. No I/O.

Source: docs/wire.md#feedback.
"""

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from typing import Any, TypedDict, Unpack

import msgspec

from runstore.client.asking import Id, as_time
from runstore.client.calls.bodies import FeedbackWrite
from runstore.client.calls.listing import (
    OffsetPages,
    decoded,
    id_lists,
    id_text,
    optional_id,
    refuse_unknown,
)
from runstore.client.feedback import Feedback, Score
from runstore.client.http import HttpRequest, HttpResponse, Steps
from runstore.client.serde import dump_json
from runstore.errors import InvalidArgument

_ONE = msgspec.json.Decoder(Feedback)
_LIST = msgspec.json.Decoder(list[Feedback])
_SCORE_DECIMALS = 4  # LangSmith keeps no more, and refuses what has more


class FeedbackGiven(TypedDict, total=False):
    """What create_feedback takes beside run_id and key; the SDK's names."""

    score: Score
    value: Any  # a string, number, boolean or mapping
    trace_id: Id | None
    correction: Mapping[str, Any] | str | None
    comment: str | None
    source_info: Mapping[str, Any] | None
    feedback_source_type: str | Enum
    source_run_id: Id | None  # of the run that made it, if a model did
    feedback_id: Id | None
    feedback_config: Mapping[str, Any] | None
    project_id: Id | None  # of a project as a whole: no run_id then
    session_id: Id | None  # the run's project
    start_time: datetime | str | None  # the run's
    comparative_experiment_id: Id | None
    feedback_group_id: Id | None
    extra: Mapping[str, Any] | None
    error: bool | None


class FeedbackChange(TypedDict, total=False):
    """What update_feedback takes. None clears a field, what is left out stays."""

    score: Score
    value: Any
    correction: Mapping[str, Any] | str | None
    comment: str | None


class FeedbackFilters(TypedDict, total=False):
    """Which feedback. All that is given must hold; of several keys or sources, one of them."""

    run_ids: Iterable[Id] | Id | None
    feedback_key: Sequence[str] | str | None
    feedback_source_type: Sequence[str | Enum] | str | Enum | None
    session_id: Id | None  # the project's
    has_score: bool | None
    has_comment: bool | None
    min_created_at: datetime | str | None
    max_created_at: datetime | str | None
    limit: int | None


def create_feedback(record: FeedbackWrite) -> Steps[Feedback]:
    """The record as the server has it. The same id again replaces it."""
    answer = yield HttpRequest("POST", "/feedback", body=record.body)
    return _feedback(answer)


def make_feedback(
    run_id: Id | None,
    key: str,
    given: FeedbackGiven,
    *,
    now: datetime,
    new_id: Callable[[], uuid.UUID] = uuid.uuid4,
) -> FeedbackWrite:
    """A record ready to be sent: at once, or beside runs. Raises InvalidArgument."""
    trace_id = optional_id("trace_id", given.get("trace_id"))
    the_run = optional_id("run_id", run_id) or trace_id
    project_id = optional_id("project_id", given.get("project_id"))
    if (the_run is None) == (project_id is None):
        raise InvalidArgument(
            "feedback is on a run (run_id or trace_id) or on a project (project_id): give one"
        )
    said_id = given.get("feedback_id")
    feedback_id = str(new_id()) if said_id is None else id_text("feedback_id", said_id)
    made_at = now.astimezone(UTC).isoformat(timespec="microseconds")
    start = given.get("start_time")
    fields: dict[str, Any] = {
        "id": feedback_id,
        "key": key,
        "run_id": the_run,
        "trace_id": trace_id,
        "session_id": optional_id("session_id", given.get("session_id")) or project_id,
        "score": _score(given.get("score")),
        "value": given.get("value"),
        "comment": given.get("comment"),
        "correction": given.get("correction"),
        "feedback_source": _source(given),
        "feedback_config": given.get("feedback_config"),
        "start_time": None if start is None else as_time("start_time", start),
        "extra": given.get("extra"),
        "error": given.get("error"),
        "created_at": made_at,
        "modified_at": made_at,
    }
    for name, value in (
        ("comparative_experiment_id", given.get("comparative_experiment_id")),
        ("feedback_group_id", given.get("feedback_group_id")),
    ):
        fields[name] = optional_id(name, value)
    body = dump_json({name: value for name, value in fields.items() if value is not None})
    return FeedbackWrite(feedback_id, the_run or "", body)


def as_feedback(record: FeedbackWrite) -> Feedback:
    """What will be there when a queued record has been sent."""
    return _ONE.decode(record.body)


def list_feedback(**asked: Unpack[FeedbackFilters]) -> OffsetPages[Feedback]:
    """Newest first, as long as one request can hold the run ids. Empty `run_ids` give nothing."""
    refuse_unknown(asked, FeedbackFilters, "list_feedback")
    params = [("key", key) for key in _several(asked.get("feedback_key"))]
    params += [("source", _word(kind)) for kind in _several(asked.get("feedback_source_type"))]
    if (session_id := asked.get("session_id")) is not None:
        params.append(("session", id_text("session_id", session_id)))
    for name in ("has_score", "has_comment"):
        if (flag := asked.get(name)) is not None:
            params.append((name, str(flag).lower()))
    for name, moment in (
        ("min_created_at", asked.get("min_created_at")),
        ("max_created_at", asked.get("max_created_at")),
    ):
        if moment is not None:
            params.append((name, as_time(name, moment)))
    lists = [(*ids, *params) for ids in id_lists("run", asked.get("run_ids"))]
    return OffsetPages("/feedback", lists, _feedbacks, name=_id_of, limit=asked.get("limit"))


def read_feedback(feedback_id: Id) -> Steps[Feedback]:
    """Raises NotFound."""
    answer = yield HttpRequest("GET", f"/feedback/{id_text('feedback_id', feedback_id)}")
    return _feedback(answer)


def update_feedback(feedback_id: Id, change: FeedbackChange) -> Steps[Feedback]:
    """The record after the change. Raises NotFound."""
    refuse_unknown(change, FeedbackChange, "update_feedback")
    fields: dict[str, Any] = dict(change)
    if "score" in fields:
        fields["score"] = _score(fields["score"])
    path = f"/feedback/{id_text('feedback_id', feedback_id)}"
    answer = yield HttpRequest("PATCH", path, body=dump_json(fields))
    return _feedback(answer)


def delete_feedback(feedback_id: Id) -> Steps[None]:
    """Raises NotFound."""
    yield HttpRequest("DELETE", f"/feedback/{id_text('feedback_id', feedback_id)}")


def _score(score: Score) -> Score:
    return round(score, _SCORE_DECIMALS) if isinstance(score, float) else score


def _source(given: FeedbackGiven) -> dict[str, Any]:
    metadata = dict(given.get("source_info") or {})
    run_id = optional_id("source_run_id", given.get("source_run_id"))
    if run_id is not None:
        metadata.setdefault("__run", {"run_id": run_id})
    return {"type": _word(given.get("feedback_source_type") or "api"), "metadata": metadata}


def _word(kind: str | Enum) -> str:
    return str(kind.value if isinstance(kind, Enum) else kind)


def _several(values: Any) -> list[Any]:
    if values is None:
        return []
    return [values] if isinstance(values, str | Enum) else list(values)


def _id_of(record: Feedback) -> object:
    return record.id


def _feedback(answer: HttpResponse) -> Feedback:
    return decoded(answer, _ONE, "a feedback record")


def _feedbacks(answer: HttpResponse) -> list[Feedback]:
    return decoded(answer, _LIST, "a list of feedback records")
