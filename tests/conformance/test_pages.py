"""Order, pages, cursors' places, what a page holds."""

from typing import Any

import pytest

from runstore.errors import QueryBudgetExceeded
from runstore.model.query import Page, Position, RunQuery
from runstore.model.run import Run
from runstore.plan.budget import Budget
from runstore.plan.build import build_plan
from runstore.plan.plan import RunPlan
from tests.conformance.ask import Asked, number, position
from tests.model.make import T0, S, attachment, create, patch, record, rid


@pytest.fixture
def ten(store: Asked) -> Asked:
    """Runs 1 ... 10; starts tie in threes: (1 2 3) (4 5 6) (7 8 9) (10)."""
    store.write(*(create(n, start_us=T0 + (n - 1) // 3 * S) for n in (5, 2, 9, 1, 10, 4, 7, 3)))
    store.write(create(6, start_us=T0 + S), create(8, start_us=T0 + 2 * S))
    return store


def walk(store: Asked, **query: Any) -> list[Page]:
    """All pages forward."""
    pages = [store.page(**query)]
    while pages[-1].has_next:
        pages.append(store.page(after=position(pages[-1].runs[-1]), **query))
    return pages


def numbers_of(pages: list[Page]) -> list[list[int]]:
    return [[number(run.id) for run in page.runs] for page in pages]


def test_newest_runs_come_first_and_ties_are_broken_by_id(ten: Asked) -> None:
    assert ten.numbers() == list(range(10, 0, -1))
    assert ten.numbers(descending=False) == list(range(1, 11))


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 9, 10, 11])
@pytest.mark.parametrize("descending", [True, False], ids=["newest first", "oldest first"])
def test_pages_together_are_all_runs_once(ten: Asked, limit: int, descending: bool) -> None:
    pages = walk(ten, limit=limit, descending=descending)
    whole = list(range(10, 0, -1)) if descending else list(range(1, 11))
    assert sum(numbers_of(pages), []) == whole
    assert all(len(page.runs) == limit for page in pages[:-1])
    assert len(pages[-1].runs) >= 1, "no empty page after a next"
    assert [page.has_previous for page in pages] == [False] + [True] * (len(pages) - 1)


@pytest.mark.parametrize("limit", [1, 3, 4])
@pytest.mark.parametrize("descending", [True, False], ids=["newest first", "oldest first"])
def test_walking_back_gives_the_pages_before(ten: Asked, limit: int, descending: bool) -> None:
    """A page backward holds what lies just before it, still in the order asked for."""
    whole = ten.numbers(descending=descending)
    runs = ten.page(descending=descending).runs
    for at in range(1, 10):
        page = ten.page(descending=descending, limit=limit, after=position(runs[at]), backward=True)
        assert numbers_of([page]) == [whole[max(0, at - limit) : at]]
        assert page.has_next
        assert page.has_previous == (at > limit)


def test_before_the_first_run_there_is_an_empty_page(ten: Asked) -> None:
    first = ten.page(limit=1).runs[0]
    page = ten.page(after=position(first), backward=True)
    assert (page.runs, page.has_previous) == ([], False)


def test_past_the_last_run_there_is_an_empty_page(ten: Asked) -> None:
    page = ten.page(after=Position(T0, rid(1)))
    assert (page.runs, page.has_next) == ([], False)


def test_a_place_needs_no_run(ten: Asked) -> None:
    """The run a cursor came from may be deleted meanwhile."""
    place = position(ten.read(5))
    ten.engine.delete_traces([rid(5)])
    assert ten.numbers(after=place, limit=2) == [4, 3]
    assert ten.numbers(after=place, limit=2, backward=True) == [7, 6]


def test_runs_that_arrive_between_pages_neither_repeat_nor_hide_others(ten: Asked) -> None:
    first = ten.page(limit=4)
    ten.write(
        create(20, start_us=T0 + 90 * S),  # newer than the page: not seen
        create(21, start_us=T0),  # older: seen, in its place
        patch(9, name="patched"),
    )
    second = ten.page(limit=4, after=position(first.runs[-1]))
    third = ten.page(limit=4, after=position(second.runs[-1]))
    assert numbers_of([first, second, third]) == [[10, 9, 8, 7], [6, 5, 4, 21], [3, 2, 1]]


@pytest.mark.parametrize(
    "query",
    [
        pytest.param({"filter": "gt(latency, 1)"}, id="selective"),
        pytest.param({"filter": 'has(tags, "even")'}, id="by tag"),
        pytest.param({"filter": 'search("even")'}, id="by word"),
        pytest.param({"trace_filter": "gt(latency, 1)"}, id="by trace"),
        pytest.param({"ids": tuple(rid(n) for n in range(2, 11, 2))}, id="by ids"),
    ],
)
@pytest.mark.parametrize("descending", [True, False], ids=["newest first", "oldest first"])
def test_filtered_pages_are_cut_from_what_matches(
    ten: Asked, query: dict[str, Any], descending: bool
) -> None:
    for n in range(2, 11, 2):
        start_us = T0 + (n - 1) // 3 * S
        ten.write(patch(n, start_us=start_us, end_us=start_us + 2 * S, tags=("even",)))
    pages = walk(ten, limit=2, descending=descending, **query)
    expected = [[10, 8], [6, 4], [2]] if descending else [[2, 4], [6, 8], [10]]
    assert numbers_of(pages) == expected
    assert [page.has_next for page in pages] == [True, True, False]
    back = ten.page(
        limit=2, descending=descending, after=position(pages[1].runs[0]), backward=True, **query
    )
    assert numbers_of([back]) == expected[:1]


# Bytes.


def cut(store: Asked, bytes_max: int, **query: Any) -> Page:
    plan = build_plan(RunQuery(**query))
    fields = {name: getattr(plan, name) for name in RunPlan.__dataclass_fields__}
    return store.engine.fetch_runs(RunPlan(**(fields | {"bytes_max": bytes_max})))


@pytest.fixture
def heavy(store: Asked) -> Asked:
    """Runs 1 ... 6 of 10 kB each."""
    store.write(*(create(n, start_us=T0 + n, inputs={"t": "x" * 10_000}) for n in range(1, 7)))
    return store


def test_a_page_is_cut_before_it_gets_too_large_and_says_so(heavy: Asked) -> None:
    pages = [cut(heavy, 25_000)]
    while pages[-1].has_next:
        pages.append(cut(heavy, 25_000, after=position(pages[-1].runs[-1])))
    assert numbers_of(pages) == [[6, 5], [4, 3], [2, 1]]


def test_a_page_backward_is_cut_at_its_far_end(heavy: Asked) -> None:
    page = cut(heavy, 25_000, after=position(heavy.read(1)), backward=True)
    assert numbers_of([page]) == [[3, 2]]
    assert (page.has_next, page.has_previous) == (True, True)


def test_one_run_too_large_for_a_page_is_a_page(heavy: Asked) -> None:
    page = cut(heavy, 100)
    assert (numbers_of([page]), page.has_next) == ([[6]], True)


def test_payloads_that_are_not_selected_do_not_count(heavy: Asked) -> None:
    page = cut(heavy, 25_000, select=frozenset({"name"}))
    assert (len(page.runs), page.has_next) == (6, False)


# Select.

FULL = create(
    1,
    2,
    run_type="llm",
    end_us=T0 + S,
    error="boom",
    tags=("x",),
    inputs={"a": 1},
    outputs={"usage_metadata": {"input_tokens": 1, "total_cost": 1}},
    extra={"metadata": {"thread_id": "t"}},
    events=[{"name": "new_token", "time": "2024-01-01T00:00:01Z"}],
    serialized={"s": 1},
    reference_example_id=rid(70),
    attachments=(attachment("f"),),
    status="error",
    project_name="p",
)
ALWAYS = ("id", "trace_id", "dotted_order", "start_us", "status", "name", "run_type", "project_id")


@pytest.mark.parametrize("name", [*Run.__struct_fields__, "nothing"])
def test_select_fills_what_it_says(store: Asked, name: str) -> None:
    store.write(FULL)
    everything = frozenset(Run.__struct_fields__)
    (full,) = store.page(select=everything).runs
    select = everything & {name}
    (run,) = store.page(select=select).runs
    for field in (*ALWAYS, *select):
        assert getattr(run, field) == getattr(full, field), field


@pytest.mark.parametrize("name", ["inputs", "outputs", "extra", "events", "serialized"])
def test_payloads_come_only_when_selected(store: Asked, name: str) -> None:
    store.write(FULL)
    (run,) = store.page(select=frozenset({"name"})).runs
    assert getattr(run, name) is None
    (run,) = store.page(select=frozenset({name})).runs
    assert getattr(run, name) is not None


def test_feedback_children_and_attachments_come_when_selected(store: Asked) -> None:
    store.write(
        FULL,
        create(1, 3, start_us=T0 - S),
        create(1),
        record(50, run_id=rid(2), score=1.0),
        record(51, run_id=rid(2), comment="newer"),
    )
    extras = frozenset({"feedback_stats", "child_run_ids", "attachments"})
    page = store.page(select=extras)
    feedback = {run_id: [one.id for one in found] for run_id, found in page.feedback.items()}
    assert {run_id: ids for run_id, ids in feedback.items() if ids} == {rid(2): [rid(51), rid(50)]}
    children = {run_id: ids for run_id, ids in page.child_ids.items() if ids}
    assert children == {rid(1): [rid(3), rid(2)]}
    assert {run.id: run.attachments for run in page.runs if run.attachments} == {
        rid(2): (attachment("f"),)
    }
    plain = store.page(select=frozenset({"name"}))
    assert (plain.feedback, plain.child_ids, plain.descendant_ids) == ({}, {}, {})
    assert store.engine.attachments(rid(2)) == (attachment("f"),)
    assert store.engine.attachments(rid(99)) == ()


def test_descendants_are_all_runs_below_in_the_order_of_the_tree(store: Asked) -> None:
    store.write(
        *(create(1, 2, 4, 5), create(1, 2, 4), create(1, 3, start_us=T0 - S), create(1, 2)),
        *(create(1), create(6, 7), create(1, 8, 9), create(10)),
    )
    page = store.page(select=frozenset({"child_run_ids"}))
    below = {
        number(run_id): [number(one) for one in ids]
        for run_id, ids in page.descendant_ids.items()
        if ids
    }
    assert below == {
        1: [3, 2, 4, 5, 9],  # 8 has not arrived
        2: [4, 5],
        4: [5],
    }


def test_the_starts_of_traces_come_when_selected(store: Asked) -> None:
    store.write(create(1), create(1, 2, start_us=T0 + 5 * S), create(1, 3, start_us=T0 - S))
    store.write(create(4, 5), create(6, project_name="other"))
    page = store.page(select=frozenset({"trace_starts"}), ids=(rid(1), rid(2), rid(5)))
    assert page.trace_starts == {rid(1): (T0 - S, T0 + 5 * S), rid(4): (T0, T0)}
    assert store.page(select=frozenset({"name"})).trace_starts == {}


def test_times_far_from_now_keep_their_order(store: Asked) -> None:
    starts = [-62_135_596_800_000_000, -1, 0, 1, 253_402_300_799_999_999]
    store.write(*(create(n + 1, start_us=start) for n, start in enumerate(starts)))
    assert store.numbers(descending=False) == [1, 2, 3, 4, 5]
    assert [run.start_us for run in store.page(descending=False).runs] == starts


def test_a_query_that_has_no_time_left_is_stopped(store: Asked) -> None:
    """Enough runs that no engine is through before it looks at the clock."""
    store.write(*(create(n, start_us=T0 + n, inputs={"n": n}) for n in range(2_000)))
    plan = build_plan(RunQuery(filter='regex(inputs, "never")'))
    with pytest.raises(QueryBudgetExceeded):
        store.engine.fetch_runs(plan, budget=Budget(seconds=0.0))
    assert store.engine.fetch_runs(plan, budget=Budget(seconds=60.0)).runs == []


def test_tidying_up_changes_no_answer(store: Asked) -> None:
    for first in range(0, 60, 3):  # many groups: many segments to merge
        store.write(*(create(n, name=f"run {n % 7}") for n in range(first + 1, first + 4)))
    before = store.numbers(filter='eq(name, "run 3")', limit=100)
    while store.engine.tidy():
        pass
    assert store.numbers(filter='eq(name, "run 3")', limit=100) == before
    assert len(before) == 9
