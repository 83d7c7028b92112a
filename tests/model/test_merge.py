from itertools import permutations, product
from typing import Any

import orjson
import pytest

from runstore.model.derive import Values, derive
from runstore.model.identity import settle
from runstore.model.merge import merge
from runstore.model.prices import Prices
from runstore.model.run import JsonText, Run, RunMessage
from tests.model.make import T0, S, attachment, bare, create, order, patch, rid

NOW = T0 + 1_000 * S
PRICES = Prices(())


def merged(*messages: RunMessage) -> Run:
    """As an engine does it: derived after every message."""
    run = None
    for message in messages:
        run = merge(run, message, NOW)
        derive(run, PRICES, Values(run))
    assert run is not None
    return run


# fmt: off
MERGED: list[Any] = [
    ("a patch adds what the create did not say",
     [create(1, inputs={"q": 1}), patch(1, outputs={"a": 2}, end_us=T0 + S)],
     {"inputs": {"q": 1}, "outputs": {"a": 2}, "end_us": T0 + S}),
    ("a patch overwrites what the create said",
     [create(1, name="old"), patch(1, name="new")], {"name": "new"}),
    ("null says nothing",
     [create(1, name="kept", run_type="llm"), patch(1, name=None)],
     {"name": "kept", "run_type": "llm"}),
    ("an empty error says nothing",
     [create(1, error="boom"), patch(1, error="")], {"error": "boom"}),
    ("inputs are replaced as a whole",
     [create(1, inputs={"a": 1}), patch(1, inputs={"b": 2})], {"inputs": {"b": 2}}),
    ("extra merges by key, the patch's keys win",
     [create(1, extra={"a": 1, "b": {"x": 1}}), patch(1, extra={"b": {"y": 1}, "c": 2})],
     {"extra": {"a": 1, "b": {"y": 1}, "c": 2, "metadata": {"ls_run_depth": 0}}}),
    ("metadata merges by key",
     [create(1, extra={"metadata": {"a": 1, "b": 1}}), patch(1, extra={"metadata": {"b": 2}})],
     {"extra": {"metadata": {"a": 1, "b": 2, "ls_run_depth": 0}}}),
    ("a null in metadata says nothing",
     [create(1, extra={"metadata": {"a": 1}}), patch(1, extra={"metadata": {"a": None}})],
     {"extra": {"metadata": {"a": 1, "ls_run_depth": 0}}}),
    ("a null for metadata says nothing",
     [create(1, extra={"metadata": {"a": 1}}), patch(1, extra={"metadata": None})],
     {"extra": {"metadata": {"a": 1, "ls_run_depth": 0}}}),
    ("tags are united, the create's first",
     [create(1, tags=("b", "a")), patch(1, tags=("c", "b"))], {"tags": ("b", "a", "c")}),
    ("tags said twice in one message count once",
     [create(1, tags=("a", "a"))], {"tags": ("a",)}),
    ("events are united by time, without repeats",
     [create(1, events=[{"name": "start", "time": "2024-01-01T00:00:00Z"},
                        {"name": "end", "time": "2024-01-01T00:00:09Z"}]),
      patch(1, events=[{"time": "2024-01-01T00:00:00Z", "name": "start"},
                       {"name": "new_token", "time": "2024-01-01T00:00:03+00:00"}])],
     {"events": [{"name": "start", "time": "2024-01-01T00:00:00Z"},
                 {"name": "new_token", "time": "2024-01-01T00:00:03+00:00"},
                 {"name": "end", "time": "2024-01-01T00:00:09Z"}]}),
    ("events without a time come last, as they came",
     [create(1, events=[{"name": "b"}, {"name": "a"}]),
      patch(1, events=[{"name": "z"}, {"name": "t", "time": 1700000000000}])],
     {"events": [{"name": "t", "time": 1700000000000},
                 {"name": "b"}, {"name": "a"}, {"name": "z"}]}),
    ("attachments merge by name, the patch's win",
     [create(1, attachments=(attachment("a", "1"), attachment("b", "1"))),
      patch(1, attachments=(attachment("b", "2"), attachment("c", "2")))],
     {"attachments": (attachment("a", "1"), attachment("b", "2"), attachment("c", "2"))}),
    ("the create's project wins",
     [create(1, project_id=rid(91)), patch(1, project_id=rid(92))], {"project_id": rid(91)}),
    ("a patch's project counts where the create named none",
     [create(1), patch(1, project_id=rid(92))], {"project_id": rid(92)}),
    ("the create's place wins",
     [create(1, 2), patch(3, 2)], {"trace_id": rid(1), "parent_run_id": rid(1)}),
    ("a start said by a patch wins, also over the dotted order",
     [create(1), patch(1, start_us=T0 + S, dotted_order=order(1))], {"start_us": T0 + S}),
    ("a start nobody says is that of the dotted order",
     [patch(1, name="x"), patch(1, run_type="llm")], {"start_us": T0, "start_guessed": True}),
    ("a guess at the start gives way",
     [create(1, start_us=T0 + S), bare(1, is_patch=True, name="x")],
     {"start_us": T0 + S, "start_guessed": False, "name": "x"}),
    ("a dotted order said by a patch alone holds",
     [bare(2, start_us=T0), patch(1, 2)],
     {"trace_id": rid(1), "parent_run_id": rid(1), "dotted_order": order(1, 2),
      "provisional": False}),
    ("a parent said by a patch alone holds",
     [bare(2, start_us=T0), bare(2, is_patch=True, parent_run_id=rid(1))],
     {"trace_id": rid(1), "parent_run_id": rid(1), "provisional": True}),
    ("trace and parent may be said apart",
     [bare(3, start_us=T0, parent_run_id=rid(2)), bare(3, is_patch=True, trace_id=rid(1))],
     {"trace_id": rid(1), "parent_run_id": rid(2), "dotted_order": order(1, 2, 3)}),
    ("also when the create said only the trace",
     [bare(3, start_us=T0, trace_id=rid(1)), bare(3, is_patch=True, parent_run_id=rid(2))],
     {"trace_id": rid(1), "parent_run_id": rid(2), "dotted_order": order(1, 2, 3)}),
    ("a status said by a patch wins",
     [create(1, status="pending"), patch(1, status="error")],
     {"said_status": "error", "status": "error"}),
]
# fmt: on


