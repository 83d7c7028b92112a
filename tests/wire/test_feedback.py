import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from langsmith import schemas

from runstore.errors import SchemaError
from runstore.limits import NAME_CHARS_MAX
from runstore.model.feedback import Feedback, FeedbackQuery
from runstore.model.run import JsonText
from runstore.wire.feedback import (
    LIST_MAX,
    decode_feedback,
    decode_feedback_changes,
    decode_feedback_query,
    encode_feedback,
    encode_feedback_list,
)
from tests.wire.capture import read_fixture
from tests.wire.parts import NOW_US, OTHER, RUN


def created(**fields: Any) -> Feedback:
    body = {"key": "k", "run_id": RUN, **fields}
    return decode_feedback(json.dumps(body).encode(), new_id=lambda: OTHER, now_us=NOW_US)


def test_feedback_as_the_sdk_creates_it() -> None:
    record = decode_feedback(
        read_fixture("feedback_create").body, new_id=lambda: OTHER, now_us=NOW_US
    )
    assert record.run_id == "5c9a1c7e-9f5e-4f0e-8d0a-0d3c54c5a002"
    assert record.project_id == "5c9a1c7e-9f5e-4f0e-8d0a-0d3c54c5a001"
    assert (record.key, record.score, record.value) == ("score", 0.5, b'"fair"')
    assert record.correction == b'{"a":3}'
    assert record.source == b'{"type":"api","metadata":{}}'
    assert record.created_us > NOW_US
    assert record.id != OTHER


# fmt: off
@pytest.mark.parametrize(("fields", "attribute", "taken"), [
    pytest.param({}, "id", OTHER, id="a record without id gets one"),
    pytest.param({}, "created_us", NOW_US, id="made now, unless it says when"),
    pytest.param({"created_at": "2026-01-02T03:04:05"}, "modified_us", 1767323045000000,
                 id="not changed since it was made"),
    pytest.param({"score": True}, "score", 1.0, id="true is 1"),
    pytest.param({"score": False}, "score", 0.0, id="false is 0"),
    pytest.param({"score": "0.5"}, "score", 0.5, id="a score in quotes"),
    pytest.param({"score": 3}, "score", 3.0, id="a whole score"),
    pytest.param({"score": None}, "score", None, id="no score"),
    pytest.param({"value": False}, "value", b"false", id="a value that is false"),
    pytest.param({"value": {"a": 1}}, "value", b'{"a":1}', id="a value that is an object"),
    pytest.param({"feedback_source": {"metadata": None}}, "source",
                 b'{"metadata":null,"type":"api"}', id="a source without type"),
    pytest.param({"correction": "better"}, "correction", b'"better"', id="a text as correction"),
    pytest.param({"feedback_source": {"type": "model"}}, "source", b'{"type":"model"}',
                 id="a source"),
    pytest.param({"feedback_source": "app"}, "source", b'{"type":"app","metadata":{}}',
                 id="a source in short"),
    pytest.param({"error": True, "extra": {"a": 1}}, "extra", b'{"error":true,"a":1}',
                 id="a failed evaluator"),
    pytest.param({"run_id": None, "trace_id": OTHER}, "run_id", OTHER,
                 id="feedback on a trace is on its root"),
    pytest.param({"run_id": None, "session_id": OTHER}, "project_id", OTHER,
                 id="feedback on a project"),
    pytest.param({"feedback_group_id": OTHER}, "feedback_group_id", OTHER, id="a group"),
])
# fmt: on
def test_what_is_taken(fields: dict[str, Any], attribute: str, taken: Any) -> None:
    assert getattr(created(**fields), attribute) == taken


