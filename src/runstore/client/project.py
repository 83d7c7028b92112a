"""Project: the container of traces. Has what `langsmith.schemas.TracerSessionResult` has."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

import msgspec


class Project(msgspec.Struct, kw_only=True, repr_omit_defaults=True):
    """Times are aware, in UTC; latencies are timedeltas, costs exact US dollars.

    The figures, from `run_count` on, are None unless `include_stats` was asked for.
    """

    id: UUID
    name: str | None = None
    tenant_id: UUID | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    description: str | None = None
    extra: dict[str, Any] | None = None
    default_dataset_id: UUID | None = None
    reference_dataset_id: UUID | None = None
    trace_tier: str | None = None
    run_count: int | None = None
    latency_p50: timedelta | None = None
    latency_p99: timedelta | None = None
    total_tokens: int | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    last_run_start_time: datetime | None = None
    feedback_stats: dict[str, Any] | None = None
    session_feedback_stats: dict[str, Any] | None = None
    run_facets: list[dict[str, Any]] | None = None
    total_cost: Decimal | None = None
    prompt_cost: Decimal | None = None
    completion_cost: Decimal | None = None
    first_token_p50: timedelta | None = None
    first_token_p99: timedelta | None = None
    error_rate: float | None = None
    _host_url: str | None = None  # where the client that read it finds its pages

    def __post_init__(self) -> None:
        for name in ("start_time", "end_time", "last_run_start_time"):
            moment = getattr(self, name)
            if moment is not None:
                setattr(self, name, aware(moment))

    @property
    def metadata(self) -> dict[str, Any]:
        """extra["metadata"], {} without one."""
        found = (self.extra or {}).get("metadata")
        return found if isinstance(found, dict) else {}

    @property
    def tags(self) -> list[str]:
        found = (self.extra or {}).get("tags")
        return found if isinstance(found, list) else []

    @property
    def url(self) -> str | None:
        """Its page in the user interface; None for a folder."""
        if self._host_url is None:
            return None
        return f"{self._host_url}/o/{self.tenant_id}/projects/p/{self.id}"

    def model_dump(self, *, mode: Literal["python", "json"] = "python") -> dict[str, Any]:
        """A dict of all fields; "json": of what JSON can hold."""
        return dump(self, mode)


def aware(moment: datetime) -> datetime:
    """The wire's times without a zone are UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def dump(struct: msgspec.Struct, mode: str) -> dict[str, Any]:
    fields = msgspec.to_builtins(struct) if mode == "json" else msgspec.structs.asdict(struct)
    return {
        name: dump(value, mode) if isinstance(value, msgspec.Struct) else value
        for name, value in fields.items()
        if not name.startswith("_")
    }
