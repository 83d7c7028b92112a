"""What a caller asks of runs, and the page he gets."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field

from runstore.limits import PAGE_RUNS_DEFAULT
from runstore.model.feedback import Feedback
from runstore.model.run import JsonText, Run


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the order (start, id); the run there is not part of the page."""

    start_us: int
    run_id: str


@dataclass(slots=True, kw_only=True)
class RunQuery:
    """One ask, as any wire or client says it. None: not restricted by that.

    All restrictions hold together. `select` are field names of `Run` and the extras
    `feedback_stats`, `child_run_ids`, `trace_starts`, `attachments`; None: all of `Run` and
    `feedback_stats`.
    """

    project_ids: tuple[str, ...] | None = None
    ids: tuple[str, ...] | None = None
    trace_id: str | None = None
    parent_run_id: str | None = None
    run_type: str | None = None
    reference_example_ids: tuple[str, ...] | None = None
    is_root: bool | None = None
    has_error: bool | None = None
    start_min_us: int | None = None  # inclusive, of the run's start
    end_max_us: int | None = None  # exclusive, of the run's end
    filter: str | None = None
    trace_filter: str | None = None
    tree_filter: str | None = None
    search_filter: str | None = None
    query: str | None = None  # a person's words
    translation: str | None = None  # the filter they mean; None: full text of the words
    select: frozenset[str] | None = None
    limit: int = PAGE_RUNS_DEFAULT
    descending: bool = True
    after: Position | None = None  # from a cursor
    backward: bool = False  # the page before `after`, still in the order asked for


class DeferredRuns(Sequence[Run]):
    """Runs that are made when they are looked at, from any thread; best many at a time."""

    @abstractmethod
    def bare(self, first: int, last: int) -> list[Run]:
        """These without their payloads, which are what takes long. `last` is not one of them."""

    @abstractmethod
    def payloads(self, name: str, first: int, last: int) -> list[JsonText | None]:
        """Of these runs; None: it was not asked for, or there is none. Raises Damaged."""


@dataclass(slots=True)
class Page:
    """Runs in the order asked for. `has_next` / `has_previous` speak of that order.

    `feedback`, `child_ids` and `descendant_ids` hold, by run id, what `select` asked for: the runs
    right below it by start and id, all runs below it in dotted order. `trace_starts` holds, by
    trace id, the first and the last start of its runs.
    """

    runs: Sequence[Run] = field(default_factory=list)
    has_next: bool = False
    has_previous: bool = False
    feedback: dict[str, list[Feedback]] = field(default_factory=dict)
    child_ids: dict[str, list[str]] = field(default_factory=dict)
    descendant_ids: dict[str, list[str]] = field(default_factory=dict)
    trace_starts: dict[str, tuple[int, int]] = field(default_factory=dict)

    def bare(self, first: int, last: int) -> Sequence[Run]:
        """Of the runs from `first` to before `last` all but the payloads, which may be missing."""
        runs = self.runs
        return runs.bare(first, last) if isinstance(runs, DeferredRuns) else runs[first:last]

    def payloads(self, name: str, first: int, last: int) -> list[JsonText | None]:
        """One payload of each run from `first` to before `last`. Raises Damaged."""
        runs = self.runs
        if isinstance(runs, DeferredRuns):
            return runs.payloads(name, first, last)
        return [getattr(run, name) for run in runs[first:last]]
