"""A run's metadata and outputs -> the counters found in them. Knows providers' shapes; no prices.

    metadata.usage_metadata, outputs.usage_metadata           any run
    outputs.usage, outputs.response_metadata.token_usage ...  llm and embedding runs: what OpenAI,
    outputs.message..., outputs.output...                     Anthropic, Google and LangChain
    outputs.generations[][]..., outputs.llm_output...         put there

The first place that has tokens gives the tokens, the first that has costs the costs. Numbers that
cannot be (negative, not finite, past the bounds of limits.py) are ignored, never an error.
"""

import math
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from runstore.limits import USAGE_DETAILS_MAX, USAGE_TOKENS_MAX, USAGE_USD_MAX
from runstore.model.usage import PICO_PER_USD, Counters

METERED_TYPES = frozenset({"llm", "embedding"})
_PICODOLLARS_MAX = USAGE_USD_MAX * PICO_PER_USD
_USD_CHARS_MAX = 50  # longer texts are no amounts

Json = dict[str, Any]


class _Side(NamedTuple):
    """The words for one side of a call; the first that is there counts."""

    name: str
    tokens: tuple[str, ...]
    details: tuple[str, ...]
    cost: str
    cost_details: str


# fmt: off
_SIDES = (
    _Side("prompt",
          ("input_tokens", "prompt_tokens", "prompt_token_count",
           "inputTokens", "promptTokens", "promptTokenCount"),
          ("input_token_details", "input_tokens_details", "prompt_tokens_details"),
          "input_cost", "input_cost_details"),
    _Side("completion",
          ("output_tokens", "completion_tokens", "candidates_token_count",
           "outputTokens", "completionTokens", "candidatesTokenCount"),
          ("output_token_details", "output_tokens_details", "completion_tokens_details"),
          "output_cost", "output_cost_details"),
)
_TOTAL = ("total_tokens", "total_token_count", "totalTokens", "totalTokenCount")

# What a provider counts apart from the side's tokens -> the detail it is of that side.
_APART = {
    "prompt": (("cache_read_input_tokens", "cache_read"),
               ("cache_creation_input_tokens", "cache_creation")),
    "completion": (("thoughts_token_count", "reasoning"),
                   ("thoughtsTokenCount", "reasoning")),
}
# What a provider counts within the side's tokens, outside of any details object.
_WITHIN = {
    "prompt": (("cached_content_token_count", "cache_read"),
               ("cachedContentTokenCount", "cache_read"),
               ("prompt_cache_hit_tokens", "cache_read"),
               ("cachedInputTokens", "cache_read")),
    "completion": (("reasoningTokens", "reasoning"),),
}
_APART_GOES_WITH = ("input_tokens", "candidates_token_count", "candidatesTokenCount")
_DETAIL_NAMES = {"cached_tokens": "cache_read", "cached": "cache_read"}
# fmt: on


def found_usage(run_type: str | None, metadata: Any, outputs: Any) -> Counters:
    """Tokens in whole tokens, costs in picodollars. Nothing found: empty."""
    if run_type not in METERED_TYPES and not has_report(metadata) and not has_report(outputs):
        return {}
    tokens: Counters = {}
    costs: Counters = {}
    for reports in _reports(run_type, metadata, outputs):
        if not tokens:
            tokens = _sum(_tokens(report) for report in reports)
        if not costs:
            costs = _sum(_costs(report) for report in reports)
        if tokens and costs:
            break
    return tokens | costs if costs else tokens


def has_report(holder: Any) -> bool:
    return holder.__class__ is dict and "usage_metadata" in holder


def _reports(run_type: str | None, metadata: Any, outputs: Any) -> Iterator[list[Json]]:
    """Places to look, best first; several reports of one place add up."""
    for holder in (metadata, outputs):
        if holder.__class__ is dict and (report := _object(holder, "usage_metadata")):
            yield [report]
    if run_type not in METERED_TYPES or outputs.__class__ is not dict:
        return
    for key in ("message", "output"):
        if message := _object(outputs, key):
            yield from _message_reports(message)
    if generations := outputs.get("generations"):
        yield from _generation_reports(generations)
    llm_output = _object(outputs, "llm_output")
    for holder in (outputs, llm_output):
        if holder:
            for key in ("usage", "token_usage", "usageMetadata"):
                if report := _object(holder, key):
                    yield [report]
    if report := _response_report(outputs):
        yield [report]


def _message_reports(message: Json) -> Iterator[list[Json]]:
    """Of one chat message, plain or as LangChain dumps it (`kwargs`, `data`)."""
    for holder in (message, _object(message, "kwargs"), _object(message, "data")):
        if not holder:
            continue
        for key in ("usage_metadata", "usage"):
            if report := _object(holder, key):
                yield [report]
        if report := _response_report(holder):
            yield [report]


