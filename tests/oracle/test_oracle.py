"""The embedded engine answers every query as the plain-Python meaning does."""

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from runstore.model.query import RunQuery
from tests.examples import examples
from tests.filter import strategies as words
from tests.oracle.compare import Pair, load, same_stats, same_walk
from tests.oracle.forests import PROJECT_IDS, forest
from tests.oracle.limits import small_limits
from tests.oracle.strategies import queries

SEEDS = (1, 2, 3)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Pair]]:
    loaded = [load(forest(seed), tmp_path_factory.mktemp(f"forest{seed}")) for seed in SEEDS]
    yield loaded
    for pair in loaded:
        pair.close()


@examples(100, allow=list(HealthCheck))
@given(place=st.integers(0, len(SEEDS) - 1), query=queries())
def test_every_page_of_a_random_query_is_the_oracles(
    pairs: list[Pair], place: int, query: RunQuery
) -> None:
    same_walk(pairs[place], query)


@examples(100, allow=list(HealthCheck))
@given(place=st.integers(0, len(SEEDS) - 1), query=queries())
def test_every_way_of_reading_gives_the_same_pages(
    pairs: list[Pair], place: int, query: RunQuery
) -> None:
    with small_limits():
        same_walk(pairs[place], query)


@examples(50, allow=list(HealthCheck))
@given(
    place=st.integers(0, len(SEEDS) - 1),
    query=queries(),
    group=st.sampled_from((None, "name", "run_type", "tag", "metadata")),
    low=st.booleans(),
)
def test_stats_of_a_random_query_are_the_oracles(
    pairs: list[Pair], place: int, query: RunQuery, group: str | None, low: bool
) -> None:
    with small_limits() if low else nullcontext():
        same_stats(pairs[place], query, group, "k" if group == "metadata" else None)


@examples(15, allow=list(HealthCheck))
@given(seed=st.integers(0, 10_000))
def test_runs_told_in_any_order_add_up_to_the_same(seed: int) -> None:
    with TemporaryDirectory() as folder:
        pair = load(forest(seed, 30), Path(folder))
        same_walk(pair, RunQuery(limit=1000, select=None))
        pair.close()


@examples(50, allow=list(HealthCheck))
@given(text=words.texts(), place=st.integers(0, len(SEEDS) - 1))
def test_a_filter_and_its_complement_part_the_runs(
    pairs: list[Pair], text: str, place: int
) -> None:
    def found(filter_text: str | None) -> set[str]:
        query = RunQuery(project_ids=PROJECT_IDS, filter=filter_text, limit=1000)
        return set(same_walk(pairs[place], query))

    holds, holds_not = found(text), found(f"not({text})")
    assert holds & holds_not == set()
    assert holds | holds_not == found(None)
