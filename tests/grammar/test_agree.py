"""Two parsers, written apart, read the same filters and refuse the same texts.

What is compared is syntax: the places, names, arity and types of a filter are check's, which has no
second reading here. `make grammar N=5000000` compares as many as wanted.
"""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.filter import strategies as words
from tests.grammar.agree import reading
from tests.grammar.cases import ACCEPTED, REFUSED
from tests.grammar.written import CORPUS, KINDS, PIECES, Edit, Writer, edited
from tests.shrinking import shrunk


def agreed(text: str) -> bool:
    """Whether both read it; AssertionError where they part, or one crashes."""
    found = reading(text)
    assert not found.problem, f"{found.problem}: {text!a}"
    return found.shape is not None


@pytest.mark.parametrize("text", ACCEPTED.values(), ids=ACCEPTED)
def test_both_read_what_the_guide_allows(text: str) -> None:
    assert agreed(text)


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_both_refuse_what_it_does_not(text: str) -> None:
    assert not agreed(text)


def test_both_agree_on_the_corpus_and_all_its_prefixes() -> None:
    for text in CORPUS:
        for end in range(len(text) + 1):
            agreed(text[:end])


@examples(100)
@given(words.texts())
def test_both_read_every_valid_filter(text: str) -> None:
    assert agreed(text)


def edits() -> st.SearchStrategy[Edit]:
    return st.builds(
        Edit,
        kind=st.sampled_from(KINDS[:-1]),  # a filled text is too long for a quick test
        at=st.integers(0, 200),
        length=st.sampled_from((1, 2, 3, 8, 99, 100)),
        piece=st.one_of(st.sampled_from(PIECES), st.text(max_size=3)),
    )


@examples(500)
@given(text=st.sampled_from(CORPUS), changes=st.lists(edits(), max_size=4))
def test_both_agree_on_an_edited_filter(text: str, changes: list[Edit]) -> None:
    agreed(edited(text, changes))


@examples(300)
@given(st.text("()[],.'\" \\aeqnul1-+=:{}\u00e9\u3000\ud800", max_size=20))
def test_both_agree_on_any_text(text: str) -> None:
    agreed(text)


def test_both_agree_on_mutants() -> None:
    writer = Writer(Random(7))
    assert sum(agreed(writer.mutant()) for _ in range(2_000)) > 400


def test_both_read_what_is_written_by_the_guide() -> None:
    writer = Writer(Random(8))
    assert sum(agreed(writer.filter()) for _ in range(1_000)) > 950  # a text can be past a limit


def test_a_text_shrinks_to_what_is_wrong_in_it() -> None:
    assert shrunk("and(eq(a, 1), eq(b, 2))", lambda text: "b" in text and "(" in text) == "(b"
