"""The crash test's own eyes: each kind of damage is seen."""

from typing import Any

import pytest

from tests.crash.ledger import Expected, run_problems, total_problems

RUN: dict[str, Any] = {
    "id": "r",
    "name": "agent",
    "run_type": "chain",
    "trace_id": "t",
    "dotted_order": "d",
    "inputs": {"text": "in"},
    "outputs": {"text": "out"},
    "error": None,
    "end_time": "2026-11-01T00:00:01.000000+00:00",
    "events": [{"name": "start"}, {"name": "end"}],
    "extra": {"metadata": {"user_id": "ada"}},
}
WHOLE = RUN | {"status": "success", "feedback_stats": {"user_score": {"n": 1, "avg": 1.0}}}
STARTED = WHOLE | {"status": "pending", "outputs": None, "end_time": None, "events": []}


def _expected(*, in_one: bool = False, **acknowledged: bool) -> Expected:
    return Expected(RUN, in_one, "mark", 1.0, **acknowledged)


@pytest.mark.parametrize(
    ("expected", "stored"),
    [
        pytest.param(_expected(created=True), WHOLE, id="a whole run"),
        pytest.param(_expected(created=True), STARTED, id="a patch that was not acknowledged"),
        pytest.param(_expected(), None, id="a create that was not acknowledged"),
        pytest.param(_expected(scored=True), WHOLE, id="feedback that is there"),
    ],
)
def test_nothing_is_wrong_with(expected: Expected, stored: dict[str, Any] | None) -> None:
    assert run_problems("r", expected, stored) == []


@pytest.mark.parametrize(
    ("expected", "stored", "says"),
    [
        pytest.param(_expected(created=True), None, "lost", id="a lost create"),
        pytest.param(_expected(patched=True), None, "lost", id="a lost patch without its create"),
        pytest.param(_expected(patched=True), STARTED, "its end is not there", id="a lost patch"),
        pytest.param(
            _expected(), STARTED | {"outputs": RUN["outputs"]}, "half", id="half of a patch"
        ),
        pytest.param(
            _expected(in_one=True), STARTED, "its end is not there", id="half of a complete post"
        ),
        pytest.param(
            _expected(created=True), WHOLE | {"inputs": None}, "inputs", id="a row without payload"
        ),
        pytest.param(
            _expected(created=True), WHOLE | {"extra": {"metadata": {}}}, "metadata", id="metadata"
        ),
        pytest.param(
            _expected(scored=True), WHOLE | {"feedback_stats": None}, "feedback", id="feedback"
        ),
    ],
)
def test_damage_is_seen(expected: Expected, stored: dict[str, Any] | None, says: str) -> None:
    found = run_problems("r", expected, stored)
    assert len(found) == 1
    assert says in found[0]


def test_a_root_whose_tokens_are_not_its_calls_is_seen() -> None:
    root = {"id": "t", "trace_id": "t", "run_type": "chain", "total_tokens": 7}
    call = {"id": "c", "trace_id": "t", "run_type": "llm", "total_tokens": 8}
    assert total_problems({"t": root, "c": call}) == [
        "t: 7 tokens at the root, 8 at its model calls"
    ]
