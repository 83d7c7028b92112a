"""A server without keys on loopback answers this machine's programs only, not web pages.

Any page open in a browser can send requests to 127.0.0.1, and with a name of its own that resolves
there (DNS rebinding) even read the answers. Both show: in Origin, and in Host.
"""

from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from runstore.errors import Unauthorized
from runstore.server.problems import send_problem
from runstore.settings import LOOPBACK


class LoopbackHosts:
    """Refuses a Host or an Origin that is not this machine. Only for servers without keys."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            for name, value in scope["headers"]:
                if name == b"host":
                    url = b"//" + value
                elif name == b"origin":
                    url = value
                else:
                    continue
                if not is_loopback(url.decode("latin-1")):
                    problem = (
                        f"{name.decode()} is not this machine, and the server has no API keys: "
                        "call it as 127.0.0.1, or make a key: `runstore keys create`, or "
                        "RUNSTORE_API_KEY_HASHES"
                    )
                    return await send_problem(Unauthorized(problem), scope, receive, send)
        return await self._app(scope, receive, send)


def is_loopback(url: str) -> bool:
    """Whether an http or scheme-less URL names this machine."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    return host in LOOPBACK or host.endswith(".localhost")
