"""The one error of the filter language, and the places it points at."""

import re
from dataclasses import dataclass

from runstore.errors import InvalidRequest

SHOWN_CHARS = 120  # of a long filter, round the place
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class At:
    """Half-open range [start, end) of one filter text, in code points."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Source:
    """A filter text and the argument that held it: what its errors need to know."""

    text: str
    where: str = "filter"

    def error(
        self, problem: str, at: At, hint: str = "", allowed: tuple[str, ...] = ()
    ) -> "FilterError":
        return FilterError(problem, self.text, at, hint, allowed, self.where)


class FilterError(InvalidRequest):
    """A filter that means nothing we can serve. `at` is inside `text` or just past its end.

    `hint` is what to write instead, `allowed` the names that would do, `where` the argument that
    held the text: "filter", "trace_filter", "tree_filter" or "search_filter".
    """

    code = "filter_invalid"

    def __init__(
        self,
        problem: str,
        text: str,
        at: At,
        hint: str = "",
        allowed: tuple[str, ...] = (),
        where: str = "filter",
    ) -> None:
        super().__init__(problem)
        self.problem, self.text, self.at = problem, text, at
        self.hint, self.allowed, self.where = hint, allowed, where

    def __str__(self) -> str:
        said_in = "" if self.where == "filter" else f"{self.where}: "
        lines = [f"{said_in}{self.problem} (column {self.at.start + 1})", *self._shown()]
        if self.hint:
            lines.append(f"hint: {self.hint}")
        if self.allowed:
            lines.append(f"allowed: {', '.join(self.allowed)}")
        return "\n".join(lines)

    def _shown(self) -> tuple[str, str]:
        """The text round the place on one line, and the caret line under it."""
        first = max(0, self.at.start - SHOWN_CHARS // 2)
        last = first + SHOWN_CHARS
        if last >= len(self.text):
            first, last = max(0, len(self.text) - SHOWN_CHARS), len(self.text)
        before = "..." if first > 0 else ""
        after = "..." if last < len(self.text) else ""
        line = before + _CONTROL.sub(" ", self.text[first:last]) + after
        width = max(1, min(self.at.end, last) - self.at.start)
        return line, " " * (len(before) + self.at.start - first) + "^" * width