def _response_report(holder: Json) -> Json | None:
    response = _object(holder, "response_metadata")
    if not response:
        return None
    return (
        _object(response, "token_usage")
        or _object(response, "usage")
        or _object(response, "usage_metadata")
    )


def _generation_reports(generations: Any) -> Iterator[list[Json]]:
    """Of every generation of a batch, each of which has its own message."""
    found: list[Json] = []
    for generation in _flat(generations):
        message = _object(generation, "message")
        reports = next(_message_reports(message), None) if message else None
        if reports is None and (info := _object(generation, "generation_info")):
            report = _object(info, "usage_metadata") or _object(info, "token_usage")
            reports = [report] if report else None
        if reports:
            found += reports
    if found:
        yield found


def _flat(value: Any) -> Iterator[Json]:
    """The objects of a list, or of a list of lists."""
    if isinstance(value, list):
        for item in value:
            for generation in item if isinstance(item, list) else (item,):
                if isinstance(generation, dict):
                    yield generation


def _object(holder: Json, key: str) -> Json | None:
    value = holder.get(key)
    return value if value.__class__ is dict else None


def _tokens(report: Json) -> Counters:
    counters: Counters = {}
    for side in _SIDES:
        key, count = _first_tokens(report, side.tokens)
        details = _details(report, side.details)
        for name, detail in _WITHIN[side.name]:
            within = _whole(report.get(name))
            if within and detail not in details:
                details[detail] = within
        if key in _APART_GOES_WITH and count is not None:
            for name, detail in _APART[side.name]:
                apart = _whole(report.get(name))
                if apart and detail not in details:
                    details[detail] = apart
                    count += apart
        if count is not None:
            counters[f"{side.name}_tokens"] = count
        for detail, value in details.items():
            counters[f"{side.name}_token_details.{detail}"] = value
    _, total = _first_tokens(report, _TOTAL)
    if total is None and ("prompt_tokens" in counters or "completion_tokens" in counters):
        total = counters.get("prompt_tokens", 0) + counters.get("completion_tokens", 0)
    if total is not None:
        counters["total_tokens"] = total
    return counters


def _first_tokens(report: Json, keys: tuple[str, ...]) -> tuple[str, int | None]:
    for key in keys:
        if key in report and (count := _whole(report[key])) is not None:
            return key, count
    return "", None


def _details(report: Json, keys: tuple[str, ...]) -> dict[str, int]:
    for key in keys:
        if details := _object(report, key):
            found: dict[str, int] = {}
            for name, value in details.items():
                count = _whole(value)
                if count is not None and len(found) < USAGE_DETAILS_MAX:
                    if key is not keys[0]:  # OpenAI's words, not those of usage_metadata
                        name = _DETAIL_NAMES.get(name) or name.removesuffix("_tokens")
                    found[name] = count
            return found
    return {}


def _costs(report: Json) -> Counters:
    counters: Counters = {}
    for side in _SIDES:
        details: dict[str, int] = {}
        for name, value in (_object(report, side.cost_details) or {}).items():
            cost = _picodollars(value)
            if cost is not None and len(details) < USAGE_DETAILS_MAX:
                details[name] = cost
        cost = _picodollars(report.get(side.cost))
        if cost is None and details:
            cost = min(sum(details.values()), _PICODOLLARS_MAX)
        if cost is not None:
            counters[f"{side.name}_cost"] = cost
        for name, value in details.items():
            counters[f"{side.name}_cost_details.{name}"] = value
    total = _picodollars(report.get("total_cost"))
    if total is not None:
        counters["total_cost"] = total
    return counters


def _sum(parts: Iterator[Counters]) -> Counters:
    total: Counters = {}
    for part in parts:
        if not total:
            total = part
        else:
            for name, value in part.items():
                bound = _PICODOLLARS_MAX if "_cost" in name else USAGE_TOKENS_MAX
                total[name] = min(total.get(name, 0) + value, bound)
    return total


def _whole(value: Any) -> int | None:
    """A count of tokens; 12.0 is one too."""
    if value.__class__ is float and math.isfinite(value) and value == int(value):
        value = int(value)
    if value.__class__ is not int or not 0 <= value <= USAGE_TOKENS_MAX:
        return None
    count: int = value
    return count


def _picodollars(value: Any) -> int | None:
    """USD as a number or as decimal text."""
    if value.__class__ not in (int, float, str):
        return None
    if value.__class__ is str and len(value) > _USD_CHARS_MAX:
        return None
    try:
        usd = Decimal(str(value))
        if not usd.is_finite() or not 0 <= usd <= USAGE_USD_MAX:
            return None
        return int((usd * PICO_PER_USD).to_integral_value())
    except InvalidOperation:
        return None
