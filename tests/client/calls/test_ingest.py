"""Batches as they are sent: what the server reads of them is what was written."""

import uuid
from typing import Any

import orjson
import pytest
import zstandard
from langsmith._internal._operations import (
    encode_multipart_parts_and_context,
    serialize_run_dict,
    serialized_run_operation_to_multipart_parts_and_context,
)

from runstore.client.calls.bodies import (
    AttachedFile,
    FeedbackWrite,
    RunWrite,
    Write,
    multipart_body,
    multipart_request,
)
from runstore.client.calls.ingest import (
    IngestTerms,
    RefusedWrite,
    cut_batch,
    merge_writes,
    read_terms,
    send_batch,
)
from runstore.client.http import HttpRequest, HttpResponse
from runstore.errors import (
    Conflict,
    ConnectionFailed,
    InvalidRequest,
    NotFound,
    RunstoreError,
    SchemaError,
    TooLarge,
)
from runstore.limits import WRITE_BATCH_OPERATIONS
from runstore.model.batch import Batch
from runstore.wire.info import encode_info
from runstore.wire.ingest import decode_multipart
from tests.client.calls.answering import always, run_steps
from tests.wire.parts import NOW_US, OTHER, RUN, MemorySink

BOUNDARY = "b0undary"
RUNSTORE = IngestTerms(is_runstore=True)
FEEDBACK = "44444444-4444-4444-8444-444444444444"
PLACE = {"trace_id": RUN, "dotted_order": f"20260102T030405000000Z{RUN}"}


def post(run_id: str = RUN, payloads: dict[str, bytes] | None = None, **fields: Any) -> RunWrite:
    return RunWrite("post", run_id, {"id": run_id, **PLACE, **fields}, payloads or {})


def patch(run_id: str = RUN, payloads: dict[str, bytes] | None = None, **fields: Any) -> RunWrite:
    return RunWrite("patch", run_id, {"id": run_id, **PLACE, **fields}, payloads or {})


def read(body: bytes, sink: MemorySink | None = None) -> Batch:
    return decode_multipart(body, BOUNDARY.encode(), sink or MemorySink(), now_us=NOW_US)


def test_the_server_reads_what_was_written() -> None:
    sink = MemorySink()
    everything = dict.fromkeys(("inputs", "outputs", "extra", "serialized"), b'{"x":1}')
    create = post(
        payloads={**everything, "events": b'[{"name":"start"}]', "error": b'"bad"'},
        name="step",
        run_type="llm",
        start_time="2026-01-02T03:04:05.000000+00:00",
        tags=["a"],
        session_name="p",
    )
    create.attachments = (AttachedFile('a "quoted"\r\nname', "image/png", b"\r\n--b0und"),)
    record = FeedbackWrite(FEEDBACK, RUN, orjson.dumps({"id": FEEDBACK, "key": "k", "run_id": RUN}))
    batch = read(multipart_body([create, patch(OTHER, tags=["b"]), record], BOUNDARY), sink)
    assert batch.refusals == []
    first, second = batch.messages
    assert (first.id, first.name, first.run_type, first.tags) == (RUN, "step", "llm", ("a",))
    assert (first.trace_id, first.dotted_order) == (RUN, PLACE["dotted_order"])
    assert (first.inputs, first.error, first.project_name) == (b'{"x":1}', "bad", "p")
    assert first.events == b'[{"name":"start"}]'
    assert (second.id, second.is_patch, second.tags) == (OTHER, True, ("b",))
    assert [(one.id, one.key) for one in batch.feedback] == [(FEEDBACK, "k")]
    assert list(sink.kept.values()) == [b"\r\n--b0und"]
    assert sink.opened[0][2] == "image/png"


