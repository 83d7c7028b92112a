"""Seeds become shards, and shards ask what they are to ask and find what is wrong."""

from collections import Counter
from collections.abc import Sequence
from random import Random

import pytest

from runstore.model.batch import Batch
from runstore.model.query import RunQuery
from runstore.model.run import RunMessage
from runstore.plan.build import build_plan
from tests.oracle.cases import Case
from tests.oracle.drawn import Drawer
from tests.oracle.planted import PLANTS, queries_until_found
from tests.oracle.plots import WHOLE, WHOLE_ONE_IN, drawer, outcome, plot, plots
from tests.oracle.shapes import MIB, ODD, SHAPES, shaped
from tests.oracle.smaller import smaller_texts, smallest

LAST = WHOLE_ONE_IN * len(WHOLE)  # from there on all comes again


def told(batches: Sequence[Batch]) -> list[RunMessage]:
    return [message for batch in batches for message in batch.messages]


def test_every_shape_has_its_turn_also_at_its_whole_size() -> None:
    planted = [plot(seed).planted for seed in range(1, LAST + 1)]
    assert {one.shape for one in planted} == set(SHAPES)
    assert {(one.shape, one.runs) for one in planted} >= {(name, runs) for name, runs, _ in WHOLE}


def test_a_shard_asks_the_same_whenever_it_is_made() -> None:
    draws = [drawer(plot(6).planted) for _ in range(2)]
    assert [draws[0].case() for _ in range(50)] == [draws[1].case() for _ in range(50)]


def test_as_many_queries_are_put_as_are_asked_for() -> None:
    shards = list(plots(3, 1_700))
    assert sum(shard.queries for shard in shards) == 1_700
    assert [one.planted.seed for one in shards] == [3, 4, 5, 6]


@pytest.mark.parametrize("more", [(), ODD], ids=["usual", "odd"])
def test_every_drawn_query_means_something(more: tuple[str, ...]) -> None:
    draw = Drawer(Random(5), more)
    checks = Counter[str]()
    for _ in range(500):
        case = draw.case()
        checks[case.check] += 1
        build_plan(case.query)
        build_plan(RunQuery(filter=case.text or None))
    assert checks.keys() >= {"walk", "stats", "count", "filter", "pages"}


@pytest.mark.parametrize("shape", ["orphans", "mixed"])
def test_some_runs_have_parents_that_never_come(shape: str) -> None:
    runs = told(shaped(shape, 1).batches)
    assert {run.parent_run_id for run in runs} - {None} - {run.id for run in runs}


@pytest.mark.parametrize("shape", ["late", "mixed"])
def test_some_parents_and_posts_come_late(shape: str) -> None:
    seen: set[str] = set()
    late = Counter[str]()
    for run in told(shaped(shape, 1).batches):
        late["parent"] += run.parent_run_id is not None and run.parent_run_id not in seen
        late["post"] += run.is_patch and run.id not in seen
        seen.add(run.id)
    assert min(late["parent"], late["post"]) > 5


@pytest.mark.parametrize("shape", ["retries", "mixed"])
def test_some_is_told_twice(shape: str) -> None:
    runs = told(shaped(shape, 1).batches)
    assert any(runs.count(run) > 1 for run in runs)


def test_some_payloads_are_as_large_as_a_request_may_be() -> None:
    sizes = [len(run.inputs or b"") for run in told(shaped("vast", 24, 8).batches)]
    assert sum(size > 19 * MIB for size in sizes) == 2


def test_a_sound_shard_finds_nothing() -> None:
    (shard,) = plots(5, 40)
    found = outcome(shard)
    assert (found.test, found.asked) == (None, 40)


@pytest.mark.parametrize(
    "name", ["a cursor passes over runs of equal start", "neq holds for a pair that is missing"]
)
def test_a_planted_bug_is_found(name: str) -> None:
    found = queries_until_found(PLANTS[name], 1, 200)
    assert found is not None


def test_smaller_filters_leave_one_thing_out() -> None:
    assert list(smaller_texts("and(eq(a, 1), not(in(b, [1, 2])), eq(c, 3))")) == [
        "eq(a, 1)",
        "not(in(b, [1, 2]))",
        "eq(c, 3)",
        "and(not(in(b, [1, 2])), eq(c, 3))",
        "and(eq(a, 1), eq(c, 3))",
        "and(eq(a, 1), not(in(b, [1, 2])))",
        "and(eq(a, 1), in(b, [1, 2]), eq(c, 3))",
        "and(eq(a, 1), not(in(b, [2])), eq(c, 3))",
        "and(eq(a, 1), not(in(b, [1])), eq(c, 3))",
    ]


def test_a_case_shrinks_to_what_is_wrong_in_it() -> None:
    query = RunQuery(
        filter='and(eq(name, "a"), or(gt(latency, 1), eq(status, "error")))',
        tree_filter='eq(name, "b")',
        is_root=True,
        limit=3,
    )
    case = Case("walk", query, "", frozenset(), low=True)
    smaller = smallest(case, lambda one: "latency" in (one.query.filter or ""))
    wanted = RunQuery(filter="gt(latency, 1)", limit=3)
    assert smaller == Case("walk", wanted, "", frozenset(), low=False)
