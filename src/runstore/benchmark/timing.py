"""Repeated calls -> their times in milliseconds, and percentiles of them."""

import gc
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

REPEATS = 40
CLASS_SECONDS_MAX = 20.0  # of one query class; a class slower than that has fewer repeats

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds over `n` calls, and how many runs the calls answered with on average."""

    n: int
    p50: float
    p95: float
    p99: float
    runs: float


def measure(
    ask: Callable[[int], Callable[[], Answer]],
    count: Callable[[Answer], int],
    repeats: int = REPEATS,
    seconds_max: float = CLASS_SECONDS_MAX,
    spent: Callable[[], float] | None = None,
) -> Timing:
    """`ask(i)` prepares the i-th question, each with parameters of its own; only the call it
    gives back is timed. `count` says of an answer how many runs it has. The first question is not
    counted: it warms what every server that runs has warm. `spent` says how many seconds the last
    call took, of one that knows better than a clock: what waited for its turn."""
    count(ask(0)())
    times: list[float] = []
    runs = 0
    gc.collect()
    for number in range(1, repeats + 1):
        question = ask(number)
        began = time.perf_counter()
        answer = question()
        took_s = time.perf_counter() - began if spent is None else spent()
        times.append(1_000 * took_s)
        runs += count(answer)
        if sum(times) > 1_000 * seconds_max:
            break
    return Timing(
        n=len(times),
        p50=percentile(times, 50),
        p95=percentile(times, 95),
        p99=percentile(times, 99),
        runs=runs / len(times),
    )


def percentile(values: Sequence[float], share: float) -> float:
    """Nearest rank: a value that was really measured. 0 of nothing."""
    if not values:
        return 0.0
    return sorted(values)[max(math.ceil(share / 100 * len(values)) - 1, 0)]
