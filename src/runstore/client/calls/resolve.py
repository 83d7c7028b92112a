"""Names -> ids, and what a server is like: the questions that come before a question. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from runstore.client.asking import RunAsk
from runstore.client.http import HttpRequest, HttpResponse, Steps
from runstore.errors import (
    Forbidden,
    InvalidRequest,
    NotFound,
    Unauthorized,
    UnexpectedAnswer,
)
from runstore.limits import LANGSMITH_PAGE_RUNS, LIST_PAGE_ITEMS, PAGE_RUNS_MAX

_NOT_SAID = (NotFound, InvalidRequest, Unauthorized, Forbidden, UnexpectedAnswer)


@dataclass(slots=True)
class Server:
    """What a client has learned of its server. One for all calls of the client."""

    page_runs_max: int | None = field(default=None)


def decode(response: HttpResponse, what: str) -> Any:
    """An answer's JSON. Raises UnexpectedAnswer."""
    try:
        return msgspec.json.decode(response.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        shown = response.body[:80].decode("utf-8", "replace")
        raise UnexpectedAnswer(f"{what}: not JSON: {error}: {shown!r}") from None


def server_info() -> Steps[dict[str, Any]]:
    """GET /info: the server's version, what it takes, and its `instance_flags`."""
    found = decode((yield HttpRequest("GET", "/info")), "GET /info")
    if not isinstance(found, dict):
        raise UnexpectedAnswer("GET /info: not a JSON object")
    return found


def page_runs_max(server: Server) -> Steps[int]:
    """Runs one page may have: what the server says, else LangSmith's bound. Asked for once."""
    if server.page_runs_max is None:
        try:
            flags = (yield from server_info()).get("instance_flags")
        except _NOT_SAID:
            flags = None
        said = flags.get("runstore_page_runs_max") if isinstance(flags, dict) else None
        if not isinstance(said, int) or said < 1:
            said = LANGSMITH_PAGE_RUNS
        server.page_runs_max = min(said, PAGE_RUNS_MAX)
    return server.page_runs_max


def project_id_of(name: str) -> Steps[str]:
    """Raises NotFound."""
    params = (("name", name), ("limit", "1"), ("include_stats", "false"))
    for project in _listed((yield HttpRequest("GET", "/sessions", params)), "GET /sessions"):
        return str(project["id"])
    raise NotFound(f"Project {name} not found")


def all_project_ids() -> Steps[list[str]]:
    return (yield from _all_ids("/sessions", (("include_stats", "false"),)))


def example_ids_of(dataset_id: str | None, dataset_name: str | None) -> Steps[list[str]]:
    """The ids of a dataset's examples. Raises NotFound, also where a server keeps no datasets."""
    try:
        if dataset_id is None:
            assert dataset_name is not None
            params = (("name", dataset_name), ("limit", "1"))
            found = _listed((yield HttpRequest("GET", "/datasets", params)), "GET /datasets")
            if not found:
                raise NotFound(f"Dataset {dataset_name} not found")
            dataset_id = str(found[0]["id"])
        return (yield from _all_ids("/examples", (("dataset", dataset_id),)))
    except NotFound as error:
        if str(error).startswith("Dataset"):
            raise
        raise NotFound(
            f"this server keeps no datasets, or not {dataset_id or dataset_name!r}; "
            "give reference_example_id instead"
        ) from error


def resolved(ask: RunAsk) -> Steps[dict[str, Any] | None]:
    """The restrictions as POST /runs/query takes them; None when no run can meet them.

    Raises NotFound for a project or dataset that is not there.
    """
    if ask.is_empty:
        return None
    fields = dict(ask.restrictions)
    projects: list[str] = list(fields.get("session", ()))
    for name in ask.project_names:
        projects += [(yield from project_id_of(name))]
    if ask.all_projects:
        projects = yield from all_project_ids()
        if not projects:
            return None
    if projects:
        fields = {"session": list(dict.fromkeys(projects))} | {
            name: value for name, value in fields.items() if name != "session"
        }
    if ask.dataset_id is not None or ask.dataset_name is not None:
        examples = yield from example_ids_of(ask.dataset_id, ask.dataset_name)
        if not examples:
            return None
        fields["reference_example"] = examples
    return fields


def _all_ids(path: str, params: Sequence[tuple[str, str]]) -> Steps[list[str]]:
    """Of everything a list by offset has."""
    found: dict[str, None] = {}
    while True:
        window = (("limit", str(LIST_PAGE_ITEMS)), ("offset", str(len(found))))
        answer = yield HttpRequest("GET", path, (*params, *window))
        before = len(found)
        items = _listed(answer, f"GET {path}")
        found.update(dict.fromkeys(str(item["id"]) for item in items))
        if len(items) < LIST_PAGE_ITEMS or len(found) == before:
            return list(found)


def _listed(response: HttpResponse, what: str) -> list[dict[str, Any]]:
    found = decode(response, what)
    if not isinstance(found, list) or not all(
        isinstance(one, dict) and "id" in one for one in found
    ):
        raise UnexpectedAnswer(f"{what}: not a list of objects with ids")
    return found
