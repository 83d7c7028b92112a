"""The laws of laws.py, and a counterexample's way into a test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from runstore.model.query import RunQuery
from runstore.sql.sqlite import predicate
from tests.examples import examples
from tests.oracle import laws
from tests.oracle.cases import (
    CHANGES,
    LAWS,
    Case,
    Planted,
    as_test,
    cases,
    failure,
    with_fewer_runs,
)
from tests.oracle.compare import Pair, same_walk
from tests.oracle.shapes import SHAPES

ALL = list(HealthCheck)
RUNS = {
    "mixed": 60, "deep": 60, "day": 60, "retries": 40, "orphans": 40, "late": 40, "unicode": 40,
    "huge": 300, "big": 12,
}  # fmt: skip


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Pair]]:
    loaded = [Planted(shape, 7, RUNS[shape]).load(tmp_path_factory.mktemp(shape)) for shape in RUNS]
    yield loaded
    for pair in loaded:
        pair.close()


def test_every_shape_is_grown() -> None:
    assert {*RUNS, "vast"} == set(SHAPES)  # vast: too large for a quick test


@pytest.mark.parametrize("check", [*LAWS, "walk", "stats", "count"])
@examples(50, allow=ALL)
@given(place=st.integers(0, len(RUNS) - 1), data=st.data())
def test_it_holds_on_forests_of_every_shape(
    pairs: list[Pair], check: str, place: int, data: st.DataObject
) -> None:
    data.draw(cases((check,))).run(pairs[place])


@pytest.mark.parametrize("check", CHANGES)
@examples(10, allow=ALL)
@given(data=st.data())
def test_what_comes_and_goes_between_pages_moves_nothing_else(
    check: str, data: st.DataObject
) -> None:
    assert failure(Planted("mixed", 3, 40), data.draw(cases((check,)))) is None


def test_totals_are_recomputed_on_forests_of_every_shape(pairs: list[Pair]) -> None:
    for pair in pairs:
        laws.totals_are_sums(pair.other)
        laws.totals_are_sums(pair.memory)


def test_a_trace_of_two_thousand_runs_is_read_as_the_oracle_reads_it(tmp_path: Path) -> None:
    pair = Planted("huge", 1, 2_000).load(tmp_path)
    query = RunQuery(tree_filter='eq(status, "error")', filter="gt(latency, 1)", limit=100)
    assert len(same_walk(pair, query)) > 100
    laws.pages_are_one(pair.other, query)
    laws.totals_are_sums(pair.other)
    pair.close()


def test_a_difference_becomes_a_test_of_few_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(predicate.SIGNS, "gte", ">")
    planted = Planted("mixed", 1, 30)
    case = Case("walk", RunQuery(filter='gte(name, "agent")'), "", frozenset(), low=True)
    assert isinstance(failure(planted, case), AssertionError)
    smaller = with_fewer_runs(planted, case)
    assert smaller.kept is not None
    assert len(smaller.kept) == 1
    assert as_test(smaller, case).splitlines() == [
        "def test_found_on_mixed_1(tmp_path: Path) -> None:",
        f"    pair = load(shaped('mixed', 1, 30).of({smaller.kept[0]!r}), tmp_path)",
        "    laws.totals_are_sums(pair.other)",
        "    query = RunQuery(filter='gte(name, \"agent\")')",
        "    with small_limits():",
        "        same_walk(pair, query)",
        "    pair.close()",
    ]
