"""What messages add up to, whoever sends them in whatever order."""

from itertools import permutations
from typing import Any

import orjson
import pytest

from runstore.model.project import Project
from runstore.model.run import Run, RunMessage
from tests.conformance.ask import NOW, Asked, batch_of
from tests.conformance.conftest import NewStore
from tests.model.make import T0, S, attachment, bare, create, order, patch, record, rid

POST = create(
    1,
    2,
    run_type="llm",
    inputs={"question": "é"},
    extra={"runtime": {"v": 1}, "metadata": {"a": 1, "b": [1, None]}},
    tags=("x", "y"),
    events=[{"name": "start", "time": "2024-01-01T00:00:00Z"}],
    attachments=(attachment("file", "1"),),
    project_name="p",
)
FINISH = patch(
    1,
    2,
    end_us=T0 + 2 * S,
    outputs={"usage_metadata": {"input_tokens": 3, "output_tokens": 4}},
    extra={"metadata": {"b": 2, "thread_id": "t"}},
    tags=("z",),
    events=[{"name": "new_token", "time": "2024-01-01T00:00:01Z"}],
    attachments=(attachment("other", "2"),),
)
TROUBLE = patch(1, 2, error="boom", serialized={"s": 1}, reference_example_id=rid(77))


def all_of(store: Asked, run_number: int) -> Run:
    """With everything that can be selected; the project, made anew by every store, by name."""
    select = frozenset(Run.__struct_fields__)
    (run,) = store.page(ids=(rid(run_number),), select=select).runs
    if run.project_id is not None:
        assert run.project_id == store.project_id("p")
        run.project_id = "p"
    return run


def test_all_orders_of_arrival_give_the_same_run(new_store: NewStore) -> None:
    found = []
    for messages in permutations((POST, FINISH, TROUBLE)):
        store = new_store()
        for message in messages:
            assert store.write(message) == []
        found.append(all_of(store, 2))
    for messages in permutations((POST, FINISH, TROUBLE)):
        store = new_store()
        assert store.write(*messages) == []
        found.append(all_of(store, 2))
    assert all(run == found[0] for run in found)
    run = found[0]
    assert (run.status, run.error, run.thread_id) == ("error", "boom", "t")
    assert (run.tags, run.usage["total_tokens"]) == (("x", "y", "z"), 7)
    assert run.first_token_us == 1_704_067_201_000_000
    assert orjson.loads(run.extra or b"") == {
        "runtime": {"v": 1},
        "metadata": {"a": 1, "b": 2, "thread_id": "t", "ls_run_depth": 1},
    }
    assert [one.name for one in run.attachments] == ["file", "other"]


def test_repeats_change_nothing(store: Asked) -> None:
    store.write(POST, FINISH, TROUBLE)
    before = all_of(store, 2)
    store.write(POST, POST)
    store.write(FINISH, TROUBLE)
    store.write_batches(batch_of(POST), batch_of(FINISH, TROUBLE, POST))
    assert all_of(store, 2) == before
    assert store.count() == 1


def test_requests_written_together_are_merged_together(store: Asked) -> None:
    refusals = store.write_batches(batch_of(FINISH), batch_of(POST), batch_of(TROUBLE))
    assert refusals == [[], [], []]
    run = all_of(store, 2)
    assert (run.name, run.error, run.end_us) == ("run 2", "boom", T0 + 2 * S)


def test_a_later_patch_wins_over_an_earlier_one(store: Asked) -> None:
    store.write(create(1, name="a"), patch(1, name="b"))
    store.write(patch(1, name="c"))
    assert store.read(1).name == "c"


def test_payloads_come_back_as_the_bytes_that_were_sent(store: Asked) -> None:
    payload = orjson.dumps({"text": "x" * 5_000, "n": [1, 2.5, None, "é\u0000"], "": {}})
    message = create(1)
    for name in ("inputs", "outputs", "events", "serialized"):
        setattr(message, name, payload)
    store.write(message)
    run = store.read(1)
    assert run.inputs == run.outputs == run.events == run.serialized == payload