def test_the_parts_are_those_the_sdk_sends() -> None:
    fields = {"id": uuid.UUID(RUN), **PLACE, "name": "step", "run_type": "llm"}
    payloads = {"inputs": {"a": 1}, "outputs": {"b": 2}, "error": "bad", "extra": {"c": {}}}
    operation = serialize_run_dict(
        "post", {**fields, **payloads, "attachments": {"pic": ("image/png", b"PNG")}}
    )
    parts, _ = serialized_run_operation_to_multipart_parts_and_context(operation)
    theirs = b"".join(
        head + (data if isinstance(data, bytes) else data.read()) + b"\r\n"
        for head, data in encode_multipart_parts_and_context(parts, BOUNDARY)
    )
    ours = RunWrite(
        "post",
        RUN,
        {**fields, "id": RUN},
        {name: orjson.dumps(value) for name, value in payloads.items()},
        (AttachedFile("pic", "image/png", b"PNG"),),
    )
    assert multipart_body([ours], BOUNDARY) == theirs + b"--b0undary--\r\n"


@pytest.mark.parametrize(
    "compress, size, encoding",
    [(True, 5_000, "zstd"), (True, 10, None), (False, 5_000, None)],
    ids=["large bodies are compressed", "small ones are not", "nor where nobody takes it"],
)
def test_zstd(compress: bool, size: int, encoding: str | None) -> None:
    write = post(payloads={"inputs": orjson.dumps({"text": "x" * size})})
    request = multipart_request([write], BOUNDARY, compress=compress)
    headers = dict(request.headers)
    plain = multipart_body([write], BOUNDARY)
    assert headers.get("Content-Encoding") == encoding
    assert headers["Content-Type"] == "multipart/form-data; boundary=b0undary"
    if encoding:
        assert zstandard.ZstdDecompressor().decompress(request.body) == plain
        assert headers["X-Pre-Compressed-Size"] == str(len(plain))
        assert headers["X-Post-Compressed-Size"] == str(len(request.body))
    else:
        assert request.body == plain


@pytest.mark.parametrize(
    "writes, merged",
    [
        pytest.param(
            [post(name="a"), patch(payloads={"outputs": b"{}"}, end_time="t")],
            [("post", RUN, {"name": "a", "end_time": "t"}, {"outputs": b"{}"})],
            id="an update goes into the create",
        ),
        pytest.param(
            [post(name="a"), patch(name="b"), patch(name="c")],
            [("post", RUN, {"name": "c"}, {})],
            id="the last update wins",
        ),
        pytest.param(
            [post(session_name="p"), patch(session_name="q")],
            [("post", RUN, {"session_name": "p"}, {})],
            id="the create's word about where it is stays",
        ),
        pytest.param(
            [patch(name="b"), post(name="a")],
            [("patch", RUN, {"name": "b"}, {}), ("post", RUN, {"name": "a"}, {})],
            id="an update before the create stays one, for it wins",
        ),
        pytest.param(
            [post(OTHER), patch(RUN)],
            [("post", OTHER, {}, {}), ("patch", RUN, {}, {})],
            id="another run's update is another message",
        ),
        pytest.param(
            [post(tags=["a"]), patch(tags=["b"]), patch(name="c")],
            [
                ("post", RUN, {"tags": ["a"]}, {}),
                ("patch", RUN, {"tags": ["b"]}, {}),
                ("patch", RUN, {"name": "c"}, {}),
            ],
            id="what servers join is left to them, and what follows keeps its order",
        ),
        pytest.param(
            [post(payloads={"extra": b"{}"}), patch(payloads={"extra": b'{"metadata":{}}'})],
            [
                ("post", RUN, {}, {"extra": b"{}"}),
                ("patch", RUN, {}, {"extra": b'{"metadata":{}}'}),
            ],
            id="metadata is joined by the server",
        ),
    ],
)
def test_create_and_update_in_one_batch(writes: list[Write], merged: list[Any]) -> None:
    found = [one for one in merge_writes(writes) if isinstance(one, RunWrite)]
    hidden = {"id", *PLACE}
    assert [
        (
            one.operation,
            one.run_id,
            {key: value for key, value in one.fields.items() if key not in hidden},
            one.payloads,
        )
        for one in found
    ] == merged


def test_merging_leaves_the_queued_messages_as_they_are() -> None:
    """A batch that is sent again is merged again."""
    create, update = post(name="a"), patch(name="b")
    merge_writes([create, update])
    assert (create.fields["name"], create.operation) == ("a", "post")


