"""Clients that filter, each with pauses as a person or an agent has, and the times they waited.

In processes of their own, so that they wait for the server alone. Knows HTTP; knows no server.
"""

import multiprocessing
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson
from bench.http import Connection
from bench.server import Server

from runstore.benchmark.generate import Facts
from runstore.benchmark.questions import QUERY_CLASSES, Source
from runstore.benchmark.vocabulary import Vocabulary

PAUSE_SECONDS = 0.5  # between two questions of one client, on average
EXPORT_PAGE_RUNS = 1_000  # as many as a page may have, with all payloads
HEADERS = {"Content-Type": "application/json", "x-api-key": "load"}
FILTERS = [one for one in QUERY_CLASSES if not one.is_stats and not one.second_page]

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asking:
    """Whom to ask, and about what."""

    port: int
    project_id: str
    facts: Facts


@dataclass(slots=True)
class Waited:
    """What clients waited for their answers, and what was no answer."""

    ms: list[float]
    problems: list[str]


@dataclass(slots=True)
class Exported:
    """What one client walked, over and over; a walk that ended begins anew."""

    runs: int
    pages: int
    problems: list[str]


def filtering(asking: Asking, clients: int, seconds: float, seed: str) -> Waited:
    """In one process: as many threads as clients."""
    source = Source(asking.project_id, asking.facts, Vocabulary(asking.facts.seed))
    waited = Waited([], [])
    ends = time.monotonic() + seconds

    def client(number: int) -> None:
        draw = random.Random(f"{seed} {number}")
        with Connection(asking.port) as connection:
            time.sleep(draw.uniform(0, PAUSE_SECONDS))  # they do not begin together
            while time.monotonic() < ends:
                body = _question(draw, source)
                began = time.perf_counter()
                answer = connection.request("POST", "/runs/query", body, HEADERS)
                waited.ms.append(1_000 * (time.perf_counter() - began))
                if answer.status != 200:
                    waited.problems.append(f"{answer.status} {answer.body[:300]!r}")
                time.sleep(draw.uniform(0.5 * PAUSE_SECONDS, 1.5 * PAUSE_SECONDS))

    _together(client, clients)
    return waited


def exporting(asking: Asking, clients: int, seconds: float) -> Exported:
    """In one process: each walks all runs with their payloads, as fast as pages come."""
    done = Exported(0, 0, [])
    ends = time.monotonic() + seconds

    def client(number: int) -> None:
        body: Json = {"session": [asking.project_id], "limit": EXPORT_PAGE_RUNS}
        cursor: str | None = None
        with Connection(asking.port) as connection:
            while time.monotonic() < ends:
                asked = orjson.dumps(body if cursor is None else {**body, "cursor": cursor})
                answer = connection.request("POST", "/runs/query", asked, HEADERS)
                if answer.status != 200:
                    done.problems.append(f"{answer.status} {answer.body[:300]!r}")
                    time.sleep(float(answer.headers.get("retry-after", "1")))
                    continue
                cursor = answer.headers.get("runstore-next-cursor")
                done.runs += int(answer.headers["runstore-runs"])
                done.pages += 1

    _together(client, clients)
    return done


def _together(client: Any, clients: int) -> None:
    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _question(draw: random.Random, source: Source) -> bytes:
    body = draw.choice(FILTERS).draw(draw, source)
    return orjson.dumps({key: value for key, value in body.items() if value is not None})


@contextmanager
def processes(count: int) -> Iterator[ProcessPoolExecutor]:
    """Not forks: this process may have threads. Warm, so that what they do begins at once."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(count, mp_context=context) as pool:
        list(pool.map(time.sleep, [0.2] * count))
        yield pool


def project_id(server: Server, name: str) -> str:
    with Connection(server.port) as connection:
        found = connection.request("GET", f"/sessions?name={name}&limit=1", headers=HEADERS)
    return str(orjson.loads(found.body)[0]["id"])
