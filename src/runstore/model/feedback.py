"""Feedback: a key with a score, value or comment, said about a run."""

from dataclasses import dataclass

from runstore.model.run import JsonText


@dataclass(slots=True, kw_only=True)
class Feedback:
    """One record. It may arrive before its run, and counts from the moment the run is there."""

    id: str
    key: str
    run_id: str | None = None  # None: feedback on a project
    trace_id: str | None = None
    project_id: str | None = None
    score: float | None = None  # true is 1, false is 0
    value: JsonText | None = None  # string, number, bool or object, as JSON
    comment: str | None = None
    correction: JsonText | None = None
    source: JsonText | None = None  # {"type": "api" | "app" | "model", "metadata": {...}}
    extra: JsonText | None = None
    created_us: int = 0
    modified_us: int = 0
    comparative_experiment_id: str | None = None
    feedback_group_id: str | None = None


@dataclass(slots=True, kw_only=True)
class FeedbackQuery:
    """Which records GET /feedback answers with. None: not restricted by that."""

    ids: tuple[str, ...] | None = None
    run_ids: tuple[str, ...] | None = None
    project_ids: tuple[str, ...] | None = None
    keys: tuple[str, ...] | None = None
    source_types: tuple[str, ...] | None = None
    created_min_us: int | None = None
    created_max_us: int | None = None
    has_score: bool | None = None
    has_comment: bool | None = None
    limit: int = 100
    offset: int = 0
