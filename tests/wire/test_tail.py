"""What a tail's body and URL may say, and how its events look."""

from typing import Any

import orjson
import pytest

from runstore.errors import CursorError, SchemaError, StorageError
from runstore.model.change import ChangePosition
from runstore.model.query import Page
from runstore.wire.tail import (
    decode_change_position,
    decode_tail_params,
    decode_tail_query,
    encode_change_position,
    encode_error_event,
    encode_heartbeat,
    encode_run_events,
    page_encoder,
)
from tests.model.make import rid


def decoded(body: dict[str, Any], last_event_id: str | None = None) -> Any:
    return decode_tail_query(orjson.dumps(body), last_event_id)


def test_no_scope_is_needed() -> None:
    asked = decoded({})
    assert (asked.query.project_ids, asked.after, asked.ignored) == (None, None, ())


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"session_name": "a"}, 'in(session_name, ["a"])'),
        ({"session_name": ["a", 'b"']}, 'in(session_name, ["a","b\\""])'),
        (
            {"session_name": "a", "search_filter": "exists(tags)"},
            'and(in(session_name, ["a"]), exists(tags))',
        ),
        ({"session_name": []}, None),
    ],
    ids=str,
)
def test_projects_by_name_are_a_filter(body: dict[str, Any], text: str | None) -> None:
    assert decoded(body).query.search_filter == text


def test_a_url_says_what_a_body_does() -> None:
    url = decode_tail_params(
        [
            *(("session", rid(1)), ("session[]", rid(2)), ("session_name", "a")),
            *(("is_root", "true"), ("select", "id"), ("filter", 'eq(name, "x")')),
            *(("cursor", "3.4"), ("limit", "5")),
        ]
    )
    body = decoded(
        {
            "session": [rid(1), rid(2)],
            "session_name": "a",
            "is_root": True,
            "select": ["id"],
            "filter": 'eq(name, "x")',
            "cursor": "3.4",
            "limit": 5,
        }
    )
    assert url == body
    assert url.ignored == ("limit",)


def test_the_last_event_wins_over_the_cursor() -> None:
    assert decoded({"cursor": "3.4"}, "7.0").after == ChangePosition(7, 0)


@pytest.mark.parametrize("position", [ChangePosition(0), ChangePosition(12, 3), (2**63 - 2, 9)])
def test_a_place_survives_the_wire(position: ChangePosition) -> None:
    text = encode_change_position(ChangePosition(*position))
    assert decode_change_position(text) == position


@pytest.mark.parametrize(
    "text", ["", ".", "a", "1.a", "-1", "1.2.3", "٣", "9" * 30, str(2**63 - 1), "1" * 5_000]
)
def test_another_text_is_no_cursor(text: str) -> None:
    with pytest.raises(CursorError, match="no cursor of a tail"):
        decode_change_position(text)


def test_a_name_is_a_text() -> None:
    with pytest.raises(SchemaError, match="session_name"):
        decoded({"session_name": [1]})


def test_events_are_lines() -> None:
    places = [ChangePosition(1), ChangePosition(2)]
    assert encode_run_events([b'{"a":\n1}', b'{"b":\r\n2}'], places) == (
        b'event: run\nid: 1.0\ndata: {"a": 1}\n\nevent: run\nid: 2.0\ndata: {"b":  2}\n\n'
    )
    assert encode_heartbeat(ChangePosition(2)) == b": still here\nid: 2.0\n\n"
    kind, data, *rest = encode_error_event(StorageError("gone")).decode().split("\n")
    assert (kind, rest) == ("event: error", ["", ""])
    assert orjson.loads(data.removeprefix("data: ")) == {"detail": "gone", "code": "storage"}


def test_an_empty_page_has_no_events() -> None:
    assert page_encoder(frozenset({"id"}), lambda *_: "")(Page()) == []
