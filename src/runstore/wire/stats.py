"""POST /runs/stats body -> what to count up; RunStats -> answer. Knows no plan.

Source: docs/wire.md#stats.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from runstore.errors import SchemaError
from runstore.limits import QUERY_BODY_BYTES_MAX, STATS_GROUPS_MAX
from runstore.model.query import RunQuery
from runstore.model.stats import RunStats
from runstore.model.times import text_from_us
from runstore.model.usage import usd_text
from runstore.wire.answer import details
from runstore.wire.body import decode_object
from runstore.wire.feedback import feedback_stats_json
from runstore.wire.query import Fields, decode_restrictions
from runstore.wire.values import first_field, shown, to_int, to_text, to_word

GROUPED_BY = ("name", "run_type", "tag", "metadata")
_GROUPS_DEFAULT = 100
_READ = frozenset(
    {
        *("id", "trace", "parent_run", "run_type", "session", "reference_example"),
        *("execution_order", "start_time", "end_time", "error", "is_root"),
        *("filter", "trace_filter", "tree_filter", "search_filter", "query"),
        *("group_by", "groups", "select"),
        *("data_source_type", "use_experimental_search"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatsBody:
    """A decoded body: which runs, in which groups, and the figures wanted of each."""

    query: RunQuery
    group_by: str | None = None  # one of GROUPED_BY
    group_path: str | None = None  # the metadata key
    groups_max: int = _GROUPS_DEFAULT
    groups: frozenset[str] | None = None  # only these; None: all
    select: frozenset[str]  # wire names
    percentiles: bool = False  # of tokens and costs: figures that are told only if they are named
    ignored: tuple[str, ...] = ()  # unknown fields, for the Runstore-Ignored header


def decode_stats_query(body: bytes) -> StatsBody:
    """Raises SchemaError, InvalidRequest (no scope), TooLarge."""
    fields = Fields(decode_object(body, bytes_max=QUERY_BODY_BYTES_MAX))
    group_by, path, groups_max = _grouping(fields)
    groups = fields.get("groups", _groups)
    if groups is not None:  # who names groups wants them all, however many are larger
        groups_max = max(groups_max, len(groups))
    select = _select(fields)
    return StatsBody(
        query=decode_restrictions(fields),
        group_by=group_by,
        group_path=path,
        groups_max=groups_max,
        groups=groups,
        select=STATS_DEFAULT if select is None else select,
        percentiles=select is not None and not select.isdisjoint(_PERCENTILES),
        ignored=fields.unknown(_READ),
    )


def _grouping(fields: Fields) -> tuple[str | None, str | None, int]:
    given = fields.get("group_by", _group_object)
    if given is None:
        return None, None, _GROUPS_DEFAULT
    try:
        attribute = first_field(given, "attribute", lambda value: to_word(value, GROUPED_BY))
        path = first_field(given, "path", to_text)
        groups_max = first_field(given, "max_groups", to_int)
    except ValueError as error:
        name, _, problem = str(error).partition(": ")
        raise SchemaError((("body", "group_by", name), problem)) from None
    if attribute is None:
        raise SchemaError((("body", "group_by", "attribute"), "missing"))
    if attribute == "metadata" and not path:
        raise SchemaError((("body", "group_by", "path"), "missing: the metadata key"))
    if groups_max is None:
        groups_max = _GROUPS_DEFAULT
    if groups_max < 1:
        raise SchemaError((("body", "group_by", "max_groups"), f"{groups_max} is less than 1"))
    return attribute, path if attribute == "metadata" else None, min(groups_max, STATS_GROUPS_MAX)


def _group_object(value: Any) -> dict[str, Any]:
    if value.__class__ is str:
        return {"attribute": value}
    if value.__class__ is not dict:
        raise ValueError(f"{shown(value)} is not a JSON object")
    return dict(value)


def _groups(value: Any) -> frozenset[str]:
    """Group names; null is the group of runs without a value, "" here."""
    if value.__class__ is not list:
        raise ValueError(f"{shown(value)} is not a list of strings")
    if len(value) > STATS_GROUPS_MAX:
        raise ValueError(f"{len(value)} groups; at most {STATS_GROUPS_MAX} in one question")
    return frozenset("" if item is None else to_text(item) for item in value)


def _select(fields: Fields) -> frozenset[str] | None:
    given = fields.fields.get("select")
    if given is None:
        return None
    names = given if given.__class__ is list else [given]
    chosen: set[str] = set()
    for index, name in enumerate(names):
        if name.__class__ is str and name in BUNDLES:
            chosen |= BUNDLES[name]
        elif name.__class__ is str and name in _FIGURES:
            chosen.add(name)
        else:
            allowed = ", ".join((*_FIGURES, *BUNDLES))
            raise SchemaError((("body", "select", index), f"{shown(name)} is none of {allowed}"))
    return frozenset(chosen)


# --- answers


def encode_stats(stats: Mapping[str, RunStats], asked: StatsBody) -> bytes:
    """One object of figures, or with group_by {group: figures}."""
    if asked.group_by is None:
        return orjson.dumps(stats_json(stats.get("", RunStats()), asked.select))
    return orjson.dumps({group: stats_json(one, asked.select) for group, one in stats.items()})


def stats_json(stats: RunStats, select: frozenset[str]) -> dict[str, Any]:
    """For orjson.dumps. Times in seconds, costs as decimal strings, rates from 0 to 1."""
    return {name: read(stats) for name, read in _FIGURES.items() if name in select}


def _rate(count: int, stats: RunStats) -> float | None:
    return count / stats.run_count if stats.run_count else None


def _tokens(name: str) -> Callable[[RunStats], int]:
    return lambda stats: stats.usage[name][0] if name in stats.usage else 0


def _cost(name: str) -> Callable[[RunStats], str | None]:
    return lambda stats: usd_text(stats.usage[name][0]) if name in stats.usage else None


def _tokens_p50(name: str) -> Callable[[RunStats], int | None]:
    return lambda stats: stats.usage_p50.get(name)


def _tokens_p99(name: str) -> Callable[[RunStats], int | None]:
    return lambda stats: stats.usage_p99.get(name)


def _cost_of(counters: Mapping[str, int]) -> str | None:
    return usd_text(counters["total_cost"]) if "total_cost" in counters else None


def _project_feedback(stats: RunStats) -> dict[str, Any] | None:
    said = stats.project_feedback
    return None if said is None else feedback_stats_json(said)


def _details(name: str) -> Callable[[RunStats], dict[str, int | str] | None]:
    return lambda stats: details(stats.usage, name)


def _last_start(stats: RunStats) -> str | None:
    return None if stats.last_start_us is None else text_from_us(stats.last_start_us)


def _not_counted(stats: RunStats) -> None:
    """A figure of the hosted API that Runstore has not: null, as there for lack of data."""


# fmt: off
_FIGURES: Final[dict[str, Callable[[RunStats], Any]]] = {
    "run_count":                lambda stats: stats.run_count,
    "latency_p50":              lambda stats: stats.latency_p50_s,
    "latency_p95":              lambda stats: stats.latency_p95_s,
    "latency_p99":              lambda stats: stats.latency_p99_s,
    "latency_avg":              lambda stats: stats.latency_avg_s,
    "first_token_p50":          lambda stats: stats.first_token_p50_s,
    "first_token_p99":          lambda stats: stats.first_token_p99_s,
    "total_tokens":             _tokens("total_tokens"),
    "prompt_tokens":            _tokens("prompt_tokens"),
    "completion_tokens":        _tokens("completion_tokens"),
    "median_tokens":            _tokens_p50("total_tokens"),
    "prompt_tokens_p50":        _tokens_p50("prompt_tokens"),
    "completion_tokens_p50":    _tokens_p50("completion_tokens"),
    "tokens_p99":               _tokens_p99("total_tokens"),
    "prompt_tokens_p99":        _tokens_p99("prompt_tokens"),
    "completion_tokens_p99":    _tokens_p99("completion_tokens"),
    "prompt_token_details":     _details("prompt_token_details"),
    "completion_token_details": _details("completion_token_details"),
    "total_cost":               _cost("total_cost"),
    "prompt_cost":              _cost("prompt_cost"),
    "completion_cost":          _cost("completion_cost"),
    "prompt_cost_details":      _details("prompt_cost_details"),
    "completion_cost_details":  _details("completion_cost_details"),
    "cost_p50":                 lambda stats: _cost_of(stats.usage_p50),
    "cost_p99":                 lambda stats: _cost_of(stats.usage_p99),
    "last_run_start_time":      _last_start,
    "feedback_stats":           lambda stats: feedback_stats_json(stats.feedback),
    "session_feedback_stats":   _project_feedback,
    "thread_feedback_stats":    _not_counted,
    "run_facets":               lambda stats: [],
    "error_rate":               lambda stats: _rate(stats.error_count, stats),
    "streaming_rate":           lambda stats: _rate(stats.streaming_count, stats),
}
# fmt: on
STATS_DEFAULT: Final = frozenset(_FIGURES)
_PERCENTILES: Final = frozenset(
    {
        *("median_tokens", "prompt_tokens_p50", "completion_tokens_p50", "cost_p50"),
        *("tokens_p99", "prompt_tokens_p99", "completion_tokens_p99", "cost_p99"),
    }
)
_TOKEN_FIGURES = frozenset(name for name in _FIGURES if "token" in name and "first" not in name)
_COST_FIGURES = frozenset(name for name in _FIGURES if "cost" in name)
BUNDLES: Final[dict[str, frozenset[str]]] = {
    "all_token_stats": _TOKEN_FIGURES | _COST_FIGURES,
    "all_run_stats": STATS_DEFAULT - _TOKEN_FIGURES - _COST_FIGURES,
}
