"""Texts and the trees they are checked to."""

import pytest

from runstore.filter.check import check, compile_filter
from runstore.filter.errors import FilterError
from runstore.filter.parse import parse
from runstore.filter.tree import (
    And,
    Compare,
    Constant,
    Entries,
    Node,
    Not,
    OneOf,
    Or,
    PathPresent,
    Present,
    Search,
    Test,
)
from runstore.limits import FILTER_DEPTH_MAX, PATTERN_CHARS_MAX, SEARCH_WORDS_MAX

K = Test("key", "eq", "k")
V = Test("value", "eq", 1)
INT_MAX = 2**63 - 1
NEVER, ALWAYS = Constant(False), Constant(True)


def compare(op: str, value: str | int | bool, attribute: str = "total_tokens") -> Compare:
    return Compare(attribute, op, value)


TREES: list[tuple[str, Node]] = [
    # Single-valued attributes.
    ('eq(name, "x")', compare("eq", "x", "name")),
    ('ne(name, "x")', compare("neq", "x", "name")),
    ("neq(error, null)", Present("error")),
    ("eq(error, true)", Present("error")),
    ("neq(error, false)", Present("error")),
    ("eq(error, null)", Not(Present("error"))),
    ("eq(error, false)", Not(Present("error"))),
    ("neq(error, true)", Not(Present("error"))),
    ('eq(error, "true")', compare("eq", "true", "error")),
    ("eq(is_root, 1)", compare("eq", True, "is_root")),
    ('neq(is_root, "False")', compare("neq", False, "is_root")),
    ('nin(name, ["a"])', And((Present("name"), Not(OneOf("name", ("a",)))))),
    ("nin(name, [])", Present("name")),
    ("in(name, [])", NEVER),
    ("in(name, [null])", Not(Present("name"))),
    ('in(name, ["a", null, "a"])', Or((Not(Present("name")), OneOf("name", ("a",))))),
    ('eq(session_id, "x")', NEVER),
    ('neq(project_id, "x")', Present("project_id")),
    ('eq(project_name, "x")', compare("eq", "x", "project_name")),
    ('in(id, ["x", "0190A1B2C3D47EF0A5B66EA3A82E9328"])',
     OneOf("id", ("0190a1b2-c3d4-7ef0-a5b6-6ea3a82e9328",))),
    ('nin(id, ["x"])', Present("id")),
    # Whole-number domains.
    ("gt(latency, 2.5)", compare("gt", 2_500_000, "latency")),
    ("gt(latency, .5)", compare("gt", 500_000, "latency")),
    ("gt(latency, '5.')", compare("gt", 5_000_000, "latency")),
    ('gt(latency, "2.5")', compare("gt", 2_500_000, "latency")),
    ('gt(latency, "1.5ms")', compare("gt", 1_500, "latency")),
    ('gt(latency, "0.1m")', compare("gt", 6_000_000, "latency")),
    ('gt(latency, "1h")', compare("gt", 3_600_000_000, "latency")),
    ("gt(latency, 0.1234567)", compare("gt", 123_456, "latency")),
    ("gt(total_cost, 0.1)", compare("gt", 10**11, "total_cost")),
    ("eq(total_cost, 0.1234567890123)", NEVER),
    ('gte(start_time, "1970-01-01T00:00:01+01:00")', compare("gte", -3_599_000_000, "start_time")),
    ("gt(total_tokens, 2.5)", compare("gt", 2)),
    ("gte(total_tokens, 2.5)", compare("gt", 2)),
    ("gte(total_tokens, 2.0)", compare("gte", 2)),
    ("lt(total_tokens, 2.5)", compare("lte", 2)),
    ("lte(total_tokens, 2.5)", compare("lte", 2)),
    ("lt(total_tokens, -2.5)", compare("lte", -3)),
    ("gt(total_tokens, 1e-300)", compare("gt", 0)),
    ("eq(total_tokens, 2.5)", NEVER),
    ("neq(total_tokens, 2.5)", Present("total_tokens")),
    ("eq(total_tokens, 1e3)", compare("eq", 1_000)),
    ("in(total_tokens, [1, 2.5, 1.0, 1e300])", OneOf("total_tokens", (1,))),
    ("lte(total_tokens, 9223372036854775807)", compare("lte", INT_MAX)),
    ("lte(total_tokens, 9223372036854775807.5)", Present("total_tokens")),
    ("gt(total_tokens, 9223372036854775808)", NEVER),
    ("gte(total_tokens, -9223372036854775808)", compare("gte", -(2**63))),
    ("gte(total_tokens, -9223372036854775809)", Present("total_tokens")),
    ("lt(total_tokens, -9223372036854775809)", NEVER),
    ("neq(total_tokens, 1e300)", Present("total_tokens")),
    ("gt(latency, 9007199254.740993)", compare("gt", 9_007_199_254_740_993, "latency")),
    ("eq(prompt_token_details.a.b, 1)", compare("eq", 1, "prompt_token_details.a.b")),
    # Patterns.
    ('like(name, "x")', compare("like", "%x%", "name")),
    ('like(name, "x%")', compare("like", "x%", "name")),
    (r'like(name, "50\\%")', compare("like", r"%50\%%", "name")),
    (r'like(name, "x\\")', compare("like", r"%x\\%", "name")),
    (r'like(name, "x\\\\")', compare("like", r"%x\\%", "name")),
    ('notlike(name, "")', compare("notlike", "%%", "name")),
    # Entries.
    ("and(eq(metadata_key, 'k'), eq(metadata_value, 1))", Entries("metadata", (K,), (V,))),
    ("and(eq(metadata_value, 1), eq(metadata_key, 'k'))", Entries("metadata", (K,), (V,))),
    ("eq(metadata.k, 1)", Entries("metadata", (K,), (V,))),
    ("has(metadata_key, 'k')", Entries("metadata", (K,))),
    ("and(eq(input_key, 'k'), exists(name), eq(output_value, 1), eq(input_value, 1))",
     And((Entries("inputs", (K,), (V,)), Present("name"), Entries("outputs", (), (V,))))),
    ("and(and(eq(input_key, 'k')), eq(input_value, 1))",
     And((Entries("inputs", (K,)), Entries("inputs", (), (V,))))),
    ("or(eq(input_key, 'k'), eq(input_value, 1))",
     Or((Entries("inputs", (K,)), Entries("inputs", (), (V,))))),
    ("and(eq(inputs.k, 1), eq(input_key, 'k'))",
     And((Entries("inputs", (K,), (V,)), Entries("inputs", (K,))))),
    ("and(has(tags, 'k'), neq(tags, 'x'))",
     And((Entries("tags", (K,)), Entries("tags", (Test("key", "neq", "x"),))))),
    ("eq(extra.k, 1)", Entries("extra", (K,), (V,))),
    ("neq(feedback.k, 1)",
     Entries("feedback", (K,), (Test("score", "present"), Test("score", "neq", 1)))),
    ("gte(feedback.k, '0.5')", Entries("feedback", (K,), (Test("score", "gte", 0.5),))),
    ("in(feedback_score, [true, 1, 0.5])",
     Entries("feedback", (), (Test("score", "in", (1, 0.5)),))),
    ("in(metadata_value, [1, true, '1', 1.0])",
     Entries("metadata", (), (Test("value", "in", (1, True, "1")),))),
    ("gt(metadata_value, '5')", Entries("metadata", (), (Test("value", "gt", 5),))),
    ("eq(metadata_value, '5')", Entries("metadata", (), (Test("value", "eq", "5"),))),
    ("like(inputs, '%x%')", Entries("inputs", (), (Test("value", "like", "%x%"),))),
    ("exists(feedback_score)", Entries("feedback", (), (Test("score", "present"),))),
    ("eq(feedback_comment, null)", Entries("feedback", (), (Test("comment", "absent"),))),
    ("exists(metadata.a.b)", PathPresent("metadata", "a.b")),
    ("has(inputs, 'a.b')", PathPresent("inputs", "a.b")),
    ("eq(metadata.'a b', null)", Not(PathPresent("metadata", "a b"))),
    ("nin(metadata.k, [])", Entries("metadata", (K,))),
    ("in(metadata.k, [])", NEVER),
    ("nin(tags, [])", ALWAYS),
    ("in(tags, [null])", Not(Present("tags"))),
    ("nin(tags, [null])", Present("tags")),
    ("eq(outputs, null)", Not(Present("outputs"))),
    ("has(metadata, '{\"k\": 1}')", Entries("metadata", (K,), (V,))),
    # Full text.
    ('search("Two two, WORDS!")', Search("all", ("two", "words"))),
    ('search(inputs, "x")', Search("inputs", ("x",))),
]  # fmt: skip


