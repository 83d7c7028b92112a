import json
from typing import Any

import pytest

from runstore.errors import InvalidRequest, SchemaError, TooLarge
from runstore.model.batch import Batch
from runstore.model.run import RunMessage
from runstore.wire import ingest
from runstore.wire.encoding import BodyDecoder
from runstore.wire.ingest import IngestDecoder, decode_multipart
from runstore.wire.multipart import boundary_of
from tests.wire.capture import Recorded, read_fixture
from tests.wire.parts import BOUNDARY, NOW_US, OTHER, RUN, MemorySink, multipart, part


def decoded(*parts: bytes, sink: MemorySink | None = None) -> Batch:
    return decode_multipart(multipart(*parts), BOUNDARY, sink or MemorySink(), now_us=NOW_US)


def replayed(request: Recorded, sink: MemorySink, size: int) -> Batch:
    body = BodyDecoder(request.headers.get("Content-Encoding", ""))
    decoder = IngestDecoder(boundary_of(request.headers["Content-Type"]), sink, now_us=NOW_US)
    for at in range(0, len(request.body), size):
        for piece in body.feed(request.body[at : at + size]):
            decoder.feed(piece)
    body.finish()
    return decoder.finish()


def reasons(batch: Batch) -> list[tuple[str, str]]:
    return [(one.run_id, one.reason) for one in batch.refusals]


# --- what the SDK sends


@pytest.mark.parametrize("size", [1, 61, 100_000])
def test_a_tree_as_the_sdk_sends_it_uncompressed(size: int) -> None:
    sink = MemorySink()
    batch = replayed(read_fixture("multipart_plain"), sink, size)
    assert batch.refusals == []
    by_name = {one.name: one for one in batch.messages}
    agent, model, lookup = by_name["agent"], by_name["model"], by_name["lookup"]
    assert agent.id == agent.trace_id == model.parent_run_id == lookup.parent_run_id
    assert agent.tags == ("prod", "v2")
    assert agent.inputs == b'{"question":"how many?"}'
    assert json.loads(model.outputs or b"")["content"] == "Grüße, 世界"
    assert json.loads(model.extra or b"")["metadata"]["ls_provider"] == "none"
    assert model.serialized == b'{"name":"model"}'
    assert (lookup.run_type, lookup.error) == ("tool", "ValueError('not found')")
    assert {one.project_name for one in batch.messages} == {"capture"}
    assert all(one.end_us is not None and not one.is_patch for one in batch.messages)
    assert [(one.name, one.mime_type, one.size) for one in agent.attachments] == [
        ("picture", "image/png", 15)
    ]
    assert sink.kept == {"picture": b"\x89PNG\r\n\x1a\n--\r\n--x"}
    [feedback] = batch.feedback
    assert (feedback.run_id, feedback.key, feedback.score) == (agent.id, "helpful", 1.0)


@pytest.mark.parametrize("size", [1, 500, 100_000])
def test_a_tree_as_the_sdk_sends_it_compressed(size: int) -> None:
    """Creates and patches come one after the other in one body; each is a message."""
    sink = MemorySink()
    batch = replayed(read_fixture("multipart_zstd"), sink, size)
    assert batch.refusals == []
    assert sorted((one.name or "", one.is_patch) for one in batch.messages) == [
        ("agent", False),
        ("agent", True),
        ("lookup", False),
        ("lookup", True),
        ("model", False),
        ("model", True),
    ]
    assert len({one.trace_id for one in batch.messages}) == 1
    assert len(batch.feedback) == 1
    assert sink.kept == {"picture": b"\x89PNG\r\n\x1a\n--\r\n--x"}


def test_a_create_and_its_patch_in_two_requests() -> None:
    [made] = replayed(read_fixture("multipart_create"), MemorySink(), 9999).messages
    [changed] = replayed(read_fixture("multipart_patch"), MemorySink(), 9999).messages
    assert (made.id, made.is_patch) == (changed.id, False)
    assert changed.is_patch
    assert (made.inputs, changed.inputs, changed.outputs) == (b'{"q":1}', None, b'{"a":2}')


# --- parts


def test_parts_join_their_run_in_any_order() -> None:
    parts = [
        part(f"post.{RUN}", {"id": RUN, "name": "n"}),
        part(f"post.{RUN}.inputs", b'{ "spaced" : 1 }'),
        part(f"post.{RUN}.error", "boom"),
        part(f"post.{RUN}.events", [{"name": "start"}]),
        part(f"patch.{OTHER}", {}),
    ]
    first, second = decoded(*parts), decoded(*reversed(parts))
    assert first.refusals == second.refusals == []

    def by_id(batch: Batch) -> dict[str, RunMessage]:
        return {one.id: one for one in batch.messages}

    assert by_id(first) == by_id(second)
    run = by_id(first)[RUN]
    assert run.inputs == b'{ "spaced" : 1 }', "payload bytes stay as they came"
    assert (run.error, run.name) == ("boom", "n")
    assert by_id(first)[OTHER].is_patch


