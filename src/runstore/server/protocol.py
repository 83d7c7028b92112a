"""uvicorn's HTTP protocol with bounds on what a client may hold: a head's bytes, and our patience.

A head is in memory whole, so its bytes are bounded. Each connection holds a file and some memory,
so it may not be kept by sending next to nothing (slowloris):

waiting     until a head is complete        HEAD_SECONDS_MAX in all
a body      between two pieces of it        BODY_SILENCE_SECONDS_MAX
unread      what comes of a body after      UNREAD_SECONDS_MAX in all
            its answer
idle        between two requests            uvicorn's keep-alive, IDLE_CONNECTION_SECONDS
working     while we make the answer        no bound here: queries and ingest have their own
unsent      while nothing of it is read     UNSENT_SECONDS_MAX; a page may hold 20 MiB

Where the answer has not begun, the client is told: 408.
"""

import asyncio
from http import HTTPStatus
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from runstore.limits import (
    BODY_SILENCE_SECONDS_MAX,
    HEAD_BYTES_MAX,
    HEAD_SECONDS_MAX,
    UNREAD_SECONDS_MAX,
    UNSENT_SECONDS_MAX,
)

_LOOK_SECONDS: Final = 5.0  # at least so often, or a new phase would be noticed late


class BoundedHttp(HttpToolsProtocol):
    """One connection. Looks at itself when its present phase could be over, by one timer."""

    _head_bytes: int | None = 0  # of the head that is arriving; None: a body is
    _is_whole = True  # whether the last request's body has come
    _since = 0.0  # loop time: the phase began, or the body's last piece came
    _unsent = 0  # bytes of answers that wait for the client, when we last looked
    _unsent_since = 0.0  # loop time: they have not become fewer since
    _look: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._since = self.loop.time()
        self._look_in(HEAD_SECONDS_MAX)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._look is not None:
            self._look.cancel()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        self._head_bytes = 0
        self._since = self.loop.time()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._head_bytes = None
        self._is_whole = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._is_whole = True
        self._since = self.loop.time()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self._since = self.loop.time()
        super().on_response_complete()

    def data_received(self, data: bytes) -> None:
        if self._head_bytes is None and not self._is_answered:
            self._since = self.loop.time()
        super().data_received(data)
        if self._head_bytes is not None:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES_MAX and not self.transport.is_closing():
                self.send_400_response(f"The request's head is over {HEAD_BYTES_MAX} bytes.")

    # --- patience

    @property
    def _is_answered(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _seconds_max(self) -> float | None:
        """Of the present phase, from `_since`. None: no bound, or not the client's doing."""
        if self.flow.read_paused or self.pipeline or self.timeout_keep_alive_task is not None:
            return None
        if self._is_answered:
            return UNREAD_SECONDS_MAX if not self._is_whole else HEAD_SECONDS_MAX
        if self._is_whole or self.cycle.waiting_for_100_continue:
            return None
        return BODY_SILENCE_SECONDS_MAX

    def _look_in(self, seconds: float) -> None:
        self._look = self.loop.call_later(seconds, self._look_at_it)

    def _look_at_it(self) -> None:
        now = self.loop.time()
        if self._is_stuck(now):
            self.transport.abort()
        elif self.transport.is_closing():
            self._look_in(_LOOK_SECONDS)  # until the last bytes of an answer are out
        else:
            self._look_at_phase(now)

    def _is_stuck(self, now: float) -> bool:
        before, self._unsent = self._unsent, self.transport.get_write_buffer_size()
        if not self._unsent or self._unsent < before or not before:
            self._unsent_since = now
        return now - self._unsent_since >= UNSENT_SECONDS_MAX

    def _look_at_phase(self, now: float) -> None:
        allowed = self._seconds_max()
        if allowed is None:
            self._since = now  # the client's time begins when ours is over
            left = _LOOK_SECONDS
        else:
            left = self._since + allowed - now
        if left > 0:
            self._look_in(min(left, _LOOK_SECONDS))
        else:
            self._hang_up()
            self._look_in(_LOOK_SECONDS)

    def _hang_up(self) -> None:
        """With a word, unless nothing has been asked, or an answer is under way."""
        if self._head_bytes or not (self._is_answered or self.cycle.response_started):
            self._say(HTTPStatus.REQUEST_TIMEOUT, "The request did not arrive in time.")
        self.transport.close()

    def _say(self, status: HTTPStatus, text: str) -> None:
        self.transport.write(
            f"HTTP/1.1 {status.value} {status.phrase}\r\n"
            "content-type: text/plain; charset=utf-8\r\n"
            f"content-length: {len(text)}\r\n"
            "connection: close\r\n"
            f"\r\n{text}".encode("ascii")
        )
