"""Requests made to break a server: each is answered in words, and so is the next one."""

import gzip
import json
import re
import socket
import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import pytest
import requests
import zstandard
from starlette.testclient import TestClient

from runstore.engine.memory import MemoryEngine
from runstore.engine.sqlite.engine import SqliteEngine
from runstore.limits import (
    BODY_BYTES_MAX,
    IDS_MAX,
    JSON_DEPTH_MAX,
    METADATA_ENTRIES_MAX,
    NAME_CHARS_MAX,
    PARTS_MAX,
    QUERY_BODY_BYTES_MAX,
    TAGS_MAX,
)
from runstore.server.app import create_app
from runstore.settings import Settings
from tests.server.documented import assert_documented
from tests.server.live import serve
from tests.server.wirerun import BOUNDARY, MULTIPART, json_part, multipart, multipart_run, run, uid

SURROGATE = "\ud800"
EVERY_ID = {"id": [uid(number) for number in range(1, 10)]}


class Ask(NamedTuple):
    """One request and the status it is answered with."""

    name: str
    status: int
    method: str
    path: str
    body: bytes = b""
    headers: dict[str, str] = {}


def query(name: str, status: int, /, **fields: Any) -> Ask:
    return Ask(f"query: {name}", status, "POST", "/runs/query", dumped(EVERY_ID | fields))


def raw_query(name: str, status: int, body: bytes, /, **headers: str) -> Ask:
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return Ask(f"query: {name}", status, "POST", "/runs/query", body, named)


def create(name: str, status: int, /, **fields: Any) -> Ask:
    return Ask(f"run: {name}", status, "POST", "/runs", dumped(run(1) | fields))


def parts(name: str, status: int, *some: tuple[str, bytes, str]) -> Ask:
    return Ask(f"parts: {name}", status, "POST", "/runs/multipart", multipart(*some), MULTIPART)


def get(name: str, status: int, path: str, /, **headers: str) -> Ask:
    return Ask(f"get: {name}", status, "GET", path, b"", headers)


def post(name: str, status: int, path: str, /, **fields: Any) -> Ask:
    return Ask(f"{path}: {name}", status, "POST", path, dumped(fields))


def dumped(value: Any) -> bytes:
    """Lone surrogates as escapes, NaN and Infinity as JavaScript would never write them."""
    return json.dumps(value).encode()


def nested(depth: int) -> bytes:
    return b'{"a":' * depth + b"1" + b"}" * depth


def with_deep_inputs(depth: int) -> bytes:
    return dumped(run(1) | {"inputs": "HERE"}).replace(b'"HERE"', nested(depth))


BOMB = b"\x00" * (QUERY_BODY_BYTES_MAX + 1)
ATTACK = "\r\nSet-Cookie: a=b"
LATE, EARLY = "9999-12-31T23:59:59.999999-23:59", "0001-01-01T00:00:00+23:59"
TIMES = [0, -1, 10**30, -(10**30), 1e308, float("nan"), True, "0000-01-01", "99999-01-01T00:00:00Z"]

