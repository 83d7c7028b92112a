"""Routes of /feedback: read, decode, call the store, encode. Nothing is decided here."""

import uuid

from starlette.requests import Request
from starlette.responses import Response

from runstore.limits import BODY_JSON_BYTES_MAX
from runstore.server.body import path_id, read_body
from runstore.server.problems import JSON
from runstore.server.state import store_of
from runstore.wire.feedback import (
    decode_feedback,
    decode_feedback_changes,
    decode_feedback_query,
    encode_feedback,
    encode_feedback_list,
)


async def create_feedback(request: Request) -> Response:
    """POST /feedback -> 200, the record"""
    store = store_of(request)
    body = await read_body(request, BODY_JSON_BYTES_MAX)
    record = decode_feedback(body, new_id=lambda: str(uuid.uuid4()), now_us=store.clock())
    await store.feedback.create(record)
    return Response(encode_feedback(record), media_type=JSON)


async def list_feedback(request: Request) -> Response:
    """GET /feedback -> 200, [record, ...]"""
    query = decode_feedback_query(request.query_params.multi_items())
    records = await store_of(request).feedback.find(query)
    return Response(encode_feedback_list(records), media_type=JSON)


async def read_feedback(request: Request) -> Response:
    """GET /feedback/{id} -> 200, the record; 404"""
    record = await store_of(request).feedback.read(path_id(request))
    return Response(encode_feedback(record), media_type=JSON)


async def update_feedback(request: Request) -> Response:
    """PATCH /feedback/{id} -> 200, the record; 404"""
    feedback_id = path_id(request)
    changes = decode_feedback_changes(await read_body(request, BODY_JSON_BYTES_MAX))
    record = await store_of(request).feedback.update(feedback_id, changes)
    return Response(encode_feedback(record), media_type=JSON)


async def delete_feedback(request: Request) -> Response:
    """DELETE /feedback/{id} -> 200; 404"""
    await store_of(request).feedback.delete(path_id(request))
    return Response(b"{}", media_type=JSON)
