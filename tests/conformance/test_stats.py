"""Figures against values counted by hand."""

from dataclasses import replace
from typing import Any

import pytest

from runstore.model.aggregate import feedback_stats
from runstore.model.query import RunQuery
from runstore.model.stats import RunStats
from runstore.model.usage import PICO_PER_USD
from runstore.plan.build import build_scope
from runstore.plan.plan import StatsPlan
from tests.conformance.ask import Asked
from tests.model.make import T0, S, create, patch, record, rid


@pytest.fixture
def loaded(store: Asked) -> Asked:
    """Latencies 1 ... 4 s, one error, one pending; tokens at the leaves."""

    def timed(*path: int, seconds: int | None, **said: Any) -> Any:
        start_us = T0 + path[-1] * S
        end_us = None if seconds is None else start_us + seconds * S
        return create(*path, start_us=start_us, end_us=end_us, **said)

    usage = {"usage_metadata": {"input_tokens": 10, "total_cost": 0.25}}
    first = [{"name": "new_token", "time": 1_700_000_002_500}]  # 0.5 s after run 2's start
    store.write(
        timed(1, seconds=4, run_type="chain", tags=("x", "y", "x")),
        timed(1, 2, seconds=1, run_type="llm", outputs=usage, events=first, name="same"),
        timed(1, 3, seconds=2, run_type="llm", outputs=usage, name="same", tags=("x",)),
        timed(4, seconds=3, run_type="chain", error="boom", extra={"metadata": {"k": [1, "a"]}}),
        timed(4, 5, seconds=None, run_type="tool", extra={"metadata": {"k": "a"}}),
        record(50, "user", run_id=rid(1), score=1.0, comment="good"),
        record(51, "user", run_id=rid(4), score=0.0),
        record(52, "user", run_id=rid(99), score=0.0),
    )
    return store


