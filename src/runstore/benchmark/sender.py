"""A client's transport that measures: how long the answered attempt took, how often it was 429."""

import threading
import time
from collections.abc import Mapping
from typing import Protocol

from runstore.client.exchange import Answer, Failure
from runstore.client.http import HttpRequest, SyncSender
from runstore.client.pace import Pace
from runstore.client.target import Target
from runstore.client.transport import SyncHttpTransport


class TimedSender(SyncSender, Protocol):
    def seconds(self) -> float:
        """How long the last attempt of this thread took. What was waited before it is not in it."""


class TimedTransport(SyncHttpTransport):
    """Of a server, over HTTP. At most `requests_per_10s` requests in any 10 s, or no such bound."""

    def __init__(self, target: Target, requests_per_10s: int | None = None) -> None:
        super().__init__(target)
        self._pace = Pace(requests_per_10s)
        self._last = threading.local()
        self._counting = threading.Lock()
        self.busy_answers = 0

    def once(self, request: HttpRequest) -> Answer | Failure:
        self._pace.wait()
        began = time.perf_counter()
        reply = super().once(request)
        self._last.seconds = time.perf_counter() - began
        if isinstance(reply, Answer) and reply.status == 429:
            with self._counting:
                self.busy_answers += 1
        return reply

    def seconds(self) -> float:
        seconds: float = self._last.seconds
        return seconds


def post(
    sender: SyncSender, path: str, body: bytes, headers: Mapping[str, str] | None = None
) -> bytes:
    """The answer's body. Asking may be repeated; so may sending runs, which have ids."""
    fields = tuple((headers or {}).items())
    return sender.send(HttpRequest("POST", path, body=body, headers=fields)).body
