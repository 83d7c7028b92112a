"""Calls about public links of runs: a service of LangSmith that Runstore does not have. No I/O."""

import re
import uuid
from collections.abc import Callable

import msgspec
import orjson

from runstore.client.asking import Id
from runstore.client.calls.ingest import read_terms
from runstore.client.calls.listing import decoded, id_text
from runstore.client.http import HttpRequest, HttpResponse, Steps
from runstore.client.run import Run, decode_run
from runstore.errors import InvalidArgument, InvalidRequest, NotFound, RunstoreError

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
    found = _TOKEN.search(str(share_token))
    if found is None:
        raise InvalidArgument(f"share_token: {share_token!r} is neither a token nor a share URL")
    below = "" if run_id is None else f"/{id_text('run_id', run_id)}"
    answer = yield from _asked(HttpRequest("GET", f"/public/{found[0]}/run{below}"))
    return decode_run(answer.body, host_url=host_url)


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