def test_figures_of_all_runs(loaded: Asked) -> None:
    counted = loaded.stats()
    assert counted == {
        "": RunStats(
            run_count=5,
            error_count=1,
            pending_count=1,
            streaming_count=1,
            latency_p50_s=2.5,
            latency_p95_s=3.85,
            latency_p99_s=3.97,
            latency_avg_s=2.5,
            first_token_p50_s=0.5,
            first_token_p99_s=0.5,
            last_start_us=T0 + 5 * S,
            usage={
                "prompt_tokens": (20, 2),
                "total_tokens": (20, 2),
                "total_cost": (PICO_PER_USD // 2, 2),
            },
            feedback=feedback_stats(
                [
                    record(50, "user", run_id=rid(1), score=1.0, comment="good"),
                    record(51, "user", run_id=rid(4), score=0.0),
                ]
            ),
        )
    }
    assert counted[""].feedback["user"].avg == 0.5


def test_of_roots_alone_the_usage_is_that_of_whole_traces(loaded: Asked) -> None:
    stats = loaded.stats(is_root=True)[""]
    assert (stats.run_count, stats.latency_p50_s) == (2, 3.5)
    assert stats.usage["total_tokens"] == (20, 2)


def test_of_other_scopes_the_usage_is_the_runs_own(loaded: Asked) -> None:
    assert loaded.stats(run_type="chain")[""].usage == {}
    assert loaded.stats(filter='eq(name, "same")')[""].usage["total_tokens"] == (20, 2)


def test_nothing_found_has_empty_figures(loaded: Asked) -> None:
    assert loaded.stats(filter='eq(name, "none")') == {"": RunStats()}
    assert loaded.stats(project_ids=()) == {"": RunStats()}
    assert loaded.stats("name", filter='eq(name, "none")') == {}


@pytest.mark.parametrize(
    "group_by, path, counts",
    [
        pytest.param("run_type", None, {"chain": 2, "llm": 2, "tool": 1}, id="type"),
        pytest.param("name", None, {"same": 2, "run 1": 1, "run 4": 1, "run 5": 1}, id="name"),
        pytest.param("tag", None, {"x": 2, "y": 1}, id="tag, each run once"),
        pytest.param("metadata", "k", {"a": 2, "1": 1}, id="every value of a key"),
        pytest.param("metadata", "ls_run_depth", {"1": 3, "0": 2}, id="what the server adds"),
        pytest.param("metadata", "none", {}, id="a key nobody has"),
    ],
)
def test_groups(loaded: Asked, group_by: str, path: str | None, counts: dict[str, int]) -> None:
    found = {key: stats.run_count for key, stats in loaded.stats(group_by, path).items()}
    assert found == counts
    assert list(found) == sorted(counts, key=lambda key: (-counts[key], key)), "largest first"


@pytest.mark.parametrize(
    "group_by, wanted, found",
    [
        pytest.param("name", {"run 4", "gone"}, ["run 4"], id="name"),
        pytest.param("run_type", {"tool"}, ["tool"], id="type, from rollups"),
        pytest.param("tag", set(), [], id="none at all"),
    ],
)
def test_a_named_group_is_found_behind_larger_ones(
    loaded: Asked, group_by: str, wanted: set[str], found: list[str]
) -> None:
    plan = StatsPlan(
        scope=build_scope(RunQuery()), group_by=group_by, groups_max=1, groups=frozenset(wanted)
    )
    assert list(loaded.engine.stats(plan)) == found


def test_feedback_goes_with_the_groups_of_its_run(loaded: Asked) -> None:
    groups = loaded.stats("run_type")
    assert groups["chain"].feedback["user"].n == 2
    assert groups["llm"].feedback == {}
    tags = loaded.stats("tag")
    assert tags["x"].feedback["user"].avg == tags["y"].feedback["user"].avg == 1.0


DAY_US = 24 * 3_600 * S


@pytest.fixture
def rated(store: Asked) -> Asked:
    """Runs 1, 2 and 3, a day apart, each with a score of its number and a text."""
    for number in (1, 2, 3):
        store.write(
            create(number, start_us=T0 + number * DAY_US, run_type="llm", project_name="p"),
            record(
                50 + number,
                run_id=rid(number),
                score=number,
                value="odd" if number % 2 else "even",
                comment=f"about {number}",
                source={"type": "api"},
            ),
        )
    return store


def rating(store: Asked, **query: Any) -> tuple[float | None, dict[str, int], list[str]]:
    found = store.stats(**query)[""].feedback
    if not found:
        return None, {}, []
    return found["k"].avg, found["k"].values, found["k"].comments


def test_feedback_is_figured_over_the_runs_of_a_window(rated: Asked) -> None:
    since = {"start_min_us": T0 + 2 * DAY_US}
    assert rating(rated) == (2.0, {"even": 1, "odd": 2}, ["about 3", "about 2", "about 1"])
    assert rating(rated, **since) == (2.5, {"even": 1, "odd": 1}, ["about 3", "about 2"])
    assert rating(rated, run_type="tool") == (None, {}, [])


def test_figures_follow_records_that_change_and_go(rated: Asked) -> None:
    rated.engine.update_feedback(rid(51), {"score": 4.0, "value": None, "comment": "changed"})
    assert rating(rated) == (3.0, {"even": 1, "odd": 1}, ["about 3", "about 2", "changed"])
    rated.write(record(51, "other", run_id=rid(1), score=0.0))
    assert rated.stats()[""].feedback["other"].avg == 0.0
    rated.engine.delete_feedback(rid(53))
    assert rating(rated) == (2.0, {"even": 1}, ["about 2"])


def test_figures_of_feedback_follow_runs_that_change_and_go(rated: Asked) -> None:
    rated.write(patch(1, run_type="tool", end_us=T0 + DAY_US, error="late"))
    assert rating(rated, run_type="llm")[0] == 2.5
    assert rating(rated, filter='eq(status, "error")') == (1.0, {"odd": 1}, ["about 1"])
    rated.engine.delete_traces([rid(2)])
    assert rating(rated) == (2.0, {"odd": 2}, ["about 3", "about 1"])
    rated.engine.delete_project(rated.project_id("p"))
    assert rating(rated) == (None, {}, [])


def test_figures_follow_all_three_filters(loaded: Asked) -> None:
    asked: dict[str, Any] = {"filter": 'eq(run_type, "llm")', "trace_filter": "gt(latency, 3)"}
    assert loaded.stats(tree_filter='has(tags, "y")', **asked)[""].run_count == 2
    assert loaded.stats(tree_filter='has(tags, "z")', **asked)[""].run_count == 0


@pytest.fixture
def spent(store: Asked) -> Asked:
    """One trace a day: a root, and calls that used 10, 11 and 40 tokens, for as many micro-USD."""
    for day, tokens in enumerate((10, 11, 40)):
        start_us = T0 + day * DAY_US
        usage = {"usage_metadata": {"input_tokens": tokens, "total_cost": tokens / 10**6}}
        root, call = 2 * day + 1, 2 * day + 2
        store.write(
            create(root, start_us=start_us, run_type="chain"),
            create(root, call, start_us=start_us, run_type="llm", outputs=usage, tags=("x",)),
        )
    return store


@pytest.mark.parametrize(
    ("query", "p50", "p99"),
    [
        pytest.param({}, 11, 39, id="of those that report some"),
        pytest.param({"is_root": True}, 11, 39, id="of traces"),
        pytest.param({"start_min_us": T0 + 1}, 26, 40, id="a half is rounded up: of 25.5"),
        pytest.param({"end_max_us": T0 + 9 * DAY_US}, None, None, id="of no runs"),
        pytest.param({"filter": 'has(tags, "x")'}, 11, 39, id="of what a filter finds"),
        pytest.param({"run_type": "chain"}, None, None, id="of runs that report none"),
    ],
)
def test_percentiles_of_tokens_and_costs(
    spent: Asked, query: dict[str, Any], p50: int | None, p99: int | None
) -> None:
    stats = spent.stats(percentiles=True, **query)[""]
    assert stats.usage_p50.get("total_tokens") == stats.usage_p50.get("prompt_tokens") == p50
    assert stats.usage_p99.get("total_tokens") == stats.usage_p99.get("prompt_tokens") == p99
    assert "completion_tokens" not in stats.usage_p50
    plain = spent.stats(**query)[""]
    assert plain.usage_p50 == plain.usage_p99 == {}, "they were not asked for"
    assert replace(stats, usage_p50={}, usage_p99={}) == plain


@pytest.mark.parametrize(("group_by", "group"), [("run_type", "llm"), ("tag", "x")])
def test_percentiles_of_groups(spent: Asked, group_by: str, group: str) -> None:
    stats = spent.stats(group_by, percentiles=True)[group]
    assert stats.usage_p50["total_cost"] == PICO_PER_USD * 11 // 10**6
    assert stats.usage_p99["total_cost"] == PICO_PER_USD * 3942 // 10**8


def test_percentiles_follow_runs_that_change_and_go(spent: Asked) -> None:
    usage = {"usage_metadata": {"input_tokens": 20}}
    spent.write(patch(3, 4, outputs=usage))
    assert spent.stats(percentiles=True)[""].usage_p50["total_tokens"] == 20
    assert spent.stats(percentiles=True, is_root=True)[""].usage_p50["total_tokens"] == 20
    spent.engine.delete_traces([rid(5)])
    assert spent.stats(percentiles=True)[""].usage_p50["total_tokens"] == 15


def test_what_is_said_of_a_project_itself_is_no_feedback_of_its_runs(store: Asked) -> None:
    store.write(create(1, project_name="p"), create(2, project_name="q"))
    project = store.project_id("p")
    store.write(
        record(50, "accuracy", project_id=project, score=0.75),
        record(51, "user", run_id=rid(1), score=1.0),
        record(52, "accuracy", project_id=store.project_id("q"), score=0.5),
    )
    assert [one.id for one in store.engine.project_feedback([project])] == [rid(50)]
    assert store.engine.project_feedback([]) == []
    assert list(store.stats(project_ids=(project,))[""].feedback) == ["user"]


def test_costs_beyond_floating_point_stay_exact(store: Asked) -> None:
    large = {"usage_metadata": {"input_tokens": 10**12, "total_cost": "9999.999999999999"}}
    small = {"usage_metadata": {"input_tokens": 1, "total_cost": "0.000000000001"}}
    store.write(create(1, outputs=small), create(1, 2, outputs=large), create(1, 3, outputs=large))
    assert (
        store.stats()[""].usage
        == store.read(1).totals
        == {
            "prompt_tokens": (2 * 10**12 + 1, 3),
            "total_tokens": (2 * 10**12 + 1, 3),
            "total_cost": (2 * 10**16 - 1, 3),
        }
    )
