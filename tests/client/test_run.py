"""Run: what langsmith.schemas.Run has, of the same answers of a live server."""

import copy
import pickle
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import langsmith
import orjson
import pytest
from langsmith import schemas

from runstore.client.attachments import Attachment
from runstore.client.run import FIELDS, Run, decode_run
from runstore.client.run_page import decode_page
from runstore.errors import InvalidRequest, NotFound, UnexpectedAnswer
from tests.server.live import open_engine, serve

START = datetime(2026, 3, 1, 10, tzinfo=UTC)
HOST = "http://ui"
SELECT = [
    *("id", "name", "start_time", "run_type", "end_time", "extra", "error", "serialized"),
    *("events", "inputs", "outputs", "reference_example_id", "parent_run_id", "tags"),
    *("session_id", "child_run_ids", "feedback_stats", "app_path", "manifest_id", "status"),
    *("prompt_tokens", "completion_tokens", "total_tokens", "prompt_token_details"),
    *("completion_token_details", "first_token_time", "total_cost", "prompt_cost"),
    *("completion_cost", "prompt_cost_details", "completion_cost_details", "parent_run_ids"),
    *("trace_id", "dotted_order", "in_dataset", "s3_urls", "thread_id", "inputs_preview"),
]
USAGE = {
    "input_tokens": 1200,
    "output_tokens": 34,
    "total_tokens": 1234,
    "input_token_details": {"cache_read": 1000},
    "output_token_details": {"reasoning": 30},
    "input_cost": 0.0012,
    "output_cost": 0.00034,
    "input_cost_details": {"cache_read": 0.0001},
}


def write_kinds(client: langsmith.Client) -> None:
    """A root with a fine model call, a failed tool and one that has not ended."""
    ids = {name: uuid.uuid4() for name in ("agent", "model", "search", "slow")}

    def create(name: str, run_type: Any, after_s: int, **said: Any) -> None:
        order = f"{START:%Y%m%dT%H%M%S%fZ}{ids['agent']}"
        if name != "agent":
            order += f".{START + timedelta(seconds=after_s):%Y%m%dT%H%M%S%fZ}{ids[name]}"
            said["parent_run_id"] = ids["agent"]
        client.create_run(
            name,
            said.pop("inputs", {"question": name}),
            run_type,
            id=ids[name],
            trace_id=ids["agent"],
            dotted_order=order,
            start_time=START + timedelta(seconds=after_s),
            project_name="kinds",
            **said,
        )

    end = {"end_time": START + timedelta(seconds=9, microseconds=1)}
    create("agent", "chain", 0, tags=["a", "ü"], extra={"metadata": {"thread_id": "t"}}, **end)
    created = {"name": "new_token", "time": (START + timedelta(seconds=2)).isoformat()}
    create("model", "llm", 1, outputs={"usage_metadata": USAGE}, events=[created], **end)
    create(
        "search",
        "tool",
        2,
        error="TimeoutError()",
        serialized={"name": "s"},
        reference_example_id=uuid.uuid4(),
        attachments={"notes": ("text/plain", b"some words")},
        **end,
    )
    create("slow", "retriever", 3, inputs={})
    client.flush()
    project = client.read_project(project_name="kinds").id
    for score in (1, 0.5):
        client.create_feedback(
            ids["agent"], "user_score", score=score, comment="so", session_id=project
        )
    client.flush()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("run")
    with serve(open_engine("sqlite", folder), folder) as live:
        client = langsmith.Client(live.url, api_key="any")
        write_kinds(client)
        yield live.url
        client.cleanup()


@pytest.fixture(scope="module")
def body(url: str) -> bytes:
    """A page with a run of every kind, and every field the SDK has."""
    with httpx2.Client(base_url=url) as client:
        project = client.get("/sessions", params={"name": "kinds"}).json()[0]["id"]
        asked = {"session": [project], "select": SELECT, "limit": 3}
        return client.post("/runs/query", json=asked).content


@pytest.fixture(scope="module")
def pairs(body: bytes) -> list[tuple[Run, schemas.Run]]:
    """Ours and the SDK's, of the same JSON."""
    ours = decode_page(body, host_url=HOST).runs
    theirs = [schemas.Run(**fields, _host_url=HOST) for fields in orjson.loads(body)["runs"]]
    return list(zip(ours, theirs, strict=True))


PROPERTIES = (
    *("metadata", "revision_id", "latency", "url", "input_tokens", "output_tokens", "input_cost"),
    *("output_cost", "input_token_details", "output_token_details", "input_cost_details"),
    *("output_cost_details",),
)


def kinds_of(value: Any) -> Any:
    """The types at every depth, so that "1" is not taken for 1 nor a str for a UUID."""
    if isinstance(value, dict):
        return {key: kinds_of(one) for key, one in value.items()}
    if isinstance(value, list):
        return [kinds_of(one) for one in value]
    return type(value)


