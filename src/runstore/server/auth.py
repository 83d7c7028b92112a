"""API key of a request -> let in, or 401, or 403. Keys are known by their SHA-256 only.

read    GET, queries, figures, tails
write   runs and feedback sent
admin   everything: projects and traces changed or deleted, too
"""

import hashlib
import hmac
from collections.abc import Callable, Sequence
from typing import Literal

from starlette.types import ASGIApp, Receive, Scope, Send

from runstore.errors import Forbidden, RunstoreError, Unauthorized
from runstore.server.hosts import LoopbackHosts
from runstore.server.problems import send_problem
from runstore.store.keys import Key

OPEN = frozenset({"/health", "/ok", "/ready", "/info", "/openapi.json", "/docs"})
OPEN_UNDER = "/attachments/"  # the link's signature is its key
READING = frozenset(
    {
        *("/runs/query", "/runs/query/validate", "/runs/query/explain"),
        *("/runs/stats", "/runs/tail"),
    }
)
SENDING = frozenset({"/runs", "/runs/batch", "/runs/multipart", "/feedback"})
WithoutKeys = Literal["this machine", "anyone", "nobody"]


def role_needed(method: str, path: str) -> str:
    """What a key must be for, to ask this."""
    if method in ("GET", "HEAD") or (method == "POST" and path in READING):
        return "read"
    if method == "POST" and path in SENDING:
        return "write"
    if method == "PATCH" and path.startswith(("/runs/", "/feedback/")):
        return "write"
    if method == "DELETE" and path.startswith("/feedback/"):
        return "write"
    return "admin"


class ApiKeys:
    """Asks for a key in X-API-Key or Authorization: Bearer, as long as there are any."""

    def __init__(
        self,
        app: ASGIApp,
        hashes: Sequence[str],
        keys: Callable[[], Sequence[Key]],
        without: WithoutKeys,
    ) -> None:
        """`hashes` are of keys for everything; `keys` come and go; `without`: who is let in while
        there is neither."""
        self._app = app
        self._own = [(bytes.fromhex(text), ("admin",)) for text in hashes]
        self._keys = keys
        let_in: dict[WithoutKeys, ASGIApp | None] = {
            "this machine": LoopbackHosts(app),
            "anyone": app,
            "nobody": None,
        }
        self._without = let_in[without]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        keys = self._own + [(bytes.fromhex(key.sha256), key.roles) for key in self._keys()]
        if not keys and self._without is not None:
            return await self._without(scope, receive, send)
        if not is_open(scope["path"]):
            problem = _problem(scope, keys)
            if problem is not None:
                return await send_problem(problem, scope, receive, send)
        return await self._app(scope, receive, send)


def _problem(scope: Scope, keys: Sequence[tuple[bytes, tuple[str, ...]]]) -> RunstoreError | None:
    shown = _key(scope)
    if shown is None:
        return Unauthorized("no API key: send it as X-API-Key or Authorization: Bearer")
    digest = hashlib.sha256(shown).digest()
    roles: tuple[str, ...] = ()
    for known, own_roles in keys:  # all of them, so that the time taken tells nothing
        if hmac.compare_digest(known, digest):
            roles = own_roles
    if not roles:
        return Unauthorized("this API key is not known here")
    needed = role_needed(scope["method"], scope["path"])
    if needed not in roles and "admin" not in roles:
        return Forbidden(
            f"this API key is for {' and '.join(roles)}; {scope['method']} {scope['path']} needs"
            f" one for {needed}"
        )
    return None


def is_open(path: str) -> bool:
    """Asked without a key."""
    return path in OPEN or path.startswith(OPEN_UNDER)


def _key(scope: Scope) -> bytes | None:
    bearer = None
    for name, value in scope["headers"]:
        if name == b"x-api-key":
            return bytes(value)
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            bearer = bytes(value[7:]).strip()
    return bearer
