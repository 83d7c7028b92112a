"""One side of a transfer: a transport, paced, and what was learned of the server behind it."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from runstore.client.calls.ingest import IngestTerms, read_terms
from runstore.client.calls.resolve import page_runs_max
from runstore.client.drive import drive
from runstore.client.http import HttpRequest, HttpResponse, Steps, SyncTransport, T
from runstore.client.sync import Client
from runstore.errors import InvalidArgument
from runstore.limits import RATE_WINDOW_SECONDS


class Peer:
    """Runs calls: at most `requests_per_10s` requests in any 10 s, or as fast as they are answered.

    Retries are the transport's, which waits as long as an overloaded server asks for.
    """

    def __init__(
        self,
        client: Client,
        requests_per_10s: int | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if requests_per_10s is not None and requests_per_10s < 1:
            raise InvalidArgument(f"requests_per_10s: {requests_per_10s} is less than 1")
        self._transport = _Paced(client._transport, requests_per_10s, clock, sleep)
        self._terms: IngestTerms | None = None
        self.server = client._server
        self.name = str(client.target)

    def run(self, steps: Steps[T]) -> T:
        return drive(steps, self._transport)

    @property
    def terms(self) -> IngestTerms:
        """What the server takes in one batch; asked for once."""
        if self._terms is None:
            self._terms = self.run(read_terms())
        return self._terms

    @property
    def page_runs_max(self) -> int:
        return self.run(page_runs_max(self.server))


class _Paced:
    """A transport that never sends more than its share."""

    def __init__(
        self,
        transport: SyncTransport,
        requests_max: int | None,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self._inner, self._clock, self._sleep = transport, clock, sleep
        self._lock = threading.Lock()  # the next page is read while feedback of this one is
        self._sent: deque[float] | None = None
        if requests_max is not None:
            self._sent = deque(maxlen=requests_max)  # the oldest is the one that must have aged

    def send(self, request: HttpRequest) -> HttpResponse:
        self._wait()
        return self._inner.send(request)

    def stream(self, request: HttpRequest) -> AbstractContextManager[Iterator[bytes]]:
        self._wait()
        return self._inner.stream(request)

    def close(self) -> None:
        """The client's own, not ours to close."""

    def _wait(self) -> None:
        sent = self._sent
        if sent is None:
            return
        with self._lock:
            if len(sent) == sent.maxlen:
                ready_s = sent[0] + RATE_WINDOW_SECONDS
                while (now_s := self._clock()) < ready_s:
                    self._sleep(ready_s - now_s)
            sent.append(self._clock())
