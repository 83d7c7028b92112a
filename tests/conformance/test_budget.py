"""What a query may cost: within it the exact answer, past it an error that says which budget."""

from collections.abc import Callable
from typing import Any

import pytest

from runstore.errors import QueryBudgetExceeded, QueryTooCostly
from runstore.model.feedback import FeedbackQuery
from runstore.model.project import Project, ProjectQuery
from runstore.model.query import RunQuery
from runstore.plan.budget import Budget
from runstore.plan.build import build_plan, build_scope
from runstore.plan.plan import StatsPlan
from tests.conformance.ask import Asked
from tests.model.make import T0, create, record, rid

RUNS = 4_500  # 5 steps each at least: no engine is through before it looks at its account
TEXT = "x" * 500
Ask = Callable[[Asked, Budget | None], Any]


def fill(store: Asked, runs: int) -> None:
    store.write(*(create(n + 1, start_us=T0 + n, inputs={"text": TEXT}) for n in range(runs)))


def pages(**query: Any) -> Ask:
    def ask(store: Asked, budget: Budget | None) -> Any:
        page = store.engine.fetch_runs(build_plan(RunQuery(**query)), budget=budget)
        return [run.id for run in page.runs], page.has_next

    return ask


def figures(group_by: str | None = None, **query: Any) -> Ask:
    plan = StatsPlan(scope=build_scope(RunQuery(**query)), group_by=group_by, groups_max=10)
    return lambda store, budget: store.engine.stats(plan, budget=budget)


SCAN = 'regex(inputs, "never")'
ASKED: dict[str, tuple[Ask, Budget, str]] = {
    "a walk that finds nothing": (
        pages(filter='and(lt(latency, 5), neq(name, "run 1"))'),
        Budget(rows=1_000),
        "looked at more than 1,000 rows, its budget of rows",
    ),
    "figures of every run": (
        figures(filter='neq(name, "run 1")'),
        Budget(rows=1_000),
        "1,000 rows",
    ),
    "payloads opened by a filter": (
        pages(filter=SCAN),
        Budget(payload_bytes=1_000_000),
        "opened more than 0.953674 MiB of payloads, its budget of payloads",
    ),
    "a large page": (
        pages(limit=1_000, select=frozenset({"id", "inputs"})),
        Budget(memory_bytes=300_000),
        "held more than 0.286102 MiB, its budget of memory",
    ),
    "figures of many runs": (
        figures(filter='neq(name, "run 1")'),
        Budget(memory_bytes=100_000),
        "its budget of memory",
    ),
    "figures by many groups": (
        figures("name", filter='neq(name, "run 1")'),
        Budget(memory_bytes=1_000_000),
        "its budget of memory",
    ),
}


def test_a_query_that_costs_more_than_its_budget_is_refused(store: Asked) -> None:
    fill(store, RUNS)
    for name, (ask, budget, said) in ASKED.items():
        with pytest.raises(QueryTooCostly) as raised:
            ask(store, budget)
        assert said in str(raised.value), name
        # The one who asks next, on the same connection, pays nothing for it.
        assert ask(store, Budget()) == ask(store, None), name


def test_a_long_list_of_descendants_counts(store: Asked) -> None:
    store.write(create(1), *(create(1, *range(2, n)) for n in range(3, 60)))
    plan = build_plan(RunQuery(select=frozenset({"child_run_ids"})))
    with pytest.raises(QueryTooCostly, match="memory"):
        store.engine.fetch_runs(plan, budget=Budget(memory_bytes=100_000))
    assert store.engine.fetch_runs(plan, budget=Budget()).descendant_ids


def test_feedback_of_a_page_counts(store: Asked) -> None:
    store.write(create(1), *(record(n, run_id=create(1).id, comment=TEXT) for n in range(1, 500)))
    plan = build_plan(RunQuery(select=frozenset({"feedback_stats"})))
    with pytest.raises(QueryTooCostly, match="memory"):
        store.engine.fetch_runs(plan, budget=Budget(memory_bytes=100_000))
    assert len(store.engine.fetch_runs(plan, budget=Budget()).feedback[create(1).id]) == 499


def test_a_list_of_feedback_counts(store: Asked) -> None:
    store.write(*(record(n, run_id=create(n).id, comment=TEXT) for n in range(1, RUNS)))
    asked = {
        "its records": (FeedbackQuery(limit=500), Budget(memory_bytes=100_000), "memory"),
        "what it looks at": (FeedbackQuery(has_comment=False), Budget(rows=1_000), "rows"),
    }
    for name, (query, budget, said) in asked.items():
        with pytest.raises(QueryTooCostly, match=f"its budget of {said}"):
            store.engine.list_feedback(query, budget=budget)
        found = store.engine.list_feedback(query, budget=Budget())
        assert found == store.engine.list_feedback(query), name


def test_a_list_of_projects_counts(store: Asked) -> None:
    for n in range(1, 200):
        store.engine.create_project(Project(id=rid(n), name=f"{n}", start_us=T0, description=TEXT))
    query = ProjectQuery(limit=150)
    with pytest.raises(QueryTooCostly, match="its budget of memory"):
        store.engine.list_projects(query, budget=Budget(memory_bytes=100_000))
    assert store.engine.list_projects(query, budget=Budget()) == store.engine.list_projects(query)


def test_time_that_ran_out_is_another_error(store: Asked) -> None:
    """It may have been the load: 503, and not 422."""
    fill(store, 2)
    with pytest.raises(QueryBudgetExceeded) as raised:
        pages(filter=SCAN)(store, Budget(seconds=0.0))
    assert not isinstance(raised.value, QueryTooCostly)
    assert "its time budget of 0 s" in str(raised.value)


def test_a_page_of_few_runs_opens_no_payloads(store: Asked) -> None:
    fill(store, 200)
    budget = Budget(rows=200, payload_bytes=1, memory_bytes=20_000)
    assert len(pages(limit=10, select=frozenset({"id"}))(store, budget)[0]) == 10
