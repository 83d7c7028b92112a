"""`python -m tests.crash --kills 300`: what is acknowledged is kept, whatever happens.

To the process (SIGKILL), its log (torn), its database (damaged pages), its disk (full, read-only).
How often the others are tried follows from the number of kills, unless it is said.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.server import Server

from tests.crash.damage import make_folder, trials
from tests.crash.disk import MIB, DiskNeeded, mounted, server_on
from tests.crash.rounds import Moment, Outcome, Rounds, damages
from tests.crash.torn import LOG, long_log, make_history, seconds_to_open, tears

KILLS_A_FOLDER = 50  # then a new one: what is new in a folder is tried too, and checks stay short
FILLS_A_DISK = 10
DISK_BYTES = 256 * MIB
TEARS_A_HISTORY = 50
TRANSACTIONS = 60
DISK_TESTS = ("test_full_disk.py", "test_read_only_disk.py")


@dataclass(slots=True)
class Report:
    """What one kind of trial came to: a line, and a line for each problem."""

    kind: str
    line: str = "not tried"
    problems: list[str] = field(default_factory=list)


def main() -> int:
    said = _arguments()
    reports = []
    for kind in said.only or KINDS:
        report = Report(kind)
        started = time.monotonic()
        KINDS[kind](said, report)
        report.line += f"; {time.monotonic() - started:.0f} s"
        reports.append(report)
    for report in reports:
        for problem in report.problems:
            print(f"{report.kind}: {problem}", file=sys.stderr)
    for report in reports:
        found = len(report.problems)
        print(
            f"{report.kind}: {report.line}: {found or 'no'} problem{'' if found == 1 else 's'}",
            flush=True,
        )
    return 1 if any(report.problems for report in reports) else 0


class Totals:
    def __init__(self) -> None:
        self.kills = self.runs = self.others = self.broken = self.refused = 0
        self.openings_s: list[float] = []
        self.moments: Counter[Moment] = Counter()

    def add(self, outcome: Outcome) -> None:
        self.kills += outcome.kills
        self.others += outcome.others
        self.broken += outcome.broken
        self.refused += outcome.refused
        self.moments[outcome.moment] += outcome.kills
        self.openings_s.append(outcome.opening_s)

    def __str__(self) -> str:
        moments = ", ".join(f"{count} {moment}" for moment, count in self.moments.most_common())
        refused = f", {self.refused:,} refused for want of room" if self.refused else ""
        return (
            f"{self.kills} ({moments}), {self.runs:,} runs and {self.others:,} other requests"
            f" acknowledged, {self.broken:,} broken off{refused}; {_opened(self.openings_s)}"
        )


def _kill(said: argparse.Namespace, report: Report) -> None:
    totals = Totals()
    for first in range(0, said.kills, KILLS_A_FOLDER):
        with _scratch() as folder:
            server = Server(folder / "data")
            rounds = Rounds(server, _seed(said, first), said.runs)
            numbers = range(first, min(first + KILLS_A_FOLDER, said.kills))
            report.problems += _in_rounds(server, rounds, numbers, None, totals)
    report.line = str(totals)


def _fill(said: argparse.Namespace, report: Report) -> None:
    totals = Totals()
    try:
        for first in range(0, said.fills, FILLS_A_DISK):
            with _scratch() as folder, mounted(folder / "disk", DISK_BYTES) as disk:
                server = server_on(disk)
                rounds = Rounds(server, _seed(said, -1 - first), said.runs, disk)
                numbers = range(first, min(first + FILLS_A_DISK, said.fills))
                report.problems += _in_rounds(server, rounds, numbers, Moment.FULL, totals)
        report.line = str(totals)
    except DiskNeeded as error:
        report.line = f"NOT TRIED: {error}"
        print(report.line, flush=True)


def _seed(said: argparse.Namespace, number: int) -> int:
    return int(said.seed) * 1_000_003 + number


def _in_rounds(
    server: Server, rounds: Rounds, numbers: range, moment: Moment | None, totals: Totals
) -> list[str]:
    problems: list[str] = []
    with server:
        for number in numbers:
            outcome = rounds.run(number, moment)
            _show(number, outcome)
            totals.add(outcome)
            problems += outcome.problems
        server.stop()
        server.start()
        problems += rounds.check_everything()
        totals.runs += rounds.ledger.acknowledged()
    return problems + damages(server.data)


def _show(number: int, outcome: Outcome) -> None:
    refused = f", {outcome.refused} refused" if outcome.refused else ""
    print(
        f"kill {number + 1:>3} ({outcome.moment}): {outcome.acknowledged:>3} of"
        f" {outcome.requests} bodies and {outcome.others:>3} other requests acknowledged,"
        f" {outcome.broken} bodies broken off{refused}; open after {outcome.opening_s:.2f} s,"
        f" {len(outcome.problems)} problems",
        flush=True,
    )
    for problem in outcome.problems:
        print(f"    {problem[:500]}", flush=True)


def _tear(said: argparse.Namespace, report: Report) -> None:
    done: Counter[str] = Counter()
    openings_s: list[float] = []
    for first in range(0, said.tears, TEARS_A_HISTORY):
        with _scratch() as folder:
            seed = _seed(said, first)
            history = make_history(folder, TRANSACTIONS, seed)
            for one in tears(history, min(TEARS_A_HISTORY, said.tears - first), seed, folder):
                done[one.how.partition(",")[0]] += 1
                openings_s.append(one.seconds)
                where = f"{one.how} from byte {one.first_wrong} of seed {seed}"
                report.problems += [f"{where}: {problem}" for problem in one.problems]
        print(f"{done.total()} torn logs, {len(report.problems)} problems", flush=True)
    report.line = f"{done.total()} ({_counted(done)}); {_opened(openings_s)}"


def _open_long_log(_: argparse.Namespace, report: Report) -> None:
    with _scratch() as folder:
        killed = long_log(folder)
        size = (killed / LOG).stat().st_size / MIB
        seconds = seconds_to_open(killed)
        report.problems += damages(killed)
    report.line = f"{size:.0f} MiB in the log of a killed server, open after {seconds:.2f} s"


def _damage(said: argparse.Namespace, report: Report) -> None:
    told = unseen = changed = 0
    with _scratch() as folder:
        ids = make_folder(folder / "whole", said.seed)
        for number, trial in enumerate(
            trials(folder / "whole", ids, said.damages, said.seed, folder), start=1
        ):
            report.problems += trial.wrong
            if trial.is_changed and not trial.is_found:
                report.problems.append(f"{trial.how}: another answer, and a check finds nothing")
            told += trial.said["damaged"] > 0
            changed += trial.is_changed
            unseen += not (trial.said or trial.is_found or trial.is_changed)
            if number % TEARS_A_HISTORY == 0:
                print(f"{number} damaged pages, {len(report.problems)} problems", flush=True)
    report.line = (
        f"{said.damages}: {told} said to be damaged when used, {changed} with another answer, all"
        f" of these found by `runstore check`, {unseen} in pages that hold nothing"
    )


def _run_disk_tests(_: argparse.Namespace, report: Report) -> None:
    """Each step of a full and of a read-only disk, as `make test` takes them too."""
    files = [str(Path(__file__).with_name(name)) for name in DISK_TESTS]
    words = [sys.executable, "-m", "pytest", "-q", "-rs", "--no-header", *files]
    done = subprocess.run(words, capture_output=True, text=True)
    print(done.stdout, flush=True)
    skipped = {line.partition("NOT TRIED: ")[2] for line in done.stdout.splitlines()} - {""}
    report.line = ", ".join([done.stdout.strip().rpartition("\n")[2], *sorted(skipped)])
    if done.returncode:
        report.problems.append("see above")


KINDS: dict[str, Callable[[argparse.Namespace, Report], None]] = {
    "kills": _kill,
    "full disks": _fill,
    "torn logs": _tear,
    "long log": _open_long_log,
    "damaged pages": _damage,
    "disk tests": _run_disk_tests,
}


@contextmanager
def _scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="runstore-crash-") as folder:
        yield Path(folder)


def _counted(done: Counter[str]) -> str:
    return ", ".join(f"{count} {what}" for what, count in done.most_common())


def _opened(seconds: list[float]) -> str:
    if not seconds:
        return "never opened again"
    middle = sorted(seconds)[len(seconds) // 2]
    return f"open again after {middle:.2f} s, {max(seconds):.2f} s at most"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--fills", type=int, help="disks filled; a fifth of the kills")
    parser.add_argument("--tears", type=int, help="logs torn; twice the kills")
    parser.add_argument("--damages", type=int, help="pages damaged; as many as kills")
    parser.add_argument("--runs", type=int, default=600, help="runs to send before each kill")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", action="append", choices=list(KINDS), help="no other kind")
    said = parser.parse_args()
    for name, others in (
        ("fills", said.kills // 5),
        ("tears", 2 * said.kills),
        ("damages", said.kills),
    ):
        if getattr(said, name) is None:
            setattr(said, name, others)
    return said


if __name__ == "__main__":
    raise SystemExit(main())
