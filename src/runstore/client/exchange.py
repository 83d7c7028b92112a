"""One request, tried until it is answered: attempts and waits, without I/O or a clock of its own.

drive.py drives it for all transports: they send when it yields Attempt, it sleeps when it yields
Wait. So they all wait and give up alike.
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from runstore.client.http import HandedPage, HttpRequest, HttpResponse
from runstore.client.problems import code_from, error_from
from runstore.client.retry import Fault, Outcome, seconds_to_wait
from runstore.errors import ConnectionFailed, RequestTimeout, RunstoreError


class Attempt(NamedTuple):
    """Send the request; the answer to it is an Answer or a Failure."""


class Wait(NamedTuple):
    """Sleep; the answer to it is a Tick."""

    seconds: float


class Tick(NamedTuple):
    """What only the outside knows after a wait, or an attempt that failed."""

    now: datetime
    jitter: float  # [0, 1)


@dataclass(frozen=True, slots=True)
class Answer:
    """Of any status. Names of `headers` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    page: HandedPage | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """No answer. `said` is what the HTTP library had to say."""

    fault: Fault
    said: str


class Ask(NamedTuple):
    """Say what time it is, and roll a die; the answer to it is a Tick."""


Step = Attempt | Wait | Ask
Reply = Answer | Failure | Tick | None
Exchange = Generator[Step, Reply, HttpResponse]


def exchange(request: HttpRequest, target: str) -> Exchange:
    """`target` is for messages. Raises the error that the last attempt stands for."""
    waited_s = 0.0
    attempt = 1
    while True:
        reply = yield Attempt()
        assert isinstance(reply, Answer | Failure)
        if isinstance(reply, Answer) and 200 <= reply.status < 300:
            return HttpResponse(reply.status, reply.body, reply.headers, reply.page)
        tick = yield Ask()
        assert isinstance(tick, Tick)
        wait_s = seconds_to_wait(
            attempt,
            _outcome(reply),
            is_repeatable=request.is_repeatable,
            waited_s=waited_s,
            now=tick.now,
            jitter=tick.jitter,
        )
        if wait_s is None:
            raise error_of(reply, request, target, attempt)
        yield Wait(wait_s)
        waited_s += wait_s
        attempt += 1


def error_of(
    reply: Answer | Failure, request: HttpRequest, target: str, attempt: int = 1
) -> RunstoreError:
    """What a reply that is no success stands for."""
    if isinstance(reply, Answer):
        return error_from(reply.status, reply.headers, reply.body, sent=request.body)
    tried = f" ({attempt} attempts)" if attempt > 1 else ""
    asked = f"{request.method} {request.path}"
    if reply.fault is Fault.TIMED_OUT:
        return RequestTimeout(f"{target} did not answer {asked} in time: {reply.said}")
    said = "cannot be reached" if reply.fault is Fault.UNCONNECTED else f"broke off {asked}"
    return ConnectionFailed(f"{target} {said}{tried}: {reply.said}")


def _outcome(reply: Answer | Failure) -> Outcome:
    if isinstance(reply, Failure):
        return Outcome(fault=reply.fault)
    return Outcome(
        status=reply.status,
        code=code_from(reply.body),
        retry_after=reply.headers.get("retry-after"),
    )
