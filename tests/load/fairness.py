"""Clients that filter, alone and beside others that export everything: what they wait."""

from dataclasses import dataclass, field

from bench.queries import PROJECT
from bench.server import Server

from runstore.benchmark.generate import Facts
from runstore.benchmark.timing import percentile
from tests.load.filtering import (
    Asking,
    Exported,
    Waited,
    exporting,
    filtering,
    processes,
    project_id,
)

SHARES = (50, 95, 99)


@dataclass(frozen=True, slots=True)
class Size:
    clients: int = 20
    exporters: int = 1
    seconds: float = 20.0  # of each stretch
    rounds: int = 2  # stretches alone and stretches beside, in turn


@dataclass(slots=True)
class Outcome:
    """Milliseconds by share; the same questions are asked alone and beside."""

    size: Size
    alone: list[float] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)
    exported_runs: int = 0
    exporting_s: float = 0.0
    problems: list[str] = field(default_factory=list)

    def times(self, share: float) -> float:
        """What the one is of the other."""
        alone = percentile(self.alone, share)
        return percentile(self.beside, share) / alone if alone else 0.0

    def lines(self) -> list[str]:
        size = self.size
        said = (
            f"{size.clients} clients that filter, {len(self.alone):,} answers alone and"
            f" {len(self.beside):,} beside {size.exporters} that export"
            f" {self.exported_runs / max(self.exporting_s, 0.001):,.0f} runs/s"
        )
        shown = [
            (
                f"  p{share}  alone {percentile(self.alone, share):8.1f} ms   beside"
                f" {percentile(self.beside, share):8.1f} ms   {self.times(share):5.2f} times"
            )
            for share in SHARES
        ]
        return [said, *shown]


def measure(server: Server, facts: Facts, size: Size) -> Outcome:
    """`server` runs over what `facts` tells of."""
    asking = Asking(server.port, project_id(server, PROJECT), facts)
    outcome = Outcome(size)
    with processes(2) as pool:
        warm = min(size.seconds, 3.0)
        outcome.problems += (
            pool.submit(filtering, asking, size.clients, warm, "warm").result().problems
        )
        for number in range(size.rounds):
            seed = f"round {number}"
            alone = pool.submit(filtering, asking, size.clients, size.seconds, seed).result()
            exports = pool.submit(exporting, asking, size.exporters, size.seconds)
            beside = pool.submit(filtering, asking, size.clients, size.seconds, seed).result()
            _add(outcome, alone, beside, exports.result())
    return outcome


def _add(outcome: Outcome, alone: Waited, beside: Waited, exported: Exported) -> None:
    outcome.alone += alone.ms
    outcome.beside += beside.ms
    outcome.exported_runs += exported.runs
    outcome.exporting_s += outcome.size.seconds
    outcome.problems += alone.problems + beside.problems + exported.problems