# fmt: off
@pytest.mark.parametrize(("fields", "at", "problem"), [
    ({"key": None}, "key", "missing"),
    ({"key": ""}, "key", f"0 characters, 1 to {NAME_CHARS_MAX} are allowed"),
    ({"run_id": None}, "run_id",
     "missing; feedback is on a run, or on a project with session_id"),
    ({"run_id": "x"}, "run_id", '"x" is not a UUID'),
    ({"score": "high"}, "score", '"high" is neither a number nor a boolean'),
    ({"score": "nan"}, "score", '"nan" is neither a number nor a boolean'),
    ({"comment": 5}, "comment", "5 is not a string"),
    ({"feedback_source": 5}, "feedback_source", "5 is not a JSON object"),
    ({"feedback_source": {"metadata": 5}}, "feedback_source",
     "metadata: 5 is not a JSON object"),
    ({"value": [1]}, "value", "[1] is not a string, number, boolean or JSON object"),
    ({"correction": 5}, "correction", "5 is neither a string nor a JSON object"),
    ({"extra": []}, "extra", "[] is not a JSON object"),
    ({"created_at": "x"}, "created_at", "not an ISO-8601 time: 'x'"),
])
# fmt: on
def test_a_wrong_field_is_422_with_its_place(
    fields: dict[str, Any], at: str, problem: str
) -> None:
    with pytest.raises(SchemaError) as caught:
        created(**fields)
    assert caught.value.problems == ((("body", at), problem),)


def test_a_change_keeps_what_it_does_not_name_and_clears_what_is_null() -> None:
    assert decode_feedback_changes(read_fixture("feedback_patch").body) == {
        "score": 1.0,
        "comment": None,
    }
    assert decode_feedback_changes(b'{"value": {"a": 1}, "key": "ignored"}') == {
        "value": b'{"a":1}'
    }
    with pytest.raises(SchemaError):
        decode_feedback_changes(b'{"score": []}')


def params(target: str) -> list[tuple[str, str]]:
    return parse_qsl(urlsplit(target).query, keep_blank_values=True)


def test_a_list_as_the_sdk_asks_for_it() -> None:
    assert decode_feedback_query(params(read_fixture("feedback_list").target)) == FeedbackQuery(
        run_ids=("5c9a1c7e-9f5e-4f0e-8d0a-0d3c54c5a002",), keys=("a", "b"), limit=5
    )


def test_every_parameter_of_a_list() -> None:
    target = (
        f"?run={RUN}&run={OTHER}&session={OTHER}&key=a&source=api&source=model&has_score=true"
        "&has_comment=0&min_created_at=2026-01-02T03:04:05&max_created_at=2026-01-02&limit=9"
        "&offset=3&nonsense=1"
    )
    assert decode_feedback_query(params(target)) == FeedbackQuery(
        run_ids=(RUN, OTHER),
        project_ids=(OTHER,),
        keys=("a",),
        source_types=("api", "model"),
        created_min_us=1767323045000000,
        created_max_us=1767312000000000,
        has_score=True,
        has_comment=False,
        limit=9,
        offset=3,
    )


@pytest.mark.parametrize(
    ("target", "at"),
    [
        ("?run=x", "run"),
        ("?limit=0", "limit"),
        ("?offset=-1", "offset"),
        ("?has_score=2", "has_score"),
    ],
)
def test_a_wrong_parameter_is_422_with_its_name(target: str, at: str) -> None:
    with pytest.raises(SchemaError) as caught:
        decode_feedback_query(params(target))
    assert caught.value.problems[0][0] == ("query", at)


def test_empty_parameters_are_not_given_and_long_lists_are_cut() -> None:
    assert decode_feedback_query(params("?run=&key=&limit=1000000")) == FeedbackQuery(
        limit=LIST_MAX
    )
    assert decode_feedback_query([("run[]", RUN)]).run_ids == (RUN,)


def test_the_sdk_reads_what_it_wrote() -> None:
    record = created(
        score=1,
        value={"a": [1]},
        comment="good",
        correction={"b": 2},
        feedback_source={"type": "model", "metadata": {"__run": {"run_id": OTHER}}},
        extra={"x": 1},
        trace_id=OTHER,
    )
    read = schemas.Feedback(**json.loads(encode_feedback(record)))
    assert (read.key, read.score, read.value) == ("k", 1.0, {"a": [1]})
    assert (str(read.run_id), str(read.trace_id)) == (RUN, OTHER)
    assert (read.comment, read.correction, read.extra) == ("good", {"b": 2}, {"x": 1})
    assert read.feedback_source is not None
    assert read.feedback_source.type == "model"
    assert read.created_at is not None
    assert read.created_at.utcoffset() is not None


def test_a_list_keeps_its_order() -> None:
    records = [created(), Feedback(id=RUN, key="bare", value=JsonText(b"1"))]
    answer = json.loads(encode_feedback_list(records))
    assert [one["key"] for one in answer] == ["k", "bare"]
    assert [one["value"] for one in answer] == [None, 1]
    for one in answer:
        schemas.Feedback(**one)
