"""The account of a transfer: what was read, and what became of each. Knows no format, no target."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from runstore.limits import REFUSALS_KEPT_MAX


class Refused(NamedTuple):
    """`what` is "run", "feedback" or "attachment"; `id` its own, or the place it was read from."""

    what: str
    id: str
    reason: str


@dataclass(slots=True)
class Count:
    """read = written + unchanged + refused, once the transfer has ended."""

    read: int = 0
    written: int = 0
    unchanged: int = 0  # the target had it already, with the same content
    refused: int = 0

    @property
    def unaccounted(self) -> int:
        return self.read - self.written - self.unchanged - self.refused


@dataclass(slots=True)
class Ledger:
    """Exact counts of runs, feedback records and attachments."""

    runs: Count = field(default_factory=Count)
    feedback: Count = field(default_factory=Count)
    attachments: Count = field(default_factory=Count)
    refusals: list[Refused] = field(default_factory=list)  # the first REFUSALS_KEPT_MAX, each told

    @property
    def is_lossless(self) -> bool:
        """Whether everything that was read is now at the destination."""
        return all(count.refused == 0 and count.unaccounted == 0 for count in self.counts)

    @property
    def counts(self) -> tuple[Count, Count, Count]:
        return self.runs, self.feedback, self.attachments

    def refuse(self, what: str, one_id: str, reason: str) -> None:
        count = {"run": self.runs, "feedback": self.feedback, "attachment": self.attachments}[what]
        count.refused += 1
        if len(self.refusals) < REFUSALS_KEPT_MAX:
            self.refusals.append(Refused(what, one_id, reason))

    def as_json(self) -> dict[str, Any]:
        """For a state file, and for people who read JSON."""
        said = asdict(self)
        said["refusals"] = [one._asdict() for one in self.refusals]
        return said

    def __str__(self) -> str:
        lines = [f"{'':<12}{'read':>10}{'written':>10}{'unchanged':>11}{'refused':>9}"]
        names = ("runs", "feedback", "attachments")
        for name, count in zip(names, self.counts, strict=True):
            lines.append(
                f"{name:<12}{count.read:>10,}{count.written:>10,}"
                f"{count.unchanged:>11,}{count.refused:>9,}"
            )
        return "\n".join(lines)


OnLedger = Callable[[Ledger], None]
"""Called now and then with how it stands: for a progress bar."""


def ledger_from(said: dict[str, Any]) -> Ledger:
    """What `as_json` wrote. Raises KeyError or TypeError for anything else."""
    return Ledger(
        Count(**said["runs"]),
        Count(**said["feedback"]),
        Count(**said["attachments"]),
        [Refused(**one) for one in said["refusals"]],
    )
