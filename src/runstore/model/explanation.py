"""How a page of runs was found, and what of that is worth knowing."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """How an engine found a page of runs, for people."""

    steps: list[str]  # what was decided, in words, one line each
    indexes: list[str]  # the engine's own names, in order of first use
    estimated_runs: int | None  # in the scope in all, without counting them; None: nothing tells
    actual_runs: int  # on the page
    rows_read: int | None  # rows or index entries looked at to find it; None: not known
    seconds: float  # to find and read the page


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A query as it was understood, how it went, and what would make it cheaper."""

    filters: dict[str, str | None]  # by argument: canonical text; None: none
    how: Explanation
    hints: list[str]
