"""Senders as LangSmith's SDK has them: its transport and retries, bodies it would send.

Bodies fall due by the clock, whether or not the server keeps up; one thread has one request under
way. What the SDK would give up is counted, and named. Source of the retries: langsmith/client.py,
_default_retry_config and _send_compressed_multipart_req of 0.15.
"""

import threading
import time
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid5

import requests
from langsmith.client import _TRACING_SEND_TIMEOUT, _default_retry_config
from requests.adapters import HTTPAdapter

from runstore.benchmark.encode import compress, encode_run, headers, join
from runstore.model.times import text_from_us, us_from_text

ATTEMPTS = 3  # of the SDK, for answers of 5xx and none; 429 is left to its transport
RUNS_PER_BODY = 100
START_US = us_from_text("2026-11-01T00:00:00Z")
_SPACE = UUID(int=0x10AD)
_PLAIN = str.maketrans("", "", "-:.")
_TEXTS = [f"{n} " + "what was said to the model, and what it answered. " * 20 for n in range(97)]

Json = dict[str, Any]


@dataclass(slots=True)
class Sent:
    """By body number; a sender has numbers of its own."""

    taken: list[int] = field(default_factory=list)
    given_up: dict[int, str] = field(default_factory=dict)  # why
    refused: int = 0  # answers of 429
    without_retry_after: int = 0
    longest_s: float = 0.0  # from the first attempt to 202


def run_id(body: int, number: int) -> str:
    return str(uuid5(_SPACE, f"{body} {number}"))


def body_of(number: int) -> tuple[bytes, int]:
    """Body number so-and-so, and its size before zstd: the same whenever it is asked for."""
    whole = join(encode_run("post", _run(number, at)) for at in range(RUNS_PER_BODY))
    return compress(whole), len(whole)


def _run(body: int, number: int) -> Json:
    one = run_id(body, number)
    start_us = START_US + body * 1_000_000 + number
    start = text_from_us(start_us)
    return {
        "id": one,
        "trace_id": one,
        "dotted_order": f"{start[:26].translate(_PLAIN)}Z{one}",
        "session_name": "load",
        "name": "step",
        "run_type": "llm",
        "start_time": start,
        "end_time": text_from_us(start_us + 1_000_000),
        "inputs": {"text": _TEXTS[(body + number) % 97], "body": body},
        "outputs": {"text": _TEXTS[(body * 7 + number) % 97]},
        "extra": {"metadata": {"body": body}},
    }


def _transport(sent: Sent, lock: threading.Lock) -> HTTPAdapter:
    """The SDK's, which tells of each 429 it tries again after."""
    retry = copy(_default_retry_config())  # it is shared

    class Watched(type(retry)):  # type: ignore[misc]  # it makes copies of itself
        def increment(self, *args: Any, **kwargs: Any) -> Any:
            response = kwargs.get("response")
            if response is not None and response.status == 429:
                with lock:
                    sent.refused += 1
                    sent.without_retry_after += "retry-after" not in response.headers
            return super().increment(*args, **kwargs)

    retry.__class__ = Watched
    return HTTPAdapter(max_retries=retry, pool_connections=1, pool_maxsize=1)


class Fleet:
    """Threads that send the bodies of these numbers, of which `rate` a second fall due."""

    def __init__(self, url: str, threads: int, numbers: Sequence[int], rate: float) -> None:
        self.sent = Sent()
        self._url = f"{url}/runs/multipart"
        self._threads, self._numbers, self._rate = threads, numbers, rate
        self._lock = threading.Lock()
        self._handed_out = 0

    def run(self) -> Sent:
        """Until all have been sent, or given up."""
        began = time.monotonic()

        def sender() -> None:
            with requests.Session() as session:
                session.mount("http://", _transport(self.sent, self._lock))
                while True:
                    with self._lock:
                        at = self._handed_out
                        if at >= len(self._numbers):
                            return
                        self._handed_out += 1
                    due = began + at / self._rate
                    time.sleep(max(0.0, due - time.monotonic()))
                    self._send(session, self._numbers[at])

        threads = [threading.Thread(target=sender) for _ in range(self._threads)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return self.sent

    def _send(self, session: requests.Session, number: int) -> None:
        content, size = body_of(number)
        began = time.monotonic()
        why = ""
        for _ in range(ATTEMPTS):
            try:
                answer = session.post(
                    self._url,
                    data=content,
                    headers=headers(size, len(content)),
                    timeout=_TRACING_SEND_TIMEOUT,
                )
            except requests.RequestException as error:
                why = f"{type(error).__name__}: {error}"
                continue
            if answer.status_code == 202:
                with self._lock:
                    self.sent.taken.append(number)
                    self.sent.longest_s = max(self.sent.longest_s, time.monotonic() - began)
                return
            why = f"{answer.status_code} {answer.text[:200]}"
            if answer.status_code < 500:
                break  # the SDK's loop tries again after faults of the server alone
        with self._lock:
            self.sent.given_up[number] = why


def sending(url: str, threads: int, numbers: Sequence[int], rate: float) -> Sent:
    """A fleet, in a process of its own."""
    return Fleet(url, threads, numbers, rate).run()
