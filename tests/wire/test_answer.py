import json
import warnings
from typing import Any

import orjson
import pytest
from langsmith import schemas

from runstore.model.feedback import Feedback
from runstore.model.query import Page, Position, RunQuery
from runstore.model.run import Attachment, JsonText, Run
from runstore.wire.answer import encode_page, encode_run
from runstore.wire.cursor import Place, decode_cursor, query_hash
from runstore.wire.names import ALWAYS, DEFAULT, SELECTABLE
from runstore.wire.query import RunQueryBody
from runstore.wire.template import PREVIEW_CHARS, preview

RUN = "11111111-1111-4111-8111-111111111111"
ROOT = "22222222-2222-4222-8222-222222222222"
PROJECT = "33333333-3333-4333-8333-333333333333"
START = "20260102T030405678901Z"
START_US = 1767323045678901


def run(**fields: Any) -> Run:
    given = {
        "id": RUN,
        "trace_id": ROOT,
        "parent_run_id": ROOT,
        "dotted_order": f"{START}{ROOT}.{START}{RUN}",
        "start_us": START_US,
        "project_id": PROJECT,
        "name": "model",
        "run_type": "llm",
        **fields,
    }
    return Run(**given)


FULL = run(
    end_us=START_US + 1_500_000,
    status="success",
    tags=("a", "b"),
    thread_id="t-1",
    first_token_us=START_US + 1000,
    received_us=START_US + 2,
    reference_example_id=ROOT,
    inputs=JsonText(b'{ "q" : "hi" }'),
    outputs=JsonText(b'{"a":1.0}'),
    extra=JsonText(b'{"metadata":{"ls_run_depth":1}}'),
    events=JsonText(b'[{"name":"start"}]'),
    serialized=JsonText(b'{"id":[]}'),
    totals={
        "total_tokens": (18, 1),
        "prompt_tokens": (11, 1),
        "completion_tokens": (7, 1),
        "prompt_token_details.cache_read": (5, 1),
        "total_cost": (37_500_000, 1),
        "completion_cost_details.reasoning": (1_000_000_000_000, 1),
    },
    attachments=(Attachment("picture", "ab" * 32, "image/png", 15),),
)


def encoded(one: Run, select: frozenset[str] = DEFAULT, **options: Any) -> dict[str, Any]:
    answer = encode_run(one, select, **options)
    fields: dict[str, Any] = json.loads(answer)
    return fields


def test_a_full_run_says_all_the_contract_names() -> None:
    fields = encoded(FULL)
    expected = {
        "id": RUN,
        "start_time": "2026-01-02T03:04:05.678901+00:00",
        "end_time": "2026-01-02T03:04:07.178901+00:00",
        "session_id": PROJECT,
        "parent_run_ids": [ROOT],
        "status": "success",
        "execution_order": 1,
        "total_tokens": 18,
        "prompt_token_details": {"cache_read": 5},
        "completion_token_details": None,
        "total_cost": "0.0000375",
        "prompt_cost": None,
        "completion_cost_details": {"reasoning": "1"},
        "feedback_stats": {},
        "first_token_time": "2026-01-02T03:04:05.679901+00:00",
        "trace_first_received_at": "2026-01-02T03:04:05.678903+00:00",
        "thread_id": "t-1",
        "tags": ["a", "b"],
        "last_queued_at": None,
        "trace_tier": None,
    }
    assert {name: fields[name] for name in expected} == expected
    assert fields["app_path"] == (
        f"/o/00000000-0000-0000-0000-000000000001/projects/p/{PROJECT}/r/{RUN}"
        f"?trace_id={ROOT}&start_time=2026-01-02T03:04:05.678901"
    )
    assert set(fields) == DEFAULT | {"execution_order"}


def test_payload_bytes_are_passed_on_as_they_are() -> None:
    assert b'"inputs":{ "q" : "hi" }' in encode_run(FULL)
    assert b'"outputs":{"a":1.0}' in encode_run(FULL)


@pytest.mark.parametrize(
    "text", ['say "hi"', "a\\b", "\x00\n\x7f", "ü 語 😀", "%s %(x)s 100%", "", "]}"]
)
def test_whatever_people_write_is_escaped_as_json(text: str) -> None:
    one = run(
        name=text,
        error=text,
        thread_id=text,
        tags=(text, "b"),
        totals={f"prompt_token_details.{text}": (1, 1)},
    )
    answer = encode_run(one)
    fields = orjson.loads(answer)
    shown = (fields["name"], fields["error"], fields["thread_id"], fields["tags"])
    assert shown == (text, text, text, [text, "b"])
    assert fields["prompt_token_details"] == {text: 1}
    assert orjson.dumps(fields) == answer  # nothing is written otherwise than JSON writers do


