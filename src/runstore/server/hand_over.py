"""A page itself as the answer, to a caller in this process that can take it: an ASGI extension."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from runstore.server.problems import JSON
from runstore.wire.deferred import EXTENSION, DeferredPage


def takes_page(request: Request) -> bool:
    """No web server offers this: a caller from outside never gets anything but JSON."""
    return EXTENSION in request.scope.get("extensions", ())


class PageResponse(Response):
    def __init__(self, page: DeferredPage, headers: Mapping[str, str]) -> None:
        super().__init__(headers=headers, media_type=JSON)
        del self.headers["content-length"]
        self._page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        await send({"type": EXTENSION, "page": self._page})
