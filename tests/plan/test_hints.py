"""What would make a query cheaper, and that nothing is said where nothing would."""

from typing import Any

import pytest

from runstore.model.explanation import Explanation
from runstore.model.query import RunQuery
from runstore.plan.build import build_plan, build_scope
from runstore.plan.hints import advice, hints
from runstore.plan.plan import RunPlan, StatsPlan
from tests.model.make import T0, rid

IN_PROJECT = {"project_ids": (rid(1),)}
SINCE = IN_PROJECT | {"start_min_us": T0}


def hinted(query: dict[str, Any], step: str, rows: int | None = 10, runs: int = 10) -> str:
    told = Explanation(
        steps=[step],
        indexes=[],
        estimated_runs=None,
        actual_runs=runs,
        rows_read=rows,
        seconds=0.01,
    )
    return " / ".join(hints(build_plan(RunQuery(**query)), told))


# fmt: off
CASES = [
    ("a walk over everything", {}, "walk the runs", ["no project", "nothing bounds the start"]),
    ("a walk over a project", IN_PROJECT, "walk the runs", ["nothing bounds the start"]),
    ("oldest first", IN_PROJECT | {"descending": False}, "walk the runs",
     ["nothing bounds the start", "order asc"]),
    ("a walk with a start", SINCE, "walk the runs", []),
    ("a start in the filter", IN_PROJECT | {"filter": 'gt(start_time, "2026-01-01")'},
     "walk the runs", []),
    ("an upper bound bounds nothing", IN_PROJECT | {"filter": 'lt(start_time, "2026-01-01")'},
     "walk the runs", ["nothing bounds the start"]),
    ("ids", {"ids": (rid(1),)}, "read the 1 named by id", []),
    ("a regex over payloads", SINCE | {"filter": 'or(regex(inputs, "x"), eq(name, "a"))'},
     "walk the runs", ["regex opens the inputs"]),
    ("a like in the tree", SINCE | {"tree_filter": 'not(like(outputs, "%x%"))'},
     "walk the runs", ["like opens the outputs"]),
    ("a regex over names", SINCE | {"filter": 'regex(name, "x")'}, "walk the runs", []),
]
# fmt: on


@pytest.mark.parametrize(
    ("query", "step", "said"), [pytest.param(*case, id=name) for name, *case in CASES]
)
def test_a_hint_is_given_where_it_helps(query: dict[str, Any], step: str, said: list[str]) -> None:
    found = [one for one in hinted(query, step).split(" / ") if one]
    assert [one[: len(start)] for one, start in zip(found, said, strict=True)] == said


@pytest.mark.parametrize(
    ("rows", "runs", "is_said"), [(50_000, 10, True), (1_000, 0, False), (2_000, 100, False)]
)
def test_many_rows_for_few_runs_are_worth_a_word(rows: int, runs: int, is_said: bool) -> None:
    assert ("were looked at" in hinted(SINCE, "walk the runs", rows, runs)) is is_said


def test_rows_nobody_counted_are_no_reason() -> None:
    assert hinted(SINCE, "walk the runs", None) == ""


def plan_of(query: dict[str, Any]) -> RunPlan:
    return build_plan(RunQuery(**query))


def figures_of(query: dict[str, Any], group_by: str | None = None) -> StatsPlan:
    return StatsPlan(scope=build_scope(RunQuery(**query)), group_by=group_by)


@pytest.mark.parametrize(
    ("plan", "said", "unsaid"),
    [
        (plan_of({}), ["name a project", "bound it with", "limit", "select fewer"], ["group by"]),
        (plan_of(SINCE | {"limit": 1}), ["narrow start_time"], ["project", "limit"]),
        (plan_of({"select": frozenset({"id"})}), ["looked up"], ["select fewer"]),
        (plan_of({"filter": 'regex(inputs, "x")'}), ["regex opens the inputs"], []),
        (figures_of({}), ["bound it with"], ["limit", "select", "group by"]),
        (figures_of(SINCE, "metadata"), ["group by what has fewer"], ["project"]),
    ],
)
def test_what_costs_too_much_is_told_what_would_cost_less(
    plan: RunPlan | StatsPlan, said: list[str], unsaid: list[str]
) -> None:
    told = "; ".join(advice(plan))
    assert [one for one in said if one not in told] == []
    assert [one for one in unsaid if one in told] == []
