from typing import Any

import orjson
import pytest

from runstore.model.derive import Values, derive
from runstore.model.merge import merge
from runstore.model.prices import Prices
from runstore.model.run import JsonText, Run
from tests.model.make import T0, S, create, patch

PRICES = Prices.load()


def derived(*path: int, **said: Any) -> Run:
    run = merge(None, create(*path, **said), T0)
    derive(run, PRICES, Values(run))
    return run


def with_metadata(**metadata: Any) -> dict[str, Any]:
    return {"metadata": metadata}


INTERRUPT = with_metadata(ls_is_error_interrupt=True)


# fmt: off
STATUSES: list[Any] = [
    ("nothing said: pending", {}, "pending"),
    ("ended: success", {"end_us": T0 + S}, "success"),
    ("outputs: success", {"outputs": {"a": 1}}, "success"),
    ("empty outputs tell nothing", {"outputs": {}}, "pending"),
    ("an error text", {"error": "boom", "end_us": T0 + S}, "error"),
    ("an error text wins over what was said", {"error": "boom", "status": "success"}, "error"),
    ("an empty error is none", {"error": "", "end_us": T0 + S}, "success"),
    ("an interrupt", {"error": "Interrupt()", "extra": INTERRUPT}, "interrupted"),
    ("an interrupt flag that is not true",
     {"error": "x", "extra": with_metadata(ls_is_error_interrupt="true")}, "error"),
    ("the flag without an error", {"end_us": T0, "extra": INTERRUPT}, "success"),
    ("a said status", {"status": "error"}, "error"),
    ("pending said, yet it ended", {"status": "pending", "end_us": T0 + S}, "success"),
    ("a status nobody knows", {"status": "fine"}, "pending"),
]
THREADS: list[Any] = [
    ("no metadata", None, None),
    ("none of the keys", {"a": 1}, None),
    ("session_id first", {"thread_id": "t", "conversation_id": "c", "session_id": "s"}, "s"),
    ("then conversation_id", {"thread_id": "t", "conversation_id": "c"}, "c"),
    ("then thread_id", {"thread_id": "t"}, "t"),
    ("an empty or unusable one is passed over",
     {"session_id": "", "conversation_id": {"a": 1}, "thread_id": "t"}, "t"),
    ("a number", {"thread_id": 7}, "7"),
    ("true is no thread", {"thread_id": True}, None),
]
EVENTS: list[Any] = [
    ("none", None, None),
    ("no token among them", [{"name": "start", "time": "2024-01-01T00:00:00Z"}], None),
    ("the earliest token, whatever the order",
     [{"name": "new_token", "time": "2024-01-01T00:00:02Z"},
      {"name": "start", "time": "2024-01-01T00:00:00Z"},
      {"name": "new_token", "time": "2024-01-01T00:00:01.000001+00:00"}],
     1_704_067_201_000_001),
    ("epoch milliseconds", [{"name": "new_token", "time": 1704067201000.5}], 1_704_067_201_000_500),
    ("a token without a readable time", [{"name": "new_token"}, {"name": "new_token", "time": "?"}],
     None),
    ("shapes that are no events", ["new_token", 1, None], None),
    ("no list", {"name": "new_token", "time": "2024-01-01T00:00:02Z"}, None),
]
# fmt: on


@pytest.mark.parametrize("said, status", [pytest.param(*row[1:], id=row[0]) for row in STATUSES])
def test_status_follows_from_what_was_said(said: dict[str, Any], status: str) -> None:
    run = derived(1, **said)
    assert run.status == status
    assert run.error != ""


@pytest.mark.parametrize("metadata, thread", [pytest.param(*row[1:], id=row[0]) for row in THREADS])
def test_a_thread_is_named_in_metadata(metadata: dict[str, Any] | None, thread: str | None) -> None:
    extra = None if metadata is None else {"metadata": metadata}
    assert derived(1, extra=extra).thread_id == thread


@pytest.mark.parametrize("events, time_us", [pytest.param(*row[1:], id=row[0]) for row in EVENTS])
def test_the_first_token_is_found_in_events(events: Any, time_us: int | None) -> None:
    assert derived(1, events=events).first_token_us == time_us