QUERIES = [
    query("limit 10**30", 200, limit=10**30),
    query("limit true", 422, limit=True),
    query("limit 0", 422, limit=0),
    query("limit negative", 422, limit=-(10**30)),
    query("limit of 5,000 digits in quotes", 422, limit="9" * 5_000),
    query("limit not a number", 200, limit=float("nan")),
    query("cursor of nothing", 400, cursor="AAAA"),
    query("cursor too long", 400, cursor="A" * 100_000),
    query("cursor beyond ASCII", 400, cursor="é" * 10),
    query("cursor is an object", 422, cursor={}),
    query("too many ids", 413, id=[uid(1)] * (IDS_MAX + 1)),
    query("id with a NUL", 422, id=[uid(1) + "\x00"]),
    query("id of ids", 422, id=[[uid(1)]]),
    query("run_type is a list", 422, run_type=["llm"]),
    query("select is an object", 422, select={"name": 1}),
    query("filter with a lone surrogate", 200, filter=f'eq(name, "{SURROGATE}")'),
    query("filter that spells a lone surrogate", 200, filter='eq(name, "\\ud800")'),
    query("filter that spells half a pair", 200, filter='like(inputs, "%\\udfff%")'),
    query("search for a lone surrogate", 400, filter='search("\\ud800")'),
    query("query of a lone surrogate", 400, query=SURROGATE),
    query("filter with a NUL", 200, filter='eq(name, "a\x00b")'),
    query("metadata key with a NUL", 200, filter='eq(metadata_key, "\x00")'),
    query("tag with a NUL", 200, filter='has(tags, "\x00")'),
    query("regex with a NUL", 200, filter='regex(name, "\x00")'),
    query("regex that would explode", 200, filter='regex(name, "(a*)*(a*)*(a*)*$")'),
    query("regex too large", 400, filter='regex(name, "((a{100}){100}){100}")'),
    query("regex not closed", 400, filter='regex(name, "(")'),
    query("filter nested for ever", 400, filter="not(" * 10_000),
    query("filter nested just too deep", 400, filter="not(" * 150 + "search(1)" + ")" * 150),
    query("filter of 1 MB", 400, filter='eq(name, "' + "x" * 1_000_000 + '")'),
    query("filter of brackets", 400, filter="[" * 60_000),
    query("number of 5,000 digits", 400, filter=f"gt(total_tokens, {'9' * 5_000})"),
    query("number past every float", 400, filter="lt(latency, 1e999)"),
    query("year 99999", 400, filter='gt(start_time, "99999-01-01T00:00:00Z")'),
    query("year 0", 400, filter='gt(start_time, "0000-01-01T00:00:00Z")'),
    query("later than the last time", 400, filter=f'gt(start_time, "{LATE}")'),
    query("earlier than the first time", 400, filter=f'lt(start_time, "{EARLY}")'),
    *(query(f"start_time {time!r}", 422, start_time=time) for time in (*TIMES[2:5], *TIMES[6:])),
    query("start_time -1 ms", 200, start_time=-1),
    query("start_time later than the last", 422, start_time=LATE),
    query("end_time earlier than the first", 422, end_time=EARLY),
    query("unknown fields that are headers", 200, **{f"x{ATTACK}": 1, "é": 1, "\x00": 1}),
    query("a thousand unknown fields", 200, **{f"field{n}": n for n in range(1_000)}),
    raw_query("twice the same key", 200, b'{"id":["%b"],"limit":0,"limit":1}' % uid(1).encode()),
    raw_query("nested for ever", 422, b"[" * 100_000),
    raw_query("nested too deep", 422, nested(JSON_DEPTH_MAX + 1)),
    raw_query("not UTF-8", 422, b'{"filter": "\xff\xfe"}'),
    raw_query("UTF-16, without a scope", 400, '{"limit": 1}'.encode("utf-16")),
    raw_query("nothing", 422, b""),
    raw_query("a number", 422, b"1e400"),
    raw_query("a list", 422, b"[]"),
    raw_query("too long", 413, BOMB),
    raw_query("gzip bomb", 413, gzip.compress(BOMB), content_encoding="gzip"),
    raw_query("zstd bomb", 413, zstandard.compress(BOMB), content_encoding="zstd"),
    raw_query("deflate bomb", 413, zlib.compress(BOMB), content_encoding="deflate"),
    raw_query("gzip cut off", 422, gzip.compress(b"{}" * 99)[:-9], content_encoding="gzip"),
    raw_query("not zstd", 422, b"{}", content_encoding="zstd"),
    raw_query("encodings in a row", 400, b"{}", content_encoding="gzip, gzip, gzip"),
    raw_query("encoding with a line break", 400, b"{}", content_encoding="x" * 10_000),
    post("stats by a path with a NUL", 200, "/runs/stats", **EVERY_ID,
         group_by={"attribute": "metadata", "path": "\x00", "max_groups": 10**30}),
    post("stats by a lone surrogate", 200, "/runs/stats", **EVERY_ID,
         group_by={"attribute": "metadata", "path": SURROGATE}),
    post("stats of nothing", 422, "/runs/stats", **EVERY_ID, group_by=[1]),
    post("delete what is no id", 422, "/runs/delete", trace_ids=["\x00"]),
    post("delete an object", 422, "/runs/delete", trace_ids={"a": 1}),
    post("validate anything", 200, "/runs/query/validate", filter="not(" * 10_000),
]  # fmt: skip
RUNS = [
    create("name with a NUL", 202, name="a\x00b"),
    create("name that is half a pair", 202, name=SURROGATE),
    create("name too long", 422, name="x" * (NAME_CHARS_MAX + 1)),
    create("name is an object", 422, name={}),
    create("id with a NUL", 422, id=uid(1) + "\x00"),
    create("id is a number", 422, id=1),
    create("project with a NUL", 202, session_name="a\x00b"),
    create("project that is half a pair", 202, session_name=SURROGATE),
    create("tags with NULs and half pairs", 202, tags=["\x00", SURROGATE, "", " "]),
    create("100,000 tags", 202, tags=[f"tag{n}" for n in range(TAGS_MAX)]),
    create("100,001 tags", 422, tags=[str(n) for n in range(TAGS_MAX + 1)]),
    create("tags of tags", 422, tags=[["a"]]),
    create("metadata of NULs and half pairs", 202,
           extra={"metadata": {"\x00": "\x00", SURROGATE: SURROGATE, "": {"": [""]}, "a.b": 1}}),
    create("metadata is a list", 422, extra={"metadata": [1]}),
    create("10,000 metadata keys", 202, extra={"metadata": {f"k{n}": n for n in range(10_000)}}),
    create("50,000 metadata keys", 202,
           extra={"metadata": {f"k{n}": n for n in range(METADATA_ENTRIES_MAX)}}),
    create("50,001 metadata keys", 422,
           extra={"metadata": {f"k{n}": n for n in range(METADATA_ENTRIES_MAX + 1)}}),
    create("50,001 metadata keys, deeper", 422,
           extra={"metadata": {"a": [{str(n): n for n in range(METADATA_ENTRIES_MAX + 1)}]}}),
    create("50,001 values of one metadata key", 422,
           extra={"metadata": {"k": [str(n) for n in range(METADATA_ENTRIES_MAX + 1)]}}),
    create("a metadata key of 1 MB", 202, extra={"metadata": {"k" * 1_000_000: 1}}),
    create("thread that is half a pair", 202, extra={"metadata": {"thread_id": SURROGATE}}),
    create("thread that is an object", 202, extra={"metadata": {"session_id": {"a": 1}}}),
    create("inputs of NULs and half pairs", 202, inputs={"\x00": ["\x00", SURROGATE]}),
    create("numbers past every size", 202, inputs={"n": [10**400, -(10**400), float("inf")]}),
    create("error is a number", 202, error=float("nan")),
    create("error that is half a pair", 202, error=f"{SURROGATE}\x00"),
    create("events of nothing", 202, events=[None, {}]),
    create("events of text", 422, events=["x"]),
    create("event at no time", 202, events=[{"name": "new_token", "time": "99999-01-01"}]),
    create("event at the last time", 202, events=[{"name": "new_token", "time": LATE}]),
    create("usage past every size", 202, outputs={"usage_metadata": {
        "input_tokens": 10**400, "output_tokens": -1, "total_tokens": "x",
        "input_cost": 1e308, "total_cost": "1e999999", "input_token_details": {"\x00": 1e308}}}),
    create("usage of nothing", 202, outputs={"usage_metadata": [1], "llm_output": "x"}),
    create("its own parent", 422, parent_run_id=uid(1)),
    create("dotted order of 1 MB", 202, dotted_order="x" * 1_000_000),
    create("dotted order in month 99", 422, start_time=None,
           dotted_order=f"20269999T999999999999Z{uid(1)}"),
    create("dotted order with a NUL", 202, dotted_order=f"20260301T100001000000Z{uid(1)}\x00"),
    create("dotted order in other digits", 202, dotted_order=f"２０２６0301T100001000000Z{uid(1)}"),
    *(create(f"start_time {time!r}", 422, start_time=time, trace_id=None, dotted_order=None)
      for time in (*TIMES[2:5], *TIMES[6:], LATE, EARLY)),
    create("start_time 0", 202, start_time=0, trace_id=None, dotted_order=None),
    create("start_time -1 ms", 202, start_time=-1, trace_id=None, dotted_order=None),
    create("end before start", 202, end_time=-(10**13)),
    create("end at the last time", 202, end_time="9999-12-31T23:59:59.999999Z"),
    create("end later than the last time", 422, end_time=LATE),
    Ask("run: inputs nested for ever", 422, "POST", "/runs", with_deep_inputs(10_000)),
    Ask("run: inputs nested too deep", 422, "POST", "/runs", with_deep_inputs(JSON_DEPTH_MAX + 1)),
    Ask("run: twice the same key", 202, "POST", "/runs",
        dumped(run(1)).replace(b'{"id"', b'{"name": 1, "id"', 1)),
    Ask("patch: path is no id", 422, "PATCH", "/runs/%00", b"{}"),
    Ask("patch: path is a path", 404, "PATCH", "/runs/../../etc/passwd", b"{}"),
    Ask("batch: not lists", 422, "POST", "/runs/batch", b'{"post": {"id": 1}}'),
    Ask("batch: of anything", 422, "POST", "/runs/batch", b'{"post": [1, null, [], "x", {}]}'),
    Ask("batch: a body that is a bomb", 413, "POST", "/runs/batch",
        gzip.compress(b" " * (257 * 1024 * 1024), 1), {"content-encoding": "gzip"}),
]  # fmt: skip
PARTS = [
    parts("too many", 413, *[("x", b"", "text/plain")] * (PARTS_MAX + 1)),
    parts("attachment named as a path", 202, *multipart_run(1),
          (f"attachment.{uid(1)}.../../../etc/passwd", b"x", "text/plain")),
    parts("attachment named as a header", 202, *multipart_run(1),
          (f"attachment.{uid(1)}.a%0D%0ASet-Cookie: a=b", b"x", "text/plain")),
    parts("attachment named with a NUL", 202, *multipart_run(1),
          (f"attachment.{uid(1)}.\x00", b"x", "text/plain")),
    parts("attachment of a type that is a header", 202, *multipart_run(1),
          (f"attachment.{uid(1)}.a", b"x", "text/html\x00\x0b; x=\x01")),
    parts("attachment of no run", 422, ("attachment.../secret.x", b"x", "text/plain")),
    parts("one run nested too deep, one sound", 202, json_part(f"post.{uid(1)}", run(1)),
          (f"post.{uid(1)}.inputs", nested(10_000), "application/json"),
          json_part(f"post.{uid(2)}", run(2))),
    parts("inputs that are not UTF-8", 422, *multipart_run(1)[:1],
          (f"post.{uid(1)}.inputs", b'"\xff"', "application/json")),
    parts("feedback at no time", 422, json_part(f"feedback.{uid(5)}", {
        "key": "k", "run_id": uid(1), "trace_id": uid(1), "created_at": LATE})),
    Ask("parts: no boundary", 400, "POST", "/runs/multipart", b"",
        {"content-type": "multipart/form-data"}),
    Ask("parts: boundary that is a pattern", 422, "POST", "/runs/multipart", b"--.*\r\n\r\n",
        {"content-type": "multipart/form-data; boundary=.*"}),
    Ask("parts: headers for ever", 422, "POST", "/runs/multipart",
        f"--{BOUNDARY}\r\n".encode() + b"a: b\r\n" * 10_000, MULTIPART),
    Ask("parts: a header without a colon", 422, "POST", "/runs/multipart",
        f"--{BOUNDARY}\r\nx\r\n\r\n".encode(), MULTIPART),
    Ask("parts: a length that is no number", 202, "POST", "/runs/multipart",
        multipart(*multipart_run(1)).replace(b"length=", b"length=-"), MULTIPART),
    Ask("parts: wrong lengths", 422, "POST", "/runs/multipart",
        multipart(*multipart_run(1)).replace(b"length=", b"length=1"), MULTIPART),
]  # fmt: skip
FEEDBACK = {"run_id": uid(1), "key": "k"}
OTHERS = [
    post("score past every size", 200, "/feedback", **FEEDBACK, score=1e308),
    post("score past every float", 422, "/feedback", **FEEDBACK, score="1e999"),
    post("score of 400 digits", 200, "/feedback", **FEEDBACK, score=10**300),
    post("text of NULs and half pairs", 200, "/feedback", run_id=uid(1), key=f"{SURROGATE}\x00",
         value=SURROGATE, comment="\x00", feedback_source={"type": SURROGATE}),
    post("key is a list", 422, "/feedback", run_id=uid(1), key=["k"]),
    post("made at no time", 422, "/feedback", **FEEDBACK, created_at=EARLY),
    post("made in year 99999", 422, "/feedback", **FEEDBACK, created_at="99999-01-01"),
    post("name of a NUL", 200, "/sessions", name="\x00"),
    post("name of half a pair", 200, "/sessions", name=f"{SURROGATE}!"),
    post("name too long", 422, "/sessions", name="x" * (NAME_CHARS_MAX + 1)),
    post("started at no time", 422, "/sessions", name="t", start_time=LATE),
    post("extra of half pairs", 200, "/sessions", name="e", extra={SURROGATE: SURROGATE}),
    get("projects from 10**30 on", 200, f"/sessions?offset={10**30}"),
    get("10**30 projects", 200, f"/sessions?limit={10**30}"),
    get("project named NUL", 200, "/sessions?name=%00&name_contains=%00"),
    get("project named in no UTF-8", 200, "/sessions?name=%ff%fe&name_contains=%ed%a0%80"),
    get("project by metadata too deep", 422, f"/sessions?metadata={'[' * 9_000}"),
    get("project by metadata of half a pair", 200, '/sessions?metadata={"\\ud800":"\\ud800"}'),
    get("project by a NUL", 422, "/sessions/%00"),
    get("project by a path", 404, "/sessions/..%2f..%2fsecret"),
    get("feedback from 10**30 on", 200, f"/feedback?offset={10**30}"),
    get("feedback with NULs", 200, "/feedback?key=%00&source=%00"),
    get("feedback since no time", 422, "/feedback?min_created_at=0001-01-01T00:00:00%2B23:59"),
    get("a run by a path", 404, "/runs/..%2f..%2f..%2fetc%2fpasswd"),
    get("a run by no UTF-8", 422, "/runs/%ff%fe"),
    get("an attachment by a path", 404, "/attachments/..%2f..%2fsecret"),
    get("an attachment by dots", 404, "/attachments/....//....//secret"),
    get("an attachment by a NUL", 404, "/attachments/%00.%00"),
    get("an attachment beyond ASCII", 404, "/attachments/%C3%A9.%C3%A9"),
    get("an attachment by 60,000 letters", 404, f"/attachments/{'A' * 30_000}.{'A' * 30_000}"),
    get("a route under many prefixes", 404, "/api/v1/api/v1/health"),
    get("a request id with a line break", 200, "/health", **{"x-request-id": "a\tb"}),
    get("a request id of 10,000 letters", 200, "/health", **{"x-request-id": "a" * 10_000}),
]  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder = tmp_path_factory.mktemp("hostile")
    app = create_app(Settings(data=folder, ingest_processes=0), SqliteEngine(folder))
    with TestClient(app, "http://127.0.0.1:1984", raise_server_exceptions=False) as client:
        yield client


