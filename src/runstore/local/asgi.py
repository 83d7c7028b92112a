"""One request to an ASGI app on this event loop -> its answer, head first, then the body in pieces.

The app is told the same as by a web server: whoever leaves early has disconnected.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlencode

from runstore.client.http import HandedPage, HttpRequest
from runstore.wire.deferred import EXTENSION

Message = MutableMapping[str, Any]
App = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]],
    Awaitable[None],
]
PIECES_WAITING = 1  # of an answer, not yet taken: an app may be this much faster than its reader


@dataclass(frozen=True, slots=True)
class Head:
    """`headers` with names in lower case."""

    status: int
    headers: dict[str, str]


class AppCall:
    """Starts at once. `head`, then `piece` by `piece`; `leave` when no more is wanted.

    The app runs in `task`, at most PIECES_WAITING pieces ahead of who reads its answer.
    """

    def __init__(self, app: App, request: HttpRequest) -> None:
        self._request = request
        self._head: Head | None = None
        self._pieces: deque[bytes] = deque()
        self._more = asyncio.Event()  # something came: the head, a piece, or the end
        self._room = asyncio.Event()  # for another piece
        self._gone = asyncio.Event()  # nobody waits for the answer any longer
        self._has_sent = False
        self.page: HandedPage | None = None  # once the app has ended, if it gave one for a body
        self.task = asyncio.create_task(self._run(app))
        self.task.add_done_callback(self._done)

    async def head(self) -> Head:
        """Raises what the app raised before it answered."""
        while self._head is None:
            if self.task.done():
                await self.task
                raise RuntimeError("the app ended without an answer")
            await self._wait()
        return self._head

    async def piece(self) -> bytes | None:
        """The next; None when the app has said all, or after `leave`. Raises what the app did."""
        while not self._pieces:
            if self._gone.is_set():
                return None
            if self.task.done():
                await self.task
                return None
            await self._wait()
        self._room.set()
        return self._pieces.popleft()

    async def body(self) -> bytes:
        pieces: list[bytes] = []
        while (piece := await self.piece()) is not None:
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def leave(self) -> None:
        """What is still sent goes nowhere. The app hears of it, and ends by itself."""
        self._gone.set()
        self._pieces.clear()
        self._room.set()
        self._more.set()

    async def _wait(self) -> None:
        """For more of the answer, or the end of the app."""
        self._more.clear()
        await self._more.wait()

    async def _run(self, app: App) -> None:
        await app(scope_of(self._request), self._receive, self._send)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._more.set()
        if not task.cancelled():
            task.exception()  # told to who waits; of no interest to who has left

    async def _receive(self) -> Message:
        if not self._has_sent:
            self._has_sent = True
            return {"type": "http.request", "body": self._request.body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = {
                name.decode("latin-1").lower(): value.decode("latin-1")
                for name, value in message.get("headers", ())
            }
            self._head = Head(message["status"], headers)
            self._more.set()
        elif message["type"] == "http.response.body" and message.get("body"):
            await self._put(message["body"])
        elif message["type"] == EXTENSION:
            self.page = message["page"]

    async def _put(self, piece: bytes) -> None:
        while len(self._pieces) >= PIECES_WAITING and not self._gone.is_set():
            self._room.clear()
            await self._room.wait()
        if not self._gone.is_set():
            self._pieces.append(piece)
            self._more.set()


def scope_of(request: HttpRequest) -> Message:
    headers = [
        (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in request.headers
    ]
    if request.body:
        headers.append((b"content-length", str(len(request.body)).encode()))
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": unquote(request.path),
        "raw_path": request.path.encode(),
        "root_path": "",
        "query_string": urlencode(request.params).encode("ascii"),
        "headers": headers,
        "client": None,
        "server": None,
        "state": {},
        "extensions": {EXTENSION: {}} if request.takes_page else {},
    }
