"""The schemas of requests and answers name what the wire layer reads and writes, and no more."""

from collections.abc import Iterable
from typing import Any

import jsonschema_rs
import pytest

from runstore.model.run import PAYLOADS
from runstore.wire import feedback, projects, query, runs, stats
from runstore.wire.names import DEFAULT, SELECTABLE
from runstore.wire.schema import answered, asked
from tests.wire.parts import RUN

COMPONENTS = {**asked.components(), **answered.components()}


@pytest.mark.parametrize(
    ("described", "read"),
    [
        pytest.param(
            asked.RUN,
            {
                *("id", "session_name", "address"),
                *(name for name, _ in (*runs._IDS, *runs._TIMES)),
                *runs._TEXTS,
                *PAYLOADS,
            },
            id="a run",
        ),
        pytest.param(asked.RESTRICTIONS, query.RESTRICTIONS, id="restrictions"),
        pytest.param({**asked.RESTRICTIONS, **asked.PAGING}, query._READ, id="a query"),
        pytest.param({**asked.RESTRICTIONS, **asked.GROUPING}, stats._READ, id="a stats query"),
        pytest.param(
            asked.RESTRICTIONS | asked.TAIL,
            query.RESTRICTIONS | {"select", "cursor", "session_name"},
            id="a tail",
        ),
        pytest.param(
            COMPONENTS["FeedbackUpdate"]["properties"], feedback._CHANGEABLE, id="feedback changes"
        ),
        pytest.param(
            COMPONENTS["ProjectUpdate"]["properties"], projects._CHANGEABLE, id="project changes"
        ),
        pytest.param(COMPONENTS["Stats"]["properties"], stats.STATS_DEFAULT, id="figures"),
        pytest.param(
            answered.run_fields(),
            {
                *(set(SELECTABLE) - {"trace_min_max_start_time"}),
                *("trace_min_start_time", "trace_max_start_time"),
                *("execution_order", "direct_child_run_ids"),
            },
            id="the answer of a run",
        ),
        pytest.param(
            COMPONENTS["WholeRun"]["properties"],
            DEFAULT | {"s3_urls", "execution_order"},
            id="GET /runs/{id}",
        ),
    ],
)
def test_a_schema_names_what_is_read(described: Iterable[str], read: Iterable[str]) -> None:
    assert set(described) == set(read)


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_schema_is_one(name: str) -> None:
    jsonschema_rs.meta.validate(COMPONENTS[name] | {"$schema": DRAFT})


@pytest.mark.parametrize(
    ("name", "value", "is_taken"),
    [
        ("RunCreate", {"id": RUN, "start_time": "2026-01-02T03:04:05.123456+00:00"}, True),
        ("RunCreate", {"id": RUN, "start_time": 1_767_323_045_123, "tags": None}, True),
        ("RunCreate", {"id": RUN}, False),
        ("RunCreate", {"id": RUN, "start_time": "tomorrow"}, False),
        ("RunQuery", {"session": RUN}, True),
        ("RunQuery", {"session": [RUN], "limit": None, "unknown": 1}, True),
        ("RunQuery", {}, False),
        ("RunQuery", {"session": None}, False),
        ("RunQuery", {"session": []}, False),
        ("RunQuery", {"id": RUN, "limit": 0}, False),
        ("RunQuery", {"id": RUN, "select": ["nothing"]}, False),
        ("StatsQuery", {"id": RUN, "group_by": {"attribute": "tag"}}, True),
        ("StatsQuery", {"id": RUN, "group_by": {}}, False),
        ("FeedbackCreate", {"key": "k", "run_id": RUN, "score": True}, True),
        ("FeedbackCreate", {"key": "k"}, False),
        ("FeedbackCreate", {"key": "k", "run_id": RUN, "value": []}, False),
    ],
    ids=str,
)
def test_a_schema_tells_what_is_taken_from_what_is_not(
    name: str, value: Any, is_taken: bool
) -> None:
    schema = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": COMPONENTS}}
    validator = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
    assert validator.is_valid(value) is is_taken


DRAFT = "https://json-schema.org/draft/2020-12/schema"