@pytest.mark.parametrize("ask", [*QUERIES, *RUNS, *PARTS, *OTHERS], ids=lambda ask: ask.name)
def test_a_hostile_request_is_answered_and_the_server_stays_sound(
    server: TestClient, ask: Ask
) -> None:
    answer = server.request(ask.method, ask.path, content=ask.body, headers=ask.headers)
    assert answer.status_code == ask.status, answer.text[:300]
    assert "set-cookie" not in answer.headers
    assert_documented(ask.method, ask.path, answer)
    if ask.status >= 400:
        assert answer.json()["detail"]
    assert_sound(server)


def assert_sound(server: TestClient) -> None:
    """Runs are taken and answered, what was just written included."""
    assert server.post("/runs", json=run(9)).status_code == 202
    everything = {**EVERY_ID, "select": ["inputs", "outputs", "extra", "s3_urls", "tags"]}
    answer = server.post("/runs/query", json=everything)
    assert answer.status_code == 200, answer.text
    assert uid(9) in [one["id"] for one in answer.json()["runs"]]
    for path in (f"/runs/{uid(9)}", "/sessions?include_stats=true", "/feedback"):
        answer = server.get(path)
        assert answer.status_code == 200, (path, answer.text)
    assert server.post("/runs/stats", json=EVERY_ID).status_code == 200
    server.post("/runs/delete", json={"trace_ids": [uid(1), uid(2)]})


