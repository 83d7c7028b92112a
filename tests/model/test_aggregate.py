import math
from itertools import permutations
from typing import Any

import pytest

from runstore.limits import FEEDBACK_SAMPLE_MAX
from runstore.model.aggregate import (
    RunFigures,
    feedback_stats,
    group_key,
    largest_groups,
    percentile_s,
)
from runstore.model.stats import FeedbackStats, RunStats
from tests.model.make import T0, S, record


def test_feedback_without_records_has_no_stats() -> None:
    assert feedback_stats([]) == {}


def test_scores_have_a_mean_and_a_population_deviation() -> None:
    stats = feedback_stats([record(1, score=1.0), record(2, score=0.0), record(3, comment="x")])
    assert stats == {
        "k": FeedbackStats(n=2, avg=0.5, stdev=0.5, score_min=0.0, score_max=1.0, comments=["x"])
    }


def test_one_score_deviates_by_nothing() -> None:
    stats = feedback_stats([record(1, score=0.1)])["k"]
    assert (stats.avg, stats.stdev) == (0.1, 0.0)


def test_a_comment_alone_has_no_average() -> None:
    stats = feedback_stats([record(1, comment="only words")])["k"]
    assert (stats.n, stats.avg, stats.stdev, stats.score_min) == (0, None, None, None)


def test_keys_are_kept_apart() -> None:
    stats = feedback_stats([record(1, "b", score=1.0), record(2, "a", score=0.0)])
    assert list(stats) == ["a", "b"]
    assert (stats["a"].avg, stats["b"].avg) == (0.0, 1.0)


def test_only_string_values_are_counted() -> None:
    values = ["good", "bad", "good", 1, True, {"good": 1}, None]
    stats = feedback_stats(record(at, value=value) for at, value in enumerate(values))["k"]
    assert stats.values == {"bad": 1, "good": 2}


def test_comments_and_sources_are_a_sample_newest_first() -> None:
    records = [record(n, comment=f"c{n}", source={"n": n}) for n in range(100)]
    stats = feedback_stats(records)["k"]
    newest = range(99, 99 - FEEDBACK_SAMPLE_MAX, -1)
    assert stats.comments == [f"c{n}" for n in newest]
    assert stats.sources == [f'{{"n":{n}}}' for n in newest]


def test_equal_sources_are_told_once_and_empty_comments_never() -> None:
    stats = feedback_stats(record(n, comment="", source={"type": "api"}) for n in range(3))["k"]
    assert (stats.sources, stats.comments) == (['{"type":"api"}'], [])


def test_failed_evaluators_are_counted() -> None:
    stats = feedback_stats([record(1, extra={"error": True}), record(2, extra={"error": "x"})])
    assert stats["k"].errors == 1


def test_figures_do_not_depend_on_the_order_of_scores() -> None:
    records = [record(n, score=score) for n, score in enumerate([0.1, 0.2, 0.3, 1e16, -1e16])]
    assert len({repr(feedback_stats(order)) for order in permutations(records)}) == 1


def test_scores_at_the_end_of_the_float_range_still_have_figures() -> None:
    stats = feedback_stats([record(1, score=1.7e308), record(2, score=1.7e308)])["k"]
    assert (stats.avg, stats.stdev) == (1.7e308, 0.0)
    stats = feedback_stats([record(1, score=1e308), record(2, score=-1e308)])["k"]
    assert stats.avg == 0.0
    assert stats.stdev is not None
    assert math.isclose(stats.stdev, 1e308)


@pytest.mark.parametrize(
    "values_us, percent, seconds",
    [
        pytest.param([], 50, None, id="no value"),
        pytest.param([3 * S], 99, 3.0, id="one value"),
        pytest.param([1 * S, 2 * S], 50, 1.5, id="between two"),
        pytest.param([1 * S, 2 * S, 3 * S], 50, 2.0, id="on one"),
        pytest.param([n * S for n in range(101)], 99, 99.0, id="on a rank"),
        pytest.param([0, 10 * S], 95, 9.5, id="near the end"),
        pytest.param([-1 * S, 1 * S], 50, 0.0, id="a clock that ran back"),
    ],
)
def test_percentiles_lie_between_the_nearest_ranks(
    values_us: list[int], percent: int, seconds: float | None
) -> None:
    assert percentile_s(values_us, percent) == seconds


def test_no_runs_have_no_times() -> None:
    assert RunFigures().stats() == RunStats()


def test_runs_are_counted_up() -> None:
    figures = RunFigures()
    for start_s, latency_s, status, first_s, tokens in (
        (0, 1, "success", 0.25, 10),
        (5, 3, "error", None, 5),
        (3, None, "pending", None, None),
    ):
        figures.add(
            start_us=T0 + start_s * S,
            end_us=None if latency_s is None else T0 + (start_s + latency_s) * S,
            status=status,
            first_token_us=None if first_s is None else T0 + start_s * S + int(first_s * S),
            usage={} if tokens is None else {"total_tokens": (tokens, 1)},
        )
    stats = figures.stats([record(1, score=1.0)])
    assert stats == RunStats(
        run_count=3,
        error_count=1,
        pending_count=1,
        streaming_count=1,
        latency_p50_s=2.0,
        latency_p95_s=2.9,
        latency_p99_s=2.98,
        latency_avg_s=2.0,
        first_token_p50_s=0.25,
        first_token_p99_s=0.25,
        last_start_us=T0 + 5 * S,
        usage={"total_tokens": (15, 2)},
        feedback=feedback_stats([record(1, score=1.0)]),
    )


@pytest.mark.parametrize(
    "value, key", [("a", "a"), (True, "true"), (1, "1"), (1.5, "1.5"), ("1", "1"), ("", "")]
)
def test_groups_are_called_as_json_writes_their_value(value: Any, key: str) -> None:
    assert group_key(value) == key


def test_the_largest_groups_come_first_and_equals_by_the_alphabet() -> None:
    figures = {key: RunFigures(run_count=n) for key, n in (("b", 1), ("c", 5), ("a", 1))}
    assert largest_groups(figures, 100) == ["c", "a", "b"]
    assert largest_groups(figures, 2) == ["c", "a"]
