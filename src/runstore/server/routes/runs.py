"""Routes of /runs that read or delete: read, decode, call the store, encode."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TypeVar
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from runstore.errors import CursorError, InvalidRequest, SchemaError, TooLarge
from runstore.limits import (
    BODY_JSON_BYTES_MAX,
    DEFERRED_RUNS,
    FEED_BYTES,
    QUERY_BODY_BYTES_MAX,
    TRACES_DELETED_MAX,
)
from runstore.model.query import Page, RunQuery
from runstore.model.run import Attachment
from runstore.server.body import path_id, read_body
from runstore.server.disconnect import while_connected
from runstore.server.hand_over import PageResponse, takes_page
from runstore.server.page_answer import answering
from runstore.server.parts import PartsResponse
from runstore.server.problems import JSON
from runstore.server.state import pages_of, store_of, translator_of
from runstore.wire.answer import AttachmentUrl, encode_run
from runstore.wire.body import decode_object
from runstore.wire.deferred import DeferredPage
from runstore.wire.explain import encode_explained
from runstore.wire.names import DEFAULT, SERIALIZED, domain_select
from runstore.wire.params import Params
from runstore.wire.query import Fields, RunQueryBody, decode_run_query, with_translation
from runstore.wire.stats import decode_stats_query, encode_stats
from runstore.wire.values import to_bool, to_id

Asked = TypeVar("Asked")
_PLAIN = "".join(chr(code) for code in range(33, 127) if code != ord("%")) + " "
READ_SELECT = DEFAULT | {"s3_urls"}


async def query_runs(request: Request) -> Response:
    """POST /runs/query -> 200 {"runs": [...], "cursors": {"next", "prev"}, ...}"""
    asked = await _asked(request)
    runs, url = store_of(request).runs, attachment_urls(request)
    headers = ignored_header(asked.ignored)
    if takes_page(request):
        defer = partial(DeferredPage, asked=asked, attachment_url=url)
        page = await while_connected(request, runs.query(asked.query, defer, deferred=True))
        return PageResponse(page, headers)

    pages, now_s = pages_of(request), store_of(request).clock() // 1_000_000
    answer = await while_connected(
        request,
        runs.query(
            asked.query,
            answering(asked, url),
            deferred=asked.query.limit > DEFERRED_RUNS,
            elsewhere=None if pages is None else lambda left: pages.answer(asked, left, now_s),
        ),
    )
    return PartsResponse(answer.parts, headers | answer.headers)


async def read_run(request: Request) -> Response:
    """GET /runs/{id}[?exclude_serialized=true] -> 200, the run; 404"""
    url = attachment_urls(request)
    given = Params(request.query_params.multi_items())
    without = given.one("exclude_serialized", to_bool) or False
    select = READ_SELECT - SERIALIZED if without else READ_SELECT

    def encode(page: Page) -> bytes:
        run = page.runs[0]
        return encode_run(run, select, feedback=page.feedback.get(run.id, ()), attachment_url=url)

    runs = store_of(request).runs
    answer = await runs.read(path_id(request), encode, domain_select(select))
    return Response(answer, media_type=JSON)


async def count_up_runs(request: Request) -> Response:
    """POST /runs/stats -> 200 {figure: value}, or with group_by {group: {figure: value}}"""
    asked = await _decoded(request, decode_stats_query)
    headers = ignored_header(asked.ignored)
    translation = await _translation(request, asked.query)
    if translation is not None:
        asked.query.translation = translation
        headers["Runstore-Parsed-Query"] = quote(translation, safe=_PLAIN)
    stats = store_of(request).runs.stats(
        asked.query,
        group_by=asked.group_by,
        group_path=asked.group_path,
        groups_max=asked.groups_max,
        groups=asked.groups,
        percentiles=asked.percentiles,
    )
    answer = encode_stats(await while_connected(request, stats), asked)
    return Response(answer, headers=headers, media_type=JSON)


async def validate_query(request: Request) -> Response:
    """POST /runs/query/validate -> 200 {"valid": bool, "errors": [{"field", "message"}]}"""
    errors: list[dict[str, str]] = []
    try:
        asked = await _decoded(request, decode_run_query)
        errors += [
            {"field": error.where, "message": str(error)}
            for error in await store_of(request).runs.problems(asked.query)
        ]
    except SchemaError as error:
        errors += [
            {"field": ".".join(map(str, at[1:])) or "body", "message": what}
            for at, what in error.problems
        ]
    except CursorError as error:
        errors.append({"field": "cursor", "message": str(error)})
    except InvalidRequest as error:
        errors.append({"field": "body", "message": str(error)})
    return JSONResponse({"valid": not errors, "errors": errors})


async def explain_query(request: Request) -> Response:
    """POST /runs/query/explain -> 200 {"filter", "steps", "indexes", "rows_read", "hints", ...}"""
    asked = await _asked(request)
    told = await while_connected(request, store_of(request).runs.explain(asked.query))
    return Response(encode_explained(told), headers=ignored_header(asked.ignored), media_type=JSON)


async def delete_traces(request: Request) -> Response:
    """POST /runs/delete {"trace_ids": [...], "session_id": project or null} -> 200 {"deleted"}"""
    fields = Fields(decode_object(await read_body(request, BODY_JSON_BYTES_MAX)))
    trace_ids = fields.ids("trace_ids")
    if not trace_ids:
        raise SchemaError((("body", "trace_ids"), "missing: the ids of the traces to delete"))
    if len(trace_ids) > TRACES_DELETED_MAX:
        raise TooLarge(
            f"trace_ids has {len(trace_ids)} ids, at most {TRACES_DELETED_MAX} are allowed",
            TRACES_DELETED_MAX,
        )
    project_id = fields.get("session_id", to_id)
    deleted = await store_of(request).runs.delete_traces(trace_ids, project_id)
    return JSONResponse({"message": f"{deleted} runs deleted", "deleted": deleted})


def ignored_header(names: tuple[str, ...]) -> dict[str, str]:
    """Body fields that had no effect: a misspelt restriction widens a query silently otherwise."""
    shown = ", ".join(name for name in names if name.isascii() and name.isprintable())
    return {"Runstore-Ignored": shown[:1_000]} if shown else {}


async def _asked(request: Request) -> RunQueryBody:
    """With what a model makes of the words of a first page; a cursor has it in it."""
    asked = await _decoded(request, decode_run_query)
    if asked.query.after is not None:
        return asked
    translation = await _translation(request, asked.query)
    return asked if translation is None else with_translation(asked, translation)


async def _translation(request: Request, query: RunQuery) -> str | None:
    """None: nothing is to be translated, or nobody is there who does."""
    translator = translator_of(request)
    if translator is None or query.query is None:
        return None
    return await while_connected(request, translator.translate(query.query))


async def _decoded(request: Request, decode: Callable[[bytes], Asked]) -> Asked:
    body = await read_body(request, QUERY_BODY_BYTES_MAX)
    if len(body) < FEED_BYTES:
        return decode(body)
    pool = store_of(request).decoders
    return await asyncio.get_running_loop().run_in_executor(pool, decode, body)


def attachment_urls(request: Request) -> AttachmentUrl:
    """Links to attachments, good from now on."""
    store = store_of(request)
    now_s = store.clock() // 1_000_000

    def url(run_id: str, file: Attachment) -> str:
        return f"/attachments/{store.signer.sign(file, now_s)}"

    return url
