"""What changed past a place: nothing is left out, whoever reads on from where he stopped."""

from dataclasses import replace
from typing import Any

import pytest

from runstore.model.change import FIRST_CHANGE, ChangePosition, Changes
from runstore.model.query import RunQuery
from runstore.plan.build import build_scope
from tests.conformance.ask import Asked, number
from tests.model.make import T0, S, create, patch, record, rid

END = T0 + 5 * S


def changes(store: Asked, after: ChangePosition, limit: int = 100, **query: Any) -> Changes:
    return store.engine.changed_runs(build_scope(RunQuery(**query)), after, limit)


def changed(store: Asked, after: ChangePosition, limit: int = 100, **query: Any) -> list[int]:
    """The numbers of the runs of one read, ascending."""
    return sorted(number(run.id) for run in changes(store, after, limit, **query).runs)


def test_an_empty_store_has_no_changes(store: Asked) -> None:
    assert changes(store, FIRST_CHANGE).runs == []
    assert changed(store, store.engine.last_change()) == []


def test_a_new_run_is_a_change_and_so_is_its_end(store: Asked) -> None:
    start = store.engine.last_change()
    store.write(create(1))
    first = changes(store, start)
    assert [run[:3] for run in first.runs] == [(rid(1), "pending", None)]
    store.write(patch(1, end_us=END))
    second = changes(store, first.position)
    assert [run[:3] for run in second.runs] == [(rid(1), "success", END)]
    assert (changes(store, second.position).runs, second.has_more) == ([], False)


def test_a_repeated_message_is_no_change(store: Asked) -> None:
    store.write(create(1))
    at = store.engine.last_change()
    store.write(create(1))
    assert changed(store, at) == []


def test_only_runs_in_the_scope_are_told_of(store: Asked) -> None:
    at = store.engine.last_change()
    store.write(create(1, name="a"), create(2, name="b", project_name="other"), create(1, 3))
    assert changed(store, at) == [1, 2, 3]
    assert changed(store, at, filter='eq(name, "b")') == [2]
    assert changed(store, at, is_root=False) == [3]
    assert changed(store, at, start_min_us=T0 + S) == []
    assert changed(store, at, project_ids=(store.project_id("other"),)) == [2]
    assert changed(store, at, project_ids=(rid(99),)) == []
    assert changed(store, at, ids=(rid(1), rid(3))) == [1, 3]
    assert changed(store, at, query="run") == [3], "the words are looked for in the changed alone"


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
def test_reading_on_leaves_nothing_out(store: Asked, limit: int) -> None:
    at = store.engine.last_change()
    for first in range(1, 40, 5):
        store.write(*(create(n) for n in range(first, first + 5)))
    store.write(*(patch(n, end_us=END) for n in (3, 17, 18, 19, 33)))
    seen: list[int] = []
    for _ in range(100):
        page = changes(store, at, limit)
        seen += [number(run.id) for run in page.runs]
        at = page.position
        if not page.has_more:
            break
    assert set(seen) == set(range(1, 41))
    assert changed(store, at) == []


def test_a_place_read_from_again_gives_the_same_and_more(store: Asked) -> None:
    store.write(create(1))
    at = store.engine.last_change()
    store.write(create(2))
    assert changed(store, at) == [2]
    store.write(create(3))
    assert changed(store, at) == [2, 3]


def test_a_deleted_run_is_told_of_no_more(store: Asked) -> None:
    at = store.engine.last_change()
    store.write(create(1), create(2))
    store.engine.delete_traces([rid(2)])
    assert changed(store, at) == [1]
    store.write(create(3))
    assert changed(store, at) == [1, 3]
    assert changed(store, store.engine.last_change()) == []


def test_a_run_that_comes_after_the_last_was_deleted_is_past_every_place(store: Asked) -> None:
    """Rows may bear a number again; places in the order of changes never do."""
    store.write(create(1), create(2))
    at = changes(store, FIRST_CHANGE).position
    store.engine.delete_traces([rid(2)])
    store.engine.delete_project(store.project_id("default"))
    store.write(create(3))
    assert changed(store, at) == [3]


def test_totals_that_reach_a_parent_are_its_change(store: Asked) -> None:
    usage = {"usage_metadata": {"input_tokens": 7, "output_tokens": 1, "total_tokens": 8}}
    store.write(create(1), create(1, 2, run_type="llm"))
    at = store.engine.last_change()
    store.write(patch(1, 2, end_us=END, outputs=usage))
    assert changed(store, at, filter="gt(total_tokens, 5)") == [1, 2]


def test_feedback_is_a_change_of_its_run(store: Asked) -> None:
    store.write(create(1), create(2))
    at = store.engine.last_change()
    asked = 'and(eq(feedback_key, "k"), gte(feedback_score, 1))'
    store.write(record(1, run_id=rid(2), score=0.5), record(2, run_id=rid(77), score=1.0))
    assert changed(store, at) == [2]
    assert changed(store, at, filter=asked) == []
    at = store.engine.last_change()
    store.engine.update_feedback(rid(1), {"score": 1.0})
    assert changed(store, at, filter=asked) == [2]


def test_what_happens_to_a_root_decides_about_the_runs_below(store: Asked) -> None:
    store.write(create(1, 2), create(3, 4))
    at = store.engine.last_change()
    store.write(create(1, name="wanted"))
    assert changed(store, at, trace_filter='eq(name, "wanted")') == [1, 2]
    assert changed(store, at, tree_filter='eq(name, "wanted")', is_root=False) == [2]
    assert changed(store, at, trace_filter='eq(name, "wanted")', is_root=False) == [2]


def test_a_place_is_past_all_that_is_there(store: Asked) -> None:
    store.write(create(1))
    at = store.engine.last_change()
    assert replace(changes(store, at), runs=[]).position == at


@pytest.mark.parametrize("scope", [{}, {"trace_filter": "eq(is_root, true)"}], ids=str)
def test_who_stops_after_any_run_goes_on_with_the_next(store: Asked, scope: dict[str, Any]) -> None:
    at = store.engine.last_change()
    store.write(*(create(n) for n in range(1, 6)), create(2, 12), create(2, 22))
    store.write(create(6), create(2, 32), patch(3, end_us=END))
    store.write(*(patch(n, end_us=END) for n in (1, 6)), create(7))
    found = changes(store, at, **scope).runs
    everything = {1, 2, 3, 4, 5, 6, 7, 12, 22, 32}
    assert {number(run.id) for run in found} == everything
    for stop, run in enumerate(found, 1):
        seen = {number(one.id) for one in found[:stop]}
        later = changed(store, run.position, **scope)
        assert everything <= seen | set(later), run
    assert changed(store, found[-1].position, **scope) in ([], [1], [6, 7], [7])
