"""Generated bodies -> a running server, over several connections; and what that cost."""

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from bench.sender import RawSender
from bench.server import Footprint, Server
from runstore.benchmark.generate import Bodies, Body
from runstore.benchmark.sending import send_bodies
from runstore.benchmark.timing import percentile

CONNECTIONS = 32
SLICE_RUNS = 20_000


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

    def busy(self) -> None:
        with self._lock:
            self.retries += 1

    def done(self, body: Body, seconds: float) -> None:
        with self._lock:
            self.runs += body.runs
            self.operations += body.operations
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
    """Sends every body once and waits for the last 202. Raises what a RawSender does."""
    progress = _Progress(server)
    client_cpu = time.process_time()
    send_bodies(
        bodies,
        bodies.bodies,
        connections,
        lambda: RawSender(server.port, progress.busy),
        progress.done,
    )
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
