"""Requests of the client over the cheapest connection there is: what bench.load and queries use."""

import time
from collections.abc import Callable
from typing import Self

from bench.http import Connection
from runstore.client.http import HttpRequest, HttpResponse
from runstore.client.problems import error_from

RETRIES_MAX = 1_000  # answers of 429 to one request before the benchmark gives up
_HEADERS = {"x-api-key": "bench", "Content-Type": "application/json"}


class RawSender:
    """Of one thread. Waits as long as a busy server asks, and tells of it."""

    def __init__(self, port: int, on_busy: Callable[[], None] = lambda: None) -> None:
        self._connection = Connection(port)
        self._on_busy = on_busy
        self._seconds = 0.0

    def send(self, request: HttpRequest) -> HttpResponse:
        """Raises OSError, and the error that an answer stands for."""
        assert not request.params
        headers = _HEADERS | dict(request.headers)
        for attempt in range(RETRIES_MAX):
            began = time.perf_counter()
            answer = self._connection.request(request.method, request.path, request.body, headers)
            self._seconds = time.perf_counter() - began
            if answer.status != 429 or attempt == RETRIES_MAX - 1:
                break
            self._on_busy()
            time.sleep(float(answer.headers.get("retry-after", "1")))
        if answer.status >= 300:
            raise error_from(answer.status, answer.headers, answer.body, sent=request.body)
        return HttpResponse(answer.status, answer.body, answer.headers)

    def seconds(self) -> float:
        return self._seconds

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
