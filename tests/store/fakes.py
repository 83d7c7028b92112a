"""An engine of which only `write` is real: what the ingest tests look at."""

import threading
from collections.abc import Callable, Sequence
from typing import cast

from runstore.engine.base import Engine
from runstore.errors import StorageError
from runstore.model.batch import Batch
from runstore.model.run import JsonText, Refusal, RunMessage

RUN = "0198c0de-0000-7000-8000-{:012d}"


def batch(*numbers: int, size: int = 0) -> Batch:
    """One create a number, each with `size` bytes of inputs."""
    return Batch(
        [
            RunMessage(id=RUN.format(number), is_patch=False, inputs=JsonText(b"x" * size))
            for number in numbers
        ]
    )


class RecordingEngine:
    """Keeps what it was given; waits at `gate`; then does what `act` says of a batch."""

    def __init__(self, act: Callable[[Batch], list[Refusal]] = lambda _: []) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.writes: list[list[str]] = []
        self.prepared: list[str] = []
        self.act = act
        self.upkeep = 0  # steps of it that are left
        self.tidied = threading.Event()
        self.fault: StorageError | None = None  # that a probe finds
        self.probes = 0

    def tidy(self) -> bool:
        """Fails at its last step, which must harm nobody."""
        self.upkeep -= 1
        if self.upkeep <= 0:
            self.tidied.set()
            raise RuntimeError("no more upkeep")
        return True

    def probe(self) -> None:
        self.probes += 1
        if self.fault is not None:
            raise self.fault

    def prepare(self, batch: Batch, now_us: int) -> Batch:
        self.prepared += [message.id for message in batch.messages]
        return batch

    def write(self, batches: Sequence[Batch], now_us: int) -> list[list[Refusal]]:
        self.entered.set()
        assert self.gate.wait(10)
        refusals = [self.act(batch) for batch in batches]
        self.writes.append([message.id for batch in batches for message in batch.messages])
        return refusals

    def as_engine(self) -> Engine:
        return cast(Engine, self)
