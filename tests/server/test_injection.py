"""Texts that mean something to SQL, FTS5, JSON, HTTP, HTML, shells and paths mean nothing here.

Each goes through every field that takes text, comes back as it was, and finds its own run only.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.testclient import TestClient

from runstore.engine.sqlite.engine import SqliteEngine
from runstore.limits import PATTERN_CHARS_MAX
from runstore.server.app import create_app
from runstore.settings import Settings
from tests.server.documented import assert_documented
from tests.server.wirerun import MULTIPART, json_part, multipart, run, uid

TEXTS = [
    "'", '"', "`", "\\", "\\'", "\\\\\"", "''", "%", "_", "%%_", "*", "?", ";", "--", "/*", "#",
    "'; DROP TABLE run; --", "' OR '1'='1", '" OR ""="', "1) UNION SELECT 1,2,3 --", "'||'x", "?1",
    ":name", "@x", "$1", "x' AND randomblob(1000000000) --", "char(0)", "NULL", "null", "None",
    "NEAR(a b, 5)", '"a" AND "b"', "a*", "^a", "col:a", "- a", "a OR", "{a b} : c", "AND", "NOT",
    '","x":"', "\\u0000", "]}", "{}", "[]", "true", "1", "1.0", "-0", "1e999", "NaN", "Infinity",
    "0x1F", "9" * 400, "__proto__", "constructor", "$ref", "a.b", "a..b", ".", "..", "metadata.x",
    "eq(name, \"x\")", "\"), eq(name, \"", "and(", "feedback_key", "ls_run_depth", "thread_id",
    "<script>alert(1)</script>", "<!--", "&lt;", "javascript:alert(1)", "{{7*7}}", "${jndi:ldap://x}",
    "%s%n%x", "{0.__class__}", "$(id)", "`id`", "| id", "; id", "../../etc/passwd", "..\\..\\x",
    "/etc/passwd", "C:\\x", "file:///etc/passwd", "con", "a/b", "\r\nSet-Cookie: a=b", "\r\n\r\n",
    "\n", "\t", " ", "  x  ", "\x00", "a\x00b", "\x1b[31m", "\x7f", "\x85", "\u2028", "\ufeff",
    "\u202e", "\u200b", "e\u0301", "\u00e9", "\u0130", "\u00df", "\u1e9e", "\ufffd", "\uffff",
    "\ufdfa", "\U0001f468\u200d\U0001f469", "\U0010ffff", "Z\u0351\u036b\u0343", "Ａ", "ﬁ", "１",
    "\ud800", "a\udfffb", "%00", "%2e%2e%2f", "%ff", "+", "a b", "a&b=c", "x" * 5_000,
]  # fmt: skip
NUMBERS = range(len(TEXTS))
SURROGATES = {ord("\ud800"): "\ufffd", ord("\udfff"): "\ufffd"}


def kept(text: str) -> str:
    """As the wire says: a lone surrogate becomes U+FFFD."""
    return text.translate(SURROGATES)


def name(number: int) -> str:
    """A text of its own, whatever the others are."""
    return f"{TEXTS[number]}|{number}|"


def ids(number: int) -> str:
    return ascii(TEXTS[number])[:40]


def hostile_run(number: int) -> dict[str, Any]:
    text, own = TEXTS[number], name(number)
    return run(
        number,
        None,
        name=own,
        error=own,
        tags=[own],
        session_name=own,
        start_time="2026-03-01T10:00:00.000000+00:00",
        trace_id=None,
        dotted_order=None,
        inputs={own: own, "deep": [{text: text}]},
        outputs={own: [own], "usage_metadata": {"input_token_details": {text: 1}}},
        events=[{"name": text, text: text}],
        serialized={text: text},
        extra={
            text: text,
            "metadata": {own: own, "k": own, "thread_id": own, "ls_model_name": "m"},
        },
    )


def hostile_feedback(number: int) -> dict[str, Any]:
    text, own = TEXTS[number], name(number)
    return {
        "id": uid(5_000 + number),
        "run_id": uid(number),
        "key": own,
        "value": own,
        "comment": own,
        "correction": {text: text},
        "feedback_source": {"type": own, "metadata": {text: text}},
        "extra": {text: text},
        "score": number,
    }


def attach(server: TestClient, number: int) -> None:
    """A file named by the text, of a run of its own."""
    written = kept(name(number))
    if set(written) & set('"%\r\n'):  # then escapes are read in it
        written = written.replace("\\", "\\\\").replace('"', "%22")
        written = written.replace("\r", "%0D").replace("\n", "%0A")
    run_id = uid(9_000 + number)
    body = multipart(
        json_part(f"post.{run_id}", run(9_000 + number)),
        (f"attachment.{run_id}.{written}", TEXTS[number].encode("utf-8", "replace"), "text/html"),
    )
    answer = server.post("/runs/multipart", content=body, headers=MULTIPART)
    assert answer.json() == {"message": "Runs batch ingested"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("injection") / "data"  # alone in its parent
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[TestClient]:
    """Everything is in it."""
    app = create_app(Settings(data=folder, ingest_processes=0), SqliteEngine(folder))
    with TestClient(app, "http://127.0.0.1:1984") as client:
        batch = {"post": [hostile_run(number) for number in NUMBERS]}
        answer = client.post("/runs/batch", content=json.dumps(batch))
        assert answer.json() == {"message": "Runs batch ingested"}
        for number in NUMBERS:
            answer = client.post("/feedback", content=json.dumps(hostile_feedback(number)))
            assert answer.status_code == 200, answer.text
            attach(client, number)
        yield client


each = pytest.mark.parametrize("number", NUMBERS, ids=ids)


def literal(text: str) -> str:
    """A text as the filter language writes it; lone surrogates as escapes."""
    return json.dumps(text)


def found(server: TestClient, **fields: Any) -> list[str]:
    body = {"id": [uid(number) for number in NUMBERS], "select": ["id"], "limit": 1_000, **fields}
    answer = server.post("/runs/query", content=json.dumps(body))
    assert answer.status_code == 200, answer.text
    assert_documented("POST", "/runs/query", answer)
    return [one["id"] for one in answer.json()["runs"]]


@each
def test_a_text_comes_back_as_it_was(server: TestClient, number: int) -> None:
    answer = server.get(f"/runs/{uid(number)}")
    assert_documented("GET", f"/runs/{uid(number)}", answer)
    got, sent = answer.json(), json.loads(kept(json.dumps(hostile_run(number), ensure_ascii=False)))
    got["extra"]["metadata"].pop("ls_run_depth")
    for field in ("name", "error", "tags", "inputs", "outputs", "events", "serialized", "extra"):
        assert got[field] == sent[field], field
    assert got["thread_id"] == kept(name(number))
    record = server.get(f"/feedback/{uid(5_000 + number)}").json()
    said = json.loads(kept(json.dumps(hostile_feedback(number), ensure_ascii=False)))
    assert record | said == record


FORMS = [
    "eq(name, {})",
    "eq(error, {})",
    "has(tags, {})",
    "in(name, [{}])",
    "eq(thread_id, {})",
    "eq(session_name, {})",
    "and(eq(metadata_key, {0}), eq(metadata_value, {0}))",
    'and(eq(metadata_key, "k"), eq(metadata_value, {}))',
    "and(eq(input_key, {0}), eq(input_value, {0}))",
    "eq(output_key, {})",
    "eq(feedback_key, {})",
    "and(eq(feedback_key, {0}), eq(feedback_value, {0}))",
    "eq(feedback_source, {})",
    "exists(metadata, {})",
    "not(neq(name, {}))",
]


@each
def test_a_filter_of_a_text_finds_its_own_run_only(server: TestClient, number: int) -> None:
    for form in FORMS:
        text = form.format(literal(name(number)))
        assert found(server, filter=text) == [uid(number)], form


@each
def test_like_takes_a_text_literally_once_it_is_escaped(server: TestClient, number: int) -> None:
    own = kept(name(number))
    pattern = own.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    if len(pattern) <= PATTERN_CHARS_MAX:
        assert found(server, filter=f"like(name, {literal(pattern)})") == [uid(number)]


@each
def test_search_takes_any_text_or_says_why_not(server: TestClient, number: int) -> None:
    body = {"id": uid(number)}
    for ask in ({"query": TEXTS[number]}, {"filter": f"search({literal(TEXTS[number])})"}):
        answer = server.post("/runs/query", content=json.dumps(body | ask))
        assert_documented("POST", "/runs/query", answer)
        if answer.status_code == 200:
            assert [one["id"] for one in answer.json()["runs"]] == [uid(number)]
        else:
            assert answer.status_code == 400
            assert not any(sign.isalnum() for sign in TEXTS[number]), answer.text


@each
def test_a_text_that_is_no_filter_is_refused_with_its_place(
    server: TestClient, number: int
) -> None:
    own = TEXTS[number]
    for field, text in (
        ("filter", own),
        ("trace_filter", f"eq(name, {own})"),
        ("tree_filter", f'eq({own}, "x")'),
        ("search_filter", f'eq(name, "{own}'),
    ):
        answer = server.post("/runs/query", content=json.dumps({"id": uid(1), field: text}))
        assert_documented("POST", "/runs/query", answer)
        assert answer.status_code in (200, 400)
        if answer.status_code == 400:
            assert answer.json()["where"] == field


@each
def test_parameters_of_urls_take_any_text(server: TestClient, number: int) -> None:
    own = kept(name(number))
    [project] = asked(server, "/sessions", name=own)
    assert project["name"] == own
    assert [one["id"] for one in asked(server, "/sessions", name_contains=own)] == [project["id"]]
    record = [uid(5_000 + number)]
    assert [one["id"] for one in asked(server, "/feedback", key=own)] == record
    assert [one["id"] for one in asked(server, "/feedback", source=own)] == record


def asked(server: TestClient, path: str, **params: str) -> list[dict[str, Any]]:
    answer = server.get(f"{path}?{urlencode(params)}")
    assert answer.status_code == 200, answer.text
    assert_documented("GET", path, answer)
    listed: list[dict[str, Any]] = answer.json()
    return listed


@each
def test_figures_are_grouped_by_any_text(server: TestClient, number: int) -> None:
    own = kept(name(number))
    body = {"id": [uid(one) for one in NUMBERS], "select": ["run_count"]}
    for group_by in ({"attribute": "metadata", "path": own}, {"attribute": "tag"}):
        answer = server.post(
            "/runs/stats", json=body | {"group_by": group_by | {"max_groups": 1_000}}
        )
        assert_documented("POST", "/runs/stats", answer)
        assert answer.json()[own] == {"run_count": 1}


@each
def test_words_that_are_not_understood_are_refused_in_words(
    server: TestClient, number: int
) -> None:
    text = TEXTS[number]
    for field in ("cursor", "select", "order", "run_type", "session", "limit", "start_time"):
        answer = server.post(
            "/runs/query", content=json.dumps({"id": uid(1), "limit": 1} | {field: text})
        )
        assert_documented("POST", "/runs/query", answer)
        assert answer.status_code in (200, 400, 422), (field, answer.text)
    for method, path in (
        ("POST", "/runs/tail"),
        ("POST", "/runs/stats"),
        ("POST", "/sessions"),
        ("POST", "/runs"),
    ):
        wrong = json.dumps({"id": text, "cursor": f"x{text}", "end_time": f"x{text}"})
        answer = server.request(method, path, content=wrong)
        assert_documented(method, path, answer)
        assert answer.status_code in (400, 422), answer.text


@each
def test_headers_take_any_text_that_http_does(server: TestClient, number: int) -> None:
    text = kept(TEXTS[number]).encode().translate(None, bytes(range(32)) + b"\x7f")[:2_000]
    for header in (b"x-request-id", b"last-event-id", b"content-type", b"user-agent", b"range"):
        answer = server.request("GET", "/info", headers=[(header, text)])
        assert answer.status_code == 200
        assert "set-cookie" not in answer.headers
    answer = server.request(
        "POST", "/runs/query", content=b"{}", headers=[(b"content-encoding", b"x" + text)]
    )
    assert answer.status_code == 400
    assert_documented("POST", "/runs/query", answer)


@each
def test_attachments_are_named_by_any_text(server: TestClient, number: int) -> None:
    own, run_id = kept(name(number)), uid(9_000 + number)
    files = server.get(f"/runs/{run_id}").json()["s3_urls"]
    [(called, link)] = files.items()
    assert called == f"attachment.{own}"
    answer = server.get(link["presigned_url"])
    assert answer.status_code == 200
    assert answer.content == TEXTS[number].encode("utf-8", "replace")
    shown = answer.headers["content-disposition"]
    assert shown.startswith("attachment; filename*=UTF-8''")
    assert not {"/", "\r", "\n", '"'} & set(shown.partition("''")[2])
    assert answer.headers["content-security-policy"].startswith("sandbox")


def test_no_text_became_the_name_of_a_file(server: TestClient, folder: Path) -> None:
    paths = [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
    ours = re.compile(
        r"runs\.db(-wal|-shm)?|[a-z_]+\.(key|json|lock)|lock|secret|blobs/[0-9a-f]{2}/[0-9a-f]{64}"
    )
    assert any(path.startswith("blobs/") for path in paths), "attachments were written"
    assert [path for path in paths if ours.fullmatch(path) is None] == []
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
