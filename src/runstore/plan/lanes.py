"""Plan -> the lane its query goes: what takes long must not keep what is quick waiting.

Decided from the question alone. Source: docs/decisions/0020-lanes.md.
"""

from enum import Enum

from runstore.limits import PAGE_RUNS_DEFAULT
from runstore.model.query import RunQuery
from runstore.plan.build import SELECT_DEFAULT, build_plan
from runstore.plan.hints import scans_payloads
from runstore.plan.plan import PAYLOAD_FIELDS, StatsPlan

_SCANNING = ("like", "regex")


class Lane(Enum):
    QUICK = "quick"
    PAGES = "pages"  # more than a page of the usual size, with payloads: exports
    SCANS = "scans"  # opens the payloads, or counts up the groups, of run after run


def lane_of_query(query: RunQuery) -> Lane | None:
    """None: the filters have to be read first, which is no work for an event loop."""
    if any(word in text for text in _filters(query) for word in _SCANNING):
        return None
    return _lane_of_page(query)


def lane_of_filters(query: RunQuery) -> Lane:
    """Reads them. Raises as `build_plan` does."""
    return Lane.SCANS if scans_payloads(build_plan(query).scope) else _lane_of_page(query)


def lane_of_stats(plan: StatsPlan) -> Lane:
    reads_runs = plan.percentiles or plan.group_by not in (None, "run_type")
    if reads_runs or scans_payloads(plan.scope):
        return Lane.SCANS
    return Lane.QUICK


def _lane_of_page(query: RunQuery) -> Lane:
    select = SELECT_DEFAULT if query.select is None else query.select
    is_large = query.limit > PAGE_RUNS_DEFAULT and select & PAYLOAD_FIELDS
    return Lane.PAGES if is_large else Lane.QUICK


def _filters(query: RunQuery) -> list[str]:
    texts = (query.filter, query.trace_filter, query.tree_filter, query.search_filter)
    return [text for text in (*texts, query.translation) if text]
