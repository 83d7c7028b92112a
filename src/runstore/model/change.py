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
    """A run that was written, as it stands now. `position`: who has got it reads on from there.

    Of runs that are told of because of one change, only the last one's is past that change.
    """

    id: str
    status: str
    end_us: int | None
    position: ChangePosition


@dataclass(slots=True, kw_only=True)
class Changes:
    """Runs that changed, none twice, in the order of their first change. `position`: where to
    read on, past all that was looked at; `has_more`: at once."""

    runs: list[ChangedRun] = field(default_factory=list)
    position: ChangePosition
    has_more: bool = False
