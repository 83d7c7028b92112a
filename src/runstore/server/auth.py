"""API key of a request -> let in, or 401. Keys are known by their SHA-256 only."""

import hashlib
import hmac

from starlette.types import ASGIApp, Receive, Scope, Send

from runstore.errors import Unauthorized
from runstore.server.problems import send_problem

OPEN = frozenset({"/health", "/ok", "/ready", "/info"})
OPEN_UNDER = "/attachments/"  # the link's signature is its key


class ApiKeys:
    """Asks for a key in X-API-Key or Authorization: Bearer, if any key is configured."""

    def __init__(self, app: ASGIApp, hashes: tuple[str, ...]) -> None:
        self._app = app
        self._digests = [bytes.fromhex(text) for text in hashes]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._digests and scope["type"] == "http" and not _is_open(scope["path"]):
            key = _key(scope)
            if key is None:
                problem = "no API key: send it as X-API-Key or Authorization: Bearer"
                return await send_problem(Unauthorized(problem), scope, receive, send)
            if not self._knows(key):
                problem = "this API key is not known here"
                return await send_problem(Unauthorized(problem), scope, receive, send)
        return await self._app(scope, receive, send)

    def _knows(self, key: bytes) -> bool:
        """Compares with every key, so that the time taken tells nothing."""
        digest = hashlib.sha256(key).digest()
        known = False
        for one in self._digests:
            known |= hmac.compare_digest(one, digest)
        return known


def _is_open(path: str) -> bool:
    return path in OPEN or path.startswith(OPEN_UNDER)


def _key(scope: Scope) -> bytes | None:
    bearer = None
    for name, value in scope["headers"]:
        if name == b"x-api-key":
            return bytes(value)
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            bearer = bytes(value[7:]).strip()
    return bearer
