"""Which runs a query finds: body restrictions, the three filters, projects, traces."""

from typing import Any

import pytest

from runstore.model.query import RunQuery
from runstore.plan.build import build_plan
from tests.conformance.ask import Asked
from tests.model.make import T0, S, create, patch, record, rid


@pytest.fixture
def loaded(store: Asked) -> Asked:
    """Two traces over two projects, and a child whose root has not come.

    1 chain (a)              10 chain (b), error           21 llm (a), below 20
    ├ 2 llm (a), latency 5   └ 11 llm (b), tag x
    └ 3 tool (b), error
    """
    refusals = store.write(
        create(1, project_name="a", run_type="chain", start_us=T0 + 1 * S, end_us=T0 + 9 * S),
        create(1, 2, project_name="a", run_type="llm", start_us=T0 + 2 * S, end_us=T0 + 7 * S),
        create(1, 3, project_name="b", run_type="tool", start_us=T0 + 3 * S, error="boom"),
        create(10, project_name="b", run_type="chain", start_us=T0 + 4 * S, error="bang"),
        create(10, 11, project_name="b", run_type="llm", start_us=T0 + 5 * S, tags=("x",)),
        create(20, 21, project_name="a", run_type="llm", start_us=T0 + 6 * S, tags=("x",)),
        patch(1, 2, reference_example_id=rid(70)),
        record(50, "user", run_id=rid(1), score=1.0),
        record(51, "user", run_id=rid(10), score=0.0),
    )
    assert refusals == []
    return store


ALL = [1, 2, 3, 10, 11, 21]

# fmt: off
ASKED: list[Any] = [
    ("nothing: all runs", {}, ALL),
    ("ids", {"ids": (rid(3), rid(10), rid(99))}, [3, 10]),
    ("ids and a filter intersect", {"ids": (rid(3), rid(10)), "filter": 'eq(run_type, "tool")'},
     [3]),
    ("no ids", {"ids": ()}, []),
    ("a trace with its root", {"trace_id": rid(1)}, [1, 2, 3]),
    ("direct children", {"parent_run_id": rid(1)}, [2, 3]),
    ("children of a run that never came", {"parent_run_id": rid(20)}, [21]),
    ("a type", {"run_type": "llm"}, [2, 11, 21]),
    ("an example", {"reference_example_ids": (rid(70), rid(71))}, [2]),
    ("roots", {"is_root": True}, [1, 10]),
    ("no roots", {"is_root": False}, [2, 3, 11, 21]),
    ("errors", {"has_error": True}, [3, 10]),
    ("no errors", {"has_error": False}, [1, 2, 11, 21]),
    ("started at or after", {"start_min_us": T0 + 4 * S}, [10, 11, 21]),
    ("ended before; pending runs did not end", {"end_max_us": T0 + 9 * S}, [2]),
    ("words", {"query": "BOO"}, [3]),
    ("all hold together", {"is_root": False, "run_type": "llm", "filter": 'has(tags, "x")',
                           "search_filter": 'eq(name, "run 11")'}, [11]),

    ("trace_filter asks the root", {"trace_filter": 'eq(name, "run 1")'}, [1, 2, 3]),
    ("trace_filter by the root's feedback",
     {"trace_filter": 'and(eq(feedback_key, "user"), eq(feedback_score, 0))'}, [10, 11]),
    ("no root, no trace_filter match", {"trace_filter": 'not(eq(name, "run 1"))'}, [10, 11]),
    ("tree_filter asks any run of the trace", {"tree_filter": 'eq(run_type, "tool")'}, [1, 2, 3]),
    ("tree_filter counts the run itself", {"tree_filter": 'has(tags, "x")'}, [10, 11, 21]),
    ("one witness must meet all of tree_filter",
     {"tree_filter": 'and(eq(run_type, "llm"), neq(error, null))'}, []),
    ("a witness may be in another project",
     {"tree_filter": 'and(eq(run_type, "tool"), eq(error, "boom"))', "is_root": True}, [1]),
    ("the three filters together",
     {"filter": 'eq(run_type, "llm")', "trace_filter": "gt(latency, 1)",
      "tree_filter": "neq(error, null)"}, [2]),
    ("body times do not bound the witness",
     {"start_min_us": T0 + 3 * S, "tree_filter": "gt(latency, 4)"}, [3]),
    ("not() of a family test holds where there is nothing",
     {"filter": 'not(has(tags, "x"))'}, [1, 2, 3, 10]),
]
# fmt: on


