"""What a filter may ask of a run, and what the answers are."""

import pytest

from runstore.model.facts import Facts, feedback_part
from runstore.model.feedback import Feedback
from runstore.model.run import JsonText, Run


def make(**fields: object) -> Facts:
    given = {"id": "a", "trace_id": "a", "dotted_order": "", "start_us": 5, **fields}
    return Facts(Run(**given))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "name", "expected"),
    [
        ({}, "start_time", 5),
        ({}, "end_time", None),
        ({}, "latency", None),
        ({"end_us": 12}, "latency", 7),
        ({}, "is_root", True),
        ({"trace_id": "b"}, "is_root", False),
        ({}, "total_tokens", 0),
        ({"totals": {"total_tokens": (7, 2)}}, "total_tokens", 7),
        ({}, "total_cost", None),
        ({"totals": {"total_cost": (0, 1)}}, "total_cost", 0),
        ({}, "prompt_token_details.cache_read", None),
        ({"totals": {"prompt_token_details.a.b": (3, 1)}}, "prompt_token_details.a.b", 3),
        ({"usage": {"total_tokens": 9}}, "total_tokens", 0),
        ({"name": ""}, "name", ""),
        ({}, "project_name", None),
    ],
)
def test_an_attribute_has_its_value(fields: dict[str, object], name: str, expected: object) -> None:
    assert make(**fields).attribute(name) == expected


def test_an_unknown_attribute_is_our_bug() -> None:
    with pytest.raises(KeyError):
        make().attribute("nope")


@pytest.mark.parametrize(
    ("text", "expected"),
    [(None, False), (b"{}", False), (b'{"a":null}', True), (b'{"a":1}', True)],
)
@pytest.mark.parametrize("payload", ["inputs", "outputs", "extra"])
def test_an_empty_payload_counts_as_absent(
    payload: str, text: bytes | None, expected: bool
) -> None:
    assert make(**{payload: text}).present(payload) == expected


def test_metadata_is_a_part_of_extra() -> None:
    facts = make(extra=JsonText(b'{"runtime":{"os":"x"},"metadata":{"k":["v",{"w":null,"x":2}]}}'))
    assert facts.entries("metadata") == [("k", "v"), ("k.x", 2)]
    assert facts.entries("extra") == [
        ("runtime.os", "x"),
        ("metadata.k", "v"),
        ("metadata.k.x", 2),
    ]
    assert facts.present("metadata")
    assert not make(extra=JsonText(b'{"metadata":{}}')).present("metadata")
    assert not make(extra=JsonText(b'{"metadata":null}')).present("metadata")


def test_search_sees_strings_and_numbers_but_no_keys_and_no_booleans() -> None:
    facts = make(
        name="My-Agent",
        error="Boom: x",
        tags=("a b",),
        inputs=JsonText(b'{"hidden":["Caf\xc3\xa9 42",3.5,true]}'),
        extra=JsonText(b'{"metadata":{"m":"n"},"other":"unseen"}'),
    )
    assert facts.tokens("inputs") == {"café", "42", "3", "5"}
    assert facts.tokens("outputs") == set()
    assert facts.tokens("name") == {"my", "agent"}
    assert facts.tokens("all") == {
        *("café", "42", "3", "5", "my", "agent", "boom", "x", "a", "b", "n"),
    }


@pytest.mark.parametrize(
    ("fields", "part", "expected"),
    [
        ({"score": 0.0}, "score", 0.0),
        ({}, "score", None),
        ({"value": b'"x"'}, "value", "x"),
        ({"value": b"true"}, "value", True),
        ({"value": b"null"}, "value", None),
        ({"value": b'{"a": 1}'}, "value", '{"a": 1}'),
        ({"source": b'{"type":"app"}'}, "source", "app"),
        ({"source": b'{"type":5}'}, "source", None),
        ({"source": b'"app"'}, "source", None),
        ({"comment": ""}, "comment", ""),
    ],
)
def test_a_feedback_record_has_parts(
    fields: dict[str, object], part: str, expected: object
) -> None:
    record = Feedback(id="f", key="k", **fields)  # type: ignore[arg-type]
    assert feedback_part(record, part) == expected
    assert feedback_part(record, "key") == "k"
