"""Filters written in Python print text that the server reads, and that means what was written."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runstore import F
from runstore.client.expression import Expression
from runstore.filter.check import compile_filter
from runstore.filter.fields import ROWS
from runstore.filter.match import matches
from runstore.filter.tree import Node
from runstore.filter.unparse import literal
from runstore.model.facts import Facts
from tests.filter import strategies as made

ID = UUID("a36092d2-4ad5-4fb4-9c0d-0dba9a2ed836")
ANYTHING: Any = 5
KEY = F.metadata["k"]
SCORE = F.feedback["a b"]
A, B, C = F.name == "a", F.name == "b", F.name == "c"


# fmt: off
@pytest.mark.parametrize("expression, text", [
    (F.name == "extractor",           'eq(name, "extractor")'),
    (F.name != 'a "b"',               'neq(name, "a \\"b\\"")'),
    (F.latency > 5,                   "gt(latency, 5)"),
    (5 < F.latency,                   "gt(latency, 5)"),  # noqa: SIM300
    (F.latency <= timedelta(milliseconds=1_500), "lte(latency, 1.5)"),
    (F.total_cost >= Decimal("0.1"),  "gte(total_cost, 0.1)"),
    (F.is_root == True,               "eq(is_root, true)"),  # noqa: E712
    (F.error == None,                 "eq(error, null)"),  # noqa: E711
    (F.error != None,                 "exists(error)"),  # noqa: E711
    (F.error.is_null(),               "eq(error, null)"),
    (F.id == ID,                      f'eq(id, "{ID}")'),
    (F.start_time > datetime(2026, 1, 2, 3, tzinfo=UTC),
     'gt(start_time, "2026-01-02T03:00:00+00:00")'),
    (F.start_time < date(2026, 1, 2), 'lt(start_time, "2026-01-02")'),
    (F.run_type.in_(["llm", "tool"]), 'in(run_type, ["llm", "tool"])'),
    (F.name.in_(["a", None]),         'or(in(name, ["a"]), eq(name, null))'),
    (F.name.not_in({"a"}),            'nin(name, ["a"])'),
    (F.name.like("%x%"),              'like(name, "%x%")'),
    (F.name.not_like("x"),            'notlike(name, "x")'),
    (F.name.regex(r"^\d+$"),          'regex(name, "^\\\\d+$")'),
    (F.search("two words"),           'search("two words")'),
    (F.inputs.search("x"),            'search(inputs, "x")'),
    (F.tags.has("prod"),              'has(tags, "prod")'),
    (F.metadata.has("k"),             'has(metadata, "k")'),
    (F.metadata.has({"k": 1}),        'has(metadata, "{\\"k\\": 1}")'),
    (KEY == "v",                      'and(eq(metadata_key, "k"), eq(metadata_value, "v"))'),
    (F.inputs["a.b c"] > 1,           'and(eq(input_key, "a.b c"), gt(input_value, 1))'),
    (F.outputs["text"].like("%x"),    'and(eq(output_key, "text"), like(output_value, "%x"))'),
    (KEY.exists(),                    'exists(metadata, "k")'),
    (KEY == None,                     'not(exists(metadata, "k"))'),  # noqa: E711
    (F.extra["runtime.sdk"] == "py",  'eq(extra.runtime.sdk, "py")'),
    (F.extra["my key"] == 1,          'eq(extra."my key", 1)'),
    (SCORE >= 1,                      'and(eq(feedback_key, "a b"), gte(feedback_score, 1))'),
    (SCORE.comment.like("n"),      'and(eq(feedback_key, "a b"), like(feedback_comment, "n"))'),
    (SCORE.value == "good",           'and(eq(feedback_key, "a b"), eq(feedback_value, "good"))'),
    (SCORE.exists(),                  'eq(feedback_key, "a b")'),
    (SCORE.is_null(),                 'neq(feedback_key, "a b")'),
    (F.prompt_token_details["cache_read"] > 0, "gt(prompt_token_details.cache_read, 0)"),
    (F.project_name == "app",         'eq(session_name, "app")'),
    (~(F.name == "a"),                'not(eq(name, "a"))'),
    (~~(F.name == "a"),               'eq(name, "a")'),
    (A & (F.latency > 1) & B,         'and(eq(name, "a"), gt(latency, 1), eq(name, "b"))'),
    (A | B | C,                       'or(eq(name, "a"), eq(name, "b"), eq(name, "c"))'),
    (A & (B | C),                     'and(eq(name, "a"), or(eq(name, "b"), eq(name, "c")))'),
    ((F.feedback_score > 1) & (F.feedback_key == "k"),
     'and(and(gt(feedback_score, 1)), and(eq(feedback_key, "k")))'),
    ((KEY == 1) & (F.metadata["l"] == 2),
     f"and({KEY == 1}, {F.metadata['l'] == 2})"),
], ids=str)
# fmt: on
def test_an_expression_prints_as_the_language_says_it(expression: Expression, text: str) -> None:
    assert str(expression) == text
    assert compile_filter(text) is not None, "and the server takes it"


# fmt: off
@pytest.mark.parametrize("mistake, hint", [
    (lambda: (F.name == "a") and (F.latency > 1), "write & | ~"),
    (lambda: not A,                               "write & | ~"),
    (lambda: 1 < F.latency < 2,                   "(low < F.x)"),
    (lambda: F.name in ["a"],                     "write & | ~"),
    (lambda: "prod" in F.tags,                    ".has("),
    (lambda: bool(F.is_root),                     "F.is_root == ..."),
    (lambda: F.is_root & (F.name == "a"),         "compare it"),
    (lambda: (F.name == "a") & F.is_root,         "compare it"),
    (lambda: A & ANYTHING,                        "unsupported operand"),
    (lambda: F.latency > None,                    "neither greater nor less"),
    (lambda: F.latency > True,                    "neither greater nor less"),
    (lambda: F.name == object(),                  "not object"),
    (lambda: F.name.in_("abc"),                   "a list of values"),
    (lambda: F.name.like(ANYTHING),               "text is meant"),
    (lambda: F.metadata[ANYTHING] == 1,           "a key is text"),
    (lambda: F.prompt_token_details > 1,          'F.prompt_token_details["cache_read"]'),
    (lambda: KEY.search("x"),                     "F.metadata.search"),
    (lambda: SCORE.search("x"),                   "comment.like"),
    (lambda: hash(F.name),                        "unhashable"),
])
# fmt: on
def test_a_mistake_says_what_to_write(mistake: Callable[[], Any], hint: str) -> None:
    with pytest.raises(TypeError) as caught:
        mistake()
    assert hint in str(caught.value)


def test_an_unknown_attribute_names_the_nearest() -> None:
    with pytest.raises(AttributeError, match=r"did you mean F\.run_type\?"):
        F.run_typ  # noqa: B018


@pytest.mark.parametrize("number", [float("nan"), float("inf"), Decimal("NaN")])
def test_what_is_no_number_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match="no number"):
        F.latency > number  # noqa: B015


def test_a_time_without_a_zone_is_local(monkeypatch: pytest.MonkeyPatch) -> None:
    naive = datetime(2026, 1, 2, 3)  # noqa: DTZ001
    assert str(F.start_time > naive) == str(F.start_time > naive.astimezone())


def test_every_field_of_the_language_is_there() -> None:
    names = {row.name.removesuffix(".<k>") for row in ROWS}
    assert names <= set(dir(type(F)))


# --- the meaning



def operation(left: Any, path: str, values: tuple[Any, ...]) -> st.SearchStrategy[tuple[Any, str]]:
    """(expression, the same said by hand with a dotted name)."""
    one = st.sampled_from(values)
    several = st.lists(one, max_size=3)
    return st.one_of(
        one.map(lambda value: (left == value, f"eq({path}, {literal(value)})")),
        one.map(lambda value: (left != value, f"neq({path}, {literal(value)})")),
        several.map(lambda found: (left.in_(found), f"in({path}, [{_list(found)}])")),
        several.map(lambda found: (left.not_in(found), f"nin({path}, [{_list(found)}])")),
        st.just((left.exists(), f"exists({path})")),
        st.just((left.is_null(), f"eq({path}, null)")),
    )


def _list(values: list[Any]) -> str:
    return ", ".join(map(literal, values))


def leaves() -> st.SearchStrategy[tuple[Expression, str]]:
    keyed = [
        operation(payload[key], f"{name}.{literal(key)}", made.VALUES)
        for name, payload in (("metadata", F.metadata), ("inputs", F.inputs), ("extra", F.extra))
        for key in made.KEYS
    ]
    records = [
        st.sampled_from(made.SCORES).map(
            lambda score, key=key: (  # type: ignore[misc]
                F.feedback[key] >= score,
                f"gte(feedback.{literal(key)}, {literal(score)})",
            )
        )
        for key in made.FEEDBACK_KEYS
    ]
    return st.one_of(
        operation(F.name, "name", made.NAMES),
        operation(F.thread_id, "thread_id", made.THREADS),
        operation(F.tags, "tags", made.TAGS),
        st.sampled_from(made.PATTERNS).map(
            lambda pattern: (F.name.like(pattern), f"like(name, {literal(pattern)})")
        ),
        *keyed,
        *records,
    )


Meaning = Callable[[Facts], bool]


def expressions() -> st.SearchStrategy[tuple[Expression, Meaning]]:
    """An expression, and what Python's own and, or, not say of its parts."""

    def means(leaf: tuple[Expression, str]) -> tuple[Expression, Meaning]:
        node = compiled(leaf[1])
        return leaf[0], lambda facts: matches(node, facts)

    pair = tuple[Expression, Meaning]

    def deeper(inner: st.SearchStrategy[pair]) -> st.SearchStrategy[pair]:
        return st.one_of(
            st.builds(
                lambda one, other: (one[0] & other[0], lambda run: one[1](run) and other[1](run)),
                inner,
                inner,
            ),
            st.builds(
                lambda one, other: (one[0] | other[0], lambda run: one[1](run) or other[1](run)),
                inner,
                inner,
            ),
            inner.map(lambda one: (~one[0], lambda run: not one[1](run))),
        )

    return st.recursive(leaves().map(means), deeper, max_leaves=6)


def compiled(text: str) -> Node:
    node = compile_filter(text)
    assert node is not None
    return node


@given(expressions(), st.lists(made.facts(), min_size=1, max_size=4))
def test_an_expression_means_what_its_parts_mean(
    expression: tuple[Expression, Meaning], runs: list[Facts]
) -> None:
    node = compiled(str(expression[0]))
    for facts in runs:
        assert matches(node, facts) == expression[1](facts), str(expression[0])
