"""What list_runs and its kin may be asked, and what it becomes on the wire."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from typing import Any
from uuid import UUID

import pytest
from pandas import Timestamp

from runstore import F, InvalidArgument
from runstore.client.asking import ask_runs

ONE = "a36092d2-4ad5-4fb4-9c0d-0dba9a2ed836"
TWO = "9398e6be-964f-4aa4-8ae9-ad78cd4b7074"


class Kind(Enum):
    LLM = "llm"


def generated() -> Iterator[str]:
    yield from (ONE, TWO)


# fmt: off
@pytest.mark.parametrize("asked, restrictions", [
    ({"project_id": ONE},                           {"session": [ONE]}),
    ({"project_id": UUID(ONE)},                     {"session": [ONE]}),
    ({"project_id": [ONE, UUID(TWO)]},              {"session": [ONE, TWO]}),
    ({"project_id": (ONE, TWO)},                    {"session": [ONE, TWO]}),
    ({"project_id": {UUID(ONE)}},                   {"session": [ONE]}),
    ({"project_id": generated()},                   {"session": [ONE, TWO]}),
    ({"project_id": [ONE, ONE.upper()]},            {"session": [ONE]}),
    ({"run_ids": (ONE, TWO)},                       {"id": [ONE, TWO]}),
    ({"id": ONE},                                   {"id": [ONE]}),
    ({"trace_id": UUID(ONE)},                       {"trace": ONE}),
    ({"parent_run_id": ONE},                        {"parent_run": ONE}),
    ({"reference_example_id": [ONE, TWO]},          {"reference_example": [ONE, TWO]}),
    ({"trace_id": ONE, "error": False, "is_root": False},
     {"is_root": False, "error": False, "trace": ONE}),
    ({"trace_id": ONE, "is_root": 1},               {"is_root": 1, "trace": ONE}),
    ({"trace_id": ONE, "run_type": Kind.LLM},       {"run_type": "llm", "trace": ONE}),
    ({"trace_id": ONE, "run_type": None, "query": None, "filter": None}, {"trace": ONE}),
    ({"trace_id": ONE, "filter": 'eq(name, "x")', "tree_filter": F.latency > 5},
     {"filter": 'eq(name, "x")', "tree_filter": "gt(latency, 5)", "trace": ONE}),
    ({"trace_id": ONE, "trace_filter": F.tags.has("a"), "query": "two words"},
     {"query": "two words", "trace_filter": 'has(tags, "a")', "trace": ONE}),
    ({"trace_id": ONE, "start_time": datetime(2026, 1, 2, tzinfo=UTC)},
     {"start_time": "2026-01-02T00:00:00+00:00", "trace": ONE}),
    ({"trace_id": ONE, "end_time": datetime(2026, 1, 2, tzinfo=timezone(timedelta(hours=2)))},
     {"end_time": "2026-01-02T00:00:00+02:00", "trace": ONE}),
    ({"trace_id": ONE, "start_time": "2026-01-02"}, {"start_time": "2026-01-02", "trace": ONE}),
])
# fmt: on
def test_keywords_become_fields_of_the_wire(
    asked: dict[str, Any], restrictions: dict[str, Any]
) -> None:
    ask = ask_runs(asked)
    assert ask.restrictions == restrictions
    assert list(ask.restrictions) == list(restrictions), "in one order: equal bytes"
    assert not ask.is_empty


def test_a_time_without_a_zone_is_local() -> None:
    naive = datetime(2026, 7, 2, 3)  # noqa: DTZ001
    ask = ask_runs({"trace_id": ONE, "start_time": naive})
    said = datetime.fromisoformat(ask.restrictions["start_time"])
    assert said == naive.astimezone()
    assert said.tzinfo is not None


def test_a_time_of_pandas_is_a_time() -> None:
    stamp = Timestamp(2026, 7, 2, 3, 4, 5, 6)
    for zoned in (stamp, stamp.tz_localize("Europe/Berlin")):
        ask = ask_runs({"trace_id": ONE, "start_time": zoned, "filter": F.start_time > zoned})
        expected = zoned.to_pydatetime().astimezone()
        assert datetime.fromisoformat(ask.restrictions["start_time"]) == expected
        assert ask.restrictions["start_time"] in ask.restrictions["filter"]


# fmt: off
@pytest.mark.parametrize("asked", [
    {"run_ids": []},
    {"id": ()},
    {"project_id": []},
    {"project_name": []},
    {"project_id": [], "project_name": []},
    {"reference_example_id": []},
    {"project_name": "p", "limit": 0},
    {"project_name": "p", "run_ids": []},
])
# fmt: on
def test_of_nothing_there_are_no_runs(asked: dict[str, Any]) -> None:
    assert ask_runs(asked).is_empty


# fmt: off
@pytest.mark.parametrize("keyword, hint", [
    ("projet_name",  "did you mean project_name?"),
    ("run_typ",      "did you mean run_type?"),
    ("start_tim",    "did you mean start_time?"),
    ("Filter",       "did you mean filter?"),
    ("session_id",   "use project_id"),
    ("trace",        "use trace_id"),
    ("parent_run",   "use parent_run_id"),
    ("min_start_time", "use start_time"),
    ("order_by",     "use order="),
    ("page_size",    "use limit"),
    ("tags",         "F.tags.has"),
    ("wholly_else",  "it takes project_id, project_name"),
])
# fmt: on
def test_an_unknown_keyword_is_a_type_error_with_what_was_meant(keyword: str, hint: str) -> None:
    with pytest.raises(TypeError) as caught:
        ask_runs({"project_name": "p", keyword: 1})
    assert f"list_runs() got an unexpected keyword argument {keyword!r}" in str(caught.value)
    assert hint in str(caught.value)


# fmt: off
@pytest.mark.parametrize("sdk, ours", [
    ({"project_names": ["a", "b"]},         {"project_name": ["a", "b"]}),
    ({"project_ids": [ONE]},                {"project_id": [ONE]}),
    ({"trace": ONE},                        {"trace_id": ONE}),
    ({"project_names": ["p"], "parent_run": ONE}, {"project_name": "p", "parent_run_id": ONE}),
    ({"reference_example_ids": (ONE,)},     {"reference_example_id": ONE}),
    ({"project_ids": None, "trace": ONE},   {"trace_id": ONE}),
])
# fmt: on
def test_figures_are_asked_for_by_the_sdks_names_too(
    sdk: dict[str, Any], ours: dict[str, Any]
) -> None:
    assert ask_runs(sdk, "get_run_stats") == ask_runs(ours, "get_run_stats")


def test_a_thing_is_said_by_one_of_its_names() -> None:
    with pytest.raises(InvalidArgument, match="project_name and project_names mean the same"):
        ask_runs({"project_names": ["a"], "project_name": "b"}, "get_run_stats")
    with pytest.raises(TypeError, match="use project_name"):
        ask_runs({"project_names": ["a"]})


def test_figures_have_neither_limit_nor_order() -> None:
    with pytest.raises(TypeError, match="get_run_stats"):
        ask_runs({"project_name": "p", "limit": 1}, "get_run_stats")


# fmt: off
@pytest.mark.parametrize("asked, problem", [
    ({},                                           "does not say which runs: give project_name"),
    ({"filter": 'eq(name, "x")'},                  "does not say which runs"),
    ({"project_name": None, "is_root": True},      "does not say which runs"),
    ({"project_id": "default"},                    "a name goes into project_name"),
    ({"run_ids": [ONE, "x"]},                      "run_ids: 'x' is not a UUID"),
    ({"trace_id": ""},                             "trace_id: '' is not a UUID"),
    ({"project_name": ""},                         "project_name is empty"),
    ({"project_name": ["p", ""]},                  "project_name is empty"),
    ({"dataset_name": ""},                         "dataset_name is empty"),
    ({"run_ids": [ONE], "id": [ONE]},              "give one of them"),
    ({"all_projects": True, "project_name": "p"},  "give one of them"),
    ({"dataset_id": ONE, "dataset_name": "d"},     "give one of them"),
    ({"dataset_id": ONE, "reference_example_id": ONE}, "give one of them"),
    ({"project_name": "p", "limit": -1},           "limit: -1 is less than 0"),
    ({"project_name": "p", "order": "up"},         "neither 'asc' nor 'desc'"),
])
# fmt: on
def test_what_means_nothing_is_refused_before_anything_is_sent(
    asked: dict[str, Any], problem: str
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        ask_runs(asked)
    assert problem in str(caught.value)
    assert isinstance(caught.value, ValueError)


# fmt: off
@pytest.mark.parametrize("asked, problem", [
    ({"project_id": 5},                       "project_id is int"),
    ({"run_ids": b"x"},                       "run_ids is bytes"),
    ({"run_ids": {ONE: 1}},                   "run_ids is dict"),
    ({"run_ids": [5]},                        "run_ids is int"),
    ({"trace_id": [ONE]},                     "trace_id is list; it takes a UUID"),
    ({"project_name": 5},                     "project_name is int"),
    ({"project_name": ["p", 5]},              "project_name is int"),
    ({"project_name": "p", "limit": "5"},     "limit is str"),
    ({"project_name": "p", "limit": 1.5},     "limit is float"),
    ({"project_name": "p", "filter": 5},      'such as F.name == "agent"'),
    ({"project_name": "p", "filter": F.name}, 'such as F.name == "agent"'),
    ({"project_name": "p", "query": 5},       "query is int"),
    ({"project_name": "p", "cursor": 5},      "cursor is int"),
    ({"dataset_name": 5},                     "dataset_name is int"),
    ({"project_name": "p", "start_time": 5},  "start_time is int; it takes a datetime"),
    ({"project_name": "p", "select": 5},      "select is int"),
])
# fmt: on
def test_a_value_of_another_type_is_a_type_error(asked: dict[str, Any], problem: str) -> None:
    with pytest.raises(TypeError) as caught:
        ask_runs(asked)
    assert problem in str(caught.value)


@pytest.mark.parametrize("select", ["name", ["name"], ("name",), {"name"}, iter(["name"])])
def test_select_is_any_iterable_of_names(select: Any) -> None:
    assert ask_runs({"trace_id": ONE, "select": select}).select == ("name",)


def test_attachments_are_selected_by_the_name_a_run_gives_them() -> None:
    ask = ask_runs({"trace_id": ONE, "select": ["name", "attachments", "s3_urls"]})
    assert ask.select == ("name", "s3_urls")
