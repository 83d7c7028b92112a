"""Random queries over the forests of forests.py."""

from typing import Any

from hypothesis import strategies as st

from runstore.model.query import RunQuery
from runstore.plan.build import RUN_FIELDS
from runstore.plan.plan import EXTRA_FIELDS
from tests.filter import strategies as words
from tests.oracle.forests import PROJECT_IDS

MISSING = "00000000-0000-4000-a000-000000000000"


def maybe(strategy: st.SearchStrategy[Any], often: int = 5) -> st.SearchStrategy[Any]:
    """None `often` times as often as a value."""
    # Not one_of(none, none, ..., strategy): that takes equal strategies for one.
    return st.integers(0, often).flatmap(lambda turn: strategy if turn == often else st.none())


def selects() -> st.SearchStrategy[frozenset[str]]:
    return st.frozensets(st.sampled_from(sorted(RUN_FIELDS | EXTRA_FIELDS)))


def queries() -> st.SearchStrategy[RunQuery]:
    projects = st.sampled_from(
        (None, PROJECT_IDS[:1], PROJECT_IDS, (*PROJECT_IDS, MISSING), (MISSING,), ())
    )
    ids = st.lists(st.sampled_from((*words.IDS, MISSING)), max_size=6).map(tuple)
    one_id = st.sampled_from((*words.IDS, MISSING))
    filters = words.texts()
    return st.builds(
        RunQuery,
        project_ids=st.one_of(st.just(PROJECT_IDS), projects),
        ids=maybe(ids, 12),
        trace_id=maybe(one_id, 12),
        parent_run_id=maybe(one_id, 12),
        run_type=maybe(st.sampled_from(words.RUN_TYPES), 12),
        reference_example_ids=maybe(ids, 12),
        is_root=maybe(st.booleans(), 8),
        has_error=maybe(st.booleans(), 8),
        start_min_us=maybe(st.sampled_from(words.STARTS_US), 12),
        end_max_us=maybe(st.sampled_from(words.STARTS_US), 12),
        filter=maybe(filters, 1),
        trace_filter=maybe(filters, 3),
        tree_filter=maybe(filters, 3),
        search_filter=maybe(filters, 12),
        query=maybe(st.sampled_from(words.SEARCHES), 12),
        select=maybe(selects(), 3),
        limit=st.sampled_from((1, 2, 3, 7, 100)),
        descending=st.booleans(),
    )
