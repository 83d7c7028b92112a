"""Calls about projects: requests of /sessions and their answers. No I/O.

Source: docs/wire.md#projects.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

import msgspec

from runstore.client.calls.listing import (
    Id,
    OffsetPages,
    Params,
    decoded,
    id_lists,
    id_text,
    optional_id,
)
from runstore.client.http import HttpRequest, HttpResponse, Steps
from runstore.client.project import Project
from runstore.client.serde import dump_json
from runstore.errors import InvalidArgument, NotFound

T = TypeVar("T")

# Not strict: latencies are numbers of seconds, and costs may be in quotes.
_ONE = msgspec.json.Decoder(Project, strict=False)
_LIST = msgspec.json.Decoder(list[Project], strict=False)


def list_projects(
    *,
    project_ids: Sequence[Id] | None = None,
    name: str | None = None,
    name_contains: str | None = None,
    reference_dataset_id: Id | None = None,
    reference_free: bool | None = None,
    include_stats: bool | None = None,
    limit: int | None = None,
    metadata: Mapping[str, Any] | None = None,
    host_url: str | None = None,
) -> OffsetPages[Project]:
    """Newest first. An empty `project_ids` gives nothing, not everything."""
    said: dict[str, str | None] = {
        "name": name,
        "name_contains": name_contains,
        "reference_dataset": optional_id("reference_dataset_id", reference_dataset_id),
        "reference_free": None if reference_free is None else str(reference_free).lower(),
        "include_stats": None if include_stats is None else str(include_stats).lower(),
        "metadata": None if metadata is None else dump_json(metadata).decode(),
    }
    params = tuple((key, value) for key, value in said.items() if value is not None)
    lists = [(*ids, *params) for ids in id_lists("id", project_ids)]
    decode = partial(_projects, host_url=host_url)
    return OffsetPages("/sessions", lists, decode, name=_id_of, limit=limit)


def read_project(
    *,
    project_id: Id | None = None,
    project_name: str | None = None,
    include_stats: bool = False,
    host_url: str | None = None,
) -> Steps[Project]:
    """By its id or by its name. Raises NotFound."""
    _want_one(project_id, project_name)
    stats = ("include_stats", str(include_stats).lower())
    if project_id is not None:
        path = f"/sessions/{id_text('project_id', project_id)}"
        answer = yield HttpRequest("GET", path, (stats,))
        return _project(answer, host_url)
    params: Params = (("name", str(project_name)), ("limit", "1"), stats)
    answer = yield HttpRequest("GET", "/sessions", params)
    found = _projects(answer, host_url)
    if not found:
        raise NotFound(f"there is no project {project_name!r}")
    return found[0]


def has_project(project_name: str | None, *, project_id: Id | None = None) -> Steps[bool]:
    try:
        if project_id is not None:
            yield from read_project(project_id=project_id)
        else:
            yield from read_project(project_name=project_name)
    except NotFound:
        return False
    return True


def create_project(
    project_name: str,
    *,
    description: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    upsert: bool = False,
    project_extra: Mapping[str, Any] | None = None,
    reference_dataset_id: Id | None = None,
    host_url: str | None = None,
) -> Steps[Project]:
    """Raises Conflict when there is one of this name, unless `upsert`."""
    body: dict[str, Any] = {
        "name": project_name,
        "extra": _extra(project_extra, metadata),
        "description": description,
        "reference_dataset_id": optional_id("reference_dataset_id", reference_dataset_id),
    }
    request = HttpRequest(
        "POST",
        "/sessions",
        (("upsert", "true"),) if upsert else (),
        dump_json({key: value for key, value in body.items() if value is not None}),
        is_repeatable=upsert,  # the second of two that arrive would be told of a conflict
    )
    answer = yield request
    return _project(answer, host_url)


def update_project(
    project_id: Id,
    *,
    name: str | None = None,
    description: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    project_extra: Mapping[str, Any] | None = None,
    end_time: datetime | None = None,
    host_url: str | None = None,
) -> Steps[Project]:
    """None leaves a field as it is. Raises NotFound, Conflict when the name is taken."""
    body: dict[str, Any] = {
        "name": name,
        "extra": _extra(project_extra, metadata),
        "description": description,
        "end_time": None if end_time is None else end_time.astimezone(UTC).isoformat(),
    }
    path = f"/sessions/{id_text('project_id', project_id)}"
    answer = yield HttpRequest("PATCH", path, body=dump_json(body))
    return _project(answer, host_url)


def delete_project(*, project_name: str | None = None, project_id: Id | None = None) -> Steps[None]:
    """With all its runs and their feedback. Raises NotFound."""
    _want_one(project_id, project_name)
    if project_id is None:
        project = yield from read_project(project_name=project_name)
        project_id = project.id
    yield HttpRequest("DELETE", f"/sessions/{id_text('project_id', project_id)}")


def _want_one(project_id: Id | None, project_name: str | None) -> None:
    if (project_id is None) == (project_name is None):
        given = "neither is" if project_id is None else "both are"
        raise InvalidArgument(f"give project_id or project_name; {given} given")


def _extra(
    extra: Mapping[str, Any] | None, metadata: Mapping[str, Any] | None
) -> Mapping[str, Any] | None:
    return {**(extra or {}), "metadata": metadata} if metadata else extra


def _id_of(project: Project) -> object:
    return project.id


def _project(answer: HttpResponse, host_url: str | None) -> Project:
    project = decoded(answer, _ONE, "a project")
    project._host_url = host_url
    return project


def _projects(answer: HttpResponse, host_url: str | None) -> list[Project]:
    projects = decoded(answer, _LIST, "a list of projects")
    for project in projects:
        project._host_url = host_url
    return projects