def test_a_part_of_its_own_wins_over_the_field_inside() -> None:
    inside = {"id": RUN, "inputs": {"a": 1}, "outputs": {"b": 1}, "error": "x"}
    [run] = decoded(
        part(f"post.{RUN}", inside),
        part(f"post.{RUN}.inputs", {"a": 2}),
        part(f"post.{RUN}.error", "y"),
        part(f"post.{RUN}.outputs", b"null"),
    ).messages
    assert (run.inputs, run.outputs, run.error) == (b'{"a": 2}', b'{"b":1}', "y")


def test_two_patches_of_one_run_are_two_messages_in_order() -> None:
    batch = decoded(
        part(f"patch.{RUN}", {"end_time": 1}),
        part(f"patch.{RUN}.outputs", {"n": 1}),
        part(f"patch.{RUN}", {"end_time": 2}),
        part(f"patch.{RUN}.outputs", {"n": 2}),
    )
    assert [(one.end_us, one.outputs) for one in batch.messages] == [
        (1000, b'{"n": 1}'),
        (2000, b'{"n": 2}'),
    ]


# fmt: off
@pytest.mark.parametrize(("name", "content", "reason"), [
    pytest.param("inputs", b"{nonsense", "inputs: not JSON", id="a payload that is no JSON"),
    pytest.param("extra", b"[]", "extra: [] is not a JSON object", id="a payload of wrong shape"),
    pytest.param("events", b'["x"]', "events: [\"x\"] is not a list", id="events of wrong shape"),
    pytest.param("inputs", b"[" * 300 + b"]" * 300, "inputs: not JSON we take: nested deeper",
                 id="a payload nested too deep"),
])
# fmt: on
def test_a_bad_payload_refuses_its_run_only(name: str, content: bytes, reason: str) -> None:
    batch = decoded(
        part(f"post.{RUN}", {"id": RUN}),
        part(f"post.{RUN}.{name}", content),
        part(f"post.{OTHER}", {"id": OTHER}),
    )
    assert [one.id for one in batch.messages] == [OTHER]
    [(run_id, why)] = reasons(batch)
    assert run_id == RUN
    assert why.startswith(reason)


# fmt: off
@pytest.mark.parametrize(("parts", "reason"), [
    pytest.param([part(f"post.{RUN}.inputs", {})], f"the part post.{RUN} did not come",
                 id="a payload without its run"),
    pytest.param([part(f"post.{RUN}", [1])], "run: [1] is not a JSON object",
                 id="a run that is a list"),
    pytest.param([part(f"post.{RUN}", b"{")], "run: not JSON: unexpected end of data: line 1"
                 " column 2 (char 1)", id="a run that is cut"),
    pytest.param([part(f"post.{RUN}", {"id": OTHER})],
                 f'id: "{OTHER}" is not the id in the part\'s name', id="two ids"),
    pytest.param([part(f"post.{RUN}", {"start_time": "x"})],
                 "start_time: not an ISO-8601 time: 'x'", id="a wrong field"),
    pytest.param([part(f"attachment.{RUN}.a", b"x", "text/plain")],
                 f"attachment: no part post.{RUN} or patch.{RUN} came",
                 id="an attachment without its run"),
    pytest.param([part(f"post.{RUN}", b"{}", "application/json; length=9")],
                 "run: 2 bytes came, the part's headers say 9", id="a length that is not so"),
])
# fmt: on
def test_what_refuses_a_run(parts: list[bytes], reason: str) -> None:
    batch = decoded(*parts)
    assert batch.messages == []
    assert reasons(batch) == [(RUN, reason)]


def test_a_part_named_after_no_uuid_is_refused() -> None:
    [(run_id, reason)] = reasons(decoded(part("post.nobody", {})))
    assert run_id == "nobody"
    assert reason == "part name 'post.nobody': \"nobody\" is not a UUID"


def test_the_run_may_be_named_in_any_notation() -> None:
    [run] = decoded(
        part(f"post.{RUN.upper()}", {"id": RUN}), part(f"post.{RUN.upper()}.inputs", {"a": 1})
    ).messages
    assert (run.id, run.inputs) == (RUN, b'{"a": 1}')


def test_unknown_parts_are_ignored() -> None:
    batch = decoded(
        part("post", {}),
        part("weather", b"fine"),
        part(f"post.{RUN}.mood", b"{"),
        part(f"post.{RUN}", {"id": RUN}),
    )
    # "post" alone names a run "", which is refused; the other two are of a kind we do not know.
    assert [one.id for one in batch.messages] == [RUN]
    assert [one.run_id for one in batch.refusals] == [""]


