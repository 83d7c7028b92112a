from collections.abc import Iterable
from typing import Any

import pytest

from runstore.limits import DEPTH_MAX
from runstore.model.identity import Place, Said, resettle, said_identity, settle
from runstore.model.merge import merge
from runstore.model.run import Run, RunMessage
from tests.model.make import T0, S, bare, create, order, rid

NOW = T0 + 1_000 * S

# fmt: off
TOLD: list[Any] = [
    ("a dotted order alone tells all", bare(3, dotted_order=order(1, 2, 3)),
     Place(rid(1), rid(2), order(1, 2, 3))),
    ("a root's dotted order", bare(1, dotted_order=order(1)), Place(rid(1), None, order(1))),
    ("upper-case ids become canonical", bare(11, dotted_order=order(11).replace("b", "B")),
     Place(rid(11), None, order(11))),
    ("nothing said", bare(1), Said(None, None)),
    ("a parent alone", bare(2, parent_run_id=rid(1)), Said(None, rid(1))),
    ("a wrong trace_id gives way where the parent agrees",
     create(1, 2, 3, trace_id=rid(9)), Place(rid(1), rid(2), order(1, 2, 3))),
    ("a wrong parent gives way where the trace agrees",
     create(1, 2, 3, parent_run_id=rid(9)), Place(rid(1), rid(2), order(1, 2, 3))),
    ("the parent's own dotted order is repaired by the parent",
     create(1, 2, 3, dotted_order=order(1, 2)), Said(rid(1), rid(2))),
    ("and so it is without trace_id",
     create(1, 2, 3, dotted_order=order(1, 2), trace_id=None), Said(rid(1), rid(2))),
    ("a single part on a child is repaired by the parent",
     create(1, 2, dotted_order=order(2)), Said(rid(1), rid(1))),
    ("garbage is repaired by the parent",
     create(1, 2, dotted_order="garbage"), Said(rid(1), rid(1))),
    ("garbage on a root is repaired by the trace being its own",
     create(1, dotted_order="garbage"), Said(rid(1), None)),
    ("a foreign dotted order on a root is dropped",
     create(1, dotted_order=order(2)), Said(rid(1), None)),
]
REFUSED: list[Any] = [
    ("another trace", create(1, trace_id=rid(9)), "does not match first part of dotted_order"),
    ("another run", bare(1, dotted_order=order(2)), "does not end in the run's id"),
    ("no dotted order", bare(1, dotted_order="20240101T000000"), "invalid 'dotted_order'"),
    ("not ASCII", bare(1, dotted_order=order(1).replace("T", "\u0664")), "invalid 'dotted_order'"),
    ("a run twice", bare(1, dotted_order=order(1, 2, 1)), "names a run twice"),
    ("itself as parent", bare(1, parent_run_id=rid(1)), "names itself as its parent"),
    ("too deep", bare(1, dotted_order=order(*range(DEPTH_MAX + 2, 0, -1))), "at most 10000"),
]
# fmt: on


@pytest.mark.parametrize("message, told", [pytest.param(*row[1:], id=row[0]) for row in TOLD])
def test_a_message_tells_where_its_run_stands(message: RunMessage, told: Place | Said) -> None:
    found = said_identity(message)
    assert (type(found), found) == (type(told), told)


