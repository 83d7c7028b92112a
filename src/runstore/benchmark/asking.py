"""Query classes -> their times over HTTP, answers received whole; and all runs of a project."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from runstore.benchmark.questions import QueryClass, Source
from runstore.benchmark.sender import TimedSender, post
from runstore.benchmark.timing import CLASS_SECONDS_MAX, REPEATS, Timing, measure
from runstore.errors import ConnectionFailed, Forbidden, RunstoreError, Unauthorized

EXPORT_SECONDS_MAX = 120.0
EXPORT_PAGE_RUNS = 100  # LangSmith's bound, and the SDK's page
REFUSAL_CHARS = 160

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """`refused`: why there are no times, the status first."""

    name: str
    timing: Timing | None = None
    answer_bytes: float = 0.0  # on average
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class Export:
    """All runs of a project, page after page."""

    runs: int
    seconds: float
    complete: bool  # False: stopped after EXPORT_SECONDS_MAX
    page_runs: int

    @property
    def runs_per_s(self) -> float:
        return self.runs / self.seconds


def ask_class(
    sender: TimedSender,
    query_class: QueryClass,
    source: Source,
    repeats: int = REPEATS,
    seconds_max: float = CLASS_SECONDS_MAX,
) -> Asked:
    """Parsing is not timed. What the server will not answer is told, not raised.

    Raises what makes further questions useless: ConnectionFailed, Unauthorized, Forbidden.
    """
    sizes: list[int] = []

    def count(answer: bytes) -> int:
        sizes.append(len(answer))
        read = orjson.loads(answer)
        return len(read["runs"]) if "runs" in read else int(read["run_count"])

    ask = _asker(sender, query_class, source)
    try:
        timing = measure(ask, count, repeats, seconds_max, sender.seconds)
    except (ConnectionFailed, Unauthorized, Forbidden):
        raise
    except RunstoreError as error:
        said = " ".join(str(error).split())[:REFUSAL_CHARS]
        return Asked(query_class.name, refused=f"{error.status}: {said}")
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        return Asked(query_class.name, refused=f"answered otherwise: {error!r}"[:REFUSAL_CHARS])
    return Asked(query_class.name, timing, sum(sizes[1:]) / timing.n)


def _asker(
    sender: TimedSender, query_class: QueryClass, source: Source
) -> Callable[[int], Callable[[], bytes]]:
    path = "/runs/stats" if query_class.is_stats else "/runs/query"

    def ask(number: int) -> Callable[[], bytes]:
        body = query_class.body(source, number)
        if query_class.second_page:
            first = orjson.loads(post(sender, path, orjson.dumps(body)))
            body["cursor"] = first["cursors"]["next"]
        encoded = orjson.dumps(body)
        return lambda: post(sender, path, encoded)

    return ask


def export_project(sender: TimedSender, project_id: str) -> Export:
    """As the SDK pages: 100 runs at a time, the whole body with the cursor each time."""
    body: Json = {"session": [project_id], "limit": EXPORT_PAGE_RUNS}
    began = time.perf_counter()
    runs = 0
    while True:
        answer = orjson.loads(post(sender, "/runs/query", orjson.dumps(body)))
        runs += len(answer["runs"])
        spent = time.perf_counter() - began
        cursor = answer["cursors"].get("next")
        if not cursor or spent > EXPORT_SECONDS_MAX:
            return Export(runs, spent, not cursor, EXPORT_PAGE_RUNS)
        body["cursor"] = cursor