@pytest.mark.parametrize(
    "terms, sizes, count",
    [
        (IngestTerms(operations_max=2), [1, 1, 1], 2),
        (IngestTerms(bytes_max=5_000), [1_000, 3_000, 3_000], 2),
        (IngestTerms(bytes_max=10), [1_000, 10], 1),
    ],
    ids=["by count", "by bytes", "at least one"],
)
def test_a_batch_is_cut(terms: IngestTerms, sizes: list[int], count: int) -> None:
    writes = [FeedbackWrite(FEEDBACK, RUN, b"x" * size) for size in sizes]
    assert len(cut_batch(writes, terms)) == count


# --- answers


ACCEPTED = HttpResponse(202, b'{"message":"Runs batch ingested"}')
PARTLY = HttpResponse(202, orjson.dumps({"refused": [{"run_id": RUN, "reason": "name: 5"}]}))


@pytest.mark.parametrize(
    "reply, terms, refused",
    [
        pytest.param(ACCEPTED, RUNSTORE, [], id="all taken"),
        pytest.param(HttpResponse(202, b""), RUNSTORE, [], id="an empty yes"),
        pytest.param(PARTLY, RUNSTORE, [(RUN, "name: 5")], id="202 that names a bad one"),
        pytest.param(Conflict("already received"), IngestTerms(), [], id="409: had it already"),
        pytest.param(
            SchemaError((("body",), "bad")),
            RUNSTORE,
            [(RUN, "body: bad"), (OTHER, "body: bad")],
            id="422 of Runstore: none was good",
        ),
    ],
)
def test_what_an_answer_says_of_a_batch(
    reply: HttpResponse | RunstoreError, terms: IngestTerms, refused: list[tuple[str, str]]
) -> None:
    steps = send_batch([post(RUN), post(OTHER)], terms, BOUNDARY)
    found, sent = run_steps(steps, always(reply))
    assert [(one.run_id, one.reason) for one in found] == refused
    assert [request.path for request in sent] == ["/runs/multipart"]


@pytest.mark.parametrize(
    "error",
    [InvalidRequest("invalid 'dotted_order'"), TooLarge("too large", 5)],
    ids=["LangSmith refuses a batch for one bad run", "a proxy takes less than the server says"],
)
def test_a_batch_refused_as_a_whole_is_halved_until_the_bad_one_stands_alone(
    error: RunstoreError,
) -> None:
    bad = str(uuid.uuid5(uuid.NAMESPACE_URL, "5"))
    writes = [post(str(uuid.uuid5(uuid.NAMESPACE_URL, str(number)))) for number in range(8)]

    def answer(request: HttpRequest) -> HttpResponse:
        if bad.encode() in request.body:
            raise error
        return ACCEPTED

    found, sent = run_steps(send_batch(writes, IngestTerms(), BOUNDARY), answer)
    assert found == [RefusedWrite(bad, str(error))]
    assert len(sent) == 7


def _status(error: RunstoreError, status: int) -> RunstoreError:
    error.status = status
    return error


@pytest.mark.parametrize(
    "error",
    [
        NotFound("Not Found"),
        _status(InvalidRequest("Method Not Allowed"), 405),
        _status(RunstoreError("Not Implemented"), 501),
    ],
    ids=["404", "405", "501"],
)
def test_a_server_without_multipart_gets_json_and_is_not_asked_again(error: RunstoreError) -> None:
    def answer(request: HttpRequest) -> HttpResponse:
        if request.path == "/runs/multipart":
            raise error
        return ACCEPTED

    place = {"trace_id": RUN, "dotted_order": f"20260301T100000000000Z{RUN}"}
    create = RunWrite("post", RUN, {"id": RUN, **place}, {"inputs": b'{"a":1}'})
    update = RunWrite("patch", OTHER, {"id": OTHER, **place}, {"outputs": b'{"b":2}'})
    terms = IngestTerms(takes_zstd=True)
    writes: list[Write] = [create, update, FeedbackWrite(FEEDBACK, RUN, b'{"key":"k"}')]
    found, sent = run_steps(send_batch(writes, terms, BOUNDARY), answer)
    assert found == []
    paths = [one.path for one in sent]
    assert paths == ["/runs/multipart", "/runs/batch", "/feedback"], "the run before what is said"
    assert sent[2].body == b'{"key":"k"}'
    assert orjson.loads(sent[1].body) == {
        "post": [{"id": RUN, **place, "inputs": {"a": 1}}],
        "patch": [{"id": OTHER, **place, "outputs": {"b": 2}}],
    }
    _, sent = run_steps(send_batch([create], terms, BOUNDARY), answer)
    assert [one.path for one in sent] == ["/runs/batch"], "it is known now"


