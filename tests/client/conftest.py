"""One test, four clients: over HTTP and on a folder, sync and async.

`client` is each of them in turn, over a world that is only read. `connect` opens new ones on a
place of the test's own. The async ones are driven, so that a test is written once, as for Client.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

from runstore.client.aio import AsyncClient
from runstore.client.drive import drive
from runstore.client.sync import Client
from tests.client.driven import driven
from tests.client.world import write_world
from tests.server.live import open_engine, serve

PlaceKind = Literal["http", "folder"]
Mode = Literal["sync", "async"]
Connect = Callable[..., Client]


@dataclass(frozen=True)
class Place:
    """Where runs are: `target` is what a client is made with."""

    kind: PlaceKind
    target: str


@contextmanager
def open_place(kind: PlaceKind, folder: Path) -> Iterator[Place]:
    """A live server with a folder of its own, or a folder that nobody serves."""
    if kind == "folder":
        yield Place(kind, str(folder / "runs"))
        return
    with serve(open_engine("sqlite", folder), folder) as server:
        yield Place(kind, server.url)


@contextmanager
def open_client(target: str, mode: Mode, **options: Any) -> Iterator[Client]:
    if mode == "sync":
        with Client(target, **options) as one:
            yield one
        return
    with asyncio.Runner() as runner:
        client = AsyncClient(target, **options)
        yield driven(client, runner)
        runner.run(client.close())


def forget_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the developer's own environment says is no part of a test."""
    for prefix in ("LANGSMITH", "LANGCHAIN"):
        for name in ("ENDPOINT", "API_KEY", "WORKSPACE_ID", "PROJECT"):
            monkeypatch.delenv(f"{prefix}_{name}", raising=False)


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_environment(monkeypatch)


@pytest.fixture(scope="module", params=["http", "folder"])
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """With the world of world.py in it; to be read only."""
    with open_place(request.param, tmp_path_factory.mktemp("place")) as found:
        with Client(found.target) as writer:
            drive(write_world(), writer._transport)
        yield found


@pytest.fixture(scope="module", params=["sync", "async"])
def mode(request: pytest.FixtureRequest) -> Mode:
    found: Mode = request.param
    return found


@pytest.fixture(scope="module")
def client(place: Place, mode: Mode) -> Iterator[Client]:
    with open_client(place.target, mode) as one:
        yield one


@pytest.fixture(params=["http", "folder"])
def own_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """An empty one of the test's own, to write to."""
    with open_place(request.param, tmp_path) as found:
        yield found


@pytest.fixture
def connect(own_place: Place, mode: Mode) -> Iterator[Connect]:
    """connect(**options): a new client of the test's own place."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(open_client(own_place.target, mode, **options))
