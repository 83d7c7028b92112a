"""docs/filter-language.md says what is so: its examples are read, its tables hold."""

import re
from pathlib import Path

import pytest

from runstore.filter.check import compile_filter
from runstore.filter.errors import FilterError
from runstore.filter.functions import FUNCTION_NAMES
from runstore.filter.match import matches
from tests.filter.runs import holds, make

GUIDE = (Path(__file__).parents[2] / "docs" / "filter-language.md").read_text(encoding="utf-8")
WRITTEN = re.sub(r"<!-- generated.*?<!-- end -->", "", GUIDE, flags=re.DOTALL)
BLOCKS = re.findall(r"```text\n(.*?)```", WRITTEN, flags=re.DOTALL)
CALL = re.compile(rf"({'|'.join(FUNCTION_NAMES)})\(.*\)", re.DOTALL)
SPANS = [
    " ".join(span.split())
    for span in re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", WRITTEN, flags=re.DOTALL))
]
SHORTENED = ('"..."', "(...)", "k1")  # examples that leave something out
EXAMPLES = [
    *(span for span in SPANS if CALL.fullmatch(span) and not any(s in span for s in SHORTENED)),
    *(line for block in BLOCKS for line in block.splitlines() if CALL.fullmatch(line)),
]
REFUSALS = [block for block in BLOCKS if re.search(r"^ *\^+$", block, re.MULTILINE)]
REFUSED = [block.splitlines()[1] for block in REFUSALS]


def table(head: str) -> list[list[str]]:
    """The rows of the table with this first line."""
    lines = GUIDE[GUIDE.index(head) :].splitlines()[2:]
    rows = lines[: next(place for place, line in enumerate(lines) if not line.startswith("|"))]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


@pytest.mark.parametrize("text", [text for text in EXAMPLES if text not in REFUSED])
def test_every_example_is_read(text: str) -> None:
    assert compile_filter(text) is not None


def test_there_are_examples() -> None:
    assert len(EXAMPLES) > 60
    assert len(REFUSALS) == 2


@pytest.mark.parametrize("block", REFUSALS)
def test_every_message_is_the_one_shown(block: str) -> None:
    shown = block.rstrip().removesuffix(", ...")
    with pytest.raises(FilterError) as caught:
        compile_filter(shown.splitlines()[1])
    assert str(caught.value).startswith(shown)


@pytest.mark.parametrize("row", table("| filter | name is"), ids=lambda row: row[0])
def test_the_table_of_absence_holds(row: list[str]) -> None:
    runs = (make(name="a"), make(name="b"), make())
    for text in re.findall(r"`([^`]+)`", row[0]):
        assert ["yes" if holds(text, run) else "no" for run in runs] == row[1:]


def test_the_table_of_entries_holds() -> None:
    payload = re.search(r"```json\n(.*?)```", GUIDE, re.DOTALL)
    assert payload is not None
    run = make()
    run.run.inputs = payload[1].encode()  # type: ignore[assignment]
    rows = [[cell.strip("`") for cell in row] for row in table("| key | value |")]
    assert [[key, f'"{value}"'] for key, value in run.entries("inputs")] == rows


# The table of pairs says its meanings in words; here they are as Python.
PAIRS = [
    lambda entries: any(key == "k" for key, _ in entries),
    lambda entries: any(value == "v" for _, value in entries),
    lambda entries: ("k", "v") in entries,
    lambda entries: any(key == "k" for key, _ in entries) and ("k", "v") not in entries,
    lambda entries: all(key != "k" for key, _ in entries),
    lambda entries: all(value != "v" for _, value in entries),
    lambda entries: all(key != "k" for key, _ in entries) and any(v == "v" for _, v in entries),
    lambda entries: all(key != "k" and value != "v" for key, value in entries),
]
PAIR_ROWS = table("| key test | value test | the run |")


@pytest.mark.parametrize("place", range(len(PAIRS)), ids=lambda place: " ".join(PAIR_ROWS[place]))
def test_the_table_of_pairs_holds(place: int) -> None:
    tests = [cell.strip("`") for cell in PAIR_ROWS[place][:2] if cell]
    node = compile_filter(f"and({', '.join(tests)})")
    assert node is not None
    several = (None, "v", "w", ["v", "w"], ["w", "x"])
    for under_k in several:
        for under_other in several:
            run = make(metadata={"k": under_k, "other": under_other})
            assert matches(node, run) == PAIRS[place](run.entries("metadata"))


def test_every_pair_row_is_tested() -> None:
    assert len(PAIRS) == len(PAIR_ROWS)