@pytest.mark.parametrize("asked, found", [pytest.param(*row[1:], id=row[0]) for row in ASKED])
def test_a_query_finds(loaded: Asked, asked: dict[str, Any], found: list[int]) -> None:
    assert loaded.numbers(descending=False, **asked) == found
    assert loaded.count(**asked) == len(found)


@pytest.mark.parametrize(
    "names, asked, found",
    [
        pytest.param(["a"], {}, [1, 2, 21], id="one project"),
        pytest.param(["a", "b"], {}, ALL, id="both"),
        pytest.param(["b"], {"trace_filter": 'eq(name, "run 1")'}, [3], id="root elsewhere"),
        pytest.param(["a"], {"tree_filter": 'eq(run_type, "tool")'}, [1, 2], id="witness there"),
        pytest.param(["b"], {"ids": (rid(1), rid(3))}, [3], id="ids within a project"),
        pytest.param(["a"], {"parent_run_id": rid(1)}, [2], id="children within a project"),
    ],
)
def test_projects_bound_the_runs_and_not_their_traces(
    loaded: Asked, names: list[str], asked: dict[str, Any], found: list[int]
) -> None:
    project_ids = tuple(map(loaded.project_id, names))
    assert loaded.numbers(descending=False, project_ids=project_ids, **asked) == found
    assert loaded.count(project_ids=project_ids, **asked) == len(found)


@pytest.mark.parametrize("project_ids", [(), (rid(99),)], ids=["none", "unknown"])
def test_no_project_has_no_runs(loaded: Asked, project_ids: tuple[str, ...]) -> None:
    assert loaded.numbers(project_ids=project_ids) == []
    assert loaded.count(project_ids=project_ids) == 0
    assert loaded.page(project_ids=project_ids).has_next is False


def test_a_project_named_twice_counts_once(loaded: Asked) -> None:
    project_id = loaded.project_id("a")
    assert loaded.numbers(project_ids=(project_id, project_id), descending=False) == [1, 2, 21]


def test_a_root_that_comes_late_counts_from_then_on(loaded: Asked) -> None:
    asked: dict[str, Any] = {"trace_filter": 'eq(name, "run 20")'}
    assert loaded.numbers(**asked) == []
    loaded.write(create(20, project_name="a", start_us=T0))
    assert loaded.numbers(descending=False, **asked) == [20, 21]


def test_explaining_a_query_gives_lines_for_people(loaded: Asked) -> None:
    plan = build_plan(RunQuery(filter='has(tags, "x")', is_root=True))
    told = loaded.engine.explain_runs(plan)
    assert told.steps
    assert all(line and "\n" not in line for line in told.steps)


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"filter": 'has(tags, "x")'},
        {"filter": 'eq(run_type, "llm")'},
        {"trace_filter": 'eq(name, "run 1")', "limit": 1},
        {"tree_filter": 'eq(name, "run 1")', "is_root": True},
        {"ids": (rid(1), rid(2))},
        {"ids": ()},
        {"project_ids": (rid(99),)},
        {"project_ids": (rid(99),), "filter": 'regex(inputs, "x")'},
        {"descending": False, "limit": 1},
    ],
    ids=str,
)
def test_what_is_told_of_a_query_is_true_of_its_page(loaded: Asked, query: dict[str, Any]) -> None:
    told = loaded.engine.explain_runs(build_plan(RunQuery(**query)))
    found = loaded.page(**query)
    assert told.actual_runs == len(found.runs)
    assert told.rows_read is None or told.rows_read >= told.actual_runs
    assert told.estimated_runs is None or told.estimated_runs >= told.actual_runs
    assert told.seconds >= 0