@pytest.mark.parametrize(
    "extra, expected",
    [
        pytest.param(None, {"metadata": {"ls_run_depth": 1}}, id="no extra"),
        pytest.param({"a": 1}, {"a": 1, "metadata": {"ls_run_depth": 1}}, id="no metadata"),
        pytest.param({"metadata": None}, {"metadata": {"ls_run_depth": 1}}, id="null metadata"),
        pytest.param(
            {"metadata": {"ls_run_depth": 9, "k": 1}},
            {"metadata": {"k": 1, "ls_run_depth": 1}},
            id="the client's word is replaced",
        ),
        pytest.param(
            {"metadata": {"k": 1, "ls_run_depth": True}},
            {"metadata": {"k": 1, "ls_run_depth": 1}},
            id="true is not 1",
        ),
    ],
)
def test_the_depth_is_put_into_the_metadata(extra: Any, expected: Any) -> None:
    run = derived(1, 2, extra=extra)
    assert run.extra == orjson.dumps(expected)


def test_values_tell_the_extra_as_it_is_stored_and_decode_once() -> None:
    run = merge(None, create(1, inputs={"q": 1}, outputs={"a": 2}, extra={"x": 1}), T0)
    values = Values(run)
    derive(run, PRICES, values)
    assert run.extra is not None
    assert values.extra == orjson.loads(run.extra)
    assert values.metadata == {"ls_run_depth": 0}
    assert values.inputs == {"q": 1}
    assert values.outputs is values.outputs == {"a": 2}


def test_a_run_without_payloads_has_no_values() -> None:
    values = Values(merge(None, create(1), T0))
    assert (values.inputs, values.outputs, values.extra, values.metadata) == (None, None, None, {})


def test_deriving_twice_changes_nothing_and_leaves_the_bytes_alone() -> None:
    run = derived(1, extra=with_metadata(k=1), outputs={"a": 1})
    spaced = JsonText(b'{"metadata": {"k": 1, "ls_run_depth": 0}}')
    run.extra = spaced
    derive(run, PRICES, Values(run))
    assert run.extra is spaced


USAGE = {"usage_metadata": {"input_tokens": 1_000_000, "output_tokens": 100_000}}


@pytest.mark.parametrize(
    "extra, outputs, usd",
    [
        pytest.param(with_metadata(ls_model_name="gpt-4o"), {}, 3.5, id="ls_model_name"),
        pytest.param({"invocation_params": {"model": "gpt-4o"}}, {}, 3.5, id="model asked for"),
        pytest.param({"invocation_params": {"model_name": "gpt-4o"}}, {}, 3.5, id="model_name"),
        pytest.param(None, {"model": "gpt-4o-2024-08-06"}, 3.5, id="model that answered"),
        pytest.param(None, {"llm_output": {"model_name": "gpt-4o"}}, 3.5, id="llm_output"),
        pytest.param(
            {"metadata": {"ls_model_name": "gpt-4o-mini"}, "invocation_params": {"model": "o1"}},
            {"model": "gpt-4"},
            0.21,
            id="ls_model_name comes first",
        ),
        pytest.param(
            with_metadata(ls_model_name="qwen3-32b", ls_provider="groq"), {}, 0.349, id="provider"
        ),
    ],
)
def test_costs_follow_from_the_model(extra: Any, outputs: dict[str, Any], usd: float) -> None:
    run = derived(1, run_type="llm", extra=extra, outputs=outputs | USAGE)
    assert run.usage["total_cost"] == round(usd * 10**12)
    assert run.usage["total_tokens"] == 1_100_000


def test_without_a_model_name_there_are_tokens_and_no_costs() -> None:
    run = derived(1, run_type="llm", outputs=USAGE, extra=with_metadata(ls_model_name=4))
    assert run.usage == {
        "prompt_tokens": 1_000_000,
        "completion_tokens": 100_000,
        "total_tokens": 1_100_000,
    }


def test_a_patch_without_usage_takes_none_away() -> None:
    run = derived(1, run_type="llm", outputs=USAGE)
    again = merge(run, patch(1, end_us=T0 + S), T0)
    derive(again, PRICES, Values(again))
    assert again.usage == run.usage != {}
