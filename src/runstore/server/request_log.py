"""One request -> one id, one log line, one sample in the metrics."""

import logging
import re
import time
import uuid

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runstore.limits import REQUEST_ID_CHARS_MAX
from runstore.server.logs import request_id
from runstore.server.metrics import Metrics

log = logging.getLogger("runstore.access")

UNMATCHED = "(none)"  # the route of a path we do not serve; the path itself would be unbounded
CLIENT_GONE = 499  # nobody was there to answer; nginx's number
_SANE_ID = re.compile(rb"[\w.:/+=-]{1,%d}" % REQUEST_ID_CHARS_MAX)


class RequestLog:
    """Takes the caller's X-Request-Id if it is sane, and gives it back on every answer."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        started = time.perf_counter()
        path, own_id = scope["path"], _request_id(scope)
        header = (b"x-request-id", own_id.encode())
        status = CLIENT_GONE
        sent = 0

        async def watch(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message.get("headers", ()), header]}
            else:
                sent += len(message.get("body", b""))
            await send(message)

        token = request_id.set(own_id)
        try:
            await self._app(scope, receive, watch)
        finally:
            seconds = time.perf_counter() - started
            route = getattr(scope.get("route"), "path", UNMATCHED)
            self._metrics.answered(scope["method"], route, status, seconds)
            if log.isEnabledFor(logging.INFO):
                _write(scope, path, route, status, sent, seconds)
            request_id.reset(token)


def _write(scope: Scope, path: str, route: str, status: int, sent: int, seconds: float) -> None:
    log.info(
        "request",
        extra={
            "method": scope["method"],
            # A signed link is a key for as long as it lasts: it does not belong in a log.
            "path": route if route.startswith("/attachments/") else path,
            "route": route,
            "status": status,
            "bytes_out": sent,
            "ms": round(seconds * 1_000, 2),
            "client": (scope.get("client") or (None,))[0],
        },
    )


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _SANE_ID.fullmatch(value):
            return str(value, "ascii")
    return uuid.uuid4().hex
