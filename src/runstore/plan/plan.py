"""What an engine is asked to read: no wire words, no SQL."""

from dataclasses import dataclass

from runstore.filter.tree import Node
from runstore.limits import PAGE_BYTES_MAX
from runstore.model.query import Position

PAYLOAD_FIELDS = frozenset({"inputs", "outputs", "extra", "events", "serialized"})
EXTRA_FIELDS = frozenset({"feedback_stats", "child_run_ids", "trace_starts", "attachments"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RunScope:
    """Which runs: all of these hold together.

    `where` speaks about the run itself, `root_where` about the root of its trace (false while
    that has not arrived), `tree_where` about at least one run of its trace, itself included.
    The restrictions of the body (ids, times, ...) are part of `where`.
    """

    project_ids: tuple[str, ...] | None = None  # None: all projects, and runs without one
    where: Node | None = None
    root_where: Node | None = None
    tree_where: Node | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlan:
    """One page of the runs in `scope`, ordered by (start, id).

    `after`    only runs past this position, in the order asked for
    `backward` the page just before `after` instead, still given in the order asked for
    `select`   fields of Run to fill, and names of EXTRA_FIELDS; id, trace_id, dotted_order,
               start_us, status, name, run_type, project_id always are
    `deferred` the page's runs may be made when they are looked at, from any thread, at any time
    """

    scope: RunScope
    descending: bool = True
    after: Position | None = None
    backward: bool = False
    limit: int
    bytes_max: int = PAGE_BYTES_MAX
    select: frozenset[str]
    deferred: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StatsPlan:
    """Figures over the runs in `scope`; one set a group, or one set for all."""

    scope: RunScope
    group_by: str | None = None  # "name", "run_type", "tag" or "metadata"
    group_path: str | None = None  # the metadata key
    groups_max: int = 100
    groups: frozenset[str] | None = None  # no others; None: the largest
    percentiles: bool = False  # of tokens and costs, which no sum tells: each run is read
