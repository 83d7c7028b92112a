"""Where ingest spends its time: each stage alone, in this process, in one thread.

The server overlaps stages, but Python's lock lets one thread compute at a time, so what the stages
sum up to bounds what one server process can take.
"""

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from runstore.benchmark.encode import BOUNDARY
from runstore.benchmark.generate import Bodies
from runstore.engine.sqlite.engine import SqliteEngine
from runstore.model.batch import Batch
from runstore.model.prices import Prices
from runstore.store.blobs import Blobs
from runstore.wire.encoding import decode_body
from runstore.wire.ingest import decode_multipart

RUNS_MAX = 10_000
BODIES_PER_COMMIT = 4  # about what waits for the writer under load


@dataclass(frozen=True, slots=True)
class Stages:
    """Microseconds per run."""

    decompress: float
    decode: float  # multipart and JSON -> messages
    prepare: float  # merge, derive, tokenise, compress: no database needed
    write: float

    @property
    def runs_per_s(self) -> float:
        """One thread doing all of it."""
        return 1e6 / (self.decompress + self.decode + self.prepare + self.write)


def measure_stages(bodies: Bodies, folder: Path) -> Stages:
    """`folder` is made, filled and removed."""
    shutil.rmtree(folder, ignore_errors=True)
    engine = SqliteEngine(folder, Prices.load())
    blobs = Blobs(folder)
    spent = {"decompress": 0, "decode": 0, "prepare": 0, "write": 0}
    runs = 0
    now_us = bodies.facts.end_us
    try:
        for taken, group in _groups(bodies):
            runs += taken
            clock = _Clock(spent)
            decoded = [decode_body(packed, "zstd") for packed in group]
            clock.stop("decompress")
            batches: list[Batch] = [
                decode_multipart(body, BOUNDARY.encode(), blobs, now_us=now_us) for body in decoded
            ]
            clock.stop("decode")
            prepared = [engine.prepare(batch, now_us) for batch in batches]
            clock.stop("prepare")
            refused = engine.write(prepared, now_us)
            clock.stop("write")
            assert not any(refused), refused
    finally:
        engine.close()
        shutil.rmtree(folder)
    return Stages(**{stage: nanoseconds / 1_000 / runs for stage, nanoseconds in spent.items()})


def _groups(bodies: Bodies) -> Iterator[tuple[int, list[bytes]]]:
    """(runs in them, bodies of one commit)"""
    runs = 0
    for start in range(0, len(bodies.bodies), BODIES_PER_COMMIT):
        chosen = bodies.bodies[start : start + BODIES_PER_COMMIT]
        taken = sum(body.runs for body in chosen)
        yield taken, [bodies.read(body) for body in chosen]
        runs += taken
        if runs >= RUNS_MAX:
            return


class _Clock:
    def __init__(self, spent: dict[str, int]) -> None:
        self._spent = spent
        self._since = time.perf_counter_ns()

    def stop(self, stage: str) -> None:
        now = time.perf_counter_ns()
        self._spent[stage] += now - self._since
        self._since = now
