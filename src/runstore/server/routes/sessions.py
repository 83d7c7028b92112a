"""Routes of /sessions, the wire's word for projects: read, decode, call the store, encode."""

import uuid

from starlette.requests import Request
from starlette.responses import Response

from runstore.limits import BODY_JSON_BYTES_MAX
from runstore.server.body import path_id, read_body
from runstore.server.problems import JSON
from runstore.server.state import store_of
from runstore.wire.params import Params
from runstore.wire.projects import (
    decode_include_stats,
    decode_project,
    decode_project_changes,
    decode_projects_query,
    encode_project,
    encode_projects,
)
from runstore.wire.values import to_bool


async def create_project(request: Request) -> Response:
    """POST /sessions[?upsert=true] -> 200, the project; 409 when the name is taken"""
    store = store_of(request)
    upsert = Params(request.query_params.multi_items()).one("upsert", to_bool) or False
    body = await read_body(request, BODY_JSON_BYTES_MAX)
    project = decode_project(body, new_id=lambda: str(uuid.uuid4()), now_us=store.clock())
    made = await store.projects.create(project, upsert=upsert)
    return Response(encode_project(made), media_type=JSON)


async def list_projects(request: Request) -> Response:
    """GET /sessions -> 200, [project, ...]; how many in all is in X-Pagination-Total"""
    store = store_of(request)
    query, with_stats = decode_projects_query(request.query_params.multi_items())
    projects, total = await store.projects.find(query)
    stats = await store.projects.stats(projects) if with_stats else None
    headers = {"X-Pagination-Total": str(total)}
    return Response(encode_projects(projects, stats), headers=headers, media_type=JSON)


async def read_project(request: Request) -> Response:
    """GET /sessions/{id} -> 200, the project; 404"""
    store = store_of(request)
    project = await store.projects.read(path_id(request))
    stats = None
    if decode_include_stats(request.query_params.multi_items()):
        stats = (await store.projects.stats([project]))[project.id]
    return Response(encode_project(project, stats), media_type=JSON)


async def update_project(request: Request) -> Response:
    """PATCH /sessions/{id} -> 200, the project; 404, 409"""
    project_id = path_id(request)
    changes = decode_project_changes(await read_body(request, BODY_JSON_BYTES_MAX))
    project = await store_of(request).projects.update(project_id, changes)
    return Response(encode_project(project), media_type=JSON)


async def delete_project(request: Request) -> Response:
    """DELETE /sessions/{id} -> 202, with its runs and their feedback; 404"""
    await store_of(request).projects.delete(path_id(request))
    return Response(b"{}", 202, media_type=JSON)
