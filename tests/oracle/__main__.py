"""`python -m tests.oracle --queries 20000`: as many random queries as asked for, on many forests.

Half of them run with thresholds so low that every way of reading is taken. The first difference
is printed, shrunk, with its forest's seed, and the exit code is 1.
"""

import argparse
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from runstore.model.query import RunQuery
from tests.oracle.compare import load, same_stats, same_walk
from tests.oracle.forests import forest
from tests.oracle.limits import small_limits
from tests.oracle.strategies import queries

QUERIES_PER_FOREST = 500


def run_forest(number: int, count: int) -> None:
    with TemporaryDirectory() as folder:
        pair = load(forest(number, runs=40 + number % 5 * 40), Path(folder))
        try:

            @seed(number)
            @settings(
                max_examples=count,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
                phases=(Phase.generate, Phase.shrink),
            )
            @given(query=queries(), low=st.booleans(), stats=st.integers(0, 9))
            def agree(query: RunQuery, low: bool, stats: int) -> None:
                with small_limits() if low else nullcontext():
                    same_walk(pair, query)
                    if stats == 0:
                        same_stats(pair, query, None, None)

            agree()
        finally:
            pair.close()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.oracle")
    parser.add_argument("--queries", type=int, default=20_000)
    parser.add_argument("--first-seed", type=int, default=1)
    arguments = parser.parse_args()
    started, done, number = time.monotonic(), 0, arguments.first_seed
    while done < arguments.queries:
        count = min(QUERIES_PER_FOREST, arguments.queries - done)
        try:
            run_forest(number, count)
        except AssertionError:
            print(f"a difference on the forest of seed {number}", file=sys.stderr)
            raise
        done, number = done + count, number + 1
        print(f"{done} queries, 0 differences, {time.monotonic() - started:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
