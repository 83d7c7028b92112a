"""Model name + tokens -> cost in picodollars, by a table of list prices. Knows no payloads.

The table ships as runstore/data/prices.json; a file of the same form given at start comes first:

    {"as_of": "2026-01-31",
     "models": [{"match": "gpt-4o(-20.*)?",     a regular expression for the whole model name,
                                                without regard to case; what stands before its
                                                last "/" is tried both with and without
                 "provider": "openai",          optional: only for runs that say this ls_provider
                 "input": "2.50",               USD per million tokens, as text: exact
                 "output": "10.00",
                 "input_details": {"cache_read": "1.25"},
                 "output_details": {"audio": "80.00"}}]}

The first entry that matches counts. Tokens of a detail with a price of its own cost that, the
rest of the side its base price. All arithmetic is on whole numbers.
"""

import json
import re
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from importlib.resources import files
from pathlib import Path
from typing import Any

from runstore.limits import MODEL_NAME_CHARS_MAX, PRICE_LOOKUPS_MAX, USAGE_USD_MAX
from runstore.model.usage import PICO_PER_USD, Counters

_TOKENS_PER_PRICE = 10**6
_KEYS = {"match", "provider", "input", "output", "input_details", "output_details"}


@dataclass(frozen=True, slots=True)
class Price:
    """Picodollars per token. None: no price known for that side."""

    prompt: int | None = None
    completion: int | None = None
    prompt_details: dict[str, int] = field(default_factory=dict)
    completion_details: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PriceEntry:
    match: re.Pattern[str]
    provider: str | None
    price: Price


class Prices:
    """Looked up by model name; answers are remembered, for there is one question a run."""

    def __init__(self, entries: tuple[PriceEntry, ...]) -> None:
        self._entries = entries
        self._known: dict[tuple[str, str | None], Price | None] = {}

    @classmethod
    def load(cls, path: Path | None = None) -> "Prices":
        """The shipped table, after the entries of the file at `path`.

        Raises ValueError, naming the file and the entry, for a file of another form, and OSError.
        """
        shipped = files("runstore").joinpath("data", "prices.json").read_bytes()
        entries = _entries(shipped, "the shipped price table")
        if path is not None:
            entries = _entries(path.read_bytes(), str(path)) + entries
        return cls(entries)

    def price_of(self, model: str, provider: str | None = None) -> Price | None:
        at = (model, provider)
        if at in self._known:
            return self._known[at]
        price = self._search(model, provider)
        if len(self._known) >= PRICE_LOOKUPS_MAX:
            self._known.clear()
        self._known[at] = price
        return price

    def _search(self, model: str, provider: str | None) -> Price | None:
        if len(model) > MODEL_NAME_CHARS_MAX:
            return None
        names = (model, model.rpartition("/")[2])
        for entry in self._entries:
            if entry.provider is not None and entry.provider != (provider or "").lower():
                continue
            if any(entry.match.fullmatch(name) for name in names):
                return entry.price
        return None


def add_costs(counters: Counters, price: Price | None) -> None:
    """Fill the costs nobody said: by price for each side, and their sum as the total.

    Costs that are there stay. A total that was said without its sides is not split by guess.
    """
    said = "prompt_cost" in counters or "completion_cost" in counters
    if price is not None and (said or "total_cost" not in counters):
        _add_side(counters, "prompt", price.prompt, price.prompt_details)
        _add_side(counters, "completion", price.completion, price.completion_details)
    if "total_cost" not in counters:
        prompt, completion = counters.get("prompt_cost"), counters.get("completion_cost")
        if prompt is not None or completion is not None:
            counters["total_cost"] = (prompt or 0) + (completion or 0)


def _add_side(counters: Counters, side: str, base: int | None, details: dict[str, int]) -> None:
    tokens = counters.get(f"{side}_tokens")
    if tokens is None or base is None or f"{side}_cost" in counters:
        return
    found: Counters = {}
    cost = 0
    for name, price in details.items():
        count = min(counters.get(f"{side}_token_details.{name}", 0), tokens)
        if count:
            tokens -= count
            found[f"{side}_cost_details.{name}"] = count * price
            cost += count * price
    cost += tokens * base
    if cost <= USAGE_USD_MAX * PICO_PER_USD:
        counters.update(found)
        counters[f"{side}_cost"] = cost


def _entries(text: bytes, where: str) -> tuple[PriceEntry, ...]:
    try:
        table = json.loads(text)
        models = table["models"]
        return tuple(_entry(item, f"models[{at}]") for at, item in enumerate(models))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{where}: not a price table: {error!r}") from error
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def _entry(item: dict[str, Any], at: str) -> PriceEntry:
    if unknown := sorted(item.keys() - _KEYS):
        raise ValueError(f"{at} has unknown keys: {', '.join(unknown)}")
    try:
        match = re.compile(item["match"], re.IGNORECASE)
    except (re.error, KeyError) as error:
        raise ValueError(f"{at}.match is missing or no regular expression: {error}") from error
    provider = item.get("provider")
    price = Price(
        _per_token(item["input"], f"{at}.input") if "input" in item else None,
        _per_token(item["output"], f"{at}.output") if "output" in item else None,
        _details(item, "input_details", at),
        _details(item, "output_details", at),
    )
    return PriceEntry(match, provider.lower() if provider else None, price)


def _details(item: dict[str, Any], key: str, at: str) -> dict[str, int]:
    details = item.get(key, {})
    return {name: _per_token(usd, f"{at}.{key}.{name}") for name, usd in details.items()}


def _per_token(usd: Any, at: str) -> int:
    """USD per million tokens, as text -> picodollars per token."""
    try:
        exact = Decimal(usd) * PICO_PER_USD / _TOKENS_PER_PRICE if isinstance(usd, str) else None
    except InvalidOperation:
        exact = None
    if exact is None or not exact.is_finite() or exact < 0 or exact != int(exact):
        raise ValueError(
            f"{at} is {usd!r}, not USD per million tokens as text with up to 6 decimals"
        )
    return int(exact)
