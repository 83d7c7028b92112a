"""Runs and feedback -> figures. Knows the model; knows no engine, so that all count alike.

Percentiles are exact, by linear interpolation between the two nearest ranks, in whole
microseconds until the last division. Means do not depend on the order of what comes in.
"""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from runstore.limits import FEEDBACK_SAMPLE_MAX
from runstore.model.entries import Leaf
from runstore.model.feedback import Feedback
from runstore.model.jsontext import decode, encode
from runstore.model.run import JsonText, Run
from runstore.model.stats import FeedbackStats, RunStats
from runstore.model.times import US_PER_S
from runstore.model.usage import Sums, add, as_sums


def feedback_stats(records: Iterable[Feedback]) -> dict[str, FeedbackStats]:
    """By key, keys in order of the alphabet. Comments and sources are a sample, newest first."""
    by_key: dict[str, list[Feedback]] = {}
    for record in records:
        by_key.setdefault(record.key, []).append(record)
    return {key: _key_stats(by_key[key]) for key in sorted(by_key)}


def _key_stats(records: list[Feedback]) -> FeedbackStats:
    if len(records) > 1:
        records = newest_first(records)
    scores = [record.score for record in records if record.score is not None]
    stats = FeedbackStats(n=len(scores))
    if scores:
        stats.avg, stats.stdev = _mean_and_deviation(scores)
        stats.score_min, stats.score_max = min(scores), max(scores)
    sources: dict[str, None] = {}
    for record in records:
        if record.comment and len(stats.comments) < FEEDBACK_SAMPLE_MAX:
            stats.comments.append(record.comment)
        if record.source is not None and len(sources) < FEEDBACK_SAMPLE_MAX:
            sources[record.source.decode()] = None
        if record.value is not None and record.value.startswith(b'"'):
            value = decode(record.value)
            stats.values[value] = stats.values.get(value, 0) + 1
        if record.extra is not None and _is_error(record.extra):
            stats.errors += 1
    stats.values = dict(sorted(stats.values.items()))
    stats.sources = list(sources)
    return stats


def newest_first(records: Iterable[Feedback]) -> list[Feedback]:
    return sorted(records, key=lambda record: (record.created_us, record.id), reverse=True)


def _is_error(extra: JsonText) -> bool:
    """Evaluators that failed say {"error": true} there."""
    value = decode(extra)
    return isinstance(value, dict) and value.get("error") is True


def _mean_and_deviation(scores: Sequence[float]) -> tuple[float, float]:
    """Mean and population standard deviation."""
    if len(scores) == 1:
        return scores[0], 0.0
    try:
        mean = math.fsum(scores) / len(scores)
        squares = math.fsum((score - mean) ** 2 for score in scores)
        return mean, math.sqrt(squares / len(scores))
    except OverflowError:  # scores near the end of the float range; slower, without their squares
        mean = statistics.mean(scores)
        return mean, statistics.pstdev(scores)


@dataclass(slots=True)
class RunFigures:
    """Gathers runs one at a time; `stats` tells the figures."""

    run_count: int = 0
    error_count: int = 0
    pending_count: int = 0
    last_start_us: int | None = None
    usage: Sums = field(default_factory=dict)
    latencies_us: list[int] = field(default_factory=list)
    first_tokens_us: list[int] = field(default_factory=list)  # after the run's start

    def add(
        self,
        *,
        start_us: int,
        end_us: int | None,
        status: str,
        first_token_us: int | None,
        usage: Mapping[str, tuple[int, int]],
    ) -> None:
        self.run_count += 1
        if status == "error":
            self.error_count += 1
        elif status == "pending":
            self.pending_count += 1
        if self.last_start_us is None or start_us > self.last_start_us:
            self.last_start_us = start_us
        if end_us is not None:
            self.latencies_us.append(end_us - start_us)
        if first_token_us is not None:
            self.first_tokens_us.append(first_token_us - start_us)
        if usage:
            add(self.usage, usage)

    def add_run(self, run: Run, *, whole_trace: bool) -> None:
        """`whole_trace`: count the subtree's usage, for runs that are all roots."""
        self.add(
            start_us=run.start_us,
            end_us=run.end_us,
            status=run.status,
            first_token_us=run.first_token_us,
            usage=run.totals if whole_trace else as_sums(run.usage),
        )

    def stats(self, feedback: Iterable[Feedback] = ()) -> RunStats:
        latencies, first_tokens = sorted(self.latencies_us), sorted(self.first_tokens_us)
        return RunStats(
            run_count=self.run_count,
            error_count=self.error_count,
            pending_count=self.pending_count,
            streaming_count=len(first_tokens),
            latency_p50_s=percentile_s(latencies, 50),
            latency_p95_s=percentile_s(latencies, 95),
            latency_p99_s=percentile_s(latencies, 99),
            latency_avg_s=sum(latencies) / (len(latencies) * US_PER_S) if latencies else None,
            first_token_p50_s=percentile_s(first_tokens, 50),
            first_token_p99_s=percentile_s(first_tokens, 99),
            last_start_us=self.last_start_us,
            usage=self.usage,
            feedback=feedback_stats(feedback),
        )


def percentile_s(ordered_us: Sequence[int], percent: int) -> float | None:
    """Of ascending microseconds, in seconds; None for no value."""
    if not ordered_us:
        return None
    below, rest = divmod((len(ordered_us) - 1) * percent, 100)
    value = ordered_us[below] * 100
    if rest:
        value += (ordered_us[below + 1] - ordered_us[below]) * rest
    return value / (100 * US_PER_S)


def group_key(value: Leaf) -> str:
    """What a group is called: texts as they are, other values as JSON writes them."""
    return value if isinstance(value, str) else encode(value).decode()


def largest_groups(figures: Mapping[str, RunFigures], groups_max: int) -> list[str]:
    """The keys of the groups with the most runs, most first; of equals the alphabet's first."""
    ordered = sorted(figures, key=lambda key: (-figures[key].run_count, key))
    return ordered[:groups_max]
