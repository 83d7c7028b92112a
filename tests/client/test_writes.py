"""What create_run and update_run send: names, times, places in the trace, payloads."""

import uuid
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import orjson
import pytest
from pandas import Timestamp

from runstore.client.writes import RunWriter, default_project
from runstore.errors import InvalidArgument

RUN = "11111111-1111-4111-8111-111111111111"
CHILD = "22222222-2222-4222-8222-222222222222"
ROOT = "33333333-3333-4333-8333-333333333333"
NOW = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
NOW_TEXT = "2026-01-02T03:04:05.000678+00:00"
NOW_SEGMENT = "20260102T030405000678Z"


def writer(**environ: str) -> RunWriter:
    return RunWriter(environ=environ, now=lambda: NOW, new_id=lambda: uuid.UUID(RUN))


def created(**given: Any) -> dict[str, Any]:
    return writer().create("step", {"q": 1}, "llm", given).fields


def test_a_bare_create_is_a_root_run_of_now_in_the_default_project() -> None:
    write = writer().create("step", {"q": 1}, "llm", {})
    assert write.fields == {
        "id": RUN,
        "name": "step",
        "run_type": "llm",
        "start_time": NOW_TEXT,
        "session_name": "default",
        "trace_id": RUN,
        "dotted_order": NOW_SEGMENT + RUN,
    }
    assert write.payloads == {"inputs": b'{"q":1}'}


@pytest.mark.parametrize(
    "given, field, sent",
    [
        pytest.param({"id": uuid.UUID(CHILD)}, "id", CHILD, id="an id as a UUID"),
        pytest.param({"id": CHILD.upper()}, "id", CHILD, id="an id as text, made canonical"),
        pytest.param(
            {"start_time": datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))},
            "start_time",
            "2026-01-01T00:00:00.000000+00:00",
            id="times go out in UTC",
        ),
        pytest.param(
            {"end_time": "2026-01-01T00:00:00"},
            "end_time",
            "2026-01-01T00:00:00.000000+00:00",
            id="text without a zone is UTC, as on the wire",
        ),
        pytest.param({"tags": ("a", "b")}, "tags", ["a", "b"], id="tags from any sequence"),
        pytest.param({"tags": "a"}, "tags", ["a"], id="one tag is not cut into letters"),
        pytest.param({"project_name": "p"}, "session_name", "p", id="the project by its name"),
        pytest.param({"session_name": "p"}, "session_name", "p", id="and by the wire's word"),
        pytest.param({"session_id": ROOT}, "session_id", ROOT, id="or by its id"),
        pytest.param({"reference_example_id": ROOT}, "reference_example_id", ROOT, id="example"),
    ],
)
def test_a_field_is_sent(given: dict[str, Any], field: str, sent: Any) -> None:
    assert created(**given)[field] == sent


def test_a_naive_time_is_local() -> None:
    naive = datetime(2026, 7, 1, 12, 0)  # noqa: DTZ001  # the subject of this test
    for moment in (naive, Timestamp(naive)):
        said = created(start_time=moment)["start_time"]
        assert datetime.fromisoformat(said) == naive.astimezone()


@pytest.mark.parametrize(
    "environ, project",
    [
        ({}, "default"),
        ({"LANGCHAIN_SESSION": "c"}, "c"),
        ({"LANGCHAIN_PROJECT": "b", "LANGCHAIN_SESSION": "c"}, "b"),
        ({"LANGSMITH_PROJECT": "a", "LANGCHAIN_PROJECT": "b"}, "a"),
        ({"LANGSMITH_PROJECT": "", "LANGCHAIN_PROJECT": "b"}, "b"),
        ({"LANGSMITH_PROJECT": ' "a b" '}, "a b"),
    ],
)
def test_the_default_project_is_the_environments(environ: dict[str, str], project: str) -> None:
    assert default_project(environ) == project
    assert writer(**environ).create("n", {}, "chain", {}).fields["session_name"] == project


def test_a_child_of_a_known_run_gets_its_place_and_project() -> None:
    runs = writer()
    runs.create("root", {}, "chain", {"id": ROOT, "project_name": "p"})
    child = runs.create("child", {}, "tool", {"id": CHILD, "parent_run_id": ROOT}).fields
    assert child["trace_id"] == ROOT
    assert child["dotted_order"] == f"{NOW_SEGMENT}{ROOT}.{NOW_SEGMENT}{CHILD}"
    assert child["session_name"] == "p"


def test_a_child_of_an_unknown_run_leaves_its_place_to_the_server() -> None:
    fields = created(parent_run_id=ROOT)
    assert "dotted_order" not in fields and "trace_id" not in fields


def test_a_dotted_order_says_trace_and_parent() -> None:
    order = f"{NOW_SEGMENT}{ROOT}.{NOW_SEGMENT}{RUN}"
    fields = created(dotted_order=order)
    assert (fields["trace_id"], fields["parent_run_id"]) == (ROOT, ROOT)
    assert fields["dotted_order"] == order


