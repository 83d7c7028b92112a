"""Calls that read bundles from a server: pages of runs, their projects and feedback. No I/O.

An attachment's bytes come through `fetch`, when they are asked for.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import orjson

from runstore.client.attachments import Fetch, attachments_of
from runstore.client.calls.listing import OffsetPages, Params, decoded, id_lists
from runstore.client.http import HttpRequest, HttpResponse, Steps
from runstore.client.record import SCAN
from runstore.client.transfer.bundle import (
    CONTENT,
    AttachedContent,
    Bundle,
    fields_of,
    id_of,
    text_of,
)
from runstore.errors import FolderNotFound, UnexpectedAnswer

DERIVED = (  # what a reader of an export wants; no import needs it
    "total_tokens", "prompt_tokens", "completion_tokens", "prompt_token_details",
    "completion_token_details", "total_cost", "prompt_cost", "completion_cost",
    "prompt_cost_details", "completion_cost_details", "first_token_time", "parent_run_ids",
    "thread_id", "trace_first_received_at",
)  # fmt: skip
NEEDED = (*CONTENT, "session_id", "feedback_stats", "s3_urls")
_NOT_KEPT = frozenset({"s3_urls", "app_path"})  # links that end, or lead into this server's pages


class ProjectNames:
    """Names by id, each asked for once."""

    def __init__(self) -> None:
        self._names: dict[str, str | None] = {}

    def learn(self, project_ids: Iterable[str]) -> Steps[None]:
        unknown = sorted(set(project_ids) - self._names.keys())
        if not unknown:
            return
        self._names.update(dict.fromkeys(unknown))  # one that does not come back is deleted
        pages = _listed("/sessions", "id", unknown, (("include_stats", "false"),))
        while not pages.is_done:
            for project in (yield from pages.next_page()):
                self._names[str(project["id"])] = str(project["name"])

    def name_of(self, project_id: str | None) -> str | None:
        return None if project_id is None else self._names.get(project_id)


def read_bundles(
    page: bytes,
    names: ProjectNames,
    fetch: Fetch,
    *,
    runs_max: int | None = None,
    with_feedback: bool = True,
    with_attachments: bool = True,
) -> Steps[list[Bundle]]:
    """An answer of POST /runs/query -> its bundles, complete, in its order."""
    found = []
    for run in _runs_of(page, runs_max):
        try:
            fields = fields_of(run)
            found.append(Bundle(id_of(fields), fields))
        except ValueError as error:
            raise UnexpectedAnswer(f"not a page of runs: {error}") from error
    projects = {one.id: text_of(one.fields, "session_id") for one in found}
    yield from names.learn(filter(None, projects.values()))
    rated = [one.id for one in found if one.fields.get("feedback_stats", b"{}") != b"{}"]
    feedback = (yield from feedback_of(rated)) if with_feedback else {}
    for bundle in found:
        bundle.project = names.name_of(projects[bundle.id])
        bundle.feedback = feedback.get(bundle.id, [])
        if with_attachments:
            bundle.attachments = _attachments(bundle.fields.get("s3_urls"), fetch)
        for name in _NOT_KEPT:
            bundle.fields.pop(name, None)
    return found


def read_existing(
    run_ids: Sequence[str], names: ProjectNames, fetch: Fetch, page_runs_max: int
) -> Steps[dict[str, Bundle]]:
    """Those of the runs that the server has, by id."""
    found: dict[str, Bundle] = {}
    body: dict[str, Any] = {"id": list(run_ids), "select": list(NEEDED), "skip_prev_cursor": True}
    body["limit"] = min(len(run_ids), page_runs_max)
    while len(found) < len(run_ids):
        try:
            answer = yield HttpRequest("POST", "/runs/query", body=orjson.dumps(body))
        except FolderNotFound:  # the folder is made by the first write
            break
        before = len(found)
        for bundle in (yield from read_bundles(answer.body, names, fetch)):
            found[bundle.id] = bundle
        body["cursor"] = SCAN.decode(answer.body).cursor("next")
        if body["cursor"] is None or len(found) == before:
            break
    return found


def feedback_of(run_ids: Sequence[str]) -> Steps[dict[str, list[dict[str, Any]]]]:
    """Every record on these runs, by run id."""
    found: dict[str, list[dict[str, Any]]] = {}
    pages = _listed("/feedback", "run", run_ids)
    while not pages.is_done:
        for record in (yield from pages.next_page()):
            said = {name: value for name, value in record.items() if value is not None}
            found.setdefault(str(record["run_id"]), []).append(said)
    return found


def _listed(
    path: str, by: str, ids: Sequence[str], more: Params = ()
) -> OffsetPages[dict[str, Any]]:
    """Everything a list has of these ids, which go into the parameter `by`."""
    params = [(*some, *more) for some in id_lists(by, ids)]

    def objects(answer: HttpResponse) -> list[dict[str, Any]]:
        return decoded(answer, _OBJECTS, f"GET {path}")

    return OffsetPages(path, params, objects, name=lambda one: one["id"])


def _runs_of(page: bytes, runs_max: int | None) -> list[bytes]:
    try:
        return [bytes(run) for run in SCAN.decode(page).runs[:runs_max]]
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UnexpectedAnswer(f"not a page of runs: {error}") from error


def _attachments(urls: bytes | None, fetch: Fetch) -> list[AttachedContent]:
    if urls is None:
        return []
    found = attachments_of(orjson.loads(urls), fetch)
    return [AttachedContent(one.name, one.mime_type, one.read) for one in found.values()]


_OBJECTS = msgspec.json.Decoder(list[dict[str, Any]])
