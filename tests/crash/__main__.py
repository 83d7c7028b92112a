"""`python -m tests.crash --kills 50`: nothing acknowledged is lost when the server is killed."""

import argparse
import sys
import tempfile
from pathlib import Path

from bench.server import Server

from tests.crash.rounds import Outcome, Rounds, damages


def main() -> int:
    said = _arguments()
    with tempfile.TemporaryDirectory(prefix="runstore-crash-") as folder:
        data = Path(folder) / "data"
        with Server(data) as server:
            rounds = Rounds(server, said.seed, said.runs)
            found = []
            for number in range(said.kills):
                outcome = rounds.run(number)
                _show(number, outcome)
                found += outcome.problems
        with Server(data) as server:
            rounds.use(server)
            found += rounds.check_everything()
            runs = rounds.ledger.acknowledged()
        found += damages(data)
    for problem in found:
        print(problem, file=sys.stderr)
    print(
        f"{said.kills} kills, {runs:,} runs acknowledged, "
        f"{len(found) or 'no'} problem{'' if len(found) == 1 else 's'}"
    )
    return 1 if found else 0


def _show(number: int, outcome: Outcome) -> None:
    print(
        f"kill {number + 1:>3}: {outcome.acknowledged:>4} of {outcome.requests} requests "
        f"acknowledged, {outcome.broken} broken off, {len(outcome.problems)} problems",
        flush=True,
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--runs", type=int, default=1_500, help="runs per kill")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
