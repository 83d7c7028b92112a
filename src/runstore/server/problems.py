"""Error -> status, headers and body: the one table, and the rim where nothing escapes.

RunstoreError   its own status, wire's {"detail": ...} body
HTTPException   Starlette's own: no such route, no such method
anything else   500, logged with its trace; the caller gets a sentence and the request id
"""

import logging

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runstore.errors import DiskFull, Overloaded, RunstoreError, Unauthorized
from runstore.limits import RETRY_AFTER_S
from runstore.wire.problems import encode_error

log = logging.getLogger(__name__)

JSON = "application/json"


def problem_response(error: RunstoreError) -> Response:
    headers: dict[str, str] = {}
    if isinstance(error, Overloaded):
        headers["Retry-After"] = str(error.retry_after_s)
    elif error.retryable:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    elif isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    return Response(encode_error(error), error.status, headers, media_type=JSON)


async def send_problem(error: RunstoreError, scope: Scope, receive: Receive, send: Send) -> None:
    await problem_response(error)(scope, receive, send)


def http_problem(request: Request, error: Exception) -> Response:
    """No such route or method, said as every other error is."""
    assert isinstance(error, HTTPException)
    return JSONResponse({"detail": error.detail}, error.status_code, error.headers)


class Problems:
    """Every exception becomes an answer here, unless the answer has begun or nobody listens."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def watch(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except ClientDisconnect:
            log.debug("the client went away")
        except RunstoreError as error:
            if begun:
                raise
            if error.status >= 500:
                # A full disk is told of at once by many, and by nothing but its name.
                trace = None if isinstance(error, DiskFull) else error
                log.error("request failed", extra={"reason": str(error)}, exc_info=trace)
            await send_problem(error, scope, receive, send)
        except Exception:  # the request boundary: logged here, counted by its status
            log.exception("request failed unexpectedly")
            if begun:
                raise
            answer = problem_response(RunstoreError("Internal server error"))
            await answer(scope, receive, send)
