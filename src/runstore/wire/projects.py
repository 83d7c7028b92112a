"""Project JSON ⇄ Project; GET /sessions parameters -> ProjectQuery. The wire says "session".

Source: docs/wire.md#projects.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from runstore.errors import SchemaError
from runstore.limits import NAME_CHARS_MAX
from runstore.model.jsontext import encode, valid_json
from runstore.model.project import Project, ProjectQuery
from runstore.model.run import JsonText
from runstore.model.stats import RunStats
from runstore.model.times import text_from_us
from runstore.wire.body import decode_object
from runstore.wire.names import TENANT_ID
from runstore.wire.params import Params
from runstore.wire.query import Fields
from runstore.wire.stats import STATS_DEFAULT, stats_json
from runstore.wire.values import shown, to_bool, to_id, to_text, to_us, to_word

LIST_MAX = 1_000  # projects per answer, whatever is asked for
SORTABLE = ("start_time", "name", "last_run_start_time")


class ProjectsAsked(NamedTuple):
    query: ProjectQuery
    with_stats: bool


def decode_project(body: bytes, *, new_id: Callable[[], str], now_us: int) -> Project:
    """POST /sessions. Raises SchemaError."""
    fields = Fields(decode_object(body))
    name = fields.get("name", _name)
    if name is None:
        raise SchemaError((("body", "name"), "missing"))
    start_us = fields.get("start_time", to_us)
    return Project(
        id=fields.get("id", to_id) or new_id(),
        name=name,
        start_us=now_us if start_us is None else start_us,
        end_us=fields.get("end_time", to_us),
        description=fields.get("description", to_text),
        extra=fields.get("extra", _object),
        default_dataset_id=fields.get("default_dataset_id", to_id),
        reference_dataset_id=fields.get("reference_dataset_id", to_id),
        trace_tier=fields.get("trace_tier", to_text),
    )


def decode_project_changes(body: bytes) -> dict[str, object]:
    """PATCH /sessions/{id}: fields of Project -> new value. The SDK sends null for "as it is"."""
    fields = Fields(decode_object(body))
    changes: dict[str, object] = {}
    for name, (field, read) in _CHANGEABLE.items():
        value = fields.get(name, read)
        if value is not None:
            changes[field] = value
    return changes


def decode_projects_query(params: Sequence[tuple[str, str]]) -> ProjectsAsked:
    """GET /sessions. `params` are (name, value) in the order of the URL; names may repeat."""
    given = Params(params)
    reference_free = given.one("reference_free", to_bool)
    descending = given.one("sort_by_desc", to_bool)
    query = ProjectQuery(
        ids=given.ids("id"),
        name=given.one("name", to_text),
        name_contains=given.one("name_contains", to_text),
        metadata=given.one("metadata", _metadata),
        reference_dataset_ids=given.ids("reference_dataset"),
        is_experiment=None if reference_free is None else not reference_free,
        limit=min(given.count("limit", 100, at_least=1), LIST_MAX),
        offset=given.count("offset", 0),
        sort_by=given.one("sort_by", lambda value: to_word(value, SORTABLE)) or "start_time",
        descending=descending is not False,
    )
    return ProjectsAsked(query, decode_include_stats(params))


def decode_include_stats(params: Sequence[tuple[str, str]]) -> bool:
    """GET /sessions/{id} takes it too. The SDK writes True and False with a capital."""
    return Params(params).one("include_stats", to_bool) or False


def project_json(project: Project, stats: RunStats | None = None) -> dict[str, Any]:
    """For orjson.dumps. The shape of the SDK's schemas.TracerSessionResult."""
    fields: dict[str, Any] = {
        "id": project.id,
        "tenant_id": TENANT_ID,
        "name": project.name,
        "start_time": text_from_us(project.start_us),
        "end_time": None if project.end_us is None else text_from_us(project.end_us),
        "description": project.description,
        "extra": None if project.extra is None else orjson.Fragment(project.extra),
        "default_dataset_id": project.default_dataset_id,
        "reference_dataset_id": project.reference_dataset_id,
        "trace_tier": project.trace_tier,
    }
    if stats is not None:
        fields.update(stats_json(stats, STATS_DEFAULT))
    return fields


def encode_project(project: Project, stats: RunStats | None = None) -> bytes:
    return orjson.dumps(project_json(project, stats))


def encode_projects(
    projects: Sequence[Project], stats: Mapping[str, RunStats] | None = None
) -> bytes:
    """A list, in the order given. `stats` by project id."""
    by_id = stats or {}
    return orjson.dumps([project_json(project, by_id.get(project.id)) for project in projects])


def _name(value: Any) -> str:
    text = to_text(value)
    if not 0 < len(text) <= NAME_CHARS_MAX:
        raise ValueError(f"{len(text)} characters, 1 to {NAME_CHARS_MAX} are allowed")
    return text


def _object(value: Any) -> JsonText:
    if value.__class__ is not dict:
        raise ValueError(f"{shown(value)} is not a JSON object")
    return encode(value)


def _metadata(text: str) -> JsonText:
    return _object(valid_json(text.encode())[1])


_CHANGEABLE: dict[str, tuple[str, Callable[[Any], object]]] = {
    "name": ("name", _name),
    "description": ("description", to_text),
    "extra": ("extra", _object),
    "end_time": ("end_us", to_us),
    "default_dataset_id": ("default_dataset_id", to_id),
    "reference_dataset_id": ("reference_dataset_id", to_id),
    "trace_tier": ("trace_tier", to_text),
}
