"""Feedback: a score, value or comment on a run. Has what `langsmith.schemas.Feedback` has."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from runstore.client.project import aware, dump

Score = float | int | bool | None


class FeedbackSource(msgspec.Struct, kw_only=True, repr_omit_defaults=True):
    """Where it came from: `type` is "api", "model", "app", ..."""

    type: str = "api"
    metadata: dict[str, Any] | None = None
    user_id: str | None = None
    user_name: str | None = None


class Feedback(msgspec.Struct, kw_only=True, repr_omit_defaults=True):
    """One record. Times are aware, in UTC."""

    id: UUID
    key: str
    created_at: datetime | None = None
    modified_at: datetime | None = None
    run_id: UUID | None = None
    trace_id: UUID | None = None
    score: Score = None
    value: Any = None  # a string, number, boolean or object
    comment: str | None = None
    correction: Any = None  # a string or an object
    feedback_source: FeedbackSource | None = None
    session_id: UUID | None = None
    start_time: datetime | None = None
    comparative_experiment_id: UUID | None = None
    feedback_group_id: UUID | None = None
    extra: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        for name in ("created_at", "modified_at", "start_time"):
            moment = getattr(self, name)
            if moment is not None:
                setattr(self, name, aware(moment))

    def model_dump(self, *, mode: Literal["python", "json"] = "python") -> dict[str, Any]:
        """A dict of all fields; "json": of what JSON can hold."""
        return dump(self, mode)
