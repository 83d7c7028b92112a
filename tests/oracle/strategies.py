"""Random queries over the forests of forests.py."""

from typing import Any

from hypothesis import strategies as st

from runstore.model.query import RunQuery
from runstore.plan.build import RUN_FIELDS
from runstore.plan.plan import EXTRA_FIELDS
from tests.filter import strategies as words
from tests.oracle.forests import PROJECT_IDS

MISSING = "00000000-0000-4000-a000-000000000000"


def selects() -> st.SearchStrategy[frozenset[str]]:
    return st.frozensets(st.sampled_from(sorted(RUN_FIELDS | EXTRA_FIELDS)))


def _rest() -> dict[str, st.SearchStrategy[Any]]:
    """What a query may be restricted by besides projects and filters."""
    ids = st.lists(st.sampled_from((*words.IDS, MISSING)), max_size=6).map(tuple)
    one_id = st.sampled_from((*words.IDS, MISSING))
    return {
        "is_root": st.booleans(),
        "has_error": st.booleans(),
        "run_type": st.sampled_from(words.RUN_TYPES),
        "ids": ids,
        "trace_id": one_id,
        "parent_run_id": one_id,
        "reference_example_ids": ids,
        "start_min_us": st.sampled_from(words.STARTS_US),
        "end_max_us": st.sampled_from(words.STARTS_US),
        "search_filter": words.texts(),
        "query": st.sampled_from(words.SEARCHES),
    }


def queries() -> st.SearchStrategy[RunQuery]:
    """One restriction or two besides filters, often none: more leave no run to compare."""
    projects = st.sampled_from(
        (None, PROJECT_IDS[:1], PROJECT_IDS, (*PROJECT_IDS, MISSING), (MISSING,), ())
    )
    rest, filters = _rest(), words.texts()
    turns = st.integers(0, 5)
    limits, names = st.sampled_from((1, 2, 3, 7, 100)), st.sampled_from(tuple(rest))

    @st.composite
    def query(draw: st.DrawFn) -> RunQuery:
        said: dict[str, Any] = {"limit": draw(limits), "descending": draw(st.booleans())}
        said["project_ids"] = draw(projects) if draw(turns) == 5 else PROJECT_IDS
        # Not one_of(none, none, ..., filters): hypothesis takes equal strategies for one.
        for name, turn in (("filter", 2), ("trace_filter", 4), ("tree_filter", 4)):
            if draw(turns) > turn:
                said[name] = draw(filters)
        for turn in (3, 4):
            if draw(turns) > turn:
                name = draw(names)
                said[name] = draw(rest[name])
        if draw(turns) > 3:
            said["select"] = draw(selects())
        return RunQuery(**said)

    return query()
