"""What one query may cost, and the account of one that is running. Knows no engine.

Either a query is answered exactly or it is refused; so an account that is overdrawn stops it.
"""

import time
from dataclasses import dataclass

from runstore.errors import QueryBudgetExceeded, QueryTooCostly
from runstore.limits import (
    MIB,
    QUERY_MEMORY_BYTES_MAX,
    QUERY_PAYLOAD_BYTES_MAX,
    QUERY_ROWS_MAX,
    QUERY_SECONDS_MAX,
)
from runstore.model.feedback import Feedback
from runstore.model.project import Project

FIGURE_BYTES = 80  # of a run that is counted up: its latency and first token, as numbers in lists
GROUPED_BYTES = 250  # of a run whose feedback is counted up: its id and its groups
GROUP_BYTES = 2_000  # of one more group of figures
RECORD_BYTES = 1_000  # of a feedback record or a project, besides its texts
ID_BYTES = 100  # of an id in a list, and in the answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The time is what is left of it; the rest is the same on every machine and at every load.

    `rows`     rows and index entries looked at, about: an engine may count them in its own steps
    `payload_bytes`  of payloads opened to test a condition or to group by
    `memory_bytes`   held at once for the answer: runs of a page, figures, feedback
    """

    seconds: float = QUERY_SECONDS_MAX
    rows: int = QUERY_ROWS_MAX
    payload_bytes: int = QUERY_PAYLOAD_BYTES_MAX
    memory_bytes: int = QUERY_MEMORY_BYTES_MAX


class Account:
    """Of one query, from now on. Without a budget it may cost what it costs."""

    __slots__ = ("_budget", "_ends", "held", "opened", "rows")

    def __init__(self, budget: Budget | None = None) -> None:
        self._budget = budget
        self._ends = None if budget is None else time.monotonic() + budget.seconds
        self.rows = self.opened = self.held = 0

    def hold(self, more: int) -> None:
        """So many bytes more are held. Raises QueryTooCostly."""
        self.held += more
        if self._budget is not None and self.held > self._budget.memory_bytes:
            raise self._costly("memory", "held more than", _mib(self._budget.memory_bytes))

    def check(self) -> None:
        """Raises QueryBudgetExceeded."""
        if (problem := self.problem()) is not None:
            raise problem

    def problem(self) -> QueryBudgetExceeded | None:
        """Which budget is overdrawn, if one is."""
        budget = self._budget
        if budget is None or self._ends is None:
            return None
        if self.rows > budget.rows:
            return self._costly("rows", "looked at more than", f"{budget.rows:,} rows")
        if self.opened > budget.payload_bytes:
            opened = f"{_mib(budget.payload_bytes)} of payloads"
            return self._costly("payloads", "opened more than", opened)
        if time.monotonic() > self._ends:
            return QueryBudgetExceeded(
                f"the query ran past its time budget of {budget.seconds:g} s"
            )
        return None

    def _costly(self, name: str, what: str, bound: str) -> QueryTooCostly:
        return QueryTooCostly(f"the query {what} {bound}, its budget of {name}")


def record_bytes(record: Feedback) -> int:
    """What a feedback record of an answer weighs."""
    texts = record.comment, record.value, record.correction, record.source, record.extra
    return RECORD_BYTES + sum(len(text) for text in texts if text is not None)


def project_bytes(project: Project) -> int:
    """What a project of an answer weighs."""
    texts = project.name, project.description, project.extra
    return RECORD_BYTES + sum(len(text) for text in texts if text is not None)


def _mib(size: int) -> str:
    return f"{size / MIB:,.6g} MiB"
