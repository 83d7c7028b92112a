"""Every parameter of `list_runs`, of both clients."""

from collections.abc import Callable
from datetime import UTC, timedelta
from typing import Any
from uuid import uuid4

import pytest
from langsmith import Client
from langsmith.utils import LangSmithError, LangSmithNotFoundError

from tests.compat.conftest import Ask, List
from tests.compat.world import BAD, GOOD, MANY, MANY_RUNS, OTHER, PROJECT, START, World

ALL = {
    *("good", "good.extractor", "good.extractor.model", "good.search"),
    *("bad", "bad.extractor", "bad.extractor.model", "bad.search"),
    *("short", "short.model"),
}
ROOTS = {"good", "bad", "short"}
MODELS = {"good.extractor.model", "bad.extractor.model", "short.model"}


@pytest.mark.parametrize(
    ("arguments", "labels"),
    [
        pytest.param({}, ALL, id="nothing but the project"),
        pytest.param({"run_type": "llm"}, MODELS, id="run_type"),
        pytest.param({"run_type": "retriever"}, set(), id="a run_type nobody has"),
        pytest.param({"trace_id": BAD}, {label for label in ALL if "bad" in label}, id="trace_id"),
        pytest.param(
            {"parent_run_id": GOOD}, {"good.extractor", "good.search"}, id="parent_run_id"
        ),
        pytest.param({"is_root": True}, ROOTS, id="is_root True"),
        pytest.param({"is_root": 1}, ROOTS, id="is_root 1"),
        pytest.param({"is_root": False}, ALL - ROOTS, id="is_root False"),
        pytest.param({"error": True}, {"bad.search"}, id="error True"),
        pytest.param({"error": False}, ALL - {"bad.search"}, id="error False"),
        pytest.param({"run_ids": [GOOD, BAD]}, {"good", "bad"}, id="run_ids"),
        pytest.param({"id": [str(GOOD)]}, {"good"}, id="id"),
        pytest.param(
            {"run_ids": [GOOD, BAD], "filter": 'has(tags, "beta")'},
            {"bad"},
            id="run_ids and filter",
        ),
        pytest.param({"query": "warehouse"}, {"good"}, id="query"),
        pytest.param({"filter": 'eq(name, "search")'}, {"good.search", "bad.search"}, id="filter"),
        pytest.param(
            {"filter": 'eq(name, "search")', "trace_filter": 'has(tags, "beta")'},
            {"bad.search"},
            id="trace_filter",
        ),
        pytest.param(
            {"is_root": True, "tree_filter": "neq(error, null)"}, {"bad"}, id="tree_filter"
        ),
        pytest.param(
            {
                "filter": 'eq(run_type, "llm")',
                "trace_filter": 'and(eq(feedback_key, "user_score"), eq(feedback_score, 0))',
                "tree_filter": 'and(eq(name, "search"), eq(status, "error"))',
            },
            {"bad.extractor.model"},
            id="three filters",
        ),
        pytest.param({"reference_example_id": uuid4()}, set(), id="reference_example_id"),
        pytest.param(
            {"end_time": (START + timedelta(seconds=14)).isoformat(), "is_root": False},
            {"good.extractor", "good.extractor.model"},
            id="end_time, past the signature",
        ),
    ],
)
def test_a_parameter_restricts(ask: Ask, arguments: dict[str, Any], labels: set[str]) -> None:
    assert ask(project_name=PROJECT, **arguments) == labels


@pytest.mark.parametrize(
    "zone", [pytest.param(UTC, id="with a zone"), pytest.param(None, id="naive, meaning UTC")]
)
def test_start_time_is_an_inclusive_lower_bound(ask: Ask, zone: Any) -> None:
    start = (START + timedelta(seconds=60)).replace(tzinfo=zone)
    late = {label for label in ALL if "good" not in label}
    assert ask(project_name=PROJECT, start_time=start) == late
    assert ask(project_name=PROJECT, start_time=start + timedelta(microseconds=1)) == late - {"bad"}


@pytest.mark.parametrize("kind", [list, tuple])
def test_several_projects_by_name(ask: Ask, kind: Callable[[Any], Any]) -> None:
    assert ask(project_name=kind([PROJECT, OTHER]), is_root=True) == ROOTS | {"elsewhere"}


