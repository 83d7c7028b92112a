import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runstore.errors import SchemaError
from runstore.limits import JSON_DEPTH_MAX, NAME_CHARS_MAX
from runstore.model.batch import Batch
from runstore.model.run import PAYLOADS, RunMessage
from runstore.wire.runs import (
    decode_batch,
    decode_create,
    decode_patch,
    decode_run,
    decode_usual_run,
)
from tests.wire.capture import read_fixture

RUN = "11111111-1111-4111-8111-111111111111"
OTHER = "22222222-2222-4222-8222-222222222222"


def created(**fields: Any) -> RunMessage:
    batch = decode_create(json.dumps({"id": RUN, **fields}).encode())
    assert batch.refusals == []
    return batch.messages[0]


def refusal(**fields: Any) -> str:
    batch = decode_create(json.dumps({"id": RUN, **fields}).encode())
    assert batch.messages == []
    assert [one.run_id for one in batch.refusals] == [RUN]
    return batch.refusals[0].reason


# fmt: off
@pytest.mark.parametrize(("field", "said", "attribute", "taken"), [
    pytest.param("id", RUN.upper(), "id", RUN, id="an id in capitals"),
    pytest.param("id", RUN.replace("-", ""), "id", RUN, id="an id without dashes"),
    pytest.param("id", f"urn:uuid:{RUN}", "id", RUN, id="an id as URN"),
    pytest.param("trace_id", f"{{{OTHER}}}", "trace_id", OTHER, id="an id in braces"),
    pytest.param("parent_run_id", OTHER, "parent_run_id", OTHER, id="the parent"),
    pytest.param("session_id", OTHER, "project_id", OTHER, id="a project by id"),
    pytest.param("session_name", "p", "project_name", "p", id="a project by name"),
    pytest.param("reference_example_id", OTHER, "reference_example_id", OTHER, id="the example"),
    pytest.param("start_time", "2024-04-29T00:49:12.090000", "start_us", 1714351752090000,
                 id="a naive time is UTC"),
    pytest.param("start_time", "2024-04-29T02:49:12.09+02:00", "start_us", 1714351752090000,
                 id="a time with a zone"),
    pytest.param("end_time", 1714351752090, "end_us", 1714351752090000,
                 id="epoch milliseconds, as the JS SDK sends"),
    pytest.param("start_time", 1714351752090.5, "start_us", 1714351752090500,
                 id="epoch milliseconds with a fraction"),
    pytest.param("start_time", 0, "start_us", 0, id="the epoch itself"),
    pytest.param("run_type", "LLM", "run_type", "llm", id="a run type in capitals"),
    pytest.param("run_type", "agent", "run_type", "agent", id="a run type we do not know"),
    pytest.param("status", "SUCCESS", "status", "success", id="a status in capitals"),
    pytest.param("status", "done", "status", None, id="a status we do not know says nothing"),
    pytest.param("tags", ["a", "b", "a"], "tags", ("a", "b"), id="tags without repeats"),
    pytest.param("tags", None, "tags", None, id="no tags"),
    pytest.param("tags", [], "tags", (), id="empty tags"),
    pytest.param("tags", "a", "tags", ("a",), id="one tag"),
    pytest.param("tags", [1, True], "tags", ("1", "true"), id="tags that are no strings"),
    pytest.param("name", "n\0ul", "name", "n\0ul", id="NUL in a name"),
    pytest.param("error", "boom", "error", "boom", id="an error"),
    pytest.param("error", {"code": 1}, "error", '{"code":1}', id="an error that is an object"),
    pytest.param("error", False, "error", None, id="an error that is false"),
    pytest.param("extra", None, "extra", None, id="no extra"),
    pytest.param("inputs", {"q": [1, None]}, "inputs", b'{"q":[1,null]}', id="inputs"),
    pytest.param("inputs", "hi", "inputs", b'{"input":"hi"}', id="inputs that are no object"),
    pytest.param("outputs", [1], "outputs", b'{"output":[1]}', id="outputs that are no object"),
    pytest.param("outputs", None, "outputs", None, id="outputs not yet there"),
    pytest.param("events", [{"name": "start"}, None], "events", b'[{"name":"start"}]',
                 id="a null among events"),
    pytest.param("events", {"name": "start"}, "events", b'[{"name":"start"}]', id="one event"),
    pytest.param("serialized", {"id": []}, "serialized", b'{"id":[]}', id="serialized"),
    pytest.param("dotted_order", " x ", "dotted_order", "x", id="a dotted order is checked later"),
    pytest.param("address", "lrn:agents/bot/environments/prod", "project_name", "bot/prod",
                 id="an agent's address is a project"),
    pytest.param("child_runs", [], "name", None, id="empty child_runs are ignored"),
    pytest.param("no_such_field", 1, "name", None, id="an unknown field is ignored"),
])
# fmt: on
def test_what_is_taken(field: str, said: Any, attribute: str, taken: Any) -> None:
    assert getattr(created(**{field: said}), attribute) == taken