def test_metadata_usage_and_revision_go_into_extra() -> None:
    extra = {"runtime": {"x": 1}, "metadata": {"a": 1, "b": 1}}
    write = writer().create(
        "n",
        {},
        "llm",
        {
            "extra": extra,
            "metadata": {"b": 2},
            "usage_metadata": {"input_tokens": 3},
            "revision_id": "r1",
        },
    )
    assert orjson.loads(write.payloads["extra"]) == {
        "runtime": {"x": 1},
        "metadata": {"a": 1, "b": 2, "revision_id": "r1", "usage_metadata": {"input_tokens": 3}},
    }
    assert extra["metadata"] == {"a": 1, "b": 1}, "the caller's own is left as it was"


def test_an_exception_is_an_error_by_its_repr() -> None:
    write = writer().update(RUN, {"error": ValueError("bad")})
    assert orjson.loads(write.payloads["error"]) == "ValueError('bad')"


@pytest.mark.parametrize(
    "given, ends",
    [
        pytest.param({"outputs": {"a": 1}}, True, id="outputs end a run"),
        pytest.param({"error": "bad"}, True, id="an error ends a run"),
        pytest.param({"tags": ["x"]}, False, id="tags do not"),
        pytest.param({"metadata": {"x": 1}}, False, id="metadata does not"),
    ],
)
def test_an_update_ends_its_run_when_it_says_how_it_ended(
    given: dict[str, Any], ends: bool
) -> None:
    assert writer().update(RUN, given).fields.get("end_time") == (NOW_TEXT if ends else None)


def test_a_run_that_has_ended_is_not_ended_again() -> None:
    runs = writer()
    runs.create("n", {}, "llm", {"end_time": datetime(2026, 1, 3, tzinfo=UTC)})
    assert "end_time" not in runs.update(RUN, {"outputs": {"a": 1}}).fields


def test_an_update_carries_the_place_of_a_run_created_here() -> None:
    runs = writer()
    runs.create("n", {}, "llm", {"project_name": "p"})
    assert runs.update(RUN, {"tags": ["x"]}).fields == {
        "id": RUN,
        "trace_id": RUN,
        "dotted_order": NOW_SEGMENT + RUN,
        "session_name": "p",
        "tags": ["x"],
    }


def test_what_the_caller_changes_later_is_not_sent() -> None:
    inputs, tags = {"list": [1]}, ["a"]
    write = writer().create("n", inputs, "llm", {"tags": tags})
    inputs["list"].append(2)
    tags.append("b")
    assert write.payloads["inputs"] == b'{"list":[1]}'
    assert write.fields["tags"] == ["a"]


def test_halves_of_characters_do_not_sink_a_run() -> None:
    write = writer().create(
        "na\ud800me", {}, "llm", {"tags": ["t\udfff"], "project_name": "\ud801p"}
    )
    assert (write.fields["name"], write.fields["tags"]) == ("name", ["t"])
    assert write.fields["session_name"] == "p"


def test_attachments_are_read_when_the_run_is_written(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(b"PNG")
    given = {"attachments": {"pic": ("image/png", path), "raw": ("text/plain", b"hello")}}
    write = writer().create("n", {}, "llm", given)
    path.unlink()
    assert [tuple(file) for file in write.attachments] == [
        ("pic", "image/png", b"PNG"),
        ("raw", "text/plain", b"hello"),
    ]


@pytest.mark.parametrize(
    "given, error, said",
    [
        pytest.param({"idd": 1}, TypeError, "did you mean id", id="an unknown name"),
        pytest.param({"parent_id": 1}, TypeError, "parent_run_id", id="another store's name"),
        pytest.param({"id": "run-1"}, InvalidArgument, "id: 'run-1' is not a UUID", id="an id"),
        pytest.param({"start_time": 5}, InvalidArgument, "start_time: 5 is neither", id="a time"),
        pytest.param({"end_time": "noon"}, InvalidArgument, "end_time: not an ISO", id="time text"),
        pytest.param(
            {"attachments": {"a.png": ("image/png", b"")}}, InvalidArgument, "'a_png'", id="dots"
        ),
        pytest.param(
            {"attachments": {"a": ("text/plain", "text")}},
            InvalidArgument,
            "str is neither",
            id="content that is text",
        ),
        pytest.param(
            {"attachments": {"a": b"data"}},
            InvalidArgument,
            "attachment 'a': bytes is not a pair of MIME type and content",
            id="content alone",
        ),
    ],
)
def test_a_wrong_argument_is_refused_at_the_call(
    given: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        writer().create("n", {}, "llm", given)


def test_update_run_knows_its_own_names() -> None:
    with pytest.raises(TypeError, match=r"update_run\(\) got .* 'output'; did you mean outputs"):
        writer().update(RUN, {"output": 1})


def test_odd_payloads_never_break_the_caller() -> None:
    class Odd:
        def __str__(self) -> str:
            raise RuntimeError

    write = writer().create("n", {"odd": Odd(), 5: {1}}, "llm", {"outputs": Odd()})
    assert orjson.loads(write.payloads["inputs"])["5"] == [1]
    assert b"Odd object" in write.payloads["outputs"]
