"""`python -m tests.crash --kills 300`: nothing acknowledged is lost when the server is killed.

What a torn log, a full disk, a read-only folder and a damaged database come to is tried after it.
"""

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

from bench.server import Server

from tests.crash.rounds import Moment, Outcome, Rounds, damages

KILLS_A_FOLDER = 50  # then a new one: what is new in a folder is tried too, and checks stay short


def main() -> int:
    said = _arguments()
    totals = Totals()
    kills = 0
    while kills < said.kills:
        count = min(KILLS_A_FOLDER, said.kills - kills)
        with tempfile.TemporaryDirectory(prefix="runstore-crash-") as folder:
            _kill_in(Path(folder) / "data", said, kills, count, totals)
        kills += count
    for problem in totals.problems:
        print(problem, file=sys.stderr)
    found = len(totals.problems)
    moments = ", ".join(f"{count} {moment}" for moment, count in totals.moments.most_common())
    print(
        f"{totals.kills} kills ({moments}), {totals.runs:,} runs and {totals.others:,} other"
        f" requests acknowledged, {totals.broken:,} broken off, open again after"
        f" {totals.opening_s:.1f} s at most: {found or 'no'} problem{'' if found == 1 else 's'}"
    )
    return 1 if found else 0


class Totals:
    def __init__(self) -> None:
        self.kills = self.runs = self.others = self.broken = 0
        self.opening_s = 0.0
        self.moments: Counter[Moment] = Counter()
        self.problems: list[str] = []

    def add(self, outcome: Outcome) -> None:
        self.kills += outcome.kills
        self.others += outcome.others
        self.broken += outcome.broken
        self.moments[outcome.moment] += outcome.kills
        self.opening_s = max(self.opening_s, outcome.opening_s)
        self.problems += outcome.problems


def _kill_in(data: Path, said: argparse.Namespace, first: int, count: int, totals: Totals) -> None:
    with Server(data) as server:
        rounds = Rounds(server, said.seed * 1_000_003 + first, said.runs)
        for number in range(first, first + count):
            outcome = rounds.run(number)
            _show(number, outcome)
            totals.add(outcome)
    with Server(data) as server:
        rounds.use(server)
        totals.problems += rounds.check_everything()
        totals.runs += rounds.ledger.acknowledged()
    totals.problems += damages(data)


def _show(number: int, outcome: Outcome) -> None:
    print(
        f"kill {number + 1:>3} ({outcome.moment}): {outcome.acknowledged:>3} of"
        f" {outcome.requests} bodies and {outcome.others:>3} other requests acknowledged,"
        f" {outcome.broken} bodies broken off; open after {outcome.opening_s:.2f} s,"
        f" {len(outcome.problems)} problems",
        flush=True,
    )
    for problem in outcome.problems:
        print(f"    {problem[:500]}", flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--runs", type=int, default=600, help="runs to send before each kill")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
