"""Routes of /runs/tail: decode, follow, send events until the client goes or the server stops."""

from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from runstore.errors import InvalidRequest, RunstoreError
from runstore.limits import QUERY_BODY_BYTES_MAX
from runstore.server.body import read_body
from runstore.server.routes.runs import attachment_urls, ignored_header
from runstore.server.state import store_of, translator_of
from runstore.store.tails import Tail
from runstore.wire.answer import AttachmentUrl
from runstore.wire.tail import (
    TailBody,
    decode_tail_params,
    decode_tail_query,
    encode_error_event,
    encode_heartbeat,
    encode_run_events,
    page_encoder,
)

EVENTS = "text/event-stream"


async def tail_runs(request: Request) -> Response:
    """POST /runs/tail -> 200, events until one side ends it"""
    body = await read_body(request, QUERY_BODY_BYTES_MAX)
    return await _stream(request, decode_tail_query(body, request.headers.get("last-event-id")))


async def tail_runs_by_url(request: Request) -> Response:
    """GET /runs/tail?filter=...&session=...&cursor=... -> the same, for EventSource and curl"""
    params = request.query_params.multi_items()
    if request.method == "HEAD":
        decode_tail_params(params)
        return Response(media_type=EVENTS)
    return await _stream(request, decode_tail_params(params, request.headers.get("last-event-id")))


async def _stream(request: Request, asked: TailBody) -> Response:
    if asked.query.query is not None and translator_of(request) is not None:
        raise InvalidRequest(
            "a tail takes no query where a model translates it, for the next connection's may be"
            " another; send the parsed_query of POST /runs/query as its filter"
        )
    tail = await store_of(request).tails.open(asked.query, asked.after)
    return _Events(tail, _events(tail, asked, attachment_urls(request)), asked.ignored)


async def _events(tail: Tail, asked: TailBody, url: AttachmentUrl) -> AsyncIterator[bytes]:
    yield encode_heartbeat(tail.position)  # the client knows now that it follows, from where
    try:
        async for runs, positions in tail.pages(page_encoder(asked.select, url)):
            if runs is None:
                yield encode_heartbeat(positions[0])
            else:
                yield encode_run_events(runs, positions)
    except RunstoreError as error:
        yield encode_error_event(error)


class _Events(StreamingResponse):
    """Closes its tail however it ends."""

    def __init__(self, tail: Tail, events: AsyncIterator[bytes], ignored: tuple[str, ...]) -> None:
        headers = {
            "Cache-Control": "no-store",
            "X-Accel-Buffering": "no",  # nginx would hold events back until a buffer is full
            **ignored_header(ignored),
        }
        super().__init__(events, headers=headers, media_type=EVENTS)
        self._tail = tail

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._tail.close()
