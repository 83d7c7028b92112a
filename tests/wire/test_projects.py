import json
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from langsmith import schemas

from runstore.errors import SchemaError
from runstore.model.project import Project, ProjectQuery
from runstore.model.run import JsonText
from runstore.model.stats import FeedbackStats, RunStats
from runstore.wire.projects import (
    LIST_MAX,
    decode_include_stats,
    decode_project,
    decode_project_changes,
    decode_projects_query,
    encode_project,
    encode_projects,
)
from tests.wire.capture import read_fixture
from tests.wire.parts import NOW_US, OTHER, RUN


def created(body: bytes) -> Project:
    return decode_project(body, new_id=lambda: OTHER, now_us=NOW_US)


def params(target: str) -> list[tuple[str, str]]:
    return parse_qsl(urlsplit(target).query, keep_blank_values=True)


def test_a_project_as_the_sdk_creates_it() -> None:
    project = created(read_fixture("project_create").body)
    assert (project.name, project.description) == ("capture", "d")
    assert project.extra == b'{"metadata":{"k":1}}'
    assert project.start_us == NOW_US
    assert project.id != OTHER


def test_a_project_of_a_name_only_gets_an_id() -> None:
    assert created(b'{"name": "n", "num_examples": 3}') == Project(
        id=OTHER, name="n", start_us=NOW_US
    )


# fmt: off
@pytest.mark.parametrize(("body", "at"), [
    (b"{}", "name"), (b'{"name": ""}', "name"), (b'{"name": 1}', "name"),
    (b'{"name": "n", "extra": []}', "extra"), (b'{"name": "n", "id": "x"}', "id"),
    (b'{"name": "n", "start_time": "x"}', "start_time"),
])
# fmt: on
def test_a_wrong_field_is_422_with_its_place(body: bytes, at: str) -> None:
    with pytest.raises(SchemaError) as caught:
        created(body)
    assert caught.value.problems[0][0] == ("body", at)


def test_a_change_says_nothing_where_it_says_null() -> None:
    assert decode_project_changes(read_fixture("project_patch").body) == {
        "name": "renamed",
        "end_us": 1767323047000000,
    }
    changes = b'{"extra": {"a": 1}, "description": "", "trace_tier": "longlived"}'
    assert decode_project_changes(changes) == {
        "extra": b'{"a":1}',
        "description": "",
        "trace_tier": "longlived",
    }


# fmt: off
@pytest.mark.parametrize(("target", "query", "with_stats"), [
    pytest.param(read_fixture("project_list").target,
                 ProjectQuery(name_contains="cap", is_experiment=False,
                              metadata=JsonText(b'{"k":1}')), False, id="as the SDK lists"),
    pytest.param(read_fixture("project_read").target, ProjectQuery(name="capture", limit=1), False,
                 id="as the SDK reads one, with include_stats=False"),
    pytest.param(f"?id={RUN}&id={OTHER}&include_stats=True&offset=2&sort_by=name"
                 "&sort_by_desc=false&reference_free=false",
                 ProjectQuery(ids=(RUN, OTHER), offset=2, sort_by="name", descending=False,
                              is_experiment=True), True, id="the rest"),
    pytest.param(f"?reference_dataset={RUN}&limit=100000&dataset_version=x",
                 ProjectQuery(reference_dataset_ids=(RUN,), limit=LIST_MAX), False,
                 id="experiments of a dataset"),
    pytest.param("?name=&id=", ProjectQuery(), False, id="empty parameters are not given"),
])
# fmt: on
def test_a_list(target: str, query: ProjectQuery, with_stats: bool) -> None:
    assert decode_projects_query(params(target)) == (query, with_stats)
    assert decode_include_stats(params(target)) is with_stats


@pytest.mark.parametrize(
    ("target", "at"),
    [
        ("?id=x", "id"),
        ("?metadata={", "metadata"),
        ("?metadata=[1]", "metadata"),
        ("?sort_by=error_rate", "sort_by"),
        ("?include_stats=maybe", "include_stats"),
        ("?limit=0", "limit"),
    ],
)
def test_a_wrong_parameter_is_422_with_its_name(target: str, at: str) -> None:
    with pytest.raises(SchemaError) as caught:
        decode_projects_query(params(target))
    assert caught.value.problems[0][0] == ("query", at)


PROJECT = Project(
    id=RUN, name="p", start_us=NOW_US, end_us=NOW_US + 1, extra=JsonText(b'{"metadata":{"a":1}}')
)
STATS = RunStats(
    run_count=4,
    error_count=1,
    latency_p50_s=0.25,
    latency_p99_s=1.5,
    last_start_us=NOW_US,
    usage={"total_tokens": (18, 2), "total_cost": (37_500_000, 2)},
    feedback={"k": FeedbackStats(n=1, avg=1.0)},
)


def test_the_sdk_reads_a_project_with_its_figures() -> None:
    read = schemas.TracerSessionResult(**json.loads(encode_project(PROJECT, STATS)))
    assert (str(read.id), read.name, read.metadata) == (RUN, "p", {"a": 1})
    assert (read.run_count, read.error_rate) == (4, 0.25)
    assert (read.latency_p50, read.latency_p99) == (
        timedelta(seconds=0.25),
        timedelta(seconds=1.5),
    )
    assert (read.total_tokens, read.prompt_tokens) == (18, 0)
    assert (str(read.total_cost), read.prompt_cost) == ("0.0000375", None)
    assert read.feedback_stats is not None
    assert read.feedback_stats["k"]["n"] == 1
    assert read.last_run_start_time == read.start_time


def test_figures_are_there_only_for_who_asked() -> None:
    other = Project(id=OTHER, name="o", start_us=NOW_US)
    plain: list[dict[str, Any]] = json.loads(encode_projects([PROJECT, other]))
    assert [one["name"] for one in plain] == ["p", "o"]
    assert all("run_count" not in one for one in plain)
    counted = json.loads(encode_projects([PROJECT, other], {RUN: STATS, OTHER: RunStats()}))
    assert [one["run_count"] for one in counted] == [4, 0]
    assert counted[1]["error_rate"] is None
    for one in (*plain, *counted):
        schemas.TracerSessionResult(**one)
