"""Filter text -> syntax, with places."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runstore.filter.errors import At, FilterError
from runstore.filter.parse import parse
from runstore.filter.syntax import Call, List, Literal, Name


def value(said: str) -> object:
    literal = parse(f"eq(x, {said})").args[1]
    assert isinstance(literal, Literal)
    return literal.value


def test_a_filter_is_a_call_of_calls_names_literals_and_lists() -> None:
    assert parse('and(in(a.b."c d", [1, null,]), true,)') == Call(
        "and",
        (
            Call("in", (Name(("a", "b", "c d")), List((Literal(1), Literal(None))))),
            Literal(True),
        ),
    )


def test_every_node_knows_its_place() -> None:
    call = parse(' eq( metadata."k" , "v" ) ')
    assert (call.at, call.function_at) == (At(1, 25), At(1, 3))
    assert [arg.at for arg in call.args] == [At(5, 17), At(20, 23)]


@given(st.text())
def test_json_strings_are_read_as_json_reads_them(text: str) -> None:
    assert value(json.dumps(text)) == text
    assert value(json.dumps(text, ensure_ascii=False)) == text


@given(st.text())
def test_single_quotes_hold_the_same_escapes(text: str) -> None:
    inner = json.dumps(text)[1:-1].replace('\\"', '"').replace("'", "\\'")
    assert value(f"'{inner}'") == text


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (r'"\x41\101\a\v\U0001F600\/"', "AA\a\v😀/"),
        (r'"\ud83d\ude00"', "😀"),
        (r'"\ud83d"', "\ufffd"),
        (r"'\''", "'"),
        ('"\'"', "'"),
        ('"a\nb"', "a\nb"),
        ("0", 0),
        ("+5", 5),
        ("-007", -7),
        ("18446744073709551615", 2**64 - 1),
        ("-9223372036854775808", -(2**63)),
    ],
)
def test_a_literal_has_its_value(said: str, expected: object) -> None:
    assert (type(value(said)), value(said)) == (type(expected), expected)


@pytest.mark.parametrize(
    "said", ["1.0", "1e3", "18446744073709551616", "-9223372036854775809", "1e-999", "9" * 300]
)
def test_other_numbers_are_floats_as_json_decoding_has_them(said: str) -> None:
    assert isinstance(value(said), float)
    assert value(said) == float(said)


@given(st.text("()[],.'\" \\aeqn1-=:{}", max_size=30))
def test_any_text_is_read_or_refused_with_a_place_inside(text: str) -> None:
    try:
        parse(text)
    except FilterError as error:
        assert 0 <= error.at.start <= error.at.end <= len(text)
        assert str(error)
