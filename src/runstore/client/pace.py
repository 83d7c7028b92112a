"""So many requests in any 10 seconds and no more: who would send one waits until it may."""

import threading
import time
from collections import deque
from collections.abc import Callable

from runstore.errors import InvalidArgument
from runstore.limits import RATE_WINDOW_SECONDS


class Pace:
    """`requests_max` None: no bound. May be used by several threads at once."""

    def __init__(
        self,
        requests_max: int | None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if requests_max is not None and requests_max < 1:
            raise InvalidArgument(f"requests_per_10s: {requests_max} is less than 1")
        self._clock, self._sleep = clock, sleep
        self._lock = threading.Lock()
        self._sent: deque[float] | None = None
        if requests_max is not None:
            self._sent = deque(maxlen=requests_max)  # the oldest is the one that must have aged

    def wait(self) -> None:
        sent = self._sent
        if sent is None:
            return
        with self._lock:
            if len(sent) == sent.maxlen:
                ready_s = sent[0] + RATE_WINDOW_SECONDS
                while (now_s := self._clock()) < ready_s:
                    self._sleep(ready_s - now_s)
            sent.append(self._clock())
