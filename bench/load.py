"""Generated bodies -> a running server, over several connections; and what that cost."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.http import Connection
from bench.server import Footprint, Server
from runstore.benchmark.encode import headers
from runstore.benchmark.generate import Bodies, Body
from runstore.benchmark.timing import percentile

CONNECTIONS = 32
SLICE_RUNS = 20_000
RETRIES_MAX = 1_000  # answers of 429 to one body before the benchmark gives up


class LoadError(Exception):
    """The server refused a body for good."""


@dataclass(slots=True)
class Slice:
    """A stretch of the load: `runs` more, taking this long."""

    runs: int
    seconds: float
    server_cpu_s: float


@dataclass(slots=True)
class LoadResult:
    runs: int
    operations: int
    seconds: float
    client_cpu_s: float
    server_cpu_s: float
    body_bytes: int
    body_bytes_before_zstd: int
    retries: int  # answers of 429
    request_ms: dict[str, float]
    slices: list[Slice]
    after: Footprint
    disk: dict[str, int] = field(default_factory=dict)  # file -> bytes, once the server stopped

    @property
    def runs_per_s(self) -> float:
        return self.runs / self.seconds


class _Progress:
    """Shared by the senders, under one lock."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._lock = threading.Lock()
        self.began = self._slice_began = time.perf_counter()
        self.cpu_began = self._slice_cpu = server.footprint().cpu_s
        self.runs = self._slice_runs = 0
        self.operations = 0
        self.retries = 0
        self.seconds: list[float] = []
        self.slices: list[Slice] = []
        self.failure: Exception | None = None

    def done(self, body: Body, seconds: float, retries: int) -> None:
        with self._lock:
            self.runs += body.runs
            self.operations += body.operations
            self.retries += retries
            self.seconds.append(seconds)
            if self.runs - self._slice_runs >= SLICE_RUNS:
                self.cut()

    def cut(self) -> None:
        """Ends the slice that is running."""
        now, cpu = time.perf_counter(), self._server.footprint().cpu_s
        if self.runs > self._slice_runs:
            piece = Slice(
                self.runs - self._slice_runs, now - self._slice_began, cpu - self._slice_cpu
            )
            self.slices.append(piece)
            print(
                f"  {self.runs:>9,} runs   {piece.runs / piece.seconds:>7,.0f} runs/s   "
                f"server CPU {piece.server_cpu_s / piece.seconds:>4.0%}",
                flush=True,
            )
        self._slice_began, self._slice_cpu, self._slice_runs = now, cpu, self.runs


def load(server: Server, bodies: Bodies, connections: int = CONNECTIONS) -> LoadResult:
    """Sends every body once and waits for the last 202. Raises LoadError."""
    progress = _Progress(server)
    client_cpu = time.process_time()
    waiting = iter(bodies.bodies)
    hand_out = threading.Lock()
    senders = [
        threading.Thread(target=_send_all, args=(server, bodies, waiting, hand_out, progress))
        for _ in range(connections)
    ]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    if progress.failure is not None:
        raise progress.failure
    seconds = time.perf_counter() - progress.began
    after = server.footprint()
    progress.cut()
    return LoadResult(
        runs=progress.runs,
        operations=progress.operations,
        seconds=seconds,
        client_cpu_s=time.process_time() - client_cpu,
        server_cpu_s=after.cpu_s - progress.cpu_began,
        body_bytes=sum(body.size for body in bodies.bodies),
        body_bytes_before_zstd=sum(body.size_before for body in bodies.bodies),
        retries=progress.retries,
        request_ms={
            f"p{share}": 1_000 * percentile(progress.seconds, share) for share in (50, 95, 99)
        },
        slices=progress.slices,
        after=after,
    )


def disk_usage(folder: Path) -> dict[str, int]:
    """Bytes by file; attachments as one entry."""
    sizes: dict[str, int] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            top = path.relative_to(folder).parts[0]
            sizes[top] = sizes.get(top, 0) + path.stat().st_size
    return sizes


def _send_all(
    server: Server,
    bodies: Bodies,
    waiting: Iterator[Body],
    hand_out: threading.Lock,
    progress: _Progress,
) -> None:
    try:
        with Connection(server.port) as connection:
            while progress.failure is None:
                with hand_out:
                    body = next(waiting, None)
                if body is None:
                    return
                content = bodies.read(body)
                began = time.perf_counter()
                retries = _send(connection, content, body)
                progress.done(body, time.perf_counter() - began, retries)
    except (OSError, LoadError) as error:
        progress.failure = error


def _send(connection: Connection, content: bytes, body: Body) -> int:
    """How often the server asked to come back later."""
    for retries in range(RETRIES_MAX):
        answer = connection.request(
            "POST", "/runs/multipart", content, headers(body.size_before, body.size)
        )
        if answer.status == 202:
            return retries
        if answer.status != 429:
            raise LoadError(f"POST /runs/multipart: {answer.status} {answer.body[:500]!r}")
        time.sleep(float(answer.headers.get("retry-after", "1")))
    raise LoadError(f"the server answered 429 {RETRIES_MAX} times to one body")
