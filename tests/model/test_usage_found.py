from typing import Any

import pytest

from runstore.limits import USAGE_DETAILS_MAX, USAGE_TOKENS_MAX, USAGE_USD_MAX
from runstore.model.usage import PICO_PER_USD
from runstore.model.usage_found import found_usage

LANGCHAIN = {
    "input_tokens": 10,
    "output_tokens": 5,
    "total_tokens": 15,
    "input_token_details": {"cache_read": 4},
    "output_token_details": {"reasoning": 2},
}
COUNTED = {
    "prompt_tokens": 10,
    "prompt_token_details.cache_read": 4,
    "completion_tokens": 5,
    "completion_token_details.reasoning": 2,
    "total_tokens": 15,
}
PLAIN = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


def generation(usage: dict[str, Any]) -> dict[str, Any]:
    return {"text": "x", "message": {"kwargs": {"content": "x", "usage_metadata": usage}}}


# fmt: off
OUTPUTS: list[Any] = [
    ("usage_metadata", {"usage_metadata": LANGCHAIN}, COUNTED),
    ("total is the sum where it is not said",
     {"usage_metadata": {"input_tokens": 10, "output_tokens": 5}}, PLAIN),
    ("a said total stands", {"usage_metadata": {"total_tokens": 7}}, {"total_tokens": 7}),
    ("one side alone",
     {"usage_metadata": {"input_tokens": 3}}, {"prompt_tokens": 3, "total_tokens": 3}),
    ("OpenAI chat completions",
     {"usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15,
                "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 1},
                "completion_tokens_details": {"reasoning_tokens": 2}}},
     COUNTED | {"prompt_token_details.audio": 1}),
    ("OpenAI responses",
     {"usage": {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15,
                "input_tokens_details": {"cached_tokens": 4},
                "output_tokens_details": {"reasoning_tokens": 2}}}, COUNTED),
    ("Anthropic counts cache tokens apart",
     {"usage": {"input_tokens": 10, "output_tokens": 5,
                "cache_read_input_tokens": 100, "cache_creation_input_tokens": 20}},
     {"prompt_tokens": 130, "prompt_token_details.cache_read": 100,
      "prompt_token_details.cache_creation": 20, "completion_tokens": 5, "total_tokens": 135}),
    ("cache tokens within OpenAI's prompt tokens do not add",
     {"usage": {"prompt_tokens": 10, "completion_tokens": 5, "cache_read_input_tokens": 4}},
     PLAIN),
    ("Gemini",
     {"usage_metadata": {"prompt_token_count": 10, "candidates_token_count": 3,
                         "thoughts_token_count": 2, "cached_content_token_count": 4,
                         "total_token_count": 15}}, COUNTED),
    ("LangChain generations",
     {"generations": [[generation(LANGCHAIN)]], "llm_output": {"token_usage": {"a": 1}}}, COUNTED),
    ("generations of a batch add up",
     {"generations": [[generation(LANGCHAIN)], [generation(LANGCHAIN)]]},
     {name: 2 * value for name, value in COUNTED.items()}),
    ("a flat list of generations",
     {"generations": [{"message": {"usage_metadata": LANGCHAIN}}]}, COUNTED),
    ("a message dumped as data",
     {"generations": [[{"message": {"data": {"usage_metadata": LANGCHAIN}}}]]}, COUNTED),
    ("response_metadata of a generation's message",
     {"generations": [[{"message": {"kwargs": {"response_metadata": {"token_usage": {
         "prompt_tokens": 10, "completion_tokens": 5}}}}}]]}, PLAIN),
    ("generation_info", {"generations": [[{"generation_info": {"usage_metadata": LANGCHAIN}}]]},
     COUNTED),
    ("llm_output.token_usage",
     {"generations": [[{"text": "x"}]],
      "llm_output": {"token_usage": {"prompt_tokens": 10, "completion_tokens": 5}}}, PLAIN),
    ("llm_output.usage",
     {"llm_output": {"usage": {"input_tokens": 10, "output_tokens": 5}}}, PLAIN),
    ("a message", {"message": {"usage_metadata": LANGCHAIN}}, COUNTED),
    ("an output that is a message", {"output": {"kwargs": {"usage_metadata": LANGCHAIN}}}, COUNTED),
    ("response_metadata",
     {"response_metadata": {"token_usage": {"prompt_tokens": 10, "completion_tokens": 5}}}, PLAIN),
    ("a whole float is a count",
     {"usage_metadata": {"input_tokens": 10.0, "output_tokens": 5}}, PLAIN),
    ("numbers that cannot be are ignored",
     {"usage_metadata": {"input_tokens": -1, "output_tokens": "5", "total_tokens": 1.5}}, {}),
    ("true is no number", {"usage_metadata": {"input_tokens": True}}, {}),
    ("absurd numbers are ignored",
     {"usage_metadata": {"input_tokens": USAGE_TOKENS_MAX + 1, "output_tokens": 5}},
     {"completion_tokens": 5, "total_tokens": 5}),
    ("an unusable place leaves the word to the next",
     {"usage_metadata": {"input_tokens": None}, "usage": {"prompt_tokens": 10,
                                                          "completion_tokens": 5}}, PLAIN),
    ("shapes that are none",
     {"usage": [1], "generations": {"a": 1}, "llm_output": "x", "message": None}, {}),
    ("costs", {"usage_metadata": {"input_cost": 0.5, "output_cost": "0.25", "total_cost": 1}},
     {"prompt_cost": PICO_PER_USD // 2, "completion_cost": PICO_PER_USD // 4,
      "total_cost": PICO_PER_USD}),
    ("a side's cost is the sum of its details where it is not said",
     {"usage_metadata": {"input_cost_details": {"cache_read": 0.1, "audio": 0.2}}},
     {"prompt_cost": 3 * PICO_PER_USD // 10, "prompt_cost_details.cache_read": PICO_PER_USD // 10,
      "prompt_cost_details.audio": PICO_PER_USD // 5}),
    ("costs that cannot be are ignored",
     {"usage_metadata": {"input_cost": -1, "output_cost": "much", "total_cost": USAGE_USD_MAX + 1}},
     {}),
]
# fmt: on


@pytest.mark.parametrize(
    "outputs, counters", [pytest.param(*row[1:], id=row[0]) for row in OUTPUTS]
)
def test_usage_is_found_in_the_outputs_of_a_model(
    outputs: dict[str, Any], counters: dict[str, int]
) -> None:
    assert found_usage("llm", None, outputs) == counters
    assert found_usage("embedding", {}, outputs) == counters


@pytest.mark.parametrize("run_type", ["llm", "chain", "tool", None])
def test_usage_metadata_counts_on_any_run(run_type: str | None) -> None:
    assert found_usage(run_type, {"usage_metadata": LANGCHAIN}, None) == COUNTED
    assert found_usage(run_type, None, {"usage_metadata": LANGCHAIN}) == COUNTED


def test_providers_shapes_count_on_model_runs_only() -> None:
    """A chain that passes on what its model answered must not count it again."""
    outputs = {"usage": LANGCHAIN, "generations": [[generation(LANGCHAIN)]], "output": LANGCHAIN}
    assert found_usage("chain", None, outputs) == {}


def test_metadata_has_the_first_word_and_costs_may_come_from_elsewhere() -> None:
    metadata = {"usage_metadata": {"input_tokens": 1}}
    outputs = {"usage_metadata": {"input_tokens": 99, "total_cost": 2}}
    assert found_usage("llm", metadata, outputs) == {
        "prompt_tokens": 1,
        "total_tokens": 1,
        "total_cost": 2 * PICO_PER_USD,
    }


def test_details_are_bounded_in_number_and_sums_in_size() -> None:
    many = {f"kind{n}": 1 for n in range(USAGE_DETAILS_MAX * 2)}
    outputs = {"usage_metadata": {"input_tokens": 1, "input_token_details": many}}
    assert len(found_usage("llm", None, outputs)) == USAGE_DETAILS_MAX + 2
    huge = generation({"input_tokens": USAGE_TOKENS_MAX, "total_cost": USAGE_USD_MAX})
    counters = found_usage("llm", None, {"generations": [[huge] * 3]})
    assert counters["prompt_tokens"] == USAGE_TOKENS_MAX
    assert counters["total_cost"] == USAGE_USD_MAX * PICO_PER_USD
