"""`python -m tests.load`: clients that filter beside exports, and senders that send too much.

Prints what was measured, and what does not hold; exit code 1 if something does not.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from bench.load import load
from bench.server import Server

from runstore.benchmark.generate import generate
from tests.load import fairness, overload

RATIO_MAX = 2.0  # of the p99 beside exports and alone


def main() -> int:
    said = _arguments()
    problems: list[str] = []
    with tempfile.TemporaryDirectory(prefix="runstore-load-", dir=said.work) as folder:
        if said.only != "overload":
            problems += _fairness(Path(folder), said)
        if said.only != "fairness":
            problems += _overload(Path(folder), said)
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def _fairness(work: Path, said: argparse.Namespace) -> list[str]:
    bodies = generate((said.work or work) / f"bodies-{said.runs}", said.runs, 1)
    problems = []
    with Server(work / "filtered") as server:
        load(server, bodies)
        for exporters in said.exporters:
            size = fairness.Size(exporters=exporters, seconds=said.seconds / 2)
            outcome = fairness.measure(server, bodies.facts, size)
            print("\n".join(outcome.lines()), flush=True)
            problems += outcome.problems
            if outcome.times(99) > RATIO_MAX:
                problems.append(
                    f"beside {exporters} exports the p99 is {outcome.times(99):.2f} times what it"
                    f" is alone, not {RATIO_MAX:g} at most"
                )
    return problems


def _overload(work: Path, said: argparse.Namespace) -> list[str]:
    size = overload.Size(seconds=said.seconds, threads=said.senders // 2)
    with Server(work / "overloaded") as server:
        outcome = overload.measure(server, size)
    print("\n".join(outcome.lines()), flush=True)
    return outcome.problems()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__)
    parser.add_argument("--only", choices=["fairness", "overload"])
    parser.add_argument("--runs", type=int, default=100_000, help="in the folder that is filtered")
    parser.add_argument("--exporters", type=int, nargs="+", default=[1, 3])
    parser.add_argument("--senders", type=int, default=400)
    parser.add_argument(
        "--seconds", type=float, default=90.0, help="twice as much falls due so long"
    )
    parser.add_argument("--work", type=Path, help="a folder to work in; its bodies are kept")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
