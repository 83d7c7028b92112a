"""Figures over a set of runs.

Tokens and costs are the runs' own, so nothing counts twice; where only roots are asked for
(`is_root`), they are the roots' subtree totals: whole traces.
"""

from dataclasses import dataclass, field

from runstore.model.usage import Counters, Sums


@dataclass(slots=True, kw_only=True)
class FeedbackStats:
    """One key's records: `n`, `avg`, `stdev`, ... are over records with a score."""

    n: int = 0
    avg: float | None = None
    stdev: float | None = None
    score_min: float | None = None
    score_max: float | None = None
    errors: int = 0
    values: dict[str, int] = field(default_factory=dict)  # string values only
    comments: list[str] = field(default_factory=list)  # a sample, newest first
    sources: list[str] = field(default_factory=list)  # likewise; JSON texts, equal ones once


@dataclass(slots=True, kw_only=True)
class RunStats:
    """Times in seconds; percentiles are exact (linear interpolation), None without a value.

    `usage_p50`, `usage_p99`: by counter, over the runs that report it, to the nearest whole token
    or picodollar; empty unless they were asked for.
    """

    run_count: int = 0
    error_count: int = 0
    pending_count: int = 0
    streaming_count: int = 0  # runs with a first token time
    latency_p50_s: float | None = None
    latency_p95_s: float | None = None
    latency_p99_s: float | None = None
    latency_avg_s: float | None = None
    first_token_p50_s: float | None = None
    first_token_p99_s: float | None = None
    last_start_us: int | None = None
    usage: Sums = field(default_factory=dict)
    usage_p50: Counters = field(default_factory=dict)
    usage_p99: Counters = field(default_factory=dict)
    feedback: dict[str, FeedbackStats] = field(default_factory=dict)
    project_feedback: dict[str, FeedbackStats] | None = None  # on the project itself, and no run
