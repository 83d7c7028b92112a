"""What an error of the filter language points at: the text, and the argument that held it."""

from dataclasses import dataclass

from runstore.errors import SHOWN_CHARS, At, FilterError

__all__ = ["SHOWN_CHARS", "At", "FilterError", "Source"]


@dataclass(frozen=True, slots=True)
class Source:
    """A filter text and the argument that held it: what its errors need to know."""

    text: str
    where: str = "filter"

    def error(
        self, problem: str, at: At, hint: str = "", allowed: tuple[str, ...] = ()
    ) -> "FilterError":
        return FilterError(problem, self.text, at, hint, allowed, self.where)