@pytest.mark.parametrize(("text", "tree"), TREES, ids=[row[0] for row in TREES])
def test_a_text_has_its_tree(text: str, tree: Node) -> None:
    assert repr(compile_filter(text)) == repr(tree)


@pytest.mark.parametrize("text", [None, "", "  \n "])
def test_no_text_is_no_filter(text: str | None) -> None:
    assert compile_filter(text) is None


def test_the_argument_that_held_the_text_is_named() -> None:
    with pytest.raises(FilterError) as caught:
        compile_filter("eq(nme, 1)", "tree_filter")
    assert caught.value.where == "tree_filter"
    assert str(caught.value).startswith("tree_filter: unknown field nme (column 4)\n")


def test_the_allowed_names_come_with_the_error() -> None:
    with pytest.raises(FilterError) as caught:
        compile_filter('gt(tags, "x")')
    assert "has" in caught.value.allowed
    assert "gt" not in caught.value.allowed


def test_nesting_is_bounded() -> None:
    def nested(calls: int) -> str:
        return "not(" * (calls - 1) + "exists(name)" + ")" * (calls - 1)

    assert compile_filter(nested(FILTER_DEPTH_MAX)) == Not(Present("name"))
    with pytest.raises(FilterError, match="nested deeper"):
        compile_filter(nested(FILTER_DEPTH_MAX + 1))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f'eq(name, "{"x" * 65_536}")', "at most 65536"),
        (f"in(total_tokens, [{'1,' * 10_001}])", "at most 5000"),
        (f'like(name, "{"x" * (PATTERN_CHARS_MAX + 1)}")', "at most 4096"),
        (f'search("{" ".join(map(str, range(SEARCH_WORDS_MAX + 1)))}")', "at most 64"),
    ],
)
def test_a_limit_is_named_with_its_value(text: str, problem: str) -> None:
    with pytest.raises(FilterError) as caught:
        compile_filter(text)
    assert problem in caught.value.problem


def test_check_leaves_nested_logic_as_written() -> None:
    text = "and(and(exists(name)), exists(error))"
    assert check(parse(text), text) == And((And((Present("name"),)), Present("error")))