# fmt: off
@pytest.mark.parametrize(("field", "said", "start"), [
    pytest.param("trace_id", "x", "trace_id: \"x\" is not a UUID", id="an id that is none"),
    pytest.param("session_id", 5, "session_id: 5 is not a UUID", id="an id that is a number"),
    pytest.param("start_time", "soon", "start_time: not an ISO-8601 time: 'soon'",
                 id="a time that is none"),
    pytest.param("end_time", True, "end_time: true is neither", id="a time that is a boolean"),
    pytest.param("end_time", 1e30, "end_time: time out of range", id="a time in the far future"),
    pytest.param("end_time", 1e307, "end_time: time out of range", id="a time past all counting"),
    pytest.param("name", "n" * (NAME_CHARS_MAX + 1), "name: 10001 characters, at most 10000",
                 id="a name too long"),
    pytest.param("name", 5, "name: 5 is not a string", id="a name that is no string"),
    pytest.param("session_name", ["p"], "session_name: [\"p\"] is not a string",
                 id="a project name that is no string"),
    pytest.param("tags", {"a": 1}, "tags: {\"a\":1} is not a list of strings",
                 id="tags that are an object"),
    pytest.param("extra", [], "extra: [] is not a JSON object", id="extra that is a list"),
    pytest.param("extra", {"metadata": "m"}, "extra: metadata: \"m\" is not a JSON object",
                 id="metadata that is a string"),
    pytest.param("events", ["start"], "events: [\"start\"] is not a list of JSON objects",
                 id="events that are strings"),
    pytest.param("dotted_order", 1, "dotted_order: 1 is not a string",
                 id="a dotted order that is no string"),
])
# fmt: on
def test_a_wrong_field_refuses_its_run_and_names_itself(field: str, said: Any, start: str) -> None:
    assert refusal(**{field: said}).startswith(start)


def test_a_bad_run_does_not_sink_its_batch() -> None:
    body = {
        "post": [{"id": RUN, "name": "good"}, {"id": OTHER, "name": 1}, 7, {"name": "no id"}],
        "patch": [{"id": OTHER, "outputs": {"a": 1}}],
    }
    batch = decode_batch(json.dumps(body).encode())
    assert [(one.id, one.is_patch) for one in batch.messages] == [(RUN, False), (OTHER, True)]
    assert [(one.run_id, one.reason) for one in batch.refusals] == [
        (OTHER, "name: 1 is not a string"),
        ("", "7 is not a JSON object"),
        ("", "id: missing"),
    ]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"nonsense", b'{"post": {}}', b'{"post": []', b'"text"', b"\xff\xfe"]
)
def test_a_body_that_is_no_batch_is_a_schema_error(body: bytes) -> None:
    with pytest.raises(SchemaError) as caught:
        decode_batch(body)
    assert caught.value.problems[0][0][0] == "body"


def test_an_empty_batch_is_nothing() -> None:
    assert decode_batch(b"{}") == Batch()


def test_lone_surrogates_and_not_a_number_are_mended() -> None:
    raw = f'{{"id": "{RUN}", "inputs": {{"a": "\\ud800x", "b": NaN}}}}'.encode()
    assert decode_create(raw).messages[0].inputs == '{"a":"\ufffdx","b":null}'.encode()


