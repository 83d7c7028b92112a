from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runstore.errors import CursorError
from runstore.limits import CURSOR_CHARS_MAX
from runstore.model.query import Position, RunQuery
from runstore.model.times import START_US_MAX, START_US_MIN
from runstore.wire.cursor import Place, decode_cursor, encode_cursor, query_hash, translation_in

RUN = "11111111-1111-4111-8111-111111111111"
OTHER = "22222222-2222-4222-8222-222222222222"
QUERY = RunQuery(project_ids=(RUN, OTHER), filter="eq(a, 1)")
PLACE = Place(Position(1714351752090000, RUN), False)


@given(start=st.integers(START_US_MIN, START_US_MAX), run_id=st.uuids(), backward=st.booleans())
def test_a_cursor_brings_its_place_back(start: int, run_id: object, backward: bool) -> None:
    place = Place(Position(start, str(run_id)), backward)
    text = encode_cursor(place, query_hash(QUERY))
    assert decode_cursor(text, query_hash(QUERY)) == place
    assert text.replace("-", "").replace("_", "").isalnum(), "fit for a URL"


@given(translation=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=256))
def test_a_cursor_has_the_translation_of_its_query(translation: str) -> None:
    query = RunQuery(query="words", translation=translation)
    text = encode_cursor(PLACE, query_hash(query), translation)
    assert len(text) <= CURSOR_CHARS_MAX
    assert translation_in(text) == translation
    assert decode_cursor(text, query_hash(query)) == PLACE
    other = encode_cursor(PLACE, query_hash(query), "not " + translation)
    with pytest.raises(CursorError, match="belongs to another query"):
        bound = query_hash(RunQuery(query="words", translation=translation_in(other)))
        decode_cursor(other, bound)
    assert translation_in(encode_cursor(PLACE, query_hash(QUERY))) is None


# fmt: off
@pytest.mark.parametrize("changes", [
    pytest.param({"limit": 7}, id="another page size"),
    pytest.param({"select": frozenset({"id"})}, id="other fields"),
    pytest.param({"after": PLACE.position, "backward": True}, id="another page"),
    pytest.param({"project_ids": (OTHER, RUN)}, id="ids in another order"),
])
# fmt: on
def test_what_may_change_from_page_to_page(changes: dict[str, Any]) -> None:
    asked = {"project_ids": (RUN, OTHER), "filter": "eq(a, 1)", **changes}
    assert query_hash(RunQuery(**asked)) == query_hash(QUERY)


# fmt: off
@pytest.mark.parametrize("changes", [
    {"project_ids": (RUN,)}, {"ids": (RUN,)}, {"ids": ()}, {"trace_id": RUN},
    {"parent_run_id": RUN}, {"run_type": "llm"}, {"reference_example_ids": (RUN,)},
    {"is_root": False}, {"has_error": False}, {"start_min_us": 0}, {"end_max_us": 0},
    {"filter": "eq(a, 2)"}, {"filter": None, "trace_filter": "eq(a, 1)"},
    {"tree_filter": "eq(a, 1)"}, {"search_filter": "x"}, {"query": "x"}, {"translation": "x"},
    {"descending": False},
])
# fmt: on
def test_a_cursor_of_another_query_is_refused(changes: dict[str, Any]) -> None:
    other = RunQuery(**{"project_ids": (RUN, OTHER), "filter": "eq(a, 1)", **changes})
    text = encode_cursor(PLACE, query_hash(QUERY))
    with pytest.raises(CursorError, match="belongs to another query"):
        decode_cursor(text, query_hash(other))


def test_every_damage_of_one_character_is_seen() -> None:
    bound = query_hash(QUERY)
    text = encode_cursor(PLACE, bound)
    for at in range(len(text)):
        damaged = text[:at] + ("B" if text[at] != "B" else "C") + text[at + 1 :]
        try:
            again = decode_cursor(damaged, bound)
        except CursorError:
            continue
        # The last character carries two bits that no byte is made of.
        assert (at, again) == (len(text) - 1, PLACE)


@pytest.mark.parametrize(
    "text", ["", "x", "nonsense", "ü", "=" * 50, "A" * 51, "A" * (CURSOR_CHARS_MAX + 1), "a b"]
)
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(CursorError, match="damaged") as caught:
        decode_cursor(text, query_hash(QUERY))
    assert caught.value.status == 400
