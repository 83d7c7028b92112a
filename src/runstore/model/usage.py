"""Token and cost counters: a run's own, and their exact sums over a subtree.

A counter has a name and a whole number: tokens, or cost in picodollars (1e-12 USD), so that sums
never depend on the order in which runs arrive. Names:

    prompt_tokens  completion_tokens  total_tokens  prompt_cost  completion_cost  total_cost
    prompt_token_details.<k>  completion_token_details.<k>
    prompt_cost_details.<k>  completion_cost_details.<k>
"""

from collections.abc import Mapping
from decimal import Decimal

PICO_PER_USD = 10**12

Counters = dict[str, int]
"""Counter name -> value. A counter nobody reported is missing, not 0."""

Sums = dict[str, tuple[int, int]]
"""Counter name -> (sum, how many runs reported it). A counter with no reporter is missing."""


def as_sums(counters: Mapping[str, int]) -> Sums:
    return {name: (value, 1) for name, value in counters.items()}


def add(into: Sums, more: Mapping[str, tuple[int, int]], sign: int = 1) -> Sums:
    """`into` + sign * `more`, in place; a counter nobody reports any longer vanishes.

    Both may be differences, with numbers below zero: one report more and another less is no
    reporter, but may be a sum.
    """
    for name, (value, reporters) in more.items():
        have, count = into.get(name, (0, 0))
        total = (have + sign * value, count + sign * reporters)
        if total == (0, 0):
            into.pop(name, None)
        else:
            into[name] = total
    return into


def usd(picodollars: int) -> Decimal:
    return Decimal(picodollars) / PICO_PER_USD


def usd_text(picodollars: int) -> str:
    """Plain decimal text without trailing zeros: '0.0000375', never '3.75E-5'."""
    if 0 < picodollars < PICO_PER_USD:
        return "0." + str(picodollars).zfill(12).rstrip("0")
    whole, rest = divmod(abs(picodollars), PICO_PER_USD)
    sign = "-" if picodollars < 0 else ""
    return f"{sign}{whole}.{rest:012d}".rstrip("0").rstrip(".")
