"""Routes of the API's own description: for programs, and for people."""

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from runstore.server.openapi.document import Json, make_document
from runstore.server.openapi.page import make_page
from runstore.server.problems import JSON

HTML = "text/html"
_SAFE = {  # the page has a style of its own, and nothing that runs
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
}


async def openapi(request: Request) -> Response:
    """GET /openapi.json -> 200"""
    return Response(orjson.dumps(_document(request)), media_type=JSON)


async def docs(request: Request) -> Response:
    """GET /docs -> 200, a page without scripts"""
    return Response(make_page(_document(request)), headers=_SAFE, media_type=HTML)


def _document(request: Request) -> Json:
    """Made anew each time: it takes a millisecond, and nobody asks often."""
    return make_document(route for route in request.app.routes if isinstance(route, Route))