def test_a_body_nested_too_deep_is_a_schema_error() -> None:
    deep = b'{"id": 1, "inputs": ' + b"[" * (JSON_DEPTH_MAX + 1) + b"]" * (JSON_DEPTH_MAX + 1)
    with pytest.raises(SchemaError, match="nested deeper"):
        decode_create(deep + b"}")


def test_only_a_create_without_a_project_goes_to_the_default() -> None:
    assert created().project_name == "default"
    assert created(session_id=OTHER).project_name is None
    assert decode_patch(RUN, b"{}").messages[0].project_name is None


def test_the_path_names_the_patched_run() -> None:
    message = decode_patch(RUN, b'{"outputs": {"a": 1}, "id": null}').messages[0]
    assert (message.id, message.is_patch, message.outputs) == (RUN, True, b'{"a":1}')


def test_a_patch_of_another_run_than_the_path_names_is_refused() -> None:
    assert decode_patch(RUN, b'{"id": "%s"}' % RUN.upper().encode()).messages[0].id == RUN
    with pytest.raises(SchemaError, match="not the run the path names"):
        decode_patch(RUN, b'{"id": "%s"}' % OTHER.encode())


@pytest.mark.parametrize("kind", ["run", "batch"])
def test_the_sdk_without_multipart_says_the_same_in_batches_and_alone(kind: str) -> None:
    create, patch = read_fixture(f"{kind}_create"), read_fixture(f"{kind}_patch")
    if kind == "run":
        messages = [
            *decode_create(create.body).messages,
            *decode_patch(patch.target.rpartition("/")[2], patch.body).messages,
        ]
    else:
        messages = [*decode_batch(create.body).messages, *decode_batch(patch.body).messages]
    made, changed = messages
    assert (made.is_patch, changed.is_patch) == (False, True)
    assert made.id == made.trace_id == changed.id == changed.trace_id
    assert made.dotted_order == changed.dotted_order == f"20260102T030405678901Z{made.id}"
    assert (made.name, made.run_type, made.project_name) == ("one", "chain", "capture")
    assert (made.inputs, made.outputs, changed.outputs) == (b'{"q":1}', None, b'{"a":2}')
    assert (made.start_us, changed.end_us) == (1767323045678901, 1767323047000000)


FIELDS: dict[str, tuple[Any, ...]] = {
    "id": (RUN, RUN.upper(), OTHER, None, 1),
    "trace_id": (RUN, None, "x", RUN + "\n"),
    "parent_run_id": (OTHER, None, ""),
    "session_id": (OTHER, None),
    "reference_example_id": (OTHER, f"{{{OTHER}}}"),
    "start_time": ("2026-01-02T03:04:05.678901+00:00", "2026-01-02", 5, "soon", None),
    "end_time": ("2026-01-02T03:04:05.678901+01:00", "2026-W01-2T03:04:05.678901+00:00"),
    "dotted_order": (" x ", "", None, 7),
    "name": ("agent", "é", "", "x" * (NAME_CHARS_MAX + 1), None, 1.5),
    "run_type": ("llm", "LLM", "other", None, True),
    "status": ("success", "Pending", "unheard", None),
    "tags": (["a", "b", "a"], [], [1], "a", None),
    "session_name": ("demo", "", None),
    "error": ("bad", "", None, False, {"x": 1}),
    "inputs": (None, {"q": 1}),
    "address": ("lrn:agents/a/environments/b", None),
    "unheard": ([[1]],),
}


@given(st.fixed_dictionaries({}, optional={k: st.sampled_from(v) for k, v in FIELDS.items()}))
def test_a_run_that_is_as_usual_is_read_as_any_other(fields: dict[str, Any]) -> None:
    for is_patch in (False, True):
        usual = decode_usual_run(json.dumps(fields).encode(), RUN, is_patch=is_patch)
        if usual is not None:
            assert usual == decode_run({**fields, "id": fields.get("id") or RUN}, is_patch=is_patch)


@pytest.mark.parametrize("kind", ["run_create", "run_patch"])
def test_what_the_sdk_says_is_as_usual(kind: str) -> None:
    fields = json.loads(read_fixture(kind).body)
    inline = {name: value for name, value in fields.items() if name not in PAYLOADS}
    assert decode_usual_run(json.dumps(inline).encode(), fields["id"], is_patch=False) is not None
