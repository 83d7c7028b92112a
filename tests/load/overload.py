"""Twice as much is sent as the server takes: its memory, its refusals, and whether all arrives."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import orjson
from bench.http import Connection
from bench.server import Server

from runstore.limits import MIB
from tests.load.filtering import HEADERS, processes, project_id
from tests.load.sending import RUNS_PER_BODY, Sent, run_id, sending

_CALIBRATING = 10_000_000  # numbers of those bodies


@dataclass(frozen=True, slots=True)
class Size:
    seconds: float = 90.0  # in which twice as much falls due; to take it all takes twice as long
    calibrating: int = 400  # bodies sent first, to know what it takes
    processes: int = 2
    threads: int = 200  # of each
    times: float = 2.0  # what the server takes


@dataclass(slots=True)
class Outcome:
    size: Size
    capacity: float = 0.0  # runs a second, as taken from as many senders as keep it busy
    rate: float = 0.0  # runs a second that fell due
    taken_s: float = 0.0  # until the last was taken
    sent: list[Sent] = field(default_factory=list)
    missing: int = 0
    surplus: int = 0  # ids nobody sent
    memory: list[tuple[float, int]] = field(default_factory=list)  # seconds, bytes of its own

    @property
    def bodies(self) -> int:
        return sum(len(one.taken) + len(one.given_up) for one in self.sent)

    @property
    def given_up(self) -> list[str]:
        return [why for one in self.sent for why in one.given_up.values()]

    def problems(self) -> list[str]:
        found = []
        if self.given_up:
            found.append(f"{len(self.given_up)} bodies given up; the first: {self.given_up[0]}")
        if self.missing or self.surplus:
            found.append(f"{self.missing} runs missing, {self.surplus} that nobody sent")
        if any(one.without_retry_after for one in self.sent):
            found.append("429 without Retry-After")
        return found

    def lines(self) -> list[str]:
        peak = max((size for _, size in self.memory), default=0)
        step = max(len(self.memory) // 12, 1)
        over_time = "  ".join(f"{s:.0f} s {size // MIB}" for s, size in self.memory[::step])
        refused = sum(one.refused for one in self.sent)
        longest = max((one.longest_s for one in self.sent), default=0.0)
        return [
            (
                f"{self.capacity:,.0f} runs/s are taken; {self.rate:,.0f} fell due for"
                f" {self.size.seconds:g} s, at {self.size.processes * self.size.threads} senders"
            ),
            (
                f"  {self.bodies * RUNS_PER_BODY:,} runs, all sent after {self.taken_s:.0f} s;"
                f" {refused:,} answers of 429, {len(self.given_up)} bodies given up,"
                f" {longest:.1f} s for the slowest"
            ),
            f"  memory of the server, MiB: {over_time}; at most {peak // MIB}",
            f"  {self.missing} runs missing, {self.surplus} that nobody sent",
        ]


def measure(server: Server, size: Size) -> Outcome:
    """`server` runs over an empty folder."""
    outcome = Outcome(size)
    with processes(size.processes) as pool, _watching(server, outcome):
        outcome.sent, seconds = _send(pool, server, size, size.calibrating, 10_000.0, _CALIBRATING)
        outcome.capacity = size.calibrating * RUNS_PER_BODY / seconds
        outcome.rate = outcome.capacity * size.times
        bodies = int(outcome.rate / RUNS_PER_BODY * size.seconds)
        sent, outcome.taken_s = _send(pool, server, size, bodies, outcome.rate / RUNS_PER_BODY, 0)
        outcome.sent += sent
    expected = {
        run_id(body, number)
        for one in outcome.sent
        for body in (*one.taken, *one.given_up)
        for number in range(RUNS_PER_BODY)
    }
    found = _ids(server)
    outcome.missing, outcome.surplus = len(expected - found), len(found - expected)
    return outcome


def _send(
    pool: ProcessPoolExecutor, server: Server, size: Size, bodies: int, rate: float, first: int
) -> tuple[list[Sent], float]:
    began = time.monotonic()
    fleets = [
        pool.submit(
            sending,
            server.url,
            threads=size.threads,
            numbers=range(first + n, first + bodies, size.processes),
            rate=rate / size.processes,
        )
        for n in range(size.processes)
    ]
    sent = [fleet.result() for fleet in fleets]
    return sent, time.monotonic() - began


@contextmanager
def _watching(server: Server, outcome: Outcome) -> Iterator[None]:
    """Looks at the server's memory while it is sent to."""
    began, done = time.monotonic(), threading.Event()

    def look() -> None:
        while not done.wait(0.5):
            memory = server.footprint().anonymous
            outcome.memory.append((time.monotonic() - began, memory))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _ids(server: Server) -> set[str]:
    """Of all runs there are."""
    found: set[str] = set()
    body = {"session": [project_id(server, "load")], "limit": 1_000, "select": ["id"]}
    with Connection(server.port) as connection:
        while True:
            asked = orjson.dumps(body)
            answer = connection.request("POST", "/runs/query", asked, HEADERS)
            assert answer.status == 200, answer.body[:500]
            page = orjson.loads(answer.body)
            found.update(run["id"] for run in page["runs"])
            cursor = page["cursors"].get("next")
            if cursor is None:
                return found
            body = body | {"cursor": cursor}
