"""Route of /info: what this server is and takes."""

from importlib.metadata import version

from starlette.requests import Request
from starlette.responses import Response

from runstore.server.problems import JSON
from runstore.wire.info import encode_info

INFO = encode_info(version("runstore"))


async def info(request: Request) -> Response:
    """GET /info -> 200"""
    return Response(INFO, media_type=JSON)
