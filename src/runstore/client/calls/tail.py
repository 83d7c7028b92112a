"""Following runs: the request that begins or resumes, bytes -> events -> runs, when to try again.

No I/O. Source of the events: docs/wire.md#tail.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from runstore.client.asking import RunAsk, as_select, ask_runs
from runstore.client.calls.resolve import example_ids_of
from runstore.client.http import HttpRequest, Steps
from runstore.client.problems import error_from
from runstore.client.run import Run
from runstore.errors import (
    ConnectionFailed,
    InvalidArgument,
    NotFound,
    Overloaded,
    RequestTimeout,
    RunstoreError,
    UnexpectedAnswer,
)
from runstore.limits import (
    RETRY_PAUSE_SECONDS,
    RETRY_PAUSE_SECONDS_MAX,
    TAIL_EVENT_BYTES_MAX,
    TAIL_RECENT_RUNS,
    TAIL_RETRY_SECONDS_MAX,
    TAIL_SILENCE_SECONDS,
)

_SCOPES = ("project_id", "project_name", "trace_id", "parent_run_id", "reference_example_id",
           "dataset_id", "dataset_name", "run_ids", "id", "all_projects")  # fmt: skip


def ask_tail(
    keywords: Mapping[str, Any], select: str | Iterable[str] | None, cursor: str | None
) -> RunAsk:
    """RunFilters -> RunAsk; what says nothing of which runs means all of them.

    Raises TypeError and InvalidArgument as `ask_runs` does.
    """
    given = dict(keywords)
    if all(given.get(name) is None for name in _SCOPES):
        given["all_projects"] = True
    if cursor is not None and not cursor:
        raise InvalidArgument('cursor: "" is none; "0" is all runs there are, None what comes')
    return replace(ask_runs(given, "tail"), select=as_select(select), cursor=cursor)


@dataclass(slots=True)
class Event:
    """One server-sent event. `data` is empty where there was none."""

    kind: str = ""
    id: str = ""
    data: bytes = b""


class EventParser:
    """Bytes in pieces of any size -> events, as they are complete."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._searched = 0

    def feed(self, piece: bytes) -> Iterator[Event]:
        """Raises UnexpectedAnswer for an event that does not end."""
        self._waiting += piece
        while (end := self._waiting.find(b"\n\n", max(self._searched - 1, 0))) >= 0:
            block = bytes(self._waiting[:end])
            del self._waiting[: end + 2]
            self._searched = 0
            yield _event(block)
        self._searched = len(self._waiting)
        if self._searched > TAIL_EVENT_BYTES_MAX:
            raise UnexpectedAnswer(f"an event of more than {TAIL_EVENT_BYTES_MAX} bytes")


def _event(block: bytes) -> Event:
    event = Event()
    for line in block.split(b"\n"):
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"event":
            event.kind = value.decode("utf-8", "replace")
        elif name == b"id":
            event.id = value.decode("utf-8", "replace")
        elif name == b"data":
            event.data = event.data + b"\n" + value if event.data else value
    return event


class Following:
    """One tail, over as many connections as it takes."""

    def __init__(self, ask: RunAsk, read: Callable[[bytes], Run]) -> None:
        self.cursor = ask.cursor
        self._ask = ask
        self._read = read
        self._body: dict[str, Any] | None = None
        self._parser = EventParser()
        self._recent: OrderedDict[object, tuple[object, object]] = OrderedDict()
        self._has_asked = False
        self._has_begun = False  # the server has answered: what it does not like it has said
        self._attempts = 0  # since an event came last
        self._waited_s = 0.0

    def request(self) -> Steps[HttpRequest]:
        """To begin, or to go on where it stopped."""
        if self._body is None:
            self._body = yield from self._resolved()
        self._parser = EventParser()
        self._has_asked = True
        body = self._body if self.cursor is None else {**self._body, "cursor": self.cursor}
        return HttpRequest(
            "POST",
            "/runs/tail",
            body=orjson.dumps(body),
            headers=(("Accept", "text/event-stream"),),
            timeout_s=TAIL_SILENCE_SECONDS,
        )

    def _resolved(self) -> Steps[dict[str, Any]]:
        """Projects stay names: they may be made later."""
        ask = self._ask
        body = dict(ask.restrictions)
        if ask.is_empty:
            body["id"] = []
        if ask.project_names:
            body["session_name"] = list(ask.project_names)
        if ask.dataset_id is not None or ask.dataset_name is not None:
            body["reference_example"] = yield from example_ids_of(ask.dataset_id, ask.dataset_name)
        if ask.select is not None:  # of each run its state is needed
            body["select"] = list(dict.fromkeys(("id", "status", "end_time", *ask.select)))
        return body

    def runs(self, piece: bytes) -> Iterator[Run]:
        """Those a piece of the answer completes. `cursor` is past each as it is given.

        Raises what the server says went wrong.
        """
        for event in self._parser.feed(piece):
            self._has_begun = True
            self._attempts, self._waited_s = 0, 0.0
            if event.kind == "error":
                raise error_from(503, {}, event.data, sent=orjson.dumps(self._body))
            self.cursor = event.id or self.cursor
            if event.kind == "run":
                run = self._read(event.data)
                if self._is_news(run):
                    yield run

    def _is_news(self, run: Run) -> bool:
        """A connection that goes on repeats the page in which the one before it broke."""
        state = (run.status, run.end_time)
        if self._recent.get(run.id) == state:
            return False
        self._recent[run.id] = state
        self._recent.move_to_end(run.id)
        if len(self._recent) > TAIL_RECENT_RUNS:
            self._recent.popitem(last=False)
        return True

    def seconds_to_wait(self, error: RunstoreError | None, jitter: float) -> float:
        """Before the next connection; `error` None: the server ended this one. `jitter` in [0, 1).

        Raises the error when another attempt would meet it again, when the first one did, and
        after TAIL_RETRY_SECONDS_MAX in which nothing came.
        """
        if error is not None and not (self._has_begun and _is_passing(error)):
            raise self._explained(error) from error
        if self._waited_s >= TAIL_RETRY_SECONDS_MAX:
            raise error or ConnectionFailed("the server ends the stream whenever it begins")
        pause_s = min(RETRY_PAUSE_SECONDS * 2.0**self._attempts, RETRY_PAUSE_SECONDS_MAX)
        wait_s = pause_s * (0.5 + jitter / 2)
        if isinstance(error, Overloaded):
            wait_s = max(wait_s, float(error.retry_after_s))
        self._attempts = min(self._attempts + 1, 10)
        self._waited_s += wait_s
        return wait_s

    def _explained(self, error: RunstoreError) -> RunstoreError:
        """LangSmith has no such path."""
        if self._has_asked and (isinstance(error, NotFound) or error.status == 405):
            return NotFound("this server streams no runs; Runstore does")
        return error


def _is_passing(error: RunstoreError) -> bool:
    if isinstance(error, ConnectionFailed | RequestTimeout | Overloaded):
        return True
    return error.status >= 500 and error.code in ("storage", "internal", "query_budget_exceeded")