@pytest.mark.parametrize("as_id", [str, lambda value: value], ids=["text", "UUID"])
def test_a_project_by_id(ask: Ask, client: Client, world: World, as_id: Callable[..., Any]) -> None:
    project_id = as_id(client.read_project(project_name=OTHER).id)
    assert ask(project_id=project_id) == {"elsewhere"}
    assert ask(project_id=[project_id]) == {"elsewhere"}
    assert ask(project_id=project_id, project_name=PROJECT, is_root=True) == ROOTS | {"elsewhere"}


def test_a_project_nobody_made_is_not_found(list_runs: List) -> None:
    with pytest.raises(LangSmithNotFoundError, match="nobody"):
        list_runs(project_name="nobody")


def test_runs_without_any_scope_are_refused(list_runs: List) -> None:
    with pytest.raises(LangSmithError, match="At least one of .* must be specified"):
        list_runs(filter='eq(name, "agent")')


@pytest.mark.parametrize(
    ("limit", "count"),
    [
        pytest.param(1, 1, id="one"),
        pytest.param(3, 3, id="less than a page"),
        pytest.param(101, 101, id="more than the original serves"),
        pytest.param(1_000, MANY_RUNS, id="more than there are"),
        pytest.param(None, MANY_RUNS, id="none: all pages"),
    ],
)
def test_limit_is_how_many_come(list_runs: List, world: World, limit: int, count: int) -> None:
    runs = list_runs(project_name=MANY, limit=limit)
    assert len({run.id for run in runs}) == len(runs) == count


def test_limit_0_is_refused(list_runs: List, world: World) -> None:
    with pytest.raises(LangSmithError, match="limit"):
        list_runs(project_name=MANY, limit=0)


@pytest.mark.parametrize("order", ["desc", "asc"])
def test_order_is_by_start_then_id(list_runs: List, world: World, order: str) -> None:
    runs = list_runs(project_name=MANY, order=order)
    keys = [(run.start_time, str(run.id)) for run in runs]
    assert keys == sorted(keys, reverse=order == "desc")
    assert len(keys) == MANY_RUNS


def test_select_leaves_out_what_was_not_asked_for(list_runs: List, world: World) -> None:
    (run,) = list_runs(project_name=PROJECT, run_ids=[GOOD], select=["inputs", "outputs"])
    assert run.inputs == {"question": "where is the tent"}
    assert run.outputs == {"answer": "in the warehouse"}
    assert (run.name, run.run_type, run.trace_id) == ("agent", "chain", GOOD)
    assert run.end_time is None
    assert run.feedback_stats is None
    assert not run.tags


def test_child_run_ids_come_when_selected(list_runs: List, world: World) -> None:
    with pytest.warns(DeprecationWarning, match="child_run_ids"):
        (run,) = list_runs(project_name=PROJECT, run_ids=[GOOD], select=["child_run_ids"])
    assert world.labels(run.child_run_ids or []) == {label for label in ALL if "good." in label}


def test_a_run_comes_whole(list_runs: List, world: World) -> None:
    (run,) = list_runs(project_name=PROJECT, run_ids=[GOOD])
    assert run.start_time.replace(tzinfo=UTC) == START
    assert run.end_time is not None
    assert run.latency == 15
    assert run.status == "success"
    assert run.dotted_order == world.orders["good"]
    assert run.tags == ["experimental"]
    assert run.metadata["plan"] == {"tier": "pro"}
    assert run.metadata["ls_run_depth"] == 0
    assert run.feedback_stats is not None
    assert run.feedback_stats["user_score"]["avg"] == 1
    assert (run.prompt_tokens, run.completion_tokens, run.total_tokens) == (6_000, 30, 6_030)


def test_an_unknown_body_field_is_ignored(ask: Ask) -> None:
    assert ask(project_name=PROJECT, order_by="latency", is_root=True) == ROOTS


def test_a_wrong_filter_says_what_is_wrong(list_runs: List, world: World) -> None:
    with pytest.raises(LangSmithError, match="latncy.*latency"):
        list_runs(project_name=PROJECT, filter="gt(latncy, 5)")
