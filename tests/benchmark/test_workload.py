"""The workload: the same of a seed, wherever it goes."""

from pathlib import Path

import orjson
import pytest

from runstore.benchmark.encode import Form, Operation, encode
from runstore.benchmark.generate import Facts, Place, batches, generate, open_bodies

RUNS = 300


def operations(place: Place, operations_max: int = 100) -> list[list[Operation]]:
    return list(batches(RUNS, 1, Facts(1), operations_max, place))


def posts(place: Place) -> list[dict[str, object]]:
    return [one.document for body in operations(place) for one in body if one.kind == "post"]


def test_a_seed_makes_the_same_runs_again() -> None:
    assert operations(Place()) == operations(Place())


def test_elsewhere_the_runs_are_the_same_with_other_ids() -> None:
    here, there = posts(Place(ids="a")), posts(Place(ids="b", projects="mine-"))
    assert len(here) == RUNS
    assert not {run["id"] for run in here} & {run["id"] for run in there}
    for field in ("run_type", "start_time", "tags"):
        assert [run[field] for run in here] == [run[field] for run in there]
    assert {f"mine-{run['session_name']}" for run in here} == {run["session_name"] for run in there}


def test_the_runs_end_where_they_are_said_to() -> None:
    facts = Facts(1)
    end_us = 2_000_000_000_000_000
    list(batches(RUNS, 1, facts, place=Place(end_us=end_us)))
    assert facts.end_us == end_us
    assert (facts.runs, len(facts.last_ids)) == (RUNS, 100)


@pytest.mark.parametrize("form", Form)
def test_every_form_has_every_operation_once(form: Form, tmp_path: Path) -> None:
    bodies = generate(tmp_path, RUNS, 1, form=form, operations_max=40)
    made = [one for body in operations(Place(), 40) for one in body]
    assert sum(body.runs for body in bodies.bodies) == RUNS
    assert sum(body.operations for body in bodies.bodies) == len(made)
    assert max(body.operations for body in bodies.bodies) <= 40
    opened = open_bodies(tmp_path)
    assert (opened.form, opened.bodies, opened.facts) == (form, bodies.bodies, bodies.facts)


def test_json_has_runs_together_and_feedback_alone() -> None:
    made = [
        Operation("post", {"id": "1"}),
        Operation("feedback", {"id": "f"}),
        Operation("patch", {"id": "1", "error": None}),
    ]
    sent = [(one.path, orjson.loads(one.content), one.runs) for one in encode(made, Form.JSON)]
    assert sent == [
        ("/runs/batch", {"post": [{"id": "1"}], "patch": [{"id": "1", "error": None}]}, 1),
        ("/feedback", {"id": "f"}, 0),
    ]
