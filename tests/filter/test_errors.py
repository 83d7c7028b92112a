"""What a person sees of a filter error."""

import pytest

from runstore.filter.errors import SHOWN_CHARS, At, FilterError
from runstore.filter.parse import parse


def test_an_error_shows_the_place() -> None:
    error = FilterError("unknown field x", "eq(x, 1)", At(3, 4), "did you mean id?", ("id", "name"))
    assert str(error) == (
        "unknown field x (column 4)\neq(x, 1)\n   ^\nhint: did you mean id?\nallowed: id, name"
    )


@pytest.mark.parametrize("place", [0, 5, 60, 61, 500, 940, 999, 1000])
@pytest.mark.parametrize("width", [0, 1, 30, 1000])
def test_a_long_text_is_shown_round_the_place(place: int, width: int) -> None:
    text = "".join(chr(ord("a") + number % 26) for number in range(1000))
    end = min(place + width, len(text))
    _, line, caret = str(FilterError("p", text, At(place, end))).split("\n")
    assert len(line) <= SHOWN_CHARS + 6
    assert len(caret) <= len(line) + 1
    under = line[len(caret) - caret.count("^") : len(caret)]
    assert text[place : max(end, place + 1)].startswith(under)
    assert under or place == len(text)


def test_a_text_of_several_lines_is_shown_on_one() -> None:
    _, line, caret = str(FilterError("p", "and(\n\teq(x, 1))", At(9, 10))).split("\n")
    assert line == "and(  eq(x, 1))"
    assert caret == " " * 9 + "^"


def test_places_are_code_points() -> None:
    with pytest.raises(FilterError) as caught:
        parse('and(eq(name, "日本😀"), nope)(')
    assert caught.value.at == At(26, 27)
    assert caught.value.status == 400
    assert caught.value.code == "filter_invalid"
