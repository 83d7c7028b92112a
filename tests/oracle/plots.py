"""A seed -> a forest and how many queries are put to it; and what comes of putting them.

All of a shard follows from its seed, so that it can be had again alone.
"""

import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from tests.oracle import laws
from tests.oracle.cases import CHANGES, Case, Planted, as_test, failure, with_fewer_runs
from tests.oracle.compare import Pair
from tests.oracle.drawn import Drawer
from tests.oracle.shapes import ODD
from tests.oracle.smaller import smallest

MIXED_QUERIES = 500
SHAPED = (  # every second forest, by turns: shape, runs, queries
    ("deep", 120, 400),
    ("day", 150, 400),
    ("retries", 80, 400),
    ("orphans", 120, 400),
    ("late", 120, 400),
    ("unicode", 100, 400),
    ("big", 30, 100),
    ("huge", 2_000, 60),
)
WHOLE_ONE_IN = 24  # forests is of the size that such traces can have
WHOLE = (("deep", 1_000, 100), ("vast", 8, 20), ("day", 2_000, 60), ("huge", 10_000, 20))
CHANGEABLE = ("mixed", "day", "retries", "orphans", "late", "unicode")  # loaded in no time


@dataclass(frozen=True)
class Plot:
    """One shard."""

    planted: Planted
    queries: int


@dataclass(frozen=True)
class Outcome:
    plot: Plot
    seconds: float
    test: str | None  # one that fails
    asked: int  # queries, until it was found


def plot(seed: int) -> Plot:
    shape, runs, queries = "mixed", 40 + seed % 5 * 40, MIXED_QUERIES
    if seed % WHOLE_ONE_IN == 0:
        shape, runs, queries = WHOLE[seed // WHOLE_ONE_IN % len(WHOLE)]
    elif seed % 2 == 0:
        shape, runs, queries = SHAPED[seed // 2 % len(SHAPED)]
    return Plot(Planted(shape, seed, runs), queries)


def plots(first_seed: int, queries: int) -> Iterator[Plot]:
    """So many that they put as many queries, the last of them fewer."""
    seed = first_seed
    while queries > 0:
        one = plot(seed)
        yield Plot(one.planted, min(one.queries, queries))
        queries, seed = queries - one.queries, seed + 1


def drawer(planted: Planted) -> Drawer:
    return Drawer(Random(planted.seed), ODD if planted.shape == "unicode" else ())


def outcome(one: Plot) -> Outcome:
    started, asked = time.monotonic(), list[Case]()
    try:
        asked.extend(answered(one))
    except Exception:
        traceback.print_exc()
        case = asked[-1] if asked else None
        return Outcome(one, time.monotonic() - started, _as_test(one.planted, case), len(asked))
    return Outcome(one, time.monotonic() - started, None, len(asked))


def answered(one: Plot) -> Iterator[Case]:
    """Every case, before it is run. Raises what the forest, or the case, fails with."""
    draw = drawer(one.planted)
    with TemporaryDirectory() as folder:
        pair = one.planted.load(Path(folder))
        try:
            laws.totals_are_sums(pair.other)
            for number in range(one.queries):
                case = draw.case()
                if number == one.queries - 1 and one.planted.shape in CHANGEABLE:
                    case = Case(
                        draw.random.choice(CHANGES), draw.query(), "", frozenset(), case.low
                    )
                yield case
                case.run(pair)
        finally:
            pair.close()


def _as_test(planted: Planted, case: Case | None) -> str:
    """Shrunk, if it fails again by itself."""
    if case is not None and failure(planted, case) is not None:
        if case.check in CHANGES:
            case = smallest(case, lambda other: failure(planted, other) is not None)
        else:
            with TemporaryDirectory() as folder:
                pair = planted.load(Path(folder))
                case = smallest(case, lambda other: _fails(pair, other))
                pair.close()
    return as_test(with_fewer_runs(planted, case), case)


def _fails(pair: Pair, case: Case) -> bool:
    try:
        case.run(pair)
    except Exception:
        return True
    return False
