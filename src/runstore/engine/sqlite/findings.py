"""What one check of a folder came to."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from runstore.limits import PROBLEMS_SHOWN


@dataclass(slots=True)
class Findings:
    """`problems` are the first PROBLEMS_SHOWN of `problem_count`."""

    name: str
    about: str
    looked_at: int = 0  # rows, files: what the check is about
    problem_count: int = 0
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def is_sound(self) -> bool:
        return self.problem_count == 0

    def note(self, problem: str) -> None:
        self.problem_count += 1
        if len(self.problems) < PROBLEMS_SHOWN:
            self.problems.append(problem)

    def take(self, check: Callable[["Findings"], None]) -> "Findings":
        """Itself, with what `check` notes. What cannot even be read is a problem as well, and may
        show as any error at all."""
        started = time.perf_counter()
        try:
            check(self)
        except Exception as error:
            self.note(f"could not be checked to the end: {type(error).__name__}: {error}")
        self.seconds = time.perf_counter() - started
        return self
