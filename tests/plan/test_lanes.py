"""Which queries go beside the others: pages of exports, and what opens payload after payload."""

from typing import Any

import pytest

from runstore.model.query import RunQuery
from runstore.plan.build import build_scope
from runstore.plan.lanes import Lane, lane_of_filters, lane_of_query, lane_of_stats
from runstore.plan.plan import StatsPlan

NARROW = frozenset({"id", "name"})


# fmt: off
def _id(value: object) -> str:
    """The same in every process: sets are told in order."""
    if not isinstance(value, dict):
        return str(value)
    told = {key: sorted(one) if isinstance(one, frozenset) else one for key, one in value.items()}
    return str(told)


@pytest.mark.parametrize(
    ("query", "lane"),
    [
        ({}, Lane.QUICK),
        ({"limit": 100}, Lane.QUICK),
        ({"limit": 101}, Lane.PAGES),
        ({"limit": 1_000, "select": NARROW}, Lane.QUICK),
        ({"limit": 1_000, "select": NARROW | {"outputs"}}, Lane.PAGES),
        ({"filter": 'search(inputs, "word")'}, Lane.QUICK),
        ({"filter": 'like(name, "a%")'}, Lane.QUICK),
        ({"filter": 'and(eq(name, "a"), not(regex(inputs, "a")))'}, Lane.SCANS),
        ({"query": "words", "translation": 'like(outputs, "%a%")'}, Lane.SCANS),
        ({"tree_filter": 'like(outputs, "%a%")', "limit": 1_000}, Lane.SCANS),
        ({"filter": 'like(name, "a%")', "limit": 1_000}, Lane.PAGES),
        ({"filter": 'eq(name, "regex")'}, Lane.QUICK),
    ],
    ids=_id,
)
# fmt: on
def test_a_query_goes_the_lane_of_what_it_may_cost(query: dict[str, Any], lane: Lane) -> None:
    asked = RunQuery(**({"limit": 100} | query))
    assert (lane_of_query(asked) or lane_of_filters(asked)) is lane
    is_said_at_once = "like" not in str(query) and "regex" not in str(query)
    assert (lane_of_query(asked) is not None) is is_said_at_once


@pytest.mark.parametrize(
    ("group_by", "filter_text", "lane"),
    [
        (None, None, Lane.QUICK),
        ("run_type", None, Lane.QUICK),
        ("name", None, Lane.SCANS),
        ("metadata", None, Lane.SCANS),
        (None, "gt(latency, 1)", Lane.QUICK),
        (None, 'regex(inputs, "a")', Lane.SCANS),
    ],
)
def test_figures_by_group_read_run_after_run(
    group_by: str | None, filter_text: str | None, lane: Lane
) -> None:
    plan = StatsPlan(scope=build_scope(RunQuery(filter=filter_text)), group_by=group_by)
    assert lane_of_stats(plan) is lane


def test_percentiles_of_usage_read_run_after_run() -> None:
    plan = StatsPlan(scope=build_scope(RunQuery()), percentiles=True)
    assert lane_of_stats(plan) is Lane.SCANS
