"""/api/v1/x and /api/x -> /x: clients differ in what they hold to be the root; we serve all three.

source: docs/wire.md#paths
"""

from starlette.types import ASGIApp, Receive, Scope, Send

PREFIXES = ("/api/v1/", "/api/")


class ApiPrefix:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = scope["path"]
            for prefix in PREFIXES:
                if path.startswith(prefix):
                    # In place: who looked at the path outside has kept it, and the route the
                    # router finds is seen there.
                    scope["path"] = path[len(prefix) - 1 :]
                    break
        await self._app(scope, receive, send)