def test_equal_runs_of_a_page_are_told_apart_by_what_differs() -> None:
    runs = [
        run(id=ROOT, dotted_order=f"{START}{ROOT}", parent_run_id=None, totals=FULL.totals),
        run(totals=dict(FULL.totals), tags=("a",)),
        run(id=PROJECT, dotted_order=f"{START}{ROOT}.{START}{RUN}.{START}{PROJECT}", name="x"),
    ]
    page = json.loads(encode_page(Page(runs=runs), asked(RunQuery(), select=DEFAULT)))
    assert page["runs"] == [encoded(one) for one in runs]
    assert [one["parent_run_ids"] for one in page["runs"]] == [[], [ROOT], [ROOT, RUN]]
    assert [one["total_tokens"] for one in page["runs"]] == [18, 18, 0]


def test_a_run_of_which_little_is_known_has_its_defaults() -> None:
    fields = encoded(run(name=None, run_type=None, project_id=None))
    assert (fields["name"], fields["run_type"], fields["status"]) == ("", "chain", "pending")
    assert fields["total_tokens"] == fields["prompt_tokens"] == fields["completion_tokens"] == 0
    assert fields["total_cost"] is fields["prompt_cost_details"] is fields["end_time"] is None
    assert fields["inputs"] is fields["extra"] is None
    assert fields["tags"] == []


@pytest.mark.parametrize("name", sorted(SELECTABLE))
def test_every_selectable_name_is_answered_beside_those_that_always_are(name: str) -> None:
    fields = encoded(FULL, frozenset({name}), attachment_url=lambda run_id, file: "u")
    several = {
        "trace_min_max_start_time": {"trace_min_start_time", "trace_max_start_time"},
        "child_run_ids": {"child_run_ids", "direct_child_run_ids"},
    }
    assert set(fields) == ALWAYS | several.get(name, {name})


@pytest.mark.parametrize(
    "select",
    [DEFAULT, frozenset(SELECTABLE), frozenset({"inputs", "outputs"}), frozenset()],
    ids=["default", "everything", "payloads", "nothing"],
)
@pytest.mark.parametrize("one", [FULL, run()], ids=["full", "bare"])
def test_the_sdk_reads_every_answer(one: Run, select: frozenset[str]) -> None:
    fields = encoded(one, select, attachment_url=lambda run_id, file: "/files/x")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        read = schemas.Run(**fields)
    assert str(read.id) == RUN
    assert read.start_time.utcoffset() is not None
    if one is FULL and "total_cost" in select:
        assert str(read.total_cost) == "0.0000375"
        assert read.prompt_token_details == {"cache_read": 5}
        assert read.latency == 1.5


def test_attachments_are_links_when_asked_for() -> None:
    select = frozenset({"s3_urls"})
    fields = encoded(FULL, select, attachment_url=lambda run_id, file: f"/f/{run_id}/{file.name}")
    assert fields["s3_urls"] == {
        "attachment.picture": {"presigned_url": f"/f/{RUN}/picture", "mime_type": "image/png"}
    }
    assert encoded(run(), select, attachment_url=lambda run_id, file: "x")["s3_urls"] is None


def test_feedback_is_shown_as_figures_by_key() -> None:
    records = [
        Feedback(id=ROOT, key="k", run_id=RUN, score=1.0, comment="good", created_us=2),
        Feedback(id=RUN, key="k", run_id=RUN, score=0.0, value=JsonText(b'"meh"'), created_us=1),
        Feedback(id=RUN, key="note", run_id=RUN, comment="only words"),
    ]
    stats = encoded(FULL, feedback=records)["feedback_stats"]
    assert stats["k"] == {
        "n": 2,
        "avg": 0.5,
        "stdev": 0.5,
        "errors": 0,
        "show_feedback_arrow": False,
        "comments": ["good"],
        "sources": [],
        "session_min_score": 0.0,
        "session_max_score": 1.0,
        "values": {"meh": 1},
        "contains_thread_feedback": False,
    }
    assert (stats["note"]["n"], stats["note"]["avg"]) == (0, None)


