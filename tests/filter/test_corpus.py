"""Every filter of the corpus is read, or refused at the right place with the right words."""

import json
from pathlib import Path

import pytest

from runstore.filter.check import compile_filter
from runstore.filter.errors import FilterError
from runstore.filter.parse import parse
from runstore.filter.unparse import unparse
from tests.corpus.filters import CHECK_ERROR, SYNTAX_ERROR, VALID

WILD = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "corpus" / "wild.jsonl").read_text().splitlines()
]
READ = [entry for entry in WILD if entry["ours"] == "read"]
REFUSED = [entry for entry in WILD if entry["ours"] != "read"]
VALID_TEXTS = [*VALID.values(), *dict.fromkeys(entry["filter"] for entry in READ)]


@pytest.mark.parametrize("text", VALID_TEXTS)
def test_a_valid_filter_is_read_and_printed_to_the_same_tree(text: str) -> None:
    node = compile_filter(text)
    assert node is not None
    assert repr(compile_filter(unparse(node))) == repr(node)


@pytest.mark.parametrize("entry", REFUSED, ids=lambda entry: entry["filter"])
def test_a_refused_filter_of_the_wild_is_refused_for_its_reason(entry: dict[str, str]) -> None:
    with pytest.raises(FilterError) as caught:
        compile_filter(entry["filter"], entry["where"])
    assert caught.value.problem == entry["ours"]
    assert caught.value.where == entry["where"]


def test_only_six_filters_of_the_wild_are_refused() -> None:
    """Three with placeholders, an unquoted duration, one of three arguments, run_count."""
    assert len(WILD) == 112
    assert len(REFUSED) == 6


Refusal = tuple[str, str, str, str]


def refused(refusal: Refusal) -> FilterError:
    text, shown, problem, hint = refusal
    with pytest.raises(FilterError) as caught:
        compile_filter(text)
    error = caught.value
    assert text[error.at.start : error.at.end] == shown
    assert problem in error.problem
    assert hint in error.hint
    return error


@pytest.mark.parametrize("refusal", SYNTAX_ERROR.values(), ids=SYNTAX_ERROR)
def test_a_wrong_form_is_refused_with_the_right_form(refusal: Refusal) -> None:
    error = refused(refusal)
    with pytest.raises(FilterError):
        parse(error.text)


@pytest.mark.parametrize("refusal", CHECK_ERROR.values(), ids=CHECK_ERROR)
def test_a_wrong_meaning_is_refused_with_the_right_word(refusal: Refusal) -> None:
    parse(refused(refusal).text)


@pytest.mark.parametrize("text", VALID_TEXTS)
def test_every_prefix_says_where_it_stops(text: str) -> None:
    """What a server sees while someone types: never a crash, never a place outside."""
    for end in range(len(text)):
        prefix = text[:end]
        try:
            compile_filter(prefix)
        except FilterError as error:
            assert 0 <= error.at.start <= error.at.end <= len(prefix), prefix
            assert str(error)
        else:
            # Blank, or all of it but spaces at the end.
            assert not prefix.strip() or text.startswith(prefix) and not text[end:].strip(), prefix
