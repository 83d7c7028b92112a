"""What a model is told of the filter language, and how its answers are read."""

import pytest

from runstore.filter.check import compile_filter
from runstore.filter.fields import ROWS
from runstore.filter.functions import FUNCTIONS
from runstore.filter.prompt import EXAMPLES, filter_in, system_prompt


def test_every_field_and_function_is_told() -> None:
    prompt = system_prompt()
    assert all(f"- {row.name} (" in prompt for row in ROWS)
    assert all(f"- {row.form}: " in prompt for row in FUNCTIONS)


@pytest.mark.parametrize("text", [text for _, text in EXAMPLES])
def test_every_example_is_a_filter(text: str) -> None:
    assert compile_filter(text) is not None


# fmt: off
@pytest.mark.parametrize("answer", [
    "exists(name)",
    "  exists(name)\n",
    "```\nexists(name)\n```",
    "```text\nexists(name)\n```\nThis finds what has a name.",
    "`exists(name)`",
    "```exists(name)```",
    "Filter: exists(name)",
    "<think>\nexists(error)? No.\n</think>\n\nexists(name)",
])
# fmt: on
def test_a_filter_is_found_in_what_models_put_around_it(answer: str) -> None:
    assert filter_in(answer) == "exists(name)"
