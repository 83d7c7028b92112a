"""Runs and feedback -> figures. Knows the model; knows no engine, so that all count alike.

Percentiles are exact, by linear interpolation between the two nearest ranks, in whole
microseconds until the last division. Means do not depend on the order of what comes in.
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from runstore.limits import FEEDBACK_SAMPLE_MAX
from runstore.model.entries import Leaf
from runstore.model.feedback import Feedback
from runstore.model.jsontext import decode, encode
from runstore.model.run import JsonText, Run
from runstore.model.stats import FeedbackStats, RunStats
from runstore.model.times import US_PER_S
from runstore.model.usage import Counters, Sums, add, as_sums

RANKED_COUNTERS = ("total_tokens", "prompt_tokens", "completion_tokens", "total_cost")
"""Counters that have percentiles."""


class Said(NamedTuple):
    """What of a record is counted."""

    score: float | None
    value: str | None  # string values only
    is_error: bool


def said_of(score: float | None, value: JsonText | None, extra: JsonText | None) -> Said:
    text = decode(value) if value is not None and value.startswith(b'"') else None
    # 0.0 and -0.0 are one score.
    return Said(None if score is None else score + 0.0, text, extra is not None and _failed(extra))


def _failed(extra: JsonText) -> bool:
    """Evaluators that failed say {"error": true} there."""
    value = decode(extra)
    return isinstance(value, dict) and value.get("error") is True


@dataclass(slots=True)
class FeedbackFigures:
    """Gathers what records of one key say, in any order; `stats` tells the figures."""

    scores: dict[float, int] = field(default_factory=dict)  # score -> records
    values: dict[str, int] = field(default_factory=dict)
    errors: int = 0

    def add(self, counted: Iterable[tuple[Said, int]]) -> None:
        """What is said, and how many records say so."""
        scores, values = self.scores, self.values
        for (score, value, is_error), records in counted:
            if score is not None:
                scores[score] = scores.get(score, 0) + records
            if value is not None:
                values[value] = values.get(value, 0) + records
            if is_error:
                self.errors += records

    def stats(self) -> FeedbackStats:
        """Without comments and sources."""
        stats = FeedbackStats(
            n=sum(self.scores.values()),
            errors=self.errors,
            values=dict(sorted(self.values.items())),
        )
        if self.scores:
            stats.avg, stats.stdev = _mean_and_deviation(sorted(self.scores.items()))
            stats.score_min, stats.score_max = min(self.scores), max(self.scores)
        return stats


def feedback_stats(records: Iterable[Feedback]) -> dict[str, FeedbackStats]:
    """By key, keys in order of the alphabet. Comments and sources are those of the newest
    FEEDBACK_SAMPLE_MAX records that have one, newest first; equal sources are told once."""
    by_key: dict[str, list[Feedback]] = {}
    for record in records:
        by_key.setdefault(record.key, []).append(record)
    return {key: _key_stats(by_key[key]) for key in sorted(by_key)}


def _key_stats(records: list[Feedback]) -> FeedbackStats:
    if len(records) > 1:
        records = newest_first(records)
    figures = FeedbackFigures()
    figures.add((said_of(record.score, record.value, record.extra), 1) for record in records)
    stats = figures.stats()
    commented = (record.comment for record in records if record.comment)
    sourced = (record.source for record in records if record.source is not None)
    stats.comments = list(islice(commented, FEEDBACK_SAMPLE_MAX))
    stats.sources = told_once(islice(sourced, FEEDBACK_SAMPLE_MAX))
    return stats


def told_once(sources: Iterable[JsonText]) -> list[str]:
    return list(dict.fromkeys(source.decode() for source in sources))


def newest_first(records: Iterable[Feedback]) -> list[Feedback]:
    return sorted(records, key=lambda record: (record.created_us, record.id), reverse=True)


def _mean_and_deviation(scores: Sequence[tuple[float, int]]) -> tuple[float, float]:
    """Mean and population standard deviation of (score, how often)."""
    if len(scores) == 1:
        return scores[0][0], 0.0
    count = sum(often for _, often in scores)
    try:
        mean = _sum(scores) / count
        squares = _sum([((score - mean) ** 2, often) for score, often in scores])
        return mean, math.sqrt(squares / count)
    except OverflowError:  # scores near the end of the float range: in units of the largest
        unit = max(abs(score) for score, _ in scores)
        mean, deviation = _mean_and_deviation([(score / unit, often) for score, often in scores])
        return mean * unit, deviation * unit


def _sum(terms: Sequence[tuple[float, int]]) -> float:
    """As if each term stood there as often as it says: rounded once, at the end."""
    parts = [term for term, often in terms if often == 1]
    parts += [
        math.ldexp(term, bit)
        for term, often in terms
        if often > 1
        for bit in range(often.bit_length())
        if often >> bit & 1
    ]
    return math.fsum(parts)


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
    usage_values: dict[str, list[int]] = field(default_factory=dict)  # for percentiles, if wanted

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

    def add_run(self, run: Run, *, whole_trace: bool, percentiles: bool = False) -> None:
        """`whole_trace`: count the subtree's usage, for runs that are all roots. `percentiles`: of
        usage, too."""
        usage = run.totals if whole_trace else as_sums(run.usage)
        self.add(
            start_us=run.start_us,
            end_us=run.end_us,
            status=run.status,
            first_token_us=run.first_token_us,
            usage=usage,
        )
        for name in RANKED_COUNTERS if percentiles else ():
            if name in usage:
                self.add_usage_values(name, (usage[name][0],))

    def add_usage_values(self, name: str, values: Iterable[int]) -> None:
        """Of a counter, a value a run that reports it."""
        self.usage_values.setdefault(name, []).extend(values)

    def usage_percentiles(self) -> tuple[Counters, Counters]:
        """(p50, p99)"""
        ordered = {name: sorted(values) for name, values in self.usage_values.items()}
        p50, p99 = (
            {name: percentile_whole(values, percent) for name, values in ordered.items()}
            for percent in (50, 99)
        )
        return p50, p99

    def stats(self, feedback: Iterable[Feedback] = ()) -> RunStats:
        latencies, first_tokens = sorted(self.latencies_us), sorted(self.first_tokens_us)
        usage_p50, usage_p99 = self.usage_percentiles()
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
            usage_p50=usage_p50,
            usage_p99=usage_p99,
            feedback=feedback_stats(feedback),
        )


def percentile_s(ordered_us: Sequence[int], percent: int) -> float | None:
    """Of ascending microseconds, in seconds; None for no value."""
    return _hundredfold(ordered_us, percent) / (100 * US_PER_S) if ordered_us else None


def percentile_whole(ordered: Sequence[int], percent: int) -> int:
    """Of ascending numbers, at least one, to the nearest whole one; a half is rounded up."""
    return (_hundredfold(ordered, percent) + 50) // 100


def _hundredfold(ordered: Sequence[int], percent: int) -> int:
    """The percentile, times 100: which is a whole number."""
    below, rest = divmod((len(ordered) - 1) * percent, 100)
    value = ordered[below] * 100
    return value + (ordered[below + 1] - ordered[below]) * rest if rest else value


def group_key(value: Leaf) -> str:
    """What a group is called: texts as they are, other values as JSON writes them."""
    return value if isinstance(value, str) else encode(value).decode()


def largest_groups(
    figures: Mapping[str, RunFigures], groups_max: int, among: Collection[str] | None = None
) -> list[str]:
    """The keys of the groups with the most runs, most first; of equals the alphabet's first."""
    wanted = figures if among is None else figures.keys() & among
    ordered = sorted(wanted, key=lambda key: (-figures[key].run_count, key))
    return ordered[:groups_max]