# --- below HTTP libraries, which would not send these

HEAD = b"POST /runs HTTP/1.1\r\nHost: 127.0.0.1\r\n"
ONE = dumped(run(1))
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
LENGTH = b"Content-Length: %d\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


# fmt: off
@pytest.mark.parametrize(("sent", "statuses"), [
    pytest.param(HEAD + LENGTH % len(ONE) + b"\r\n" + ONE, [202], id="a sound request"),
    pytest.param(HEAD + LENGTH % (len(ONE) + 99) + b"\r\n" + ONE, [], id="a body that ends early"),
    pytest.param(HEAD + LENGTH % 9 + b"\r\n" + ONE[:9] + SMUGGLED, [422, 404],
                 id="a length that ends the body early: what follows is a request of its own"),
    pytest.param(HEAD + LENGTH % len(ONE) + LENGTH % 5 + b"\r\n" + ONE, [400], id="two lengths"),
    pytest.param(HEAD + b"Content-Length: -1\r\n\r\n", [400], id="a negative length"),
    pytest.param(HEAD + b"Content-Length: 1e3\r\n\r\n", [400], id="a length in words"),
    pytest.param(HEAD + b"Content-Length: 99999999999999999999999\r\n\r\n", [400],
                 id="a length past 64 bits"),
    pytest.param(HEAD + LENGTH % (BODY_BYTES_MAX + 1) + b"\r\n", [413], id="a length past ours"),
    pytest.param(HEAD + LENGTH % 5 + CHUNKED + b"\r\n0\r\n\r\n" + SMUGGLED, [400],
                 id="both a length and chunks"),
    pytest.param(HEAD + CHUNKED + b"\r\nXYZ\r\n", [400], id="a chunk of no length"),
    pytest.param(HEAD + CHUNKED + b"\r\n" + b"F" * 17 + b"\r\n", [400], id="a chunk past 64 bits"),
    pytest.param(HEAD + b"Transfer-Encoding: xchunked\r\n\r\n" + SMUGGLED, [400],
                 id="an unknown transfer"),
    pytest.param(HEAD + b"X: " + b"a" * 5_000_000, [400], id="a header of 5,000,000 letters"),
    pytest.param(HEAD + b"X: a\r\n" * 500_000, [400], id="500,000 headers"),
    pytest.param(HEAD + b"X: a\x00b\r\n\r\n", [400], id="a header with a NUL"),
    pytest.param(HEAD + b"X : a\r\n\r\n", [400], id="a header with a blank in its name"),
    pytest.param(b"GET /" + b"a" * 5_000_000, [400], id="a path of 5,000,000 letters"),
    pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", [400], id="TLS"),
    pytest.param(b"GET / HTTP/9.9\r\n\r\n", [400], id="HTTP of tomorrow"),
])
# fmt: on
def test_bytes_that_are_hardly_http_are_refused_and_the_server_stays_sound(
    live: str, sent: bytes, statuses: list[int]
) -> None:
    port = int(live.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        with suppress(OSError):  # it may hang up on us in the middle
            connection.sendall(sent)
            if not statuses:
                connection.shutdown(socket.SHUT_WR)
        assert answered(connection, len(statuses)) == statuses
    assert requests.post(f"{live}/runs", json=run(2), timeout=10).status_code == 202
    assert requests.get(f"{live}/runs/{uid(2)}", timeout=10).status_code == 200


def answered(connection: socket.socket, expected: int) -> list[int]:
    """The statuses that come, until there are enough or the server hangs up."""
    got = b""
    statuses: list[int] = []
    with suppress(ConnectionResetError):
        while (len(statuses) < expected or not expected) and (piece := connection.recv(65_536)):
            got += piece
            statuses = [int(code) for code in re.findall(rb"HTTP/1.1 (\d{3})", got)]
    return statuses


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve(MemoryEngine(), tmp_path_factory.mktemp("live")) as server:
        yield server.url
