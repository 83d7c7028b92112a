"""Rollups: kept exact through every change, and figures from them are the oracle's."""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import apsw
import orjson
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from runstore.engine.memory import MemoryEngine
from runstore.engine.sqlite import rollup, rollup_stats
from runstore.engine.sqlite.connections import DATABASE
from runstore.engine.sqlite.engine import SqliteEngine
from runstore.engine.sqlite.histogram import bounds, bucket_of
from runstore.engine.sqlite.rollup import HOUR_US, SPANS, Rollup, hour_of, us_of
from runstore.engine.sqlite.rollup_stats import asked_of, cover
from runstore.model.batch import Batch
from runstore.model.query import RunQuery
from runstore.model.times import text_from_us
from runstore.plan.build import build_scope
from runstore.plan.plan import StatsPlan
from tests.engine.history import HOUR, HOURS, PROJECTS, History, grown, limits
from tests.examples import examples
from tests.model.make import T0, create, rid

FILTERS = (
    None,
    'eq(status, "success")',
    'in(status, ["error", "pending"])',
    'neq(run_type, "llm")',
    'or(eq(run_type, "llm"), not(eq(is_root, true)))',
    "eq(run_type, null)",
    "neq(error, null)",
)
FEW = examples(150, allow=HealthCheck)


# Histograms.


@pytest.mark.parametrize("us", [0, 1, 63, 64, 127, 128, 129, 255, 256, 10**6, 10**9, 3 * 10**17])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_bucket_holds_what_falls_into_it_and_is_narrow(us: int, sign: int) -> None:
    low, high = bounds(bucket_of(sign * us))
    assert low <= sign * us <= high
    assert (high - low) * 64 <= us


@given(st.integers(-(10**18), 10**18))
def test_buckets_are_in_order_and_leave_no_gap(us: int) -> None:
    low, high = bounds(bucket_of(us))
    assert bucket_of(low - 1) + 1 == bucket_of(low) == bucket_of(us)
    assert bucket_of(high) + 1 == bucket_of(high + 1)


# Windows.


@given(st.integers(0, 5_000), st.integers(0, 5_000))
def test_hours_are_covered_once_by_whole_spans(first: int, last: int) -> None:
    tiles = cover(first, last)
    assert all(low % span == high % span == 0 and span in SPANS for span, low, high in tiles)
    edges = [low for _, low, _ in tiles] + [high for _, _, high in tiles[-1:]]
    assert all(high == low for (_, _, high), (_, low, _) in pairwise(tiles))
    assert edges[:1] + edges[-1:] == ([first, last] if first < last else [])


@pytest.mark.parametrize(
    "text, window",
    [
        ('gte(start_time, "2026-01-01")', (True, False)),
        ('and(gt(start_time, "2026-01-01"), eq(run_type, "llm"))', (True, False)),
        ('lte(start_time, "2026-01-01")', (False, True)),
        ('and(eq(is_root, true), eq(status, "error"), neq(error, null))', (False, False)),
        ('neq(start_time, "2026-01-01")', None),
        ('or(gt(start_time, "2026-01-01"), eq(run_type, "llm"))', None),
        ("gt(latency, 1)", None),
        ('eq(error, "x")', None),
        ('has(tags, "x")', None),
    ],
)
def test_what_rollups_can_answer(text: str, window: tuple[bool, bool] | None) -> None:
    asked = asked_of(build_scope(RunQuery(filter=text)))
    bounded = None
    if asked is not None:
        bounded = asked.low_us > us_of(0), asked.high_us < us_of(rollup_stats.HOURS_END)
    assert bounded == window


def test_what_is_said_of_the_trace_is_not_for_rollups() -> None:
    assert asked_of(build_scope(RunQuery(trace_filter='eq(name, "x")'))) is None
    assert asked_of(build_scope(RunQuery(tree_filter='eq(name, "x")'))) is None


# Two engines with the same history.


@pytest.fixture(scope="module")
def histories(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[History]]:
    """Rolled up at once, now and then, and never."""
    made = [
        grown(seed, tmp_path_factory.mktemp(f"history{seed}"), tail)
        for seed, tail in enumerate((1, 1, 7, 20, 10_000))
    ]
    yield made
    for history in made:
        history.engines[1].close()


def times() -> st.SearchStrategy[int]:
    hours = st.sampled_from(HOURS)
    return st.builds(
        lambda hour, by: HOUR + hour * HOUR_US + by, hours, st.sampled_from((-1, 0, 1))
    )


def bound(op: str, at: int | None) -> str | None:
    return None if at is None else f'{op}(start_time, "{text_from_us(at)}")'


@FEW
@given(
    place=st.integers(0, 4),
    projects=st.sampled_from((None, PROJECTS[:1], PROJECTS, (), (rid(999),))),
    is_root=st.sampled_from((None, None, True, False)),
    run_type=st.sampled_from((None, None, "llm", "chain")),
    has_error=st.sampled_from((None, None, True, False)),
    text=st.sampled_from(FILTERS),
    low=st.tuples(st.sampled_from(("gt", "gte", "eq")), st.none() | times()),
    high=st.tuples(st.sampled_from(("lt", "lte")), st.none() | times()),
    group=st.sampled_from((None, "run_type")),
)
def test_figures_from_rollups_are_the_oracles(
    histories: list[History],
    place: int,
    projects: tuple[str, ...] | None,
    is_root: bool | None,
    run_type: str | None,
    has_error: bool | None,
    text: str | None,
    low: tuple[str, int | None],
    high: tuple[str, int | None],
    group: str | None,
) -> None:
    parts = [part for part in (text, bound(*low), bound(*high)) if part is not None]
    query = RunQuery(
        project_ids=projects,
        is_root=is_root,
        run_type=run_type,
        has_error=has_error,
        filter=f"and({', '.join(parts)})" if parts else None,
    )
    plan = StatsPlan(scope=build_scope(query), group_by=group)
    assert asked_of(plan.scope) is not None
    memory, sqlite = histories[place].engines
    assert sqlite.stats(plan) == memory.stats(plan)


