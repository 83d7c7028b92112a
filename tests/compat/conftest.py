"""A live server over each engine, the real clients of it, and a world to ask about."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from langsmith import AsyncClient, Client
from langsmith.schemas import Run

from tests.compat.world import World, write_world
from tests.server.live import Live, open_engine, serve

List = Callable[..., list[Run]]
Ask = Callable[..., set[str]]
RunAsync = Callable[[Callable[[AsyncClient], Coroutine[Any, Any, Any]]], Any]


@pytest.fixture(scope="package", params=["memory", "sqlite"])
def live(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Live]:
    folder: Path = tmp_path_factory.mktemp("compat")
    with serve(open_engine(request.param, folder), folder) as server:
        yield server


@pytest.fixture(scope="package")
def client(live: Live) -> Iterator[Client]:
    one = Client(live.url, api_key="any")
    yield one
    one.cleanup()


@pytest.fixture(scope="package")
def world(client: Client) -> World:
    return write_world(client)


@pytest.fixture(scope="package")
def run_async(live: Live) -> Iterator[RunAsync]:
    """run_async(use): what `use(client)` gives for one AsyncClient that lives as long as `live`."""
    with asyncio.Runner() as runner:
        client = AsyncClient(live.url, api_key="any")
        yield lambda use: runner.run(use(client))
        runner.run(client.aclose())  # type: ignore[no-untyped-call]  # the SDK left it so


@pytest.fixture(params=["Client", "AsyncClient"])
def list_runs(request: pytest.FixtureRequest, run_async: RunAsync, client: Client) -> List:
    """`list_runs` of either client, exhausted."""
    if request.param == "Client":
        return lambda **arguments: list(client.list_runs(**arguments))

    def listed(**arguments: Any) -> list[Run]:
        async def use(one: AsyncClient) -> list[Run]:
            return [run async for run in one.list_runs(**arguments)]

        found: list[Run] = run_async(use)
        return found

    return listed


@pytest.fixture
def ask(list_runs: List, world: World) -> Ask:
    """The labels of the runs `list_runs` answers with."""

    def labels(**arguments: Any) -> set[str]:
        found: list[UUID] = [run.id for run in list_runs(**arguments)]
        assert len(found) == len(set(found)), "a run came twice"
        return world.labels(found)

    return labels
