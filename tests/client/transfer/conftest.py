"""A server that has everything, and empty ones to move it to."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from runstore.client.sync import Client
from tests.client.transfer.world import PROJECTLESS, RUNS, write_world
from tests.server.live import open_engine, serve
from tests.server.wirerun import uid

EVERY_ID = [uid(number) for number in (*range(RUNS), PROJECTLESS)]
OpenTarget = Callable[[str], Client]


@pytest.fixture(scope="package")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("source")
    with serve(open_engine("sqlite", folder), folder) as live:
        write_world(live.url)
        yield live.url


@pytest.fixture(scope="package")
def source(url: str) -> Iterator[Client]:
    with Client(url, api_key="any") as client:
        yield client


@pytest.fixture
def open_target(tmp_path: Path) -> Iterator[OpenTarget]:
    """A new, empty "server" or "folder"."""
    with ExitStack() as stack:

        def open_one(kind: str) -> Client:
            folder = tmp_path / f"target-{len(list(tmp_path.iterdir()))}"
            place = str(folder)
            if kind == "server":
                folder.mkdir()
                place = stack.enter_context(serve(open_engine("sqlite", folder), folder)).url
            return stack.enter_context(Client(place, api_key="any"))

        yield open_one


@pytest.fixture
def target(open_target: OpenTarget) -> Client:
    return open_target("server")
