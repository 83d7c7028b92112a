"""Feedback: taken before or after its run, replaced by repeats, listed newest first."""

from dataclasses import replace
from typing import Any

import pytest

from runstore.errors import NotFound
from runstore.model.feedback import FeedbackQuery
from runstore.model.project import Project
from tests.conformance.ask import Asked, number
from tests.model.make import T0, create, json, patch, record, rid


def listed(store: Asked, **query: Any) -> list[int]:
    return [number(one.id) for one in store.engine.list_feedback(FeedbackQuery(**query))]


def test_everything_said_comes_back(store: Asked) -> None:
    said = record(
        50,
        "user",
        run_id=rid(1),
        trace_id=rid(1),
        score=0.1,
        value={"choice": "é"},
        comment="gut",
        correction={"a": 1},
        source={"type": "api", "metadata": {"u": 1}},
        extra={"error": True},
        modified_us=T0 + 9,
        comparative_experiment_id=rid(71),
        feedback_group_id=rid(72),
    )
    store.engine.create_project(Project(id=rid(90), name="p", start_us=T0))
    store.write(create(1, project_id=rid(90)), replace(said))
    assert store.engine.list_feedback(FeedbackQuery()) == [replace(said, project_id=rid(90))]


def test_a_record_without_anything_but_a_key_is_kept(store: Asked) -> None:
    assert store.write(record(50)) == []
    assert store.engine.list_feedback(FeedbackQuery()) == [record(50)]


@pytest.mark.parametrize("together", [True, False], ids=["with its run", "before its run"])
def test_feedback_counts_from_the_moment_its_run_is_there(store: Asked, together: bool) -> None:
    told = record(50, "user", run_id=rid(2), score=1.0)
    wanted = {"filter": "and(eq(feedback_key, 'user'), gte(feedback_score, 1))"}
    if together:
        store.write(told, create(1, 2, project_name="p"))
    else:
        store.write(told)
        assert listed(store) == [50]
        assert store.numbers(**wanted) == []
        store.write(create(1, 2, project_name="p"))
    assert store.numbers(**wanted) == [2]
    (found,) = store.engine.list_feedback(FeedbackQuery(run_ids=(rid(2),)))
    assert (found.project_id, found.trace_id) == (store.project_id("p"), rid(1))
    assert listed(store, project_ids=(store.project_id("p"),)) == [50]


def test_feedback_on_a_run_that_only_a_patch_spoke_of_follows_it_to_its_project(
    store: Asked,
) -> None:
    store.write(patch(1, name="x"))
    store.write(record(50, run_id=rid(1)))
    store.write(create(1, project_name="p"))
    assert listed(store, project_ids=(store.project_id("p"),)) == [50]


def test_a_repeat_replaces_the_record(store: Asked) -> None:
    store.write(create(1), record(50, run_id=rid(1), score=0.0, comment="no"))
    store.write(record(50, run_id=rid(1), score=1.0))
    (found,) = store.engine.list_feedback(FeedbackQuery())
    assert (found.score, found.comment) == (1.0, None)
    assert store.numbers(filter="eq(feedback_score, 0)") == []
    assert store.numbers(filter="eq(feedback_score, 1)") == [1]


def test_a_repeat_within_one_request_replaces_the_record(store: Asked) -> None:
    store.write(create(1), record(50, run_id=rid(1), score=0.0), record(50, score=0.5))
    (found,) = store.engine.list_feedback(FeedbackQuery())
    assert (found.score, found.run_id) == (0.5, None)


@pytest.fixture
def loaded(store: Asked) -> Asked:
    store.engine.create_project(Project(id=rid(90), name="a", start_us=T0))
    store.engine.create_project(Project(id=rid(91), name="b", start_us=T0))
    store.write(
        create(1, project_id=rid(90)),
        create(2, project_id=rid(91)),
        record(50, "user", run_id=rid(1), score=1.0, source={"type": "api"}),
        record(51, "user", run_id=rid(2), comment="words", source={"type": "app"}),
        record(52, "judge", run_id=rid(2), score=0.0, comment="", source={"type": "model"}),
        record(53, "note", run_id=rid(99), comment="early"),
        record(54, "project", project_id=rid(90)),
    )
    return store


