"""`python -m tests.oracle --queries 20000`: as many random queries as asked for, on many forests.

Half of them run with limits so low that every way of reading is taken; some are put to the laws of
laws.py. The first difference is shrunk, printed as a test, and the exit code is 1.
"""

import argparse
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.oracle import laws
from tests.oracle.cases import Case, Planted, as_test, cases, failure, with_fewer_runs
from tests.oracle.shapes import BIG_BYTES, Big

MIB = 1024 * 1024
QUERIES_PER_FOREST = 500
HUGE_RUNS = 2_000
SHAPED = (  # every second forest, by turns: shape, runs, queries
    ("deep", 120, 300),
    ("day", 150, 300),
    ("retries", 80, 300),
    ("big", 30, 100),
    ("huge", HUGE_RUNS, 60),
)
CASES_A_SEED = 10  # hypothesis repeats itself: of 500 at once most filters have been there before
INSERTED = ("mixed", "day", "retries")  # shapes quick enough to be loaded for each walk
INSERT_WALKS = 4  # a forest


def plots(first_seed: int, queries: int, huge_runs: int) -> Iterator[tuple[Planted, int]]:
    """(forest, queries)"""
    number = first_seed
    while queries > 0:
        shape, runs, count = "mixed", 40 + number % 5 * 40, QUERIES_PER_FOREST
        if number % 2 == 0:
            shape, runs, count = SHAPED[number // 2 % len(SHAPED)]
        yield Planted(shape, number, huge_runs if shape == "huge" else runs), min(count, queries)
        queries, number = queries - count, number + 1


def difference(planted: Planted, count: int) -> str | None:
    """None, or a test that fails."""
    case: Case | None = None
    try:
        case = _failing(planted, count) or _failing_insert(planted)
    except Exception:  # without any query: in loading, or in the totals
        traceback.print_exc()
    else:
        if case is None:
            return None
    return as_test(with_fewer_runs(planted, case), case)


def _failing(planted: Planted, count: int) -> Case | None:
    """A case that fails, shrunk. Raises what the forest fails with by itself."""
    with TemporaryDirectory() as folder:
        pair = planted.load(Path(folder))
        try:
            laws.totals_are_sums(pair.other)
            return _searched(planted.seed, count, cases(), lambda case: case.run(pair))
        finally:
            pair.close()


def _failing_insert(planted: Planted) -> Case | None:
    """New runs arrive while pages are read: on a forest of its own each time."""

    def run(case: Case) -> None:
        error = failure(planted, case)
        if error is not None:
            raise error

    if planted.shape not in INSERTED:
        return None
    return _searched(planted.seed, INSERT_WALKS, cases(("inserts",)), run)


def _searched(
    number: int, count: int, strategy: st.SearchStrategy[Case], run: Callable[[Case], None]
) -> Case | None:
    """The smallest case found that fails, of `count`."""
    failed: list[Case] = []

    @settings(
        max_examples=min(count, CASES_A_SEED),
        deadline=None,
        database=None,
        derandomize=False,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
    )
    @given(case=strategy)
    def agree(case: Case) -> None:
        try:
            run(case)
        except Exception:
            failed.append(case)  # the last one is the smallest
            raise

    for part in range(0, count, CASES_A_SEED):
        try:
            seed(number * QUERIES_PER_FOREST + part)(agree)()
        except Exception:
            if not failed:
                raise
            traceback.print_exc()
            return failed[-1]
    return None


def main() -> int:
    said = _arguments()
    Big.big_bytes = int(said.big_mib * MIB)
    started, done = time.monotonic(), 0
    for planted, count in plots(said.first_seed, said.queries, said.huge_runs):
        test = difference(planted, count)
        if test is not None:
            print(f"\na difference; as a test:\n\n{test}\n", flush=True)
            return 1
        done += count
        seconds = time.monotonic() - started
        print(f"{done} queries, 0 differences, {seconds:.0f} s ({planted.code()})", flush=True)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.oracle")
    parser.add_argument("--queries", type=int, default=20_000)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--huge-runs", type=int, default=HUGE_RUNS, help="runs of a huge trace")
    parser.add_argument("--big-mib", type=float, default=BIG_BYTES / MIB, help="of a big payload")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
