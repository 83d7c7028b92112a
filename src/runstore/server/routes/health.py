"""Routes for whoever watches the server: alive, ready, figures."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from runstore.server.metrics import CONTENT_TYPE
from runstore.server.state import metrics_of, store_of


async def health(request: Request) -> Response:
    """GET /health, /ok -> 200 as long as the process answers"""
    return JSONResponse({"ok": True})


async def ready(request: Request) -> Response:
    """GET /ready -> 200 while runs are taken and answered, else 503"""
    is_ready = store_of(request).is_ready
    return JSONResponse({"ready": is_ready}, 200 if is_ready else 503)


async def metrics(request: Request) -> Response:
    """GET /metrics -> 200, Prometheus text"""
    return Response(metrics_of(request).text(), media_type=CONTENT_TYPE)