@pytest.mark.parametrize("messages, fields", [pytest.param(*row[1:], id=row[0]) for row in MERGED])
def test_messages_add_up_in_every_order(messages: list[RunMessage], fields: dict[str, Any]) -> None:
    for arrived in permutations(messages):
        run = merged(*arrived)
        for name, value in fields.items():
            have = getattr(run, name)
            if isinstance(value, dict) or (isinstance(value, list) and name == "events"):
                have = orjson.loads(have)
            assert have == value, [message.is_patch for message in arrived]
    assert len({repr(merged(*arrived)) for arrived in permutations(messages)}) == 1


@pytest.mark.parametrize("messages", [pytest.param(row[1], id=row[0]) for row in MERGED])
def test_a_repeat_changes_nothing(messages: list[RunMessage]) -> None:
    once = merged(*messages)
    assert merged(*messages, *messages) == once
    assert merged(*(message for message in messages for _ in range(2))) == once


PLACE: dict[str, Any] = {
    "trace_id": rid(1),
    "parent_run_id": rid(2),
    "dotted_order": order(1, 2, 3),
    "start_us": T0,
}


def test_whatever_parts_of_its_place_are_said_by_whom_the_place_is_the_same() -> None:
    """Every part said by the create, a patch, both or neither."""
    parent = merge(None, create(1, 2), NOW)
    for speakers in product(((), (0,), (1,), (0, 1)), repeat=len(PLACE)):
        said: list[dict[str, Any]] = [
            {name: PLACE[name] for name, who in zip(PLACE, speakers, strict=True) if one in who}
            for one in (0, 1)
        ]
        post, change = bare(3, **said[0]), bare(3, is_patch=True, **said[1])
        for known in (None, parent):
            runs = set()
            for arrived in ((post, change), (change, post), (post, change, post)):
                run = None
                for message in arrived:
                    run = merge(run, message, NOW)
                    settle(run, known)
                runs.add(repr(run))
            assert len(runs) == 1, said


def test_among_patches_the_later_arrival_wins_whenever_the_create_comes() -> None:
    post = create(1, name="create", extra={"metadata": {"k": 0}}, tags=("x",))
    first = patch(1, name="first", extra={"metadata": {"k": 1}}, tags=("y",))
    second = patch(1, name="second", extra={"metadata": {"k": 2}}, tags=("z",))
    runs = [
        merged(post, first, second),
        merged(first, post, second),
        merged(first, second, post),
    ]
    assert runs[0].name == "second"
    assert runs[0].tags == ("x", "y", "z")
    assert runs[0] == runs[1] == runs[2]


def test_a_second_create_only_fills_gaps() -> None:
    run = merged(create(1, name="first"), create(1, name="second", run_type="tool"))
    assert (run.name, run.run_type) == ("first", "tool")


def test_merging_leaves_the_run_before_it_as_it_was() -> None:
    run = merged(create(1, extra={"metadata": {"a": 1}}, tags=("a",), events=[{"name": "x"}]))
    before = repr(run)
    merge(run, patch(1, extra={"metadata": {"a": 2}}, tags=("b",), events=[{"name": "y"}]), NOW)
    assert repr(run) == before


def test_payloads_pass_as_they_came() -> None:
    odd = JsonText(b'{"a" :  1}')
    run = merge(None, create(1), NOW)
    message = patch(1)
    message.inputs = message.outputs = message.extra = message.events = odd
    run = merge(run, message, NOW)
    assert run.inputs == run.outputs == run.extra == run.events == odd


def test_the_first_message_tells_when_the_run_was_received() -> None:
    run = merge(merge(None, patch(1), NOW), create(1), NOW + S)
    assert run.received_us == NOW


def test_a_run_that_says_no_start_at_all_starts_when_it_arrives() -> None:
    run = merge(None, bare(1, name="x"), NOW)
    assert (run.start_us, run.start_guessed, run.provisional) == (NOW, True, True)
    run = merge(run, bare(1, is_patch=True, start_us=T0), NOW + S)
    assert (run.start_us, run.dotted_order) == (T0, order(1))


def test_a_damaged_place_does_not_cost_a_known_run_its_patch() -> None:
    run = merged(create(1, 2), patch(9, 2, outputs={"a": 1}, trace_id=rid(8)))
    assert run.outputs == b'{"a":1}'
    assert run.dotted_order == order(1, 2)


def test_of_payloads_that_should_be_objects_but_are_not_the_patch_has_the_word() -> None:
    run = merge(merge(None, create(1, extra=[1]), NOW), patch(1, extra={"a": 1}), NOW)
    assert run.extra == b'{"a":1}'
    run = merge(merge(None, create(1, events={"a": 1}), NOW), patch(1, events=[1]), NOW)
    assert run.events == b"[1]"


@pytest.mark.parametrize("time", ["yesterday", None, True, 1e300, {"at": 1}])
def test_an_event_with_no_readable_time_is_kept(time: object) -> None:
    run = merged(create(1, events=[{"name": "a", "time": time}]), patch(1, events=[{"name": "b"}]))
    assert run.events is not None
    assert [event["name"] for event in orjson.loads(run.events)] == ["a", "b"]
