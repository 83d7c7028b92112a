"""Calls about public links of runs: a service of LangSmith that Runstore does not have. No I/O."""

import re
import uuid
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import orjson

from runstore.client.asking import Id, as_ids
from runstore.client.calls.ingest import read_terms
from runstore.client.calls.listing import decoded, id_text
from runstore.client.http import HttpRequest, HttpResponse, Steps
from runstore.client.run import Run, decode_run
from runstore.client.run_page import decode_page
from runstore.errors import (
    InvalidArgument,
    InvalidRequest,
    NotFound,
    RunstoreError,
    UnexpectedAnswer,
)

_TOKEN = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class _Share(msgspec.Struct):
    share_token: str | None = None


_ANSWER = msgspec.json.Decoder(_Share | None)


def share_run(
    run_id: Id,
    *,
    share_id: Id | None = None,
    host_url: str | None = None,
    new_id: Callable[[], uuid.UUID] = uuid.uuid4,
) -> Steps[str]:
    """The URL anyone may open."""
    the_id = id_text("run_id", run_id)
    token = str(new_id()) if share_id is None else id_text("share_id", share_id)
    body = orjson.dumps({"run_id": the_id, "share_token": token})
    answer = yield from _asked(HttpRequest("PUT", f"/runs/{the_id}/share", body=body))
    shared = decoded(answer, _ANSWER, "a share token")
    return _url(host_url, (shared and shared.share_token) or token)


def unshare_run(run_id: Id) -> Steps[None]:
    yield from _asked(HttpRequest("DELETE", f"/runs/{id_text('run_id', run_id)}/share"))


def read_run_shared_link(run_id: Id, *, host_url: str | None = None) -> Steps[str | None]:
    """None: the run is not shared."""
    path = f"/runs/{id_text('run_id', run_id)}/share"
    answer = yield from _asked(HttpRequest("GET", path))
    shared = decoded(answer, _ANSWER, "a share token")
    return None if shared is None or not shared.share_token else _url(host_url, shared.share_token)


def read_shared_run(
    share_token: Id, run_id: Id | None = None, *, host_url: str | None = None
) -> Steps[Run]:
    """`share_token` may be the whole URL; `run_id` names another run of the shared trace."""
    token = _token(share_token)
    below = "" if run_id is None else f"/{id_text('run_id', run_id)}"
    answer = yield from _asked(HttpRequest("GET", f"/public/{token}/run{below}"))
    return decode_run(answer.body, host_url=host_url)


class SharedRuns:
    """The runs of a shared trace, page by page: `run_ids` of them, or all."""

    def __init__(
        self, share_token: Id, run_ids: Iterable[Id] | Id | None, host_url: str | None = None
    ) -> None:
        self._asked = (share_token, run_ids, host_url)
        self._token = _token(share_token)
        ids = None if run_ids is None else as_ids("run_ids", run_ids)
        self._body: dict[str, Any] = {} if ids is None else {"id": ids}
        self._host_url = host_url
        self.is_done = ids == []

    def from_start(self) -> "SharedRuns":
        return SharedRuns(*self._asked)

    def next_page(self) -> Steps[list[Run]]:
        """Raises UnexpectedAnswer where the same page would come again."""
        path, body = f"/public/{self._token}/runs/query", orjson.dumps(self._body)
        answer = yield from _asked(HttpRequest("POST", path, body=body))
        page = decode_page(answer.body, host_url=self._host_url)
        if page.next_cursor is not None and page.next_cursor == self._body.get("cursor"):
            raise UnexpectedAnswer("the server's cursor leads back to the page it came with")
        self._body["cursor"] = page.next_cursor
        self.is_done = page.next_cursor is None or not page.runs
        return page.runs


def _token(share_token: Id) -> str:
    found = _TOKEN.search(str(share_token))
    if found is None:
        raise InvalidArgument(f"share_token: {share_token!r} is neither a token nor a share URL")
    return found[0]


def _asked(request: HttpRequest) -> Steps[HttpResponse]:
    """Of a server without public links, says so: its own answer is "no such path"."""
    try:
        answer = yield request
    except RunstoreError as error:
        if isinstance(error, NotFound) or error.status == 405:
            terms = yield from read_terms()
            if terms.is_runstore:
                raise InvalidRequest(
                    "this is a Runstore, which has no public links: they are LangSmith's. Give "
                    "run.url to people who may read it, or export the trace"
                ) from error
        raise
    return answer


def _url(host_url: str | None, token: str) -> str:
    return f"{host_url or ''}/public/{token}/r"
