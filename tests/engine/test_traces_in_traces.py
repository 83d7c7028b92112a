"""A run that others call their trace, and that is itself below another run, is the root of none."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from runstore.engine.memory import MemoryEngine
from runstore.engine.sqlite.engine import SqliteEngine
from runstore.model.dotted_order import segment
from runstore.model.run import RunMessage
from tests.conformance.ask import Asked
from tests.engine.few_limits import lower
from tests.model.make import T0, S, bare, create, rid

ROOTS = range(30, 60)


def inside(number: int) -> RunMessage:
    """A run of a trace whose root is said to be run 2."""
    start_us = T0 + number * S
    order = f"{segment(T0 + 2 * S, rid(2))}.{segment(start_us, rid(number))}"
    place: dict[str, Any] = {"trace_id": rid(2), "parent_run_id": rid(2), "dotted_order": order}
    return bare(number, name="deep", start_us=start_us, **place)


@pytest.fixture(params=["few", "listed", "many"])
def pair(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Asked, Asked]]:
    """The oracle and the engine, as if there were many runs: with "listed" so many that the index
    still lists them, with "many" so many that walks are taken."""
    if request.param != "few":
        lower(monkeypatch, "CANDIDATES_MAX", 3)
        lower(monkeypatch, "FIRST_CANDIDATES", 2)
    if request.param == "many":
        lower(monkeypatch, "LISTED_MAX", 3)
    with ExitStack() as opened:
        engines = MemoryEngine(), SqliteEngine(tmp_path)
        stores = [Asked(opened.enter_context(closing(engine))) for engine in engines]
        for store in stores:
            told = [create(1), create(1, 2, start_us=T0 + 2 * S, name="middle")]
            told += [inside(number) for number in range(3, 20)]
            told += [create(number, start_us=T0 + number * S, name="middle") for number in ROOTS]
            assert store.write(*told) == []
        yield stores[0], stores[1]


# fmt: off
ASKED: list[Any] = [
    ("the root's name", {"trace_filter": 'eq(name, "middle")'}, list(reversed(ROOTS))),
    ("the root's name, of one", {"trace_filter": 'eq(name, "middle")', "ids": (rid(3),)}, []),
    ("a run of the tree", {"tree_filter": 'eq(name, "deep")'}, list(range(19, 2, -1))),
    ("a run of the tree, of roots", {"tree_filter": 'eq(name, "deep")', "is_root": True}, []),
    ("a run of the tree, of a root",
     {"tree_filter": 'eq(name, "deep")', "is_root": True, "ids": (rid(2),)}, []),
    ("runs of both trees, of roots",
     {"tree_filter": 'in(name, ["deep", "run 1"])', "is_root": True}, [1]),
]
# fmt: on


@pytest.mark.parametrize(
    "query, numbers", [pytest.param(*asked, id=name) for name, *asked in ASKED]
)
def test_it_is_the_root_of_none(
    pair: tuple[Asked, Asked], query: dict[str, Any], numbers: list[int]
) -> None:
    memory, sqlite = pair
    assert memory.numbers(**query) == numbers
    assert sqlite.numbers(**query) == numbers