def test_what_json_cannot_carry_is_counted_as_lost_and_nothing_else() -> None:
    place = {"trace_id": RUN, "dotted_order": f"20260301T100000000000Z{RUN}"}
    with_file = RunWrite("post", RUN, {"id": RUN, **place}, {}, (AttachedFile("a", "t/x", b"x"),))
    feedback = FeedbackWrite(FEEDBACK, OTHER, b"{}")

    def answer(request: HttpRequest) -> HttpResponse:
        if request.path == "/feedback":
            raise InvalidRequest("no key")
        return ACCEPTED

    terms = IngestTerms(takes_multipart=False)
    found, _ = run_steps(send_batch([with_file, feedback], terms, BOUNDARY), answer)
    assert [(one.run_id, one.reason) for one in found] == [
        (RUN, "attachments need /runs/multipart, which this server does not have"),
        (OTHER, "feedback: no key"),
    ]


def test_a_batch_as_json_is_halved_too() -> None:
    def answer(request: HttpRequest) -> HttpResponse:
        if OTHER.encode() in request.body:
            raise InvalidRequest("invalid 'dotted_order'")
        return ACCEPTED

    terms = IngestTerms(takes_multipart=False)
    found, sent = run_steps(send_batch([post(RUN), post(OTHER)], terms, BOUNDARY), answer)
    assert [one.run_id for one in found] == [OTHER]
    assert [one.path for one in sent] == ["/runs/batch"] * 3


def test_a_fault_is_the_callers_to_repeat() -> None:
    with pytest.raises(ConnectionFailed):
        run_steps(send_batch([post()], RUNSTORE, BOUNDARY), always(ConnectionFailed("gone")))


@pytest.mark.parametrize(
    "operation, method, path", [("post", "POST", "/runs"), ("patch", "PATCH", f"/runs/{RUN}")]
)
def test_langsmith_gets_a_run_without_a_place_alone(operation: Any, method: str, path: str) -> None:
    """It derives the place of runs that come as JSON, one by one, and only of those."""
    write = RunWrite(operation, RUN, {"id": RUN, "name": "n"}, {"inputs": b'{"a":1}'})
    _, sent = run_steps(send_batch([write, post(OTHER)], IngestTerms(), BOUNDARY), always(ACCEPTED))
    assert [(one.method, one.path) for one in sent] == [
        (method, path),
        ("POST", "/runs/multipart"),
    ]
    assert orjson.loads(sent[0].body) == {"id": RUN, "name": "n", "inputs": {"a": 1}}
    _, sent = run_steps(send_batch([write], RUNSTORE, BOUNDARY), always(ACCEPTED))
    assert [one.path for one in sent] == ["/runs/multipart"], "Runstore derives it in a batch too"


@pytest.mark.parametrize(
    "reply, terms",
    [
        pytest.param(
            HttpResponse(200, encode_info("0.1.0")),
            IngestTerms(WRITE_BATCH_OPERATIONS, 20 * 1024 * 1024, True, True),
            id="Runstore",
        ),
        pytest.param(
            HttpResponse(
                200,
                b'{"version":"0.16.14","batch_ingest_config":{"size_limit":50},'
                b'"instance_flags":{"zstd_compression_enabled":false,"x":null}}',
            ),
            IngestTerms(50),
            id="LangSmith",
        ),
        pytest.param(
            HttpResponse(200, b'{"batch_ingest_config":{"use_multipart_endpoint":false}}'),
            IngestTerms(takes_multipart=False),
            id="an older LangSmith",
        ),
        pytest.param(HttpResponse(200, b"<html>"), IngestTerms(), id="no JSON"),
        pytest.param(NotFound("no /info"), IngestTerms(), id="no such path"),
    ],
)
def test_the_terms_of_a_server(reply: HttpResponse | RunstoreError, terms: IngestTerms) -> None:
    found, _ = run_steps(read_terms(), always(reply))
    assert found == terms
