"""What changed, in the order in which it did: places in that order, and what lies past one."""

from dataclasses import dataclass, field
from typing import NamedTuple


class ChangePosition(NamedTuple):
    """A place in the order of changes. Of transaction `seq` all up to `within` lies before it,
    and all of the transactions before that."""

    seq: int
    within: int = 0


FIRST_CHANGE = ChangePosition(0)
"""Before everything an engine holds."""


class ChangedRun(NamedTuple):
    """A run that was written, as it stands now."""

    id: str
    status: str
    end_us: int | None


@dataclass(slots=True, kw_only=True)
class Changes:
    """Runs that changed, none twice. `position`: where to read on; `has_more`: at once."""

    runs: list[ChangedRun] = field(default_factory=list)
    position: ChangePosition
    has_more: bool = False