def test_the_starts_of_a_trace_are_two_fields() -> None:
    select = frozenset({"trace_min_max_start_time"})
    page = Page(runs=[FULL], trace_starts={FULL.trace_id: (0, 1_000_000)})
    [fields] = json.loads(encode_page(page, asked(RunQuery(), select=select)))["runs"]
    assert fields["trace_min_start_time"] == "1970-01-01T00:00:00.000000+00:00"
    assert fields["trace_max_start_time"] == "1970-01-01T00:00:01.000000+00:00"


def test_child_run_ids_are_all_below_and_the_direct_ones_apart() -> None:
    select = frozenset({"child_run_ids"})
    page = Page(runs=[FULL], child_ids={RUN: [ROOT]}, descendant_ids={RUN: [ROOT, PROJECT]})
    [fields] = json.loads(encode_page(page, asked(RunQuery(), select=select)))["runs"]
    assert (fields["child_run_ids"], fields["direct_child_run_ids"]) == ([ROOT, PROJECT], [ROOT])
    fields = encoded(FULL, select)
    assert (fields["child_run_ids"], fields["direct_child_run_ids"]) == ([], [])
    assert "direct_child_run_ids" not in encoded(FULL)


# fmt: off
@pytest.mark.parametrize(("text", "shown"), [
    (None, None),
    (b'{"q":"hi","n":[1,{"deep":"there"}],"b":true,"x":null}', "hi\n1\nthere"),
    (b'{}', ""),
    (b'{"q":"' + b"x" * 300 + b'"}', "x" * PREVIEW_CHARS),
    (b'{"q":"' + "ü".encode() * 20_000 + b'"}', '{"q":"' + "ü" * (PREVIEW_CHARS - 6)),
])
# fmt: on
def test_a_preview_is_the_beginning_of_the_text(text: bytes | None, shown: str | None) -> None:
    assert preview(None if text is None else JsonText(text)) == shown


# --- pages


def asked(query: RunQuery, **options: Any) -> RunQueryBody:
    given = {
        "query": query,
        "select": frozenset({"id"}),
        "ignored": (),
        "query_hash": query_hash(query),
        "with_next": True,
        "with_previous": True,
        **options,
    }
    return RunQueryBody(**given)


def test_a_page_in_the_middle_leads_both_ways() -> None:
    body = asked(RunQuery(project_ids=(PROJECT,), query='say "hi"'))
    page = Page(runs=[run(start_us=9), run(id=ROOT, start_us=5)], has_next=True, has_previous=True)
    answer = json.loads(encode_page(page, body))
    assert [one["id"] for one in answer["runs"]] == [RUN, ROOT]
    following = decode_cursor(answer["cursors"]["next"], body.query_hash)
    previous = decode_cursor(answer["cursors"]["prev"], body.query_hash)
    assert following == Place(Position(5, ROOT), False)
    assert previous == Place(Position(9, RUN), True)
    assert answer["parsed_query"] == 'search("say \\"hi\\"")'
    assert answer["search_cursors"] is None


# fmt: off
@pytest.mark.parametrize(("page", "options"), [
    pytest.param(Page(), {}, id="no runs"),
    pytest.param(Page(has_next=True, has_previous=True), {}, id="an empty page never leads on"),
    pytest.param(Page(runs=[run()]), {}, id="all there is"),
    pytest.param(Page(runs=[run()], has_next=True, has_previous=True),
                 {"with_next": False, "with_previous": False}, id="no cursors wanted"),
])
# fmt: on
def test_a_page_without_more_has_no_cursor(page: Page, options: dict[str, Any]) -> None:
    answer = json.loads(encode_page(page, asked(RunQuery(), **options)))
    assert answer["cursors"] == {"next": None, "prev": None}
    assert answer["parsed_query"] is None


def test_feedback_and_children_of_a_page_go_to_their_runs() -> None:
    record = Feedback(id=ROOT, key="k", run_id=ROOT, score=1.0)
    page = Page(
        runs=[run(), run(id=ROOT)], feedback={ROOT: [record]}, descendant_ids={ROOT: [RUN], RUN: []}
    )
    body = asked(RunQuery(), select=frozenset({"feedback_stats", "child_run_ids"}))
    child, root = json.loads(encode_page(page, body))["runs"]
    assert (child["feedback_stats"], child["child_run_ids"]) == ({}, [])
    assert (root["feedback_stats"]["k"]["n"], root["child_run_ids"]) == (1, [RUN])