def test_an_over_long_payload_refuses_its_run_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "PAYLOAD_BYTES_MAX", 100)
    batch = decoded(
        part(f"post.{RUN}", {"id": RUN}),
        part(f"post.{RUN}.inputs", {"a": "x" * 100}),
        part(f"post.{OTHER}", {"id": OTHER}),
    )
    assert [one.id for one in batch.messages] == [OTHER]
    assert reasons(batch) == [(RUN, "inputs: 109 bytes, at most 100 are allowed")]


# --- attachments


def test_attachments_go_to_the_latest_message_of_their_run() -> None:
    sink = MemorySink()
    batch = decoded(
        part(f"attachment.{RUN}.first.part.txt", b"abc", "text/plain; charset=utf-8; length=3"),
        part(f"post.{RUN}", {"id": RUN}),
        part(f"attachment.{RUN}.second", b"", None),
        sink=sink,
    )
    assert sink.opened == [
        (RUN, "first.part.txt", "text/plain; charset=utf-8"),
        (RUN, "second", "application/octet-stream"),
    ]
    assert [(one.name, one.size) for one in batch.messages[0].attachments] == [
        ("first.part.txt", 3),
        ("second", 0),
    ]


def test_a_file_that_grew_while_it_was_sent_is_kept_as_it_came() -> None:
    sink = MemorySink()
    decoded(
        part(f"post.{RUN}", {"id": RUN}),
        part(f"attachment.{RUN}.log", b"line 1\nline 2", "text/plain; length=6"),
        sink=sink,
    )
    assert sink.kept == {"log": b"line 1\nline 2"}


def test_an_attachment_too_large_refuses_its_run_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "ATTACHMENT_BYTES_MAX", 10)
    sink = MemorySink()
    batch = decoded(
        part(f"post.{RUN}", {"id": RUN}),
        part(f"attachment.{RUN}.big", b"x" * 11, "text/plain"),
        part(f"post.{OTHER}", {"id": OTHER}),
        part(f"attachment.{OTHER}.small", b"x" * 10, "text/plain"),
        sink=sink,
    )
    assert [one.id for one in batch.messages] == [OTHER]
    assert reasons(batch) == [(RUN, "attachment 'big': over 10 bytes")]
    assert (sink.aborted, list(sink.kept)) == (["big"], ["small"])


def test_a_request_given_up_leaves_no_open_file() -> None:
    body = multipart(
        part(f"post.{RUN}", {"id": RUN}), part(f"attachment.{RUN}.a", b"x" * 100, "text/plain")
    )
    for give_up in ("abort", "finish"):
        sink = MemorySink()
        decoder = IngestDecoder(BOUNDARY, sink, now_us=NOW_US)
        decoder.feed(body[:-60])
        if give_up == "abort":
            decoder.abort()
        else:
            with pytest.raises(SchemaError, match="ended early"):
                decoder.finish()
        decoder.abort()
        assert (sink.aborted, sink.kept) == (["a"], {})


# --- feedback


# fmt: off
@pytest.mark.parametrize(("said", "expected"), [
    pytest.param({"key": "k", "score": True, "trace_id": RUN},
                 {"id": OTHER, "run_id": RUN, "score": 1.0, "created_us": NOW_US},
                 id="the part names the record, the trace the run"),
    pytest.param({"id": RUN, "key": "k", "run_id": OTHER, "trace_id": RUN, "value": {"a": 1}},
                 {"id": RUN, "run_id": OTHER, "trace_id": RUN, "value": b'{"a":1}'},
                 id="the body names the record, the part its run"),
])
# fmt: on
def test_feedback_of_either_naming(said: dict[str, Any], expected: dict[str, Any]) -> None:
    [record] = decoded(part(f"feedback.{OTHER}", said)).feedback
    assert {name: getattr(record, name) for name in expected} == expected


def test_bad_feedback_is_refused_alone() -> None:
    batch = decoded(
        part(f"feedback.{RUN}", {"trace_id": OTHER}),
        part(f"feedback.{RUN}", b"[]"),
        part(f"post.{RUN}", {"id": RUN}),
    )
    assert [one.id for one in batch.messages] == [RUN]
    assert reasons(batch) == [
        (OTHER, "feedback: key: missing"),
        (RUN, "feedback: [] is not a JSON object"),
    ]


# --- whole bodies


@pytest.mark.parametrize("body", [b"", b"--b0undary--\r\n"])
def test_a_body_without_parts_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest, match="nothing was stored") as caught:
        decode_multipart(body, BOUNDARY, MemorySink(), now_us=NOW_US)
    assert caught.value.status == 400


def test_too_many_parts_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "PARTS_MAX", 2)
    with pytest.raises(TooLarge) as caught:
        decoded(*(part(f"post.{RUN}", {}) for _ in range(3)))
    assert caught.value.limit == 2


def test_a_truncated_body_stores_nothing() -> None:
    whole = multipart(part(f"post.{RUN}", {"id": RUN}))
    with pytest.raises(SchemaError, match="nothing was stored"):
        decode_multipart(whole[:-6], BOUNDARY, MemorySink(), now_us=NOW_US)
