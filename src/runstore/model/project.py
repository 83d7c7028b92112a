"""Projects: the containers of traces. The wire calls them sessions."""

from dataclasses import dataclass

from runstore.model.run import JsonText

DEFAULT_PROJECT = "default"  # of creates that name none; source: docs/wire.md#projects


@dataclass(slots=True, kw_only=True)
class Project:
    id: str
    name: str
    start_us: int
    end_us: int | None = None
    description: str | None = None
    extra: JsonText | None = None  # {"metadata": {...}, ...}
    default_dataset_id: str | None = None
    reference_dataset_id: str | None = None
    trace_tier: str | None = None


@dataclass(slots=True, kw_only=True)
class ProjectQuery:
    """Which projects GET /sessions answers with, newest first. None: not restricted by that."""

    ids: tuple[str, ...] | None = None
    name: str | None = None
    name_contains: str | None = None
    metadata: JsonText | None = None  # an object every entry of which must be there
    reference_dataset_ids: tuple[str, ...] | None = None
    is_experiment: bool | None = None  # has a reference dataset
    limit: int = 100
    offset: int = 0
    sort_by: str = "start_time"  # or name, last_run_start_time (least where there is no run)
    descending: bool = True
