import json
from typing import Any

import pytest

from runstore.errors import InvalidRequest, SchemaError
from runstore.limits import STATS_GROUPS_MAX
from runstore.model.stats import RunStats
from runstore.wire.stats import STATS_DEFAULT, StatsBody, decode_stats_query, encode_stats
from tests.wire.capture import read_fixture
from tests.wire.parts import RUN


def asked(**fields: Any) -> StatsBody:
    return decode_stats_query(json.dumps({"session": [RUN], **fields}).encode())


def test_stats_as_the_sdk_asks_for_them() -> None:
    body = decode_stats_query(read_fixture("runs_stats").body)
    assert body.query.project_ids == ("5c9a1c7e-9f5e-4f0e-8d0a-0d3c54c5a001",)
    assert (body.query.run_type, body.query.is_root) == ("llm", True)
    assert (body.group_by, body.select, body.ignored) == (None, STATS_DEFAULT, ())


# fmt: off
@pytest.mark.parametrize(("group_by", "taken"), [
    pytest.param(None, (None, None, 100), id="no groups"),
    pytest.param({"attribute": "name"}, ("name", None, 100), id="by name"),
    pytest.param("run_type", ("run_type", None, 100), id="in short"),
    pytest.param({"attribute": "TAG", "max_groups": 5}, ("tag", None, 5), id="a few tags"),
    pytest.param({"attribute": "metadata", "path": "user.id", "max_groups": 10**6},
                 ("metadata", "user.id", STATS_GROUPS_MAX), id="by a metadata key"),
])
# fmt: on
def test_groups(group_by: Any, taken: tuple[str | None, str | None, int]) -> None:
    body = asked(group_by=group_by)
    assert (body.group_by, body.group_path, body.groups_max) == taken


def test_named_groups_are_all_answered() -> None:
    names = [str(number) for number in range(150)]
    body = asked(group_by="name", groups=[*names, None])
    assert (body.groups_max, body.groups) == (151, frozenset({*names, ""}))


# fmt: off
@pytest.mark.parametrize(("fields", "at"), [
    ({"group_by": 5}, ("body", "group_by")),
    ({"group_by": {}}, ("body", "group_by", "attribute")),
    ({"group_by": {"attribute": "model"}}, ("body", "group_by", "attribute")),
    ({"group_by": {"attribute": "metadata"}}, ("body", "group_by", "path")),
    ({"group_by": {"attribute": "tag", "max_groups": 0}}, ("body", "group_by", "max_groups")),
    ({"groups": "a"}, ("body", "groups")),
    ({"groups": ["a"] * (STATS_GROUPS_MAX + 1)}, ("body", "groups")),
    ({"select": ["run_count", "speed"]}, ("body", "select", 1)),
    ({"trace": "x"}, ("body", "trace")),
])
# fmt: on
def test_a_wrong_field_is_422_with_its_place(
    fields: dict[str, Any], at: tuple[str | int, ...]
) -> None:
    with pytest.raises(SchemaError) as caught:
        asked(**fields)
    assert caught.value.problems[0][0] == at


def test_stats_of_everything_are_refused_as_queries_are() -> None:
    with pytest.raises(InvalidRequest, match="At least one of"):
        decode_stats_query(b'{"is_root": true}')


def test_unknown_fields_are_named() -> None:
    assert asked(skip="x", query="words", data_source_type="lite").ignored == ("skip",)


STATS = RunStats(
    run_count=4,
    error_count=1,
    streaming_count=2,
    latency_p50_s=0.25,
    last_start_us=1_700_000_000_000_000,
    usage={
        "total_tokens": (18, 2),
        "total_cost": (37_500_000, 2),
        "prompt_token_details.cache_read": (5, 1),
    },
)


def test_figures_of_one_set() -> None:
    answer = json.loads(encode_stats({"": STATS}, asked()))
    expected: dict[str, Any] = {
        "run_count": 4,
        "error_rate": 0.25,
        "streaming_rate": 0.5,
        "latency_p50": 0.25,
        "latency_p99": None,
        "total_tokens": 18,
        "prompt_tokens": 0,
        "total_cost": "0.0000375",
        "prompt_cost": None,
        "prompt_token_details": {"cache_read": 5},
        "last_run_start_time": "2023-11-14T22:13:20.000000+00:00",
        "feedback_stats": {},
        "run_facets": [],
    }
    assert {name: answer[name] for name in expected} == expected
    assert set(answer) == STATS_DEFAULT


def test_percentiles_of_tokens_and_costs() -> None:
    stats = RunStats(
        run_count=3,
        usage_p50={"total_tokens": 7, "prompt_tokens": 5, "total_cost": 37_500_000},
        usage_p99={"total_tokens": 9, "total_cost": 10**12},
    )
    answer = json.loads(encode_stats({"": stats}, asked(select="all_token_stats")))
    expected = {
        "median_tokens": 7,
        "prompt_tokens_p50": 5,
        "completion_tokens_p50": None,
        "tokens_p99": 9,
        "prompt_tokens_p99": None,
        "cost_p50": "0.0000375",
        "cost_p99": "1",
    }
    assert {name: answer[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("select", "wanted"),
    [
        pytest.param(None, False, id="all: they are left out, for they cost much"),
        pytest.param(["run_count", "cost_p50"], True, id="one of them"),
        pytest.param(["all_token_stats"], True, id="those of tokens and costs"),
        pytest.param(["all_run_stats", "latency_p99", "total_cost"], False, id="others"),
    ],
)
def test_percentiles_of_usage_are_counted_where_they_are_named(select: Any, wanted: bool) -> None:
    assert asked(select=select).percentiles is wanted


def test_no_runs_have_figures_too() -> None:
    answer = json.loads(encode_stats({}, asked(select=["run_count", "error_rate"])))
    assert answer == {"run_count": 0, "error_rate": None}


def test_figures_by_group() -> None:
    stats = {"a": STATS, "b": RunStats(run_count=1), "": RunStats(run_count=2)}
    grouped = {"group_by": {"attribute": "tag"}, "select": "run_count"}
    assert json.loads(encode_stats(stats, asked(**grouped))) == {
        "a": {"run_count": 4},
        "b": {"run_count": 1},
        "": {"run_count": 2},
    }


def test_bundles_stand_for_their_figures() -> None:
    tokens = asked(select=["all_token_stats"]).select
    runs = asked(select=["all_run_stats"]).select
    assert {"total_tokens", "total_cost", "median_tokens"} <= tokens
    assert {"run_count", "first_token_p50", "error_rate"} <= runs
    assert tokens | runs == STATS_DEFAULT
    assert not tokens & runs
