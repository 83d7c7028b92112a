"""What goes, goes with all that hangs on it, and nothing else goes."""

from dataclasses import replace

import pytest

from runstore.errors import NotFound
from runstore.model.feedback import FeedbackQuery
from tests.conformance.ask import Asked, number
from tests.model.make import attachment, create, patch, record, rid


@pytest.fixture
def loaded(store: Asked) -> Asked:
    store.write(
        create(1, project_name="a", inputs={"t": "needle"}, tags=("x",)),
        create(1, 2, project_name="b", attachments=(attachment("f"),)),
        create(5, project_name="a", inputs={"t": "needle"}, tags=("x",)),
        record(50, run_id=rid(1), score=1.0),
        record(51, run_id=rid(2), score=1.0),
        record(52, run_id=rid(5), score=1.0),
        record(53, run_id=rid(99), trace_id=rid(1)),
    )
    return store


def records(store: Asked) -> list[int]:
    return sorted(number(one.id) for one in store.engine.list_feedback(FeedbackQuery()))


def test_a_deleted_trace_is_gone_with_its_feedback(loaded: Asked) -> None:
    assert loaded.engine.delete_traces([rid(1)]) == 2
    assert loaded.numbers() == [5]
    assert loaded.numbers(filter='search("needle")') == [5]
    assert loaded.numbers(filter='has(tags, "x")') == [5]
    assert loaded.numbers(filter="eq(feedback_score, 1)") == [5]
    assert loaded.numbers(trace_id=rid(1)) == []
    assert records(loaded) == [52]
    assert loaded.engine.attachments(rid(2)) == ()
    assert loaded.stats()[""].run_count == 1


def test_deleting_counts_each_run_once_and_unknown_traces_not_at_all(loaded: Asked) -> None:
    assert loaded.engine.delete_traces([rid(1), rid(1), rid(77)]) == 2
    assert loaded.engine.delete_traces([rid(1)]) == 0
    assert loaded.engine.delete_traces([]) == 0


def test_a_deleted_run_may_come_again_as_a_new_one(loaded: Asked) -> None:
    loaded.engine.delete_traces([rid(5)])
    loaded.write(patch(5, name="again"))
    run = loaded.read(5)
    assert (run.name, run.inputs, run.tags, run.has_create) == ("again", None, (), False)
    assert loaded.numbers(filter='search("needle")') == [1]


def test_a_deleted_project_is_gone_with_its_runs_and_their_feedback(loaded: Asked) -> None:
    loaded.engine.delete_project(loaded.project_id("a"))
    assert loaded.project_names() == ["b"]
    assert loaded.numbers() == [2]
    assert 51 in records(loaded)
    assert not {50, 52} & set(records(loaded))


def test_a_deleted_project_may_be_named_again(loaded: Asked) -> None:
    old = loaded.project_id("a")
    loaded.engine.delete_project(old)
    loaded.write(create(7, project_name="a"))
    assert loaded.project_id("a") != old
    assert loaded.numbers(project_ids=(loaded.project_id("a"),)) == [7]
    assert loaded.numbers(project_ids=(old,)) == []


def test_an_unknown_project_cannot_be_deleted(loaded: Asked) -> None:
    with pytest.raises(NotFound):
        loaded.engine.delete_project(rid(77))


def test_what_is_below_a_deleted_run_keeps_its_place(loaded: Asked) -> None:
    loaded.engine.delete_project(loaded.project_id("a"))
    run = loaded.read(2)
    assert (run.parent_run_id, run.depth, run.is_root) == (rid(1), 1, False)
    assert loaded.numbers(trace_filter='eq(name, "run 1")') == []


def test_content_is_referenced_as_long_as_some_run_names_it(loaded: Asked) -> None:
    shared, own = attachment("f"), replace(attachment("g"), sha256="ab" * 32)
    loaded.write(create(6, attachments=(shared,)), create(7, attachments=(own,)))
    asked = [shared.sha256, own.sha256, "cd" * 32]
    assert loaded.engine.referenced_blobs(asked) == {shared.sha256, own.sha256}
    loaded.engine.delete_traces([rid(1), rid(7)])
    assert loaded.engine.referenced_blobs(asked) == {shared.sha256}
    loaded.engine.delete_traces([rid(6)])
    assert loaded.engine.referenced_blobs(asked) == set()
    assert loaded.engine.referenced_blobs([]) == set()


def test_replaced_content_is_referenced_no_longer(store: Asked) -> None:
    old, new = attachment("f"), replace(attachment("f"), sha256="ab" * 32)
    store.write(create(1, attachments=(old,)))
    store.write(patch(1, attachments=(new,)))
    assert store.engine.referenced_blobs([old.sha256, new.sha256]) == {new.sha256}
