import json
from typing import Any

import pytest

from runstore.errors import CursorError, InvalidRequest, SchemaError, TooLarge
from runstore.limits import FILTER_CHARS_MAX, IDS_MAX, PAGE_RUNS_MAX, QUERY_BODY_BYTES_MAX
from runstore.model.query import Position
from runstore.model.run import Run
from runstore.wire.cursor import Place, encode_cursor
from runstore.wire.names import DEFAULT, SELECTABLE
from runstore.wire.query import RunQueryBody, decode_run_query
from tests.wire.capture import read_fixture

RUN = "11111111-1111-4111-8111-111111111111"
OTHER = "22222222-2222-4222-8222-222222222222"
START_US = 1767323045678901


def asked(**fields: Any) -> RunQueryBody:
    return decode_run_query(json.dumps({"session": [RUN], **fields}).encode())


def test_every_parameter_of_list_runs_arrives() -> None:
    body = decode_run_query(read_fixture("runs_query").body)
    query = body.query
    assert body.ignored == ()
    assert query.project_ids == ("5c9a1c7e-9f5e-4f0e-8d0a-0d3c54c5a001",)
    assert query.trace_id == query.parent_run_id == "5c9a1c7e-9f5e-4f0e-8d0a-0d3c54c5a002"
    assert (query.run_type, query.is_root, query.has_error) == ("llm", True, False)
    assert (query.start_min_us, query.end_max_us) == (START_US, 1767323047000000)
    assert (query.filter, query.trace_filter) == ('eq(name, "x")', 'has(tags, "a")')
    assert (query.tree_filter, query.query) == ('eq(status, "error")', "two words")
    assert (query.limit, query.descending) == (7, False)
    assert len(body.select) == 28
    assert query.select is not None
    assert {"inputs", "totals", "attachments", "feedback_stats", "start_us"} <= query.select
    assert "serialized" not in query.select


def test_the_async_client_asks_for_ids_alone() -> None:
    body = decode_run_query(read_fixture("runs_query_async").body)
    assert body.query.ids == ("5c9a1c7e-9f5e-4f0e-8d0a-0d3c54c5a002",)
    assert body.query.project_ids is None
    assert body.select == frozenset({"id", "inputs"})


# fmt: off
@pytest.mark.parametrize(("fields", "attribute", "taken"), [
    pytest.param({"is_root": 1}, "is_root", True, id="1 is true"),
    pytest.param({"is_root": "False"}, "is_root", False, id="False in quotes is false"),
    pytest.param({"error": 0}, "has_error", False, id="0 is false"),
    pytest.param({"execution_order": 1}, "is_root", True, id="execution_order 1 is the roots"),
    pytest.param({"execution_order": 1, "is_root": False}, "is_root", False,
                 id="is_root wins over execution_order"),
    pytest.param({"run_type": "LLM"}, "run_type", "llm", id="a run type in capitals"),
    pytest.param({"session": RUN}, "project_ids", (RUN,), id="one project without a list"),
    pytest.param({"id": OTHER.upper()}, "ids", (OTHER,), id="one id without a list"),
    pytest.param({"id": [OTHER, OTHER]}, "ids", (OTHER,), id="an id twice"),
    pytest.param({"id": []}, "ids", (), id="no ids means no runs, not all"),
    pytest.param({"reference_example": [OTHER]}, "reference_example_ids", (OTHER,),
                 id="examples"),
    pytest.param({"start_time": "2026-01-02T03:04:05.678901"}, "start_min_us", START_US,
                 id="naive times are UTC"),
    pytest.param({"start_time": "2026-01-02T04:04:05.678901+01:00"}, "start_min_us", START_US,
                 id="times with a zone"),
    pytest.param({"filter": " \n"}, "filter", None, id="a filter of spaces is none"),
    pytest.param({"search_filter": 'search("x")'}, "search_filter", 'search("x")',
                 id="search_filter"),
    pytest.param({"limit": "5"}, "limit", 5, id="a limit in quotes"),
    pytest.param({"limit": 5.0}, "limit", 5, id="a limit with a fraction of nothing"),
    pytest.param({}, "limit", 100, id="no limit"),
    pytest.param({"limit": 10**9}, "limit", PAGE_RUNS_MAX, id="a limit above the page maximum"),
    pytest.param({"order": "ASC"}, "descending", False, id="ascending"),
    pytest.param({"order": None}, "descending", True, id="null is not given"),
])
# fmt: on
def test_lenient_types(fields: dict[str, Any], attribute: str, taken: Any) -> None:
    assert getattr(asked(**fields).query, attribute) == taken


