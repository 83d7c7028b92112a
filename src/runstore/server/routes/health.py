"""Routes for whoever watches the server: alive, ready, figures."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from runstore.server.metrics import CONTENT_TYPE
from runstore.server.state import metrics_of, store_of


async def health(request: Request) -> Response:
    """GET /health, /ok -> 200 as long as the process answers"""
    return JSONResponse({"ok": True})


async def ready(request: Request) -> Response:
    """GET /ready -> 200 while runs are taken, else 503 and the code of why not"""
    unready = store_of(request).unready
    if unready is None:
        return JSONResponse({"ready": True})
    return JSONResponse({"ready": False, "code": unready}, 503)


async def metrics(request: Request) -> Response:
    """GET /metrics -> 200, Prometheus text"""
    return Response(metrics_of(request).text(), media_type=CONTENT_TYPE)