@pytest.mark.parametrize("name", [*schemas.Run.model_fields, *PROPERTIES])
def test_a_field_has_the_value_and_type_it_has_in_the_sdk(
    pairs: list[tuple[Run, schemas.Run]], name: str
) -> None:
    assert len(pairs) == 3
    for ours, theirs in pairs:
        if name == "attachments":  # the SDK's client downloads them; its Run does not
            continue
        mine, other = getattr(ours, name), getattr(theirs, name)
        assert mine == other
        assert kinds_of(mine) == kinds_of(other)


def test_every_kind_of_value_is_in_the_comparison(pairs: list[tuple[Run, schemas.Run]]) -> None:
    runs = {run.name: run for run, _ in pairs}
    model, search, slow = runs["model"], runs["search"], runs["slow"]
    assert model.prompt_cost == Decimal("0.0012")
    assert model.prompt_cost_details == {"cache_read": Decimal("0.0001")}
    assert model.first_token_time == START + timedelta(seconds=2)
    assert (search.status, search.error) == ("error", "TimeoutError()")
    assert isinstance(search.reference_example_id, UUID)
    assert (slow.status, slow.end_time, slow.latency) == ("pending", None, None)


@pytest.mark.parametrize("mode", ["python", "json"])
def test_a_dump_is_the_sdks_dump_and_more(pairs: list[tuple[Run, schemas.Run]], mode: Any) -> None:
    for ours, theirs in pairs:
        want = theirs.model_dump(mode=mode)
        have = ours.model_dump(mode=mode)
        del want["attachments"]
        assert {name: have[name] for name in want} == want
        assert list(have)[: len(want) + 1] == list(schemas.Run.model_fields)
        assert {"thread_id", "inputs_preview"} <= have.keys()


def test_the_real_clients_run_is_equal(url: str) -> None:
    client = langsmith.Client(url, api_key="any", auto_batch_tracing=False)
    [theirs] = client.list_runs(project_name="kinds", filter='eq(name, "agent")')
    with httpx2.Client(base_url=url) as http:
        ours = decode_run(http.get(f"/runs/{theirs.id}").content)
    assert ours.feedback_stats == theirs.feedback_stats
    assert ours.feedback_stats
    assert ours.feedback_stats["user_score"]["avg"] == 0.75
    assert (ours.total_tokens, ours.total_cost) == (1234, theirs.total_cost)
    assert (ours.tags, ours.thread_id) == (["a", "ü"], "t")


def test_an_attachment_is_fetched_when_it_is_read_and_once(url: str, body: bytes) -> None:
    asked: list[str] = []

    def fetch(link: str) -> bytes:
        asked.append(link)
        return httpx2.get(link if "://" in link else url + link).content

    runs = {run.name: run for run in decode_page(body, fetch=fetch).runs}
    assert runs["model"].attachments == {}
    found = runs["search"].attachments["notes"]
    assert (found.mime_type, found["mime_type"], asked) == ("text/plain", "text/plain", [])
    assert found.read() == b"some words"
    assert found["reader"].read() == b"some words"
    assert asked == [found.presigned_url]
    assert dict(runs["search"].attachments)["notes"] is found


def test_an_attachment_without_a_connection_says_what_to_do(body: bytes) -> None:
    runs = {run.name: run for run in decode_page(body).runs}
    with pytest.raises(InvalidRequest, match="await client.read_attachment"):
        runs["search"].attachments["notes"].read()


def test_an_attachment_that_is_gone_is_not_found() -> None:
    def fetch(link: str) -> bytes:
        raise NotFound("this attachment is no longer here")

    with pytest.raises(NotFound):
        Attachment("a", "/attachments/x", None, fetch).read()


# --- what answers of others look like

ID = "0198c0de-0000-7000-8000-000000000001"
LEAST = {"id": ID, "name": "n", "run_type": "llm", "start_time": "2026-03-01T10:00:00.120000"}


def run_of(**fields: Any) -> Run:
    return decode_run(orjson.dumps({**LEAST, **fields}))


@pytest.mark.parametrize(
    ("fields", "name", "value"),
    [
        ({}, "start_time", datetime(2026, 3, 1, 10, 0, 0, 120000, UTC)),
        ({"end_time": "2026-03-01T10:00:01"}, "latency", 0.88),
        ({"end_time": "2026-03-01T12:00:01+02:00"}, "end_time", START + timedelta(seconds=1)),
        ({"end_time": "2026-03-01T10:00:01.5Z"}, "latency", 1.38),
        ({"total_cost": "0.000000000001"}, "total_cost", Decimal("0.000000000001")),
        ({"total_cost": 0.1}, "total_cost", Decimal("0.1")),
        ({"total_cost": 3}, "total_cost", Decimal(3)),
        ({"prompt_cost_details": {"a": 0.1, "b": "0.20"}}, "input_cost_details",
         {"a": Decimal("0.1"), "b": Decimal("0.20")}),
        ({}, "total_cost", None),
        ({}, "trace_id", UUID(ID)),
        ({}, "inputs", {}),
        ({"inputs": None}, "inputs", {}),
        ({}, "extra", {"metadata": {}}),
        ({"extra": None}, "extra", None),
        ({"extra": None}, "metadata", {}),
        ({"extra": {"metadata": {"revision_id": "r"}}}, "revision_id", "r"),
        ({}, "dotted_order", f"2026-03-01T10:00:00.120000+00:00{ID}"),
        ({"parent_run_id": ID}, "dotted_order", ""),
        ({"what_is_new": [1, {}]}, "name", "n"),
        ({"s3_urls": {"ROOT": {"presigned_url": "/x"}, "attachment.a": {}}}, "attachments", {}),
        ({}, "url", None),
        ({}, "child_runs", None),
        ({"parent_run_ids": [ID]}, "parent_run_ids", [UUID(ID)]),
    ],
)  # fmt: skip
def test_what_an_answer_says_or_leaves_out(fields: dict[str, Any], name: str, value: Any) -> None:
    found = getattr(run_of(**fields), name)
    assert found == value
    if isinstance(found, datetime):
        assert found.tzinfo is UTC or found.tzinfo == timezone.utc  # noqa: UP017  # both are one


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"", "not a page of runs"),
        (b"<html>", "not a page of runs"),
        (b'{"detail": "no"}', "runs"),
        (b'{"runs": {}}', "array"),
    ],
)
def test_what_is_no_page_is_told(body: bytes, what: str) -> None:
    with pytest.raises(UnexpectedAnswer, match=what):
        decode_page(body)