# fmt: off
@pytest.mark.parametrize(("fields", "at", "problem"), [
    pytest.param({"limit": 0}, ("body", "limit"), "0 is less than 1", id="limit 0"),
    pytest.param({"limit": "many"}, ("body", "limit"), '"many" is not a whole number',
                 id="limit that is no number"),
    pytest.param({"limit": True}, ("body", "limit"), "true is not a whole number",
                 id="limit that is a boolean"),
    pytest.param({"session": ["x"]}, ("body", "session"), '"x" is not a UUID', id="bad project"),
    pytest.param({"id": {"a": 1}}, ("body", "id"), '{"a":1} is not a UUID', id="id as object"),
    pytest.param({"trace": 5}, ("body", "trace"), "5 is not a UUID", id="bad trace"),
    pytest.param({"is_root": 2}, ("body", "is_root"), "2 is not a boolean: write true or false",
                 id="bad boolean"),
    pytest.param({"execution_order": 2}, ("body", "execution_order"),
                 "2 is not 1, the roots; no other is known", id="another execution_order"),
    pytest.param({"run_type": "agent"}, ("body", "run_type"), '"agent" is none of llm, chain,'
                 " tool, retriever, embedding, prompt, parser", id="unknown run type"),
    pytest.param({"order": "up"}, ("body", "order"), '"up" is none of asc, desc', id="bad order"),
    pytest.param({"start_time": "1d"}, ("body", "start_time"), "not an ISO-8601 time: '1d'",
                 id="bad time"),
    pytest.param({"filter": ["x"]}, ("body", "filter"), '["x"] is not a string',
                 id="a filter that is a list"),
    pytest.param({"cursor": 1}, ("body", "cursor"), "1 is not a string", id="a cursor as number"),
])
# fmt: on
def test_a_wrong_type_is_422_with_its_place(
    fields: dict[str, Any], at: tuple[str, ...], problem: str
) -> None:
    with pytest.raises(SchemaError) as caught:
        asked(**fields)
    assert caught.value.problems == ((at, problem),)


def test_an_unknown_word_in_select_lists_what_there_is() -> None:
    with pytest.raises(SchemaError) as caught:
        asked(select=["id", "latency"])
    [(at, problem)] = caught.value.problems
    assert at == ("body", "select", 1)
    assert problem.startswith('"latency" is none of id, name, run_type, start_time')


def test_the_default_select_is_what_the_hosted_api_sends() -> None:
    assert (len(SELECTABLE), len(DEFAULT)) == (60, 45)
    assert asked().select == DEFAULT
    assert not {"s3_urls", "child_run_ids", "inputs_preview"} & DEFAULT


def test_select_asks_for_fields_of_run_and_known_extras() -> None:
    known = {*Run.__struct_fields__, "feedback_stats", "child_run_ids", "attachments"}
    known |= {"trace_starts"}
    assert frozenset().union(*SELECTABLE.values()) <= known
    select = asked(select=["outputs_preview", "total_cost", "child_run_ids"]).query.select
    assert select is not None
    assert {"outputs", "totals", "child_run_ids", "id", "start_us"} <= select
    assert not {"inputs", "extra", "feedback_stats"} & select


SCOPE = (
    "At least one of 'session', 'id', 'parent_run', 'trace' or 'reference_example'"
    " must be specified"
)


@pytest.mark.parametrize("body", ["{}", '{"session": []}', '{"session": null, "is_root": true}'])
def test_a_query_of_everything_is_refused_in_the_known_words(body: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        decode_run_query(body.encode())
    assert (str(caught.value), caught.value.status) == (SCOPE, 400)


@pytest.mark.parametrize(
    "fields",
    [{"id": [RUN]}, {"trace": RUN}, {"parent_run": RUN}, {"reference_example": [RUN]}],
)
def test_each_of_the_others_is_scope_enough(fields: dict[str, Any]) -> None:
    assert decode_run_query(json.dumps(fields).encode()).query.project_ids is None


def test_unknown_fields_are_named_and_known_ones_without_effect_are_not() -> None:
    body = asked(
        session_id=RUN,
        order_by="x",
        data_source_type="historical",
        use_experimental_search=True,
        skip_pagination=False,
        skip_prev_cursor=False,
    )
    assert body.ignored == ("session_id", "order_by")


@pytest.mark.parametrize(
    ("fields", "with_next", "with_previous"),
    [
        ({}, True, True),
        ({"skip_prev_cursor": True}, True, False),
        ({"skip_pagination": True}, False, False),
    ],
)
def test_who_wants_no_cursors_gets_none(
    fields: dict[str, Any], with_next: bool, with_previous: bool
) -> None:
    body = asked(**fields)
    assert (body.with_next, body.with_previous) == (with_next, with_previous)


def test_a_cursor_leads_on_whatever_the_page_size_and_fields() -> None:
    first = asked(filter="eq(a, 1)")
    cursor = encode_cursor(Place(Position(START_US, OTHER), True), first.query_hash)
    again = asked(filter="eq(a, 1)", cursor=cursor, limit=3, select=["id"]).query
    assert (again.after, again.backward) == (Position(START_US, OTHER), True)
    with pytest.raises(CursorError):
        asked(filter="eq(a, 2)", cursor=cursor)
    assert asked(cursor="").query.after is None


def test_what_is_too_large_names_its_limit() -> None:
    ids = ["00000000-0000-0000-0000-000000000000"] * (IDS_MAX + 1)
    for fields, limit in (
        ({"query": "x" * (FILTER_CHARS_MAX + 1)}, FILTER_CHARS_MAX),
        ({"id": ids}, IDS_MAX),
        ({"pad": "x" * QUERY_BODY_BYTES_MAX}, QUERY_BODY_BYTES_MAX),
    ):
        with pytest.raises(TooLarge) as caught:
            asked(**fields)
        assert caught.value.limit == limit
