"""What a filter becomes in SQL: bound values, one text for one shape, a column for every word."""

import re

import pytest
from hypothesis import HealthCheck, given

from runstore.filter.check import compile_filter
from runstore.filter.fields import ROWS, Field, Kind
from runstore.filter.tree import Node
from runstore.sql.sqlite.columns import ANSWERED_BY_RUNS_TIME, COLUMNS, DETAIL_PREFIXES
from runstore.sql.sqlite.predicate import Conditions, Params
from tests.examples import examples
from tests.filter import strategies as words
from tests.sql.cases import AGO, ID, asked, node, not_asked, walk

VALUES = {
    Kind.UUID: f'"{ID}"', Kind.TEXT: '"x"', Kind.TIME: f'"{AGO}"', Kind.DURATION: "1",
    Kind.TOKENS: "1", Kind.COST: "1", Kind.BOOL: "true", Kind.PATH: '"x"', Kind.KEY_SCORE: "1",
    Kind.ENTRY_KEY: '"x"', Kind.ENTRY_VALUE: '"x"', Kind.ENTRY_SCORE: "1", Kind.ENTRY_TEXT: '"x"',
}  # fmt: skip
SECRET = "zq7secret7qz"
_LITERAL = re.compile(r"'[^']*'|(?<![:\w.])\d+(?!\w)")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_word_of_the_language_has_sql(row: Field) -> None:
    name = row.name.replace("<k>", "k")
    if row.kind is Kind.TAGS:
        text = f'has({name}, "x")'
    elif row.kind is Kind.PAYLOAD:
        text = f"exists({name})"
    else:
        text = f"eq({name}, {VALUES[row.kind]})"
    for ask in (asked, not_asked):
        assert "WHERE r.pid = " in walk(text, ask).text


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_single_valued_attribute_has_a_column(row: Field) -> None:
    known = row.in_tree in COLUMNS or f"{row.in_tree}." in DETAIL_PREFIXES
    assert known == (not row.family)


def test_what_runs_time_answers_are_columns() -> None:
    assert set(COLUMNS) >= ANSWERED_BY_RUNS_TIME


@examples(100, allow=HealthCheck)
@given(tree=words.nodes())
def test_no_value_ever_stands_in_the_text(tree: Node) -> None:
    for ask in (asked, not_asked):
        params = Params()
        text = Conditions(params, ask).condition(tree)
        # All that is written in: bits of runs.present, the place in a JSON list, a comparison.
        literals = set(_LITERAL.findall(text))
        assert literals <= {"0", "1", "2", "4", "8"}, text


@pytest.mark.parametrize(
    "text",
    [
        'eq(name, "{}")',
        'like(name, "{}%")',
        'in(run_type, ["{}", "llm"])',
        'has(tags, "{}")',
        'and(eq(metadata_key, "{}"), eq(metadata_value, "{}"))',
        "exists(metadata.{}.k)",
        "gt(prompt_token_details.{}, 1)",
        'and(eq(feedback_key, "{}"), eq(feedback_comment, "{}"))',
        'search("{}")',
        'eq(session_name, "{}")',
    ],
)
def test_what_a_caller_wrote_is_bound_or_kept_in_a_test(text: str) -> None:
    for ask in (asked, not_asked):
        statement = walk(text.replace("{}", SECRET), ask)
        assert SECRET not in statement.text
        assert statement.tests or any(SECRET in str(value) for value in statement.values.values())


def test_one_shape_is_one_text_whatever_the_values() -> None:
    shape = 'and(eq(name, "{}"), gt(latency, {}), eq(metadata.k, "{}"))'
    texts = {
        walk(shape.format(*values), asked).text for values in (("a", 1, "b"), ("c d", 2.5, "e"))
    }
    assert len(texts) == 1


def test_names_of_values_count_up_in_order_of_appearance() -> None:
    statement = walk('and(eq(name, "a"), eq(run_type, "llm"), gt(latency, 1))', not_asked)
    assert list(statement.values) == [f"p{number}" for number in range(len(statement.values))]


def test_a_filter_without_a_term_the_index_knows_does_not_ask_it() -> None:
    assert "inverted" not in walk("gt(latency, 1)", asked).text
    assert compile_filter(" ", "filter") is None
    assert "inverted" in Conditions(Params(), asked).condition(node('search("word")'))
