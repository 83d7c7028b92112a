"""Tokens and costs of a parent are exact sums over its subtree, whatever arrives when."""

from dataclasses import dataclass
from random import Random

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from runstore.model.run import RunMessage
from runstore.model.usage import PICO_PER_USD, Sums, add, as_sums
from tests.conformance.ask import Asked
from tests.conformance.conftest import NewStore
from tests.examples import examples
from tests.model.make import T0, S, bare, create, patch, rid


def tokens(count: int, usd: float | None = None) -> dict[str, object]:
    usage: dict[str, object] = {"input_tokens": count}
    if usd is not None:
        usage["total_cost"] = usd
    return {"usage_metadata": usage}


def test_a_parent_totals_all_that_is_below_it(store: Asked) -> None:
    store.write(
        create(1),
        create(1, 2, outputs=tokens(10, 0.5)),
        create(1, 2, 3, outputs=tokens(5)),
        create(1, 4, outputs=tokens(1)),
    )
    assert [store.total(n) for n in (1, 2, 3, 4)] == [16, 15, 5, 1]
    run = store.read(1)
    assert run.totals["total_cost"] == (PICO_PER_USD // 2, 1)
    assert run.totals["prompt_tokens"] == (16, 3)
    assert run.usage == {}


def test_nobody_reported_is_not_nought(store: Asked) -> None:
    store.write(create(1), create(1, 2, outputs=tokens(0)))
    assert store.read(1).totals["total_tokens"] == (0, 1)
    assert "total_cost" not in store.read(1).totals
    assert store.numbers(filter="eq(total_tokens, 0)", descending=False) == [1, 2]
    assert store.numbers(filter="gte(total_cost, 0)") == []


def test_filters_see_the_totals_of_a_parent(store: Asked) -> None:
    store.write(create(1), create(1, 2, outputs=tokens(3_000)), create(1, 3, outputs=tokens(2_500)))
    assert store.numbers(filter="gt(total_tokens, 5000)") == [1]


def test_totals_follow_a_patch_up_and_down(store: Asked) -> None:
    store.write(create(1), create(1, 2), create(1, 2, 3, outputs=tokens(10, 1)))
    store.write(patch(1, 2, 3, outputs=tokens(4)))
    assert [store.total(n) for n in (1, 2, 3)] == [4, 4, 4]
    assert "total_cost" not in store.read(1).totals


def test_a_run_in_the_middle_that_never_comes_breaks_no_chain(store: Asked) -> None:
    store.write(create(1), create(1, 2, 3, outputs=tokens(7)))
    assert store.total(1) == 7
    store.write(create(1, 2))
    assert store.total(2) == 7
    assert store.total(1) == 7


def test_parents_may_come_last(store: Asked) -> None:
    store.write(create(1, 2, 3, outputs=tokens(7)))
    store.write(create(1, 2, outputs=tokens(1)))
    store.write(create(1))
    assert [store.total(n) for n in (1, 2, 3)] == [8, 8, 7]


def test_totals_move_with_a_run_that_finds_its_place_late(store: Asked) -> None:
    store.write(bare(3, start_us=T0, parent_run_id=rid(2), outputs=tokens(7)))
    store.write(create(1))
    assert store.total(1) is None
    store.write(create(1, 2))
    assert [store.total(n) for n in (1, 2, 3)] == [7, 7, 7]


def test_totals_reach_over_projects(store: Asked) -> None:
    store.write(create(1, project_name="a"), create(1, 2, project_name="b", outputs=tokens(7)))
    assert store.total(1) == 7


def test_a_deleted_trace_leaves_no_totals_behind(store: Asked) -> None:
    store.write(create(1), create(1, 2, outputs=tokens(7)), create(5, 6, outputs=tokens(3)))
    assert store.engine.delete_traces([rid(1), rid(5)]) == 3
    store.write(create(1), create(5))
    assert store.total(1) is None
    assert store.total(5) is None


@pytest.mark.parametrize("gone", ["a", "b"])
def test_a_deleted_project_takes_its_share_of_the_totals(store: Asked, gone: str) -> None:
    store.write(
        create(1, project_name="keep"),
        create(1, 2, project_name="a", outputs=tokens(7)),
        create(1, 2, 3, project_name="b", outputs=tokens(1)),
    )
    store.engine.delete_project(store.project_id(gone))
    assert store.total(1) == {"a": 1, "b": 7}[gone]


@dataclass
class Forest:
    messages: list[RunMessage]
    usage: dict[int, int]  # run number -> tokens
    paths: dict[int, tuple[int, ...]]


@st.composite
def forests(draw: st.DrawFn) -> Forest:
    """Runs 1 ... n under earlier ones or as roots; some never come, some name only a parent."""
    size = draw(st.integers(1, 7))
    paths: dict[int, tuple[int, ...]] = {}
    messages: list[RunMessage] = []
    usage: dict[int, int] = {}
    for number in range(1, size + 1):
        parent = draw(st.integers(0, number - 1))
        paths[number] = (*paths.get(parent, ()), number)
        if draw(st.integers(0, 5)) == 0 and number < size:
            continue  # never comes; those below name it nonetheless
        start_us = T0 + number * S
        count = draw(st.none() | st.integers(0, 100))
        outputs = None if count is None else tokens(count)
        messages.append(create(*paths[number], start_us=start_us, run_type="llm"))
        if outputs is not None:
            usage[number] = count or 0
            messages.append(patch(*paths[number], start_us=start_us, outputs=outputs))
    messages += draw(st.lists(st.sampled_from(messages), max_size=3)) if messages else []
    return Forest(draw(st.permutations(messages)), usage, paths)


@examples(15, allow=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(forest=forests(), cuts=st.sets(st.integers(0, 16)))
def test_totals_are_exact_under_every_order_of_arrival(
    new_store: NewStore, forest: Forest, cuts: set[int]
) -> None:
    """Every permutation, with repeats, cut into requests anywhere."""
    store = new_store()
    start = 0
    for end in [*sorted(cuts), len(forest.messages)]:
        if start < end:
            assert store.write(*forest.messages[start:end]) == []
            start = end
    arrived = {int(message.id[-12:], 16) for message in forest.messages}
    for number in arrived:
        expected: Sums = {}
        for other, count in forest.usage.items():
            if number in forest.paths[other] and other in arrived:
                add(expected, as_sums({"prompt_tokens": count, "total_tokens": count}))
        assert store.read(number).totals == expected


@examples(15, allow=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    parents=st.lists(st.integers(0, 6), min_size=1, max_size=6),
    random=st.randoms(use_true_random=False),
)
def test_runs_that_name_only_their_parent_total_the_same_in_every_order(
    new_store: NewStore, parents: list[int], random: Random
) -> None:
    """No dotted order anywhere: places, and with them totals, are settled as parents arrive."""
    count = len(parents)
    parent_of = {n: p % n for n, p in zip(range(1, count + 1), parents, strict=True)}
    messages = [
        bare(
            n,
            start_us=T0 + n,
            parent_run_id=rid(parent_of[n]) if parent_of[n] else None,
            outputs=tokens(10**n),
        )
        for n in parent_of
    ]
    random.shuffle(messages)
    store = new_store()
    for message in messages:
        store.write(message)
    for n in parent_of:
        below = 0
        for other in parent_of:
            at = other
            while at not in (0, n):
                at = parent_of[at]
            below += 10**other if at == n else 0
        assert store.total(n) == below
