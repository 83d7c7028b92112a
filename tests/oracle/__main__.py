"""`python -m tests.oracle --queries 200000`: random queries on forests of many shapes, in shards.

Half of them run with limits so low that every way of reading is taken; some are put to the laws of
laws.py. A shard is made from its seed alone: `--first-seed 17 --queries 1` begins with the 17th.
The first difference is shrunk, printed as a test, and the exit code is 1.
"""

import argparse
import multiprocessing
import os
import sys
import time

from tests.oracle.plots import outcome, plots


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.oracle")
    parser.add_argument("--queries", type=int, default=200_000)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    said = parser.parse_args()
    started, done = time.monotonic(), 0
    with multiprocessing.Pool(said.jobs) as pool:
        for told in pool.imap_unordered(outcome, plots(said.first_seed, said.queries)):
            planted = told.plot.planted
            if told.test is not None:
                print(
                    f"\nseed {planted.seed}: a difference; as a test:\n\n{told.test}\n", flush=True
                )
                return 1
            done += told.plot.queries
            print(
                f"{done:,} queries, 0 differences, {time.monotonic() - started:.0f} s "
                f"(seed {planted.seed}: {told.plot.queries} on {planted.runs} runs, "
                f"{planted.shape}, {told.seconds:.1f} s)",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