def test_a_run_only_patches_spoke_of_is_found_by_id_and_in_no_project(store: Asked) -> None:
    store.write(create(5, project_name="p"), patch(1, outputs={"a": 1}))
    run = store.read(1)
    assert (run.project_id, run.status, run.outputs) == (None, "success", b'{"a":1}')
    assert store.numbers(project_ids=(store.project_id("p"),)) == [5]
    store.write(create(1, project_name="p"))
    assert set(store.numbers(project_ids=(store.project_id("p"),))) == {1, 5}


# Projects of messages.


def test_a_create_without_a_project_goes_to_the_default_one(store: Asked) -> None:
    store.write(create(1), patch(2))
    assert store.project_names() == ["default"]
    assert store.numbers(project_ids=(store.project_id("default"),)) == [1]


def test_a_project_exists_as_soon_as_a_run_names_it(store: Asked) -> None:
    store.write(create(1, project_name="new"), create(2, project_name="new"))
    assert store.project_names() == ["new"]
    assert store.read(1).project_id == store.read(2).project_id == store.project_id("new")


def test_a_project_may_be_named_by_its_id(store: Asked) -> None:
    store.engine.create_project(Project(id=rid(90), name="p", start_us=T0))
    assert store.write(create(1, project_id=rid(90))) == []
    assert store.read(1).project_id == rid(90)


def test_an_unknown_project_id_refuses_that_message_and_no_other(store: Asked) -> None:
    refusals = store.write(create(1), create(2, project_id=rid(99)), create(3))
    assert [refusal.run_id for refusal in refusals] == [rid(2)]
    assert rid(99) in refusals[0].reason
    assert store.numbers(descending=False) == [1, 3]


# Refusals.


def test_a_run_that_cannot_be_placed_is_refused_alone_and_in_its_own_batch(store: Asked) -> None:
    bad = create(2, trace_id=rid(9))
    refusals = store.write_batches(batch_of(create(1)), batch_of(bad, create(3)), batch_of())
    assert [[one.run_id for one in batch] for batch in refusals] == [[], [rid(2)], []]
    assert "does not match first part of dotted_order" in refusals[1][0].reason
    assert store.numbers(descending=False) == [1, 3]


def test_a_refused_message_does_not_keep_a_better_one_out(store: Asked) -> None:
    refusals = store.write(create(2, trace_id=rid(9)), create(2, name="better"))
    assert len(refusals) == 1
    assert store.read(2).name == "better"


def test_an_empty_batch_is_nothing_to_do(store: Asked) -> None:
    assert store.write() == []
    assert store.engine.write([], NOW) == []
    assert store.count() == 0


# Places.

AT_DEPTH_2 = "and(eq(metadata_key, 'ls_run_depth'), eq(metadata_value, 2))"
CHAIN = [
    bare(1, start_us=T0),
    bare(2, start_us=T0 + 1, parent_run_id=rid(1)),
    bare(3, start_us=T0 + 2, parent_run_id=rid(2)),
]


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one by one"])
def test_runs_that_say_only_their_parent_find_their_place_in_any_order(
    new_store: NewStore, together: bool
) -> None:
    for messages in permutations(CHAIN):
        store = new_store()
        if together:
            store.write(*messages)
        else:
            for message in messages:
                store.write(message)
        runs = [store.read(number) for number in (1, 2, 3)]
        assert [run.depth for run in runs] == [0, 1, 2]
        assert {run.trace_id for run in runs} == {rid(1)}
        assert runs[2].dotted_order.startswith(runs[1].dotted_order + ".")
        assert store.numbers(trace_id=rid(1), descending=False) == [1, 2, 3]
        assert store.numbers(filter=AT_DEPTH_2) == [3]


