import json
from pathlib import Path
from typing import Any

import pytest

from runstore.limits import MODEL_NAME_CHARS_MAX, PRICE_LOOKUPS_MAX, USAGE_TOKENS_MAX
from runstore.model.prices import Price, Prices, add_costs
from runstore.model.usage import Counters


@pytest.fixture(scope="module")
def shipped() -> Prices:
    return Prices.load()


@pytest.mark.parametrize(
    "model, provider, prompt, completion",
    [  # picodollars per token
        ("gpt-4o", None, 2_500_000, 10_000_000),
        ("GPT-4o-2024-08-06", "azure", 2_500_000, 10_000_000),
        ("gpt-4o-mini-2024-07-18", "openai", 150_000, 600_000),
        ("openai/gpt-4.1-nano", None, 100_000, 400_000),
        ("o3", None, 2_000_000, 8_000_000),
        ("claude-3-5-sonnet-20241022", "anthropic", 3_000_000, 15_000_000),
        ("us.anthropic.claude-sonnet-4-20250514-v1:0", "amazon_bedrock", 3_000_000, 15_000_000),
        ("claude-opus-4-1-20250805", None, 15_000_000, 75_000_000),
        ("claude-opus-4-5-20251101", None, 5_000_000, 25_000_000),
        ("models/gemini-2.5-flash-preview-05-20", "google_genai", 300_000, 2_500_000),
        ("mistral-small-latest", None, 100_000, 300_000),
        ("deepseek-chat", None, 280_000, 420_000),
        ("grok-3-mini", "xai", 300_000, 500_000),
        ("llama-3.3-70b-versatile", "groq", 590_000, 790_000),
        ("amazon.nova-lite-v1:0", None, 60_000, 240_000),
        ("text-embedding-3-small", None, 20_000, None),
    ],
)
def test_current_models_have_a_price(
    shipped: Prices, model: str, provider: str | None, prompt: int, completion: int | None
) -> None:
    price = shipped.price_of(model, provider)
    assert price is not None
    assert (price.prompt, price.completion) == (prompt, completion)


@pytest.mark.parametrize(
    "model, provider",
    [
        pytest.param("my-own-model", None, id="unknown"),
        pytest.param("gpt-4o-but-not-really", None, id="only the beginning matches"),
        pytest.param("llama-3.3-70b-versatile", "ollama", id="another provider"),
        pytest.param("llama-3.3-70b-versatile", None, id="provider not said"),
        pytest.param("claude-3-haiku-" + "0" * MODEL_NAME_CHARS_MAX, None, id="too long a name"),
    ],
)
def test_no_price_rather_than_a_wrong_one(
    shipped: Prices, model: str, provider: str | None
) -> None:
    assert shipped.price_of(model, provider) is None


def test_every_shipped_entry_can_be_reached(shipped: Prices) -> None:
    """No entry is a copy of an earlier one."""
    keys = [(entry.match.pattern, entry.provider) for entry in shipped._entries]
    assert len(set(keys)) == len(keys) > 60


def test_remembered_names_are_bounded() -> None:
    prices = Prices(())
    for number in range(PRICE_LOOKUPS_MAX + 10):
        assert prices.price_of(f"model {number}") is None
    assert len(prices._known) <= PRICE_LOOKUPS_MAX


def test_entries_of_ones_own_file_come_first(tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    own = [{"match": "gpt-4o", "input": "1"}, {"match": "mine", "provider": "Me", "output": "0.5"}]
    path.write_text(json.dumps({"models": own}))
    prices = Prices.load(path)
    assert prices.price_of("gpt-4o") == Price(1_000_000)
    assert prices.price_of("mine", "ME") == Price(None, 500_000)
    assert prices.price_of("o3") == Prices.load().price_of("o3")


@pytest.mark.parametrize(
    "text, problem",
    [
        pytest.param("{", "Expecting", id="no JSON"),
        pytest.param("[]", "not a price table", id="no table"),
        pytest.param('{"models": [1]}', "not a price table", id="no entry"),
        pytest.param('{"models": [{"input": "1"}]}', r"models\[0\].match", id="nothing to match"),
        pytest.param('{"models": [{"match": "("}]}', r"models\[0\].match", id="no pattern"),
        pytest.param('{"models": [{"match": "a", "in": "1"}]}', "unknown keys: in", id="a typo"),
        pytest.param(
            '{"models": [{"match": "a", "input": 1}]}', r"models\[0\].input is 1", id="a number"
        ),
        pytest.param('{"models": [{"match": "a", "input": "x"}]}', "is 'x'", id="no amount"),
        pytest.param('{"models": [{"match": "a", "output": "-1"}]}', "is '-1'", id="negative"),
        pytest.param('{"models": [{"match": "a", "output": "NaN"}]}', "is 'NaN'", id="not finite"),
        pytest.param(
            '{"models": [{"match": "a", "input_details": {"k": "0.0000001"}}]}',
            r"input_details.k",
            id="too fine",
        ),
    ],
)
def test_a_damaged_file_is_named_with_the_place(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "prices.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=problem) as raised:
        Prices.load(path)
    assert str(path) in str(raised.value)


PRICE = Price(10, 20, {"cache_read": 1}, {"audio": 100})
TOKENS = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}


# fmt: off
COSTS: list[Any] = [
    ("each side at its base price", TOKENS, PRICE,
     {"prompt_cost": 1_000, "completion_cost": 200, "total_cost": 1_200}),
    ("details with a price of their own first, the rest at the base price",
     TOKENS | {"prompt_token_details.cache_read": 40, "prompt_token_details.other": 5,
               "completion_token_details.audio": 3}, PRICE,
     {"prompt_cost_details.cache_read": 40, "prompt_cost": 640,
      "completion_cost_details.audio": 300, "completion_cost": 440, "total_cost": 1_080}),
    ("more of a detail than of the whole", TOKENS | {"prompt_token_details.cache_read": 1_000},
     PRICE, {"prompt_cost_details.cache_read": 100, "prompt_cost": 100, "completion_cost": 200,
             "total_cost": 300}),
    ("a said cost stands, the other side is priced", TOKENS | {"prompt_cost": 7}, PRICE,
     {"completion_cost": 200, "total_cost": 207}),
    ("a said total stands", TOKENS | {"prompt_cost": 7, "total_cost": 9}, PRICE,
     {"completion_cost": 200}),
    ("a said total is not split by guess", TOKENS | {"total_cost": 9}, PRICE, {}),
    ("said sides without a price", TOKENS | {"prompt_cost": 7}, None, {"total_cost": 7}),
    ("no price, no cost", TOKENS, None, {}),
    ("no tokens, no cost", {"total_tokens": 5}, PRICE, {}),
    ("a price for one side only", TOKENS, Price(10), {"prompt_cost": 1_000, "total_cost": 1_000}),
    ("an absurd cost is none", {"prompt_tokens": USAGE_TOKENS_MAX}, Price(10**9), {}),
]
# fmt: on


@pytest.mark.parametrize(
    "counters, price, added", [pytest.param(*row[1:], id=row[0]) for row in COSTS]
)
def test_costs_are_filled_where_nobody_said_them(
    counters: Counters, price: Price | None, added: Counters
) -> None:
    have = dict(counters)
    add_costs(have, price)
    assert have == counters | added
