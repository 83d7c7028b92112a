"""Content: equal where two places mean the same, and only there."""

from typing import Any

import orjson
import pytest

from runstore.client.transfer.bundle import (
    AttachedContent,
    Bundle,
    fields_of,
    id_of,
    joined,
    lacking,
    lacking_feedback,
)
from runstore.client.transfer.hashing import hash_bundles
from tests.server.wirerun import run, uid


def bundle(project: str | None = "tests", **fields: Any) -> Bundle:
    feedback = fields.pop("feedback", [])
    files = [AttachedContent(name, kind, bytes) for name, kind in fields.pop("files", ())]
    text = orjson.dumps({**run(1), **fields}).replace(b"MENDED", b"a\\ud800")
    said = fields_of(text)
    return Bundle(id_of(said), said, project, feedback, files)


SAME: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "the order of keys": ({"inputs": {"a": 1, "b": 2}}, {"inputs": {"b": 2, "a": 1}}),
    "how a time is written": (
        {"end_time": "2026-03-01T10:00:09"},
        {"end_time": "2026-03-01T12:00:09.000000+02:00"},
    ),
    "milliseconds": (
        {"end_time": 1_772_359_209_000},
        {"end_time": "2026-03-01T10:00:09+00:00"},
    ),
    "absent, null and empty": ({"outputs": None, "tags": []}, {"outputs": {}, "error": ""}),
    "the depth a server adds": (
        {"extra": {"metadata": {"ls_run_depth": 0}}},
        {"extra": None},
    ),
    "the order of tags": ({"tags": ["a", "b"]}, {"tags": ["b", "a"]}),
    "an id's notation": ({"id": uid(1).upper()}, {"id": uid(1)}),
    "upper case of known words": ({"run_type": "LLM"}, {"run_type": "llm"}),
    "an output that is no object": ({"outputs": "x"}, {"outputs": {"output": "x"}}),
    "what servers mend": ({"name": "MENDED"}, {"name": "a\N{REPLACEMENT CHARACTER}"}),
    "what servers derive": ({"total_tokens": 5, "session_id": uid(4)}, {"app_path": "/o"}),
    "a score's kind of number": (
        {"feedback": [{"id": uid(9), "key": "k", "score": 1}]},
        {"feedback": [{"id": uid(9), "key": "k", "score": 1.0, "value": None}]},
    ),
    "the order of feedback": (
        {"feedback": [{"id": uid(8), "key": "k"}, {"id": uid(9), "key": "k"}]},
        {"feedback": [{"id": uid(9), "key": "k"}, {"id": uid(8), "key": "k"}]},
    ),
}


@pytest.mark.parametrize("what", SAME)
def test_what_means_the_same_is_the_same(what: str) -> None:
    one, other = (bundle(**fields) for fields in SAME[what])
    assert one.digest() == other.digest()
    assert lacking(one, other) == lacking(other, one) == []


OTHER: dict[str, tuple[dict[str, Any], str]] = {
    "a microsecond": ({"start_time": "2026-03-01T10:00:01.000001Z"}, "start_time"),
    "a payload": ({"inputs": {"n": "1"}}, "inputs"),
    "metadata": ({"extra": {"metadata": {"a": 1}}}, "extra"),
    "an event": ({"events": [{"name": "start"}]}, "events"),
    "a tag": ({"tags": ["a"]}, "tags"),
    "the project": ({"project": "other"}, "project"),
    "a record": ({"feedback": [{"id": uid(9), "key": "k"}]}, "feedback"),
    "a file": ({"files": [("a", "text/plain")]}, "attachments"),
    "an error": ({"error": "no"}, "error"),
}


@pytest.mark.parametrize("what", OTHER)
def test_what_differs_is_named(what: str) -> None:
    fields, name = OTHER[what]
    other = bundle(**fields)
    assert other.digest() != bundle().digest()
    assert lacking(bundle(), other) == [name]


def test_what_is_there_beside_is_not_lacking() -> None:
    there = bundle(
        outputs={"a": 1},
        feedback=[{"id": uid(9), "key": "k", "score": 1}],
        files=[("a", "text/plain"), ("b", None)],
    )
    assert lacking(there, bundle()) == []
    assert lacking(there, bundle(feedback=[{"id": uid(9), "key": "k"}], files=[("b", None)])) == []
    assert lacking(there, bundle(files=[("a", "image/png")])) == ["attachments"]


def test_lacking_feedback_is_told_record_by_record() -> None:
    records = [{"id": uid(n), "key": "k", "score": n} for n in range(3)]
    there = bundle(feedback=[records[0], {**records[1], "score": 7}])
    assert lacking_feedback(there, bundle(feedback=records)) == records[1:]
    assert lacking_feedback(None, bundle(feedback=records)) == records


def test_a_hash_knows_no_order_but_counts() -> None:
    one, two = bundle(), bundle(id=uid(2))
    assert hash_bundles([one, two]) == hash_bundles([two, one])
    assert hash_bundles([one, two]) != hash_bundles([one, one])
    assert hash_bundles([one, one]).hex != hash_bundles([]).hex
    assert str(hash_bundles([])) == "0" * 64 + " (0 runs)"


def test_a_hash_may_look_into_files() -> None:
    def having(content: bytes) -> Bundle:
        made = bundle()
        made.attachments = [AttachedContent("a", "text/plain", lambda: content)]
        return made

    assert hash_bundles([having(b"1")]) == hash_bundles([having(b"2")])
    one, other = (hash_bundles([having(text)], attachments=True) for text in (b"1", b"2"))
    assert one != other


@pytest.mark.parametrize("text", [b"[]", b"", b"nonsense", b'{"a":', b"\xff"])
def test_what_is_no_object_is_told(text: bytes) -> None:
    with pytest.raises(ValueError, match="not a JSON object"):
        fields_of(text)


@pytest.mark.parametrize("value", ["x", 5, "", [uid(1)]])
def test_an_id_that_is_none_is_told(value: Any) -> None:
    with pytest.raises(ValueError, match="id: .* is not a UUID"):
        id_of(fields_of(orjson.dumps({"id": value})))
    with pytest.raises(ValueError, match="id: missing"):
        id_of({})


def test_fields_are_joined_as_they_are_written() -> None:
    fields = fields_of(b'{"a": 1e5, "b": [ 1 ], "c": null}')
    assert joined(fields, {"b": b'"x"', "d": b"{}"}) == b'{"a":1e5,"b":"x","d":{}}'