@pytest.mark.parametrize("cursors", [{}, None, {"next": None}, {"next": ""}])
def test_no_cursor_is_the_end(cursors: Any) -> None:
    page = decode_page(orjson.dumps({"runs": [LEAST], "cursors": cursors}))
    assert (page.next_cursor, page.prev_cursor, page.parsed_query) == (None, None, None)


def test_a_page_has_its_cursors_and_its_filter() -> None:
    said = {"runs": [], "cursors": {"next": "n", "prev": "p"}, "parsed_query": "search(1)"}
    page = decode_page(orjson.dumps(said))
    assert (page.next_cursor, page.prev_cursor, page.parsed_query) == ("n", "p", "search(1)")


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"start_time": "yesterday"}, "start_time"),
        ({"start_time": None}, "start_time"),
        ({"session_id": "x"}, "session_id"),
        ({"total_cost": "much"}, "total_cost"),
    ],
)
def test_a_field_that_is_wrong_is_named_when_it_is_read(fields: dict[str, Any], name: str) -> None:
    run = run_of(**fields)
    assert run.name == "n"
    with pytest.raises(UnexpectedAnswer, match=name):
        getattr(run, name)


@pytest.mark.parametrize(
    ("written", "value"),
    [('"a\\ud83d b"', "a\N{REPLACEMENT CHARACTER} b"), ("NaN", None), ("-Infinity", None)],
)
def test_what_senders_should_not_send_is_mended(written: str, value: Any) -> None:
    text = orjson.dumps({**LEAST, "inputs": {"x": "HERE"}}).replace(b'"HERE"', written.encode())
    assert decode_run(text).inputs == {"x": value}
    [run] = decode_page(b'{"runs":[' + text + b"]}").runs
    assert (run.name, run.inputs) == ("n", {"x": value})


def test_a_wrong_name_is_an_attribute_error(body: bytes) -> None:
    run = decode_page(body).runs[0]
    with pytest.raises(AttributeError, match="'Run' object has no attribute 'latencies'"):
        run.latencies  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(ValueError, match="'latencies' is not a field"):
        run.model_dump(include=["latencies"])


def test_a_run_travels_and_stays_equal(body: bytes) -> None:
    for run in decode_page(body, host_url=HOST, fetch=lambda link: b"").runs:
        run.outputs = {"changed": True}
        for twin in (pickle.loads(pickle.dumps(run)), copy.copy(run), copy.deepcopy(run)):
            assert twin == run
            assert twin.url == run.url
        other = decode_run(run.raw_json)
        assert other != run
        assert run != "run"


def test_a_dump_is_of_its_own(body: bytes) -> None:
    run = decode_page(body).runs[-1]
    for _ in range(2):  # untouched, then touched
        run.model_dump()["inputs"]["more"] = 1
        assert "more" not in run.inputs


def test_a_dump_can_be_narrowed(body: bytes) -> None:
    run = decode_page(body).runs[0]
    assert run.model_dump(include=["name", "status"]) == {"name": "slow", "status": "pending"}
    assert "inputs" not in run.model_dump(exclude=["inputs"])
    assert "end_time" not in run.model_dump(exclude_none=True)
    assert orjson.loads(run.model_dump_json())["id"] == str(run.id)


def test_children_are_dumped_too(body: bytes) -> None:
    parent, child = (decode_page(body).runs[at] for at in (0, 1))
    parent.child_runs = [child]
    [dumped] = parent.model_dump(mode="json")["child_runs"]
    assert dumped["id"] == str(child.id)


def test_a_run_shows_itself_in_a_line() -> None:
    assert repr(run_of(status="error")) == (
        f"Run(id='{ID}', name='n', run_type='llm', status='error', "
        "start_time='2026-03-01T10:00:00.120000+00:00')"
    )
    assert {"name", "latency", "url"} <= set(dir(run_of()))
    assert "thread_id" in FIELDS
