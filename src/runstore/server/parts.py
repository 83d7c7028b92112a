"""A large answer -> its connection, a little at a time, so that others have their turn between."""

import asyncio
from collections.abc import Mapping, Sequence

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from runstore.limits import SEND_BYTES
from runstore.server.problems import JSON


class PartsResponse(Response):
    """JSON in parts, whose length is known."""

    def __init__(self, parts: Sequence[bytes], headers: Mapping[str, str]) -> None:
        super().__init__(headers=headers, media_type=JSON)
        self.headers["content-length"] = str(sum(map(len, parts)))
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        for part in self._parts:
            for first in range(0, len(part), SEND_BYTES):
                piece = part[first : first + SEND_BYTES]
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                if len(piece) == SEND_BYTES:
                    await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b"", "more_body": False})