@pytest.mark.parametrize(
    "query, found",
    [
        pytest.param({}, [54, 53, 52, 51, 50], id="all, newest first"),
        pytest.param({"ids": (rid(50), rid(53), rid(77))}, [53, 50], id="ids"),
        pytest.param({"run_ids": (rid(2), rid(99))}, [53, 52, 51], id="runs"),
        pytest.param({"run_ids": ()}, [], id="no runs"),
        pytest.param({"project_ids": (rid(90),)}, [54, 50], id="a project, its runs' and its own"),
        pytest.param({"project_ids": (rid(77),)}, [], id="an unknown project"),
        pytest.param({"keys": ("user", "note")}, [53, 51, 50], id="keys"),
        pytest.param({"source_types": ("api", "model")}, [52, 50], id="sources"),
        pytest.param({"created_min_us": T0 + 52}, [54, 53, 52], id="from a time on"),
        pytest.param({"created_max_us": T0 + 52}, [51, 50], id="up to a time, exclusive"),
        pytest.param({"has_score": True}, [52, 50], id="with a score"),
        pytest.param({"has_score": False}, [54, 53, 51], id="without a score"),
        pytest.param({"has_comment": True}, [53, 51], id="with words"),
        pytest.param({"has_comment": False}, [54, 52, 50], id="without words"),
        pytest.param({"keys": ("user",), "has_score": True}, [50], id="all hold together"),
        pytest.param({"limit": 2}, [54, 53], id="first page"),
        pytest.param({"limit": 2, "offset": 4}, [50], id="last page"),
    ],
)
def test_records_are_listed(loaded: Asked, query: dict[str, Any], found: list[int]) -> None:
    assert listed(loaded, **query) == found


def test_records_of_one_moment_are_ordered_by_id(store: Asked) -> None:
    store.write(*(record(n, created_us=T0) for n in (51, 53, 50, 52)))
    assert listed(store) == [53, 52, 51, 50]


def test_a_change_is_seen_by_filters_and_lists(loaded: Asked) -> None:
    changes: dict[str, object] = {
        "score": 0.25,
        "comment": "less",
        "value": json("v"),
        "modified_us": T0 + 99,
    }
    changed = loaded.engine.update_feedback(rid(50), changes)
    assert (changed.score, changed.comment, changed.value) == (0.25, "less", b'"v"')
    assert (changed.run_id, changed.project_id, changed.key) == (rid(1), rid(90), "user")
    assert loaded.engine.list_feedback(FeedbackQuery(ids=(rid(50),))) == [changed]
    assert loaded.numbers(filter="eq(feedback_score, 0.25)") == [1]
    assert loaded.numbers(filter="eq(feedback_score, 1)") == []


def test_a_change_can_take_a_score_back(loaded: Asked) -> None:
    assert loaded.engine.update_feedback(rid(50), {"score": None}).score is None
    assert listed(loaded, has_score=True) == [52]


def test_a_deleted_record_is_gone_everywhere(loaded: Asked) -> None:
    loaded.engine.delete_feedback(rid(50))
    assert 50 not in listed(loaded)
    assert loaded.numbers(filter="eq(feedback_key, 'user')") == [2]


@pytest.mark.parametrize("missing", [77, 50])
def test_an_unknown_record_is_not_found(loaded: Asked, missing: int) -> None:
    if missing == 50:
        loaded.engine.delete_feedback(rid(50))
    with pytest.raises(NotFound):
        loaded.engine.delete_feedback(rid(missing))
    with pytest.raises(NotFound):
        loaded.engine.update_feedback(rid(missing), {"score": 1.0})


# fmt: off
PAIRS: list[Any] = [
    ("a key", "eq(feedback_key, 'user')", [1, 2]),
    ("key and score on one record", "and(eq(feedback_key, 'judge'), eq(feedback_score, 0))", [2]),
    ("not on two", "and(eq(feedback_key, 'user'), eq(feedback_score, 0))", []),
    ("a negative score holds on a mere comment",
     "and(eq(feedback_key, 'user'), neq(feedback_score, 1))", [2]),
    ("no record has the score", "neq(feedback_score, 1)", [2, 3]),
    ("no record has the key", "neq(feedback_key, 'judge')", [1, 3]),
    ("a comment's words", "like(feedback_comment, 'WOR')", [2]),
    ("a source", "eq(feedback_source, 'api')", [1]),
    ("the dotted form", "gte(feedback.user, 1)", [1]),
    ("has", "has(feedback_key, 'judge')", [2]),
]
# fmt: on


@pytest.mark.parametrize("text, found", [pytest.param(*row[1:], id=row[0]) for row in PAIRS])
def test_filters_speak_about_records(loaded: Asked, text: str, found: list[int]) -> None:
    loaded.write(create(3))
    assert sorted(loaded.numbers(filter=text)) == found
