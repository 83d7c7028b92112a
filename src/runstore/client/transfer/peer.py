"""One side of a transfer: a transport, paced, and what was learned of the server behind it."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from runstore.client.calls.ingest import IngestTerms, read_terms
from runstore.client.calls.resolve import page_runs_max
from runstore.client.drive import drive
from runstore.client.http import HttpRequest, HttpResponse, Steps, SyncTransport, T
from runstore.client.pace import Pace
from runstore.client.sync import Client


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
        pace = Pace(requests_per_10s, clock=clock, sleep=sleep)
        self._transport = _Paced(client._transport, pace)
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

    def __init__(self, transport: SyncTransport, pace: Pace) -> None:
        self._inner, self._pace = transport, pace

    def send(self, request: HttpRequest) -> HttpResponse:
        self._pace.wait()
        return self._inner.send(request)

    def stream(self, request: HttpRequest) -> AbstractContextManager[Iterator[bytes]]:
        self._pace.wait()
        return self._inner.stream(request)

    def close(self) -> None:
        """The client's own, not ours to close."""
