"""`python -m tests.grammar --inputs 100000`: mutated filters, to both parsers, sharded by seed.

Each problem is printed as a row for tests/grammar/cases.py: a crash, a text one parser accepts and
the other does not, a parse over PARSE_MS. The exit code is then 1.
"""

import argparse
import contextlib
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from runstore.errors import FilterError
from runstore.filter.parse import parse
from tests.grammar.agree import reading
from tests.grammar.written import Writer
from tests.shrinking import shrunk

INPUTS_PER_SHARD = 10_000
PROBLEMS_SHOWN = 20
PARSE_MS = 50
AGAIN = 9  # times a slow text is parsed, by the clock of the core; the quickest counts


@dataclass
class Shard:
    seed: int
    inputs: int
    accepted: int = 0
    slowest_ms: float = 0.0
    problems: dict[str, str] = field(default_factory=dict)  # text -> problem


def run(seed_and_inputs: tuple[int, int]) -> Shard:
    shard = Shard(*seed_and_inputs)
    writer = Writer(Random(shard.seed))
    for _ in range(shard.inputs):
        text = writer.mutant()
        found = reading(text)
        shard.accepted += found.shape is not None
        if found.problem:
            smaller = shrunk(text, lambda other: reading(other).problem != "")
            shard.problems[smaller] = reading(smaller).problem
        parse_ms = found.parse_s * 1000
        if parse_ms > PARSE_MS:
            parse_ms = _parse_ms(text)
            if parse_ms > PARSE_MS:
                shard.problems[text] = f"{parse_ms:.0f} ms to parse {len(text)} characters"
        shard.slowest_ms = max(shard.slowest_ms, parse_ms)
    return shard


def _parse_ms(text: str) -> float:
    taken = []
    for _ in range(AGAIN):
        started = time.thread_time()
        with contextlib.suppress(FilterError):
            parse(text)
        taken.append(time.thread_time() - started)
    return min(taken) * 1000


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.grammar")
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    said = parser.parse_args()
    started, done, accepted, slowest_ms = time.monotonic(), 0, 0, 0.0
    problems: dict[str, str] = {}
    with multiprocessing.Pool(said.jobs) as pool:
        for shard in pool.imap_unordered(run, _shards(said.first_seed, said.inputs)):
            done, accepted = done + shard.inputs, accepted + shard.accepted
            slowest_ms = max(slowest_ms, shard.slowest_ms)
            for text, problem in shard.problems.items():
                if problems.setdefault(text, problem) == problem and len(problems) < PROBLEMS_SHOWN:
                    print(f"seed {shard.seed}: {_row(text)}  # {problem}", file=sys.stderr)
            print(
                f"{done:,} inputs, {accepted:,} accepted, {len(problems)} problems, slowest parse "
                f"{slowest_ms:.0f} ms, {time.monotonic() - started:.0f} s",
                flush=True,
            )
    return 1 if problems else 0


def _shards(first_seed: int, inputs: int) -> Iterator[tuple[int, int]]:
    for number, start in enumerate(range(0, inputs, INPUTS_PER_SHARD)):
        yield first_seed + number, min(INPUTS_PER_SHARD, inputs - start)


def _row(text: str) -> str:
    if len(text) <= 500:
        return ascii(text)
    return f"{ascii(text[:60])} ... {ascii(text[-60:])} of {len(text)} characters"


if __name__ == "__main__":
    sys.exit(main())