@pytest.mark.parametrize("tail", [1, 9])
@pytest.mark.parametrize("seed", range(4))
def test_rollups_are_what_the_runs_add_up_to(tmp_path: Path, seed: int, tail: int) -> None:
    history = grown(seed, tmp_path, tail)
    _, sqlite = history.engines
    with limits(tail):
        for _ in range(6):
            history.step()
            assert stored(tmp_path) == added_up(tmp_path)
        sqlite.delete_project(PROJECTS[0])
    assert stored(tmp_path) == added_up(tmp_path)
    sqlite.close()


def test_a_folder_opened_anew_rolls_up_its_tail(tmp_path: Path) -> None:
    runs = [create(number, start_us=T0, end_us=T0 + number) for number in range(1, 9)]
    plan = StatsPlan(scope=build_scope(RunQuery()))
    answers = []
    for at in range(0, 8, 2):
        sqlite = SqliteEngine(tmp_path)
        with limits(4):
            sqlite.write([Batch(messages=runs[at : at + 2], feedback=[])], T0)
        answers.append(sqlite.stats(plan)[""].run_count)
        sqlite.close()
    assert answers == [2, 4, 6, 8]
    assert stored(tmp_path) == added_up(tmp_path)
    assert sum(one.runs for (_, span, *_), one in stored(tmp_path).items() if span == 1) == 8


def test_a_group_that_fails_leaves_the_rollups_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = grown(3, tmp_path, 1, steps=8)
    memory, sqlite = history.engines
    before = stored(tmp_path)

    def fail(*_: object) -> None:
        raise RuntimeError("disk")

    with limits(1):
        with monkeypatch.context() as patch:
            patch.setattr(rollup.Rollups, "_write", fail)
            with pytest.raises(RuntimeError, match="disk"):
                sqlite.write([Batch(messages=[create(800, end_us=T0 + 1)], feedback=[])], T0)
        assert stored(tmp_path) == before
        for _ in range(5):
            history.step()
    plan = StatsPlan(scope=build_scope(RunQuery()), group_by="run_type")
    assert sqlite.stats(plan) == memory.stats(plan)
    assert stored(tmp_path) == added_up(tmp_path)
    sqlite.close()


def test_sums_past_64_bits_stay_exact(tmp_path: Path) -> None:
    memory, sqlite = MemoryEngine(), SqliteEngine(tmp_path)
    usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2, "total_cost": 9_999.5}
    plan = StatsPlan(scope=build_scope(RunQuery()))
    with limits(1):
        for first in range(1, 1_001, 200):
            messages = [
                create(number, end_us=T0 + 3 * 10**17 // 2, outputs={"usage_metadata": usage})
                for number in range(first, first + 200)
            ]
            for engine in (memory, sqlite):
                engine.write([Batch(messages=messages, feedback=[])], T0)
    assert sqlite.stats(plan) == memory.stats(plan)
    assert sqlite.stats(plan)[""].usage["total_cost"][0] > 2**63
    sqlite.close()


Rollups = dict[tuple[Any, ...], Rollup]


def stored(folder: Path) -> Rollups:
    connection = apsw.Connection(str(folder / DATABASE), flags=apsw.SQLITE_OPEN_READONLY)
    rows = connection.execute(
        "SELECT pid, span, hour, run_type, is_root, status, has_error,"
        " runs, sums, latencies, first_tokens FROM rollups"
    )
    return {row[:7]: rollup.rollup_from_row(row[7:]) for row in rows}


def added_up(folder: Path) -> Rollups:
    """What the table must hold, from every run that is no longer in the tail."""
    connection = apsw.Connection(str(folder / DATABASE), flags=apsw.SQLITE_OPEN_READONLY)
    rows = connection.execute(
        "SELECT pid, run_type, is_root, status, error IS NOT NULL, start_us, end_us,"
        " first_token_us, usage, totals FROM runs WHERE rid <= (SELECT rid FROM rolled_up)"
    )
    found: Rollups = {}
    for (
        pid,
        run_type,
        is_root,
        status,
        has_error,
        start_us,
        end_us,
        token_us,
        usage,
        totals,
    ) in rows:
        for span in SPANS:
            hour = hour_of(start_us) // span * span
            key = (pid, span, hour, run_type, is_root, status, has_error)
            one = found.setdefault(key, Rollup())
            one.runs += 1
            for counter, us in ((one.latencies, end_us), (one.first_tokens, token_us)):
                if us is not None:
                    bucket = str(bucket_of(us - start_us))
                    counter[bucket] = counter.get(bucket, 0) + 1
            one.latency_us += 0 if end_us is None else end_us - start_us
            own = {name: (value, 1) for name, value in orjson.loads(usage or "{}").items()}
            one.usage = added(one.usage, own)
            if is_root:
                one.totals = added(one.totals, orjson.loads(totals or "{}"))
    return found


def added(one: dict[str, Any], other: dict[str, Any]) -> dict[str, tuple[int, int]]:
    values: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for sums in (one, other):
        for name, (value, count) in sums.items():
            values[name] += value
            counts[name] += count
    return {name: (values[name], counts[name]) for name in counts}
