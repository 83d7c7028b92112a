from typing import Any

import pytest

from runstore.errors import InvalidRequest, TooLarge
from runstore.filter.errors import FilterError
from runstore.filter.tree import And, Compare, Constant, Node, Not, OneOf, Or, Present, Search
from runstore.limits import IDS_MAX, PAGE_BYTES_MAX, PAGE_RUNS_MAX, SEARCH_WORDS_MAX
from runstore.model.query import Position, RunQuery
from runstore.plan.build import build_plan, build_scope, only_roots
from runstore.plan.plan import RunScope

NAME = Compare("name", "eq", "x")

# fmt: off
WHERE: list[Any] = [
    ("nothing asked", {}, None),
    ("ids, each once", {"ids": ("a", "b", "a")}, OneOf("id", ("a", "b"))),
    ("no id at all matches nothing", {"ids": ()}, Constant(False)),
    ("a trace", {"trace_id": "t"}, Compare("trace_id", "eq", "t")),
    ("direct children", {"parent_run_id": "p"}, Compare("parent_run_id", "eq", "p")),
    ("a type", {"run_type": "llm"}, Compare("run_type", "eq", "llm")),
    ("examples", {"reference_example_ids": ("e",)}, OneOf("reference_example_id", ("e",))),
    ("roots", {"is_root": True}, Compare("is_root", "eq", True)),
    ("no roots", {"is_root": False}, Compare("is_root", "eq", False)),
    ("errors", {"has_error": True}, Present("error")),
    ("no errors", {"has_error": False}, Not(Present("error"))),
    ("started at or after", {"start_min_us": 5}, Compare("start_time", "gte", 5)),
    ("ended before", {"end_max_us": 0}, Compare("end_time", "lt", 0)),
    ("a filter", {"filter": 'eq(name, "x")'}, NAME),
    ("a search filter", {"search_filter": 'eq(name, "x")'}, NAME),
    ("an empty filter", {"filter": " "}, None),
    ("words", {"query": "  Große Wörter, große "}, Search("all", ("grosse", "wörter"))),
    ("words of spaces only", {"query": " "}, None),
    ("all of it together",
     {"is_root": True, "filter": 'and(eq(name, "x"), gt(latency, 1))', "query": "a",
      "search_filter": 'or(eq(name, "x"), eq(run_type, "llm"))'},
     And((Compare("is_root", "eq", True), NAME, Compare("latency", "gt", 1_000_000),
          Or((NAME, Compare("run_type", "eq", "llm"))), Search("all", ("a",))))),
]
# fmt: on


@pytest.mark.parametrize("asked, where", [pytest.param(*row[1:], id=row[0]) for row in WHERE])
def test_what_is_asked_of_the_run_itself_becomes_one_tree(
    asked: dict[str, Any], where: Node | None
) -> None:
    scope = build_scope(RunQuery(**asked))
    assert scope == RunScope(where=where)


def test_trace_and_tree_filters_and_projects_stay_apart() -> None:
    query = RunQuery(
        project_ids=("p",), trace_filter='eq(name, "x")', tree_filter="eq(error, null)"
    )
    assert build_scope(query) == RunScope(
        project_ids=("p",), root_where=NAME, tree_where=Not(Present("error"))
    )


def test_the_plan_takes_over_order_and_place() -> None:
    at = Position(7, "r")
    plan = build_plan(RunQuery(descending=False, after=at, backward=True, limit=3))
    assert (plan.descending, plan.after, plan.backward, plan.limit) == (False, at, True, 3)
    assert plan.bytes_max == PAGE_BYTES_MAX


def test_a_limit_past_the_page_is_served_page_by_page() -> None:
    assert build_plan(RunQuery(limit=10**9)).limit == PAGE_RUNS_MAX


def test_by_default_all_of_a_run_is_selected_but_what_costs_extra() -> None:
    select = build_plan(RunQuery()).select
    assert {"id", "inputs", "outputs", "extra", "events", "totals", "feedback_stats"} <= select
    assert not {"attachments", "child_run_ids"} & select


def test_a_given_selection_is_kept() -> None:
    chosen = frozenset({"name", "attachments", "child_run_ids", "feedback_stats"})
    assert build_plan(RunQuery(select=chosen)).select == chosen


@pytest.mark.parametrize(
    "asked, error, message",
    [
        pytest.param({"limit": 0}, InvalidRequest, "at least 1", id="no runs"),
        pytest.param({"select": frozenset({"nam"})}, InvalidRequest, "nam", id="unknown field"),
        pytest.param({"filter": "eq(nam, 1)"}, FilterError, "nam", id="filter"),
        pytest.param({"trace_filter": "eq(nam, 1)"}, FilterError, "nam", id="trace_filter"),
        pytest.param({"tree_filter": "eq(nam, 1)"}, FilterError, "nam", id="tree_filter"),
        pytest.param({"search_filter": "eq(nam, 1)"}, FilterError, "nam", id="search_filter"),
        pytest.param({"query": "?!"}, InvalidRequest, "no letter or digit", id="no word"),
        pytest.param(
            {"query": " ".join(f"w{n}" for n in range(SEARCH_WORDS_MAX + 1))},
            TooLarge,
            "words",
            id="too many words",
        ),
        pytest.param({"ids": ("a",) * (IDS_MAX + 1)}, TooLarge, "ids", id="too many ids"),
    ],
)
def test_what_cannot_be_planned_is_refused(
    asked: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        build_plan(RunQuery(**asked))


@pytest.mark.parametrize(
    "asked, only",
    [
        pytest.param({"is_root": True}, True, id="said alone"),
        pytest.param({"is_root": True, "run_type": "chain"}, True, id="said with more"),
        pytest.param({"filter": "and(eq(is_root, true), gt(latency, 1))"}, True, id="in a filter"),
        pytest.param({"filter": 'or(eq(is_root, true), eq(name, "x"))'}, False, id="one of two"),
        pytest.param({"is_root": False}, False, id="no roots"),
        pytest.param({}, False, id="not said"),
    ],
)
def test_whole_traces_are_recognised(asked: dict[str, Any], only: bool) -> None:
    assert only_roots(build_scope(RunQuery(**asked))) is only
