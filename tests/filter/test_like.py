"""like patterns, against a matcher that tries everything."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runstore.filter.like import like_regex, like_test, pieces, without_wildcard
from tests.examples import examples


def slow(pattern: list[tuple[bool, str]], text: str) -> bool:
    """By definition: % is any text, _ one character."""
    if not pattern:
        return not text
    (is_wild, said), rest = pattern[0], pattern[1:]
    if is_wild and said == "%":
        return any(slow(rest, text[start:]) for start in range(len(text) + 1))
    if is_wild:
        return bool(text) and slow(rest, text[1:])
    return text.startswith(said) and slow(rest, text[len(said) :])


@examples(300)
@given(st.text("ab%_\\\n", max_size=7), st.text("ab%_\\\n", max_size=8))
def test_like_means_what_its_definition_says(pattern: str, text: str) -> None:
    assert like_test(pattern)(text) == slow(pieces(pattern), text)


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        pytest.param("%STRASSE%", "die Straße", True, id="both are case-folded"),
        pytest.param("É", "é", True, id="case beyond ASCII"),
        pytest.param("a%c", "a\nb\nc", True, id="newlines are characters"),
        pytest.param("_", "😀", True, id="_ is one code point"),
        pytest.param("50\\%", "50%", True, id="escaped %"),
        pytest.param("50\\%", "500", False, id="escaped % is no wildcard"),
        pytest.param("a\\_b", "axb", False, id="escaped _ is no wildcard"),
        pytest.param("a\\b", "ab", True, id="a backslash before another character"),
        pytest.param("a\\", "a\\", True, id="a backslash at the end"),
        pytest.param("a.c", "abc", False, id="a dot is a dot"),
        pytest.param("ab", "xabx", False, id="the whole text"),
        pytest.param("", "", True, id="nothing is nothing"),
        pytest.param("%", "", True, id="any text may be none"),
        pytest.param("ab%ba", "aba", False, id="stretches do not overlap"),
    ],
)
def test_a_pattern_matches(pattern: str, text: str, expected: bool) -> None:
    assert like_test(pattern)(text) == expected


@pytest.mark.parametrize(
    ("pattern", "contains"),
    [("a", "%a%"), ("", "%%"), ("a%", None), ("_", None), ("a\\%", "%a\\%%"), ("a\\", "%a\\\\%")],
)
def test_a_pattern_without_wildcard_means_contains(pattern: str, contains: str | None) -> None:
    assert without_wildcard(pattern) == contains


def test_the_pattern_in_re2_syntax_is_anchored_by_its_user() -> None:
    assert like_regex("A%b_\\%") == "(?s)a.*b.\\%"
