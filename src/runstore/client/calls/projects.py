"""Calls about projects: requests of /sessions and their answers. No I/O.

Source: docs/wire.md#projects.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, TypedDict, Unpack

import msgspec

from runstore.client.asking import Id, as_name, as_time
from runstore.client.calls.listing import (
    OffsetPages,
    Params,
    decoded,
    id_lists,
    id_text,
    optional_id,
    refuse_unknown,
)
from runstore.client.http import HttpRequest, HttpResponse, Steps
from runstore.client.project import Project
from runstore.client.serde import dump_json
from runstore.errors import InvalidArgument, NotFound

# Not strict: latencies are numbers of seconds, and costs may be in quotes.
_ONE = msgspec.json.Decoder(Project, strict=False)
_LIST = msgspec.json.Decoder(list[Project], strict=False)


class ProjectFilters(TypedDict, total=False):
    """Which projects. All that is given must hold."""

    project_ids: Iterable[Id] | Id | None
    name: str | None
    name_contains: str | None
    reference_dataset_id: Id | None
    reference_free: bool | None  # True: no experiments; False: experiments alone
    include_stats: bool | None
    metadata: Mapping[str, Any] | None
    limit: int | None


class ProjectFields(TypedDict, total=False):
    """Of a new project. `metadata` goes into project_extra["metadata"]."""

    description: str | None
    metadata: Mapping[str, Any] | None
    project_extra: Mapping[str, Any] | None
    reference_dataset_id: Id | None


class ProjectChange(TypedDict, total=False):
    """Of a project there is."""

    name: str | None
    description: str | None
    metadata: Mapping[str, Any] | None
    project_extra: Mapping[str, Any] | None
    end_time: datetime | str | None


def list_projects(
    *, host_url: str | None = None, **asked: Unpack[ProjectFilters]
) -> OffsetPages[Project]:
    """Newest first. An empty `project_ids` gives nothing, not everything."""
    refuse_unknown(asked, ProjectFilters, "list_projects")
    metadata = asked.get("metadata")
    said: dict[str, str | None] = {
        "name": None if asked.get("name") is None else as_name("name", asked["name"]),
        "name_contains": asked.get("name_contains"),
        "reference_dataset": optional_id("reference_dataset_id", asked.get("reference_dataset_id")),
        "reference_free": _flag(asked.get("reference_free")),
        "include_stats": _flag(asked.get("include_stats")),
        "metadata": None if metadata is None else dump_json(metadata).decode(),
    }
    params = tuple((key, value) for key, value in said.items() if value is not None)
    lists = [(*ids, *params) for ids in id_lists("id", asked.get("project_ids"))]
    decode = partial(_projects, host_url=host_url)
    return OffsetPages("/sessions", lists, decode, name=_id_of, limit=asked.get("limit"))


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
    fields: ProjectFields,
    *,
    upsert: bool = False,
    host_url: str | None = None,
) -> Steps[Project]:
    """Raises Conflict when there is one of this name, unless `upsert`."""
    refuse_unknown(fields, ProjectFields, "create_project")
    dataset_id = optional_id("reference_dataset_id", fields.get("reference_dataset_id"))
    body: dict[str, Any] = {
        "name": project_name,
        "extra": _extra(fields.get("project_extra"), fields.get("metadata")),
        "description": fields.get("description"),
        "reference_dataset_id": dataset_id,
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
    project_id: Id, change: ProjectChange, *, host_url: str | None = None
) -> Steps[Project]:
    """None leaves a field as it is. Raises NotFound, Conflict when the name is taken."""
    refuse_unknown(change, ProjectChange, "update_project")
    end_time = change.get("end_time")
    body: dict[str, Any] = {
        "name": change.get("name"),
        "extra": _extra(change.get("project_extra"), change.get("metadata")),
        "description": change.get("description"),
        "end_time": None if end_time is None else as_time("end_time", end_time),
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


def _flag(value: bool | None) -> str | None:
    return None if value is None else str(value).lower()


def _want_one(project_id: Id | None, project_name: str | None) -> None:
    if (project_id is None) == (project_name is None):
        given = "neither is" if project_id is None else "both are"
        raise InvalidArgument(f"give project_id or project_name; {given} given")
    if project_name is not None:
        as_name("project_name", project_name)


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