def test_a_dotted_order_said_later_moves_the_run_and_those_below(store: Asked) -> None:
    store.write(*CHAIN)
    said = order(8, 1, start_us=T0)
    store.write(bare(1, is_patch=True, trace_id=rid(8), parent_run_id=rid(8), dotted_order=said))
    assert [store.read(number).depth for number in (1, 2, 3)] == [1, 2, 3]
    assert store.numbers(trace_id=rid(8), descending=False) == [1, 2, 3]
    assert store.numbers(trace_id=rid(1)) == []
    assert store.numbers(is_root=True) == []


def test_parents_in_a_circle_are_stored_all_the_same(store: Asked) -> None:
    messages = [bare(n, start_us=T0, parent_run_id=rid(n % 3 + 1)) for n in (1, 2, 3)]
    assert store.write(*messages) == []
    assert store.write(*messages) == []
    assert sorted(store.numbers()) == [1, 2, 3]


# What is said once is derived and can be asked for.

DERIVED: list[tuple[str, RunMessage, str]] = [
    ("pending", create(1), 'eq(status, "pending")'),
    ("success", create(1, end_us=T0), 'eq(status, "success")'),
    ("error", create(1, error="x"), 'and(eq(status, "error"), neq(error, null))'),
    ("empty error", create(1, error="", end_us=T0), 'and(eq(status, "success"), eq(error, null))'),
    (
        "interrupted",
        create(1, error="x", extra={"metadata": {"ls_is_error_interrupt": True}}),
        'eq(status, "interrupted")',
    ),
    ("thread", create(1, extra={"metadata": {"session_id": 7}}), 'eq(thread_id, "7")'),
    ("depth", create(9, 1), "and(eq(metadata_key,'ls_run_depth'), eq(metadata_value, 1))"),
    ("latency", create(1, end_us=T0 + 1_500_000), "eq(latency, 1.5)"),
    (
        "cost",
        create(
            1,
            run_type="llm",
            outputs={"usage_metadata": {"input_tokens": 2, "output_tokens": 1}, "model": "gpt-4o"},
        ),
        "and(eq(total_tokens, 3), eq(total_cost, 0.000015))",
    ),
]


@pytest.mark.parametrize(
    "message, filter_text", [pytest.param(*row[1:], id=row[0]) for row in DERIVED]
)
def test_what_follows_from_a_run_can_be_asked_for(
    store: Asked, message: RunMessage, filter_text: str
) -> None:
    store.write(message, create(5, error="other", end_us=T0 + 9 * S, status="error"))
    assert store.numbers(filter=filter_text, ids=(rid(1),)) == [1]
    assert store.numbers(filter=f"not({filter_text})", ids=(rid(1),)) == []


def test_a_filter_sees_a_run_as_it_stands_now(store: Asked) -> None:
    """What an index holds of the run before a patch must be gone."""
    old: dict[str, Any] = {
        "name": "old name",
        "tags": ("stays",),
        "inputs": {"text": "ancient"},
        "extra": {"metadata": {"k": "was"}},
    }
    store.write(create(1, **old))
    store.write(
        patch(1, name="new", inputs={"text": "modern"}, extra={"metadata": {"k": "is"}}),
        record(50, run_id=rid(1), score=1.0),
    )
    for gone in (
        'eq(name, "old name")',
        'search("ancient")',
        "and(eq(metadata_key,'k'), eq(metadata_value,'was'))",
        "eq(input_value, 'ancient')",
    ):
        assert store.numbers(filter=gone) == [], gone
    for there in (
        'eq(name, "new")',
        'search("modern")',
        'has(tags, "stays")',
        "and(eq(metadata_key,'k'), eq(metadata_value,'is'))",
        "eq(input_value, 'modern')",
        "and(eq(feedback_key,'k'), gte(feedback_score, 1))",
    ):
        assert store.numbers(filter=there) == [1], there
