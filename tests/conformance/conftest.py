"""Every test of this folder runs on every engine of ENGINES."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from runstore.engine.base import Engine
from runstore.engine.memory import MemoryEngine
from runstore.engine.sqlite.engine import SqliteEngine
from runstore.model.prices import Prices
from tests.conformance.ask import Asked

PRICES = Prices.load()
ENGINES: dict[str, Callable[[Path], Engine]] = {
    "memory": lambda folder: MemoryEngine(PRICES),
    "sqlite": lambda folder: SqliteEngine(folder, PRICES),
}
WAYS = [*ENGINES, "sqlite, prepared", "sqlite, sent"]
NewStore = Callable[[], Asked]


@pytest.fixture(params=WAYS)
def new_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NewStore]:
    """Makes empty stores of one engine; closes them in the end."""
    name, _, way = request.param.partition(", ")
    with ExitStack() as opened:
        made = 0

        def make() -> Asked:
            nonlocal made
            made += 1
            engine = opened.enter_context(closing(ENGINES[name](tmp_path / str(made))))
            return Asked(engine, way)

        yield make


@pytest.fixture
def store(new_store: NewStore) -> Asked:
    return new_store()