@pytest.mark.parametrize("message, reason", [pytest.param(*row[1:], id=row[0]) for row in REFUSED])
def test_a_place_nothing_can_repair_is_refused(message: RunMessage, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        merge(None, message, NOW)


def test_a_root_with_a_longer_dotted_order_is_a_root() -> None:
    assert said_identity(create(1, dotted_order=order(9, 1))) == Said(rid(1), None)


@pytest.mark.parametrize(
    "said, place",
    [
        pytest.param({}, (rid(5), None, order(5)), id="nothing said: a root"),
        pytest.param({"trace_id": rid(5)}, (rid(5), None, order(5)), id="its own trace: a root"),
        pytest.param({"trace_id": rid(1)}, (rid(1), rid(1), order(1, 5)), id="trace as parent"),
        pytest.param({"parent_run_id": rid(2)}, (rid(2), rid(2), order(2, 5)), id="parent as root"),
        pytest.param(
            {"parent_run_id": rid(2), "trace_id": rid(1)},
            (rid(1), rid(2), order(1, 2, 5)),
            id="trace and parent",
        ),
    ],
)
def test_what_is_not_said_is_derived_for_the_time_being(
    said: dict[str, Any], place: tuple[str, str | None, str]
) -> None:
    run = merge(None, bare(5, start_us=T0, **said), NOW)
    assert (run.trace_id, run.parent_run_id, run.dotted_order) == place
    assert run.provisional


def test_a_provisional_run_takes_its_place_below_its_parent() -> None:
    child = merge(None, bare(3, start_us=T0, parent_run_id=rid(2)), NOW)
    parent = merge(None, create(1, 2), NOW)
    assert settle(child, parent)
    assert (child.trace_id, child.dotted_order) == (rid(1), order(1, 2, 3))
    assert child.depth == 2
    assert not settle(child, parent), "a second time changes nothing"


def test_a_place_that_was_said_is_never_redone() -> None:
    run = merge(None, create(1, 2), NOW)
    assert not settle(run, merge(None, create(7), NOW))
    assert run.dotted_order == order(1, 2)


def test_another_run_than_the_parent_settles_nothing() -> None:
    child = merge(None, bare(3, start_us=T0, parent_run_id=rid(2)), NOW)
    assert not settle(child, merge(None, create(7), NOW))


class Forest:
    """The least an engine does about places."""

    def __init__(self, *messages: RunMessage) -> None:
        self.runs: dict[str, Run] = {}
        for message in messages:
            run = merge(self.runs.get(message.id), message, NOW)
            if run.parent_run_id is not None:
                settle(run, self.runs.get(run.parent_run_id))
            self.runs[run.id] = run
            resettle(run, self.children_of)

    def children_of(self, run_id: str) -> Iterable[Run]:
        return [
            run for run in self.runs.values() if run.provisional and run.parent_run_id == run_id
        ]

    def orders(self) -> dict[str, str]:
        return {run.id: run.dotted_order for run in self.runs.values()}


def test_runs_that_say_only_their_parent_find_their_places_in_any_order() -> None:
    messages = [
        bare(1, start_us=T0),
        bare(2, start_us=T0, parent_run_id=rid(1)),
        bare(3, start_us=T0, parent_run_id=rid(2)),
        bare(4, start_us=T0, parent_run_id=rid(3)),
    ]
    expected = {rid(n): order(*range(1, n + 1)) for n in range(1, 5)}
    assert Forest(*messages).orders() == expected
    assert Forest(*reversed(messages)).orders() == expected
    assert Forest(*messages[1::2], *messages[0::2]).orders() == expected


def test_a_parents_change_of_place_reaches_its_provisional_descendants() -> None:
    forest = Forest(
        bare(2, start_us=T0),
        bare(3, start_us=T0, parent_run_id=rid(2)),
        bare(4, start_us=T0, parent_run_id=rid(3)),
        bare(2, is_patch=True, trace_id=rid(1), parent_run_id=rid(1), dotted_order=order(1, 2)),
    )
    assert forest.runs[rid(4)].dotted_order == order(1, 2, 3, 4)
    assert forest.runs[rid(4)].trace_id == rid(1)


@pytest.mark.parametrize("length", [2, 3, 5])
def test_runs_that_name_each_other_as_parents_end_somewhere(length: int) -> None:
    numbers = list(range(1, length + 1))
    messages = [
        bare(n, start_us=T0, parent_run_id=rid(after))
        for n, after in zip(numbers, numbers[1:] + numbers[:1], strict=True)
    ]
    for run in Forest(*messages, *messages).runs.values():
        segments = run.dotted_order.split(".")
        assert len(set(segments)) == len(segments) <= length + 1
        assert segments[-1].endswith(run.id)


def test_a_tree_deeper_than_the_bound_stops_growing() -> None:
    parent = merge(None, create(*range(1, DEPTH_MAX + 1)), NOW)
    child = merge(None, bare(DEPTH_MAX + 1, start_us=T0, parent_run_id=parent.id), NOW)
    settle(child, parent)
    assert child.depth == 1
