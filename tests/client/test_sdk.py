"""The real langsmith.AsyncClient, asked the same of the same server, has equal runs."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import langsmith
import pytest
from langsmith import schemas

from runstore import AsyncClient, Client, Run
from runstore.client.drive import drive
from tests.client.conftest import Place, open_place
from tests.client.corpus import CORPUS
from tests.client.world import MANY, MANY_PROJECT, write_world

Listed = Callable[..., tuple[list[Run], list[schemas.Run]]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with open_place("http", tmp_path_factory.mktemp("sdk")) as found:
        with Client(found.target) as writer:
            drive(write_world(), writer._transport)
        yield found


@pytest.fixture(scope="module")
def listed(place: Place) -> Iterator[Listed]:
    """listed(**asked): what our client lists, and what the SDK's does."""
    with asyncio.Runner() as runner:
        ours = AsyncClient(place.target)
        theirs = langsmith.AsyncClient(place.target, api_key="any")

        async def both(asked: dict[str, Any]) -> tuple[list[Run], list[schemas.Run]]:
            mine = await ours.list_runs(**asked).to_list()
            return mine, [run async for run in theirs.list_runs(**in_their_words(asked))]

        yield lambda **asked: runner.run(both(asked))

        async def close() -> None:
            await ours.close()
            closing: Any = theirs.aclose()  # type: ignore[no-untyped-call]  # the SDK left it so
            await closing

        runner.run(close())


def in_their_words(asked: dict[str, Any]) -> dict[str, Any]:
    """As the SDK understands it: lists alone, filters as text, times with their zone."""
    said = dict(asked)
    for name, value in asked.items():
        if name.endswith("filter"):
            said[name] = str(value)
        elif isinstance(value, tuple | set):
            said[name] = list(value)
        elif hasattr(value, "astimezone"):
            said[name] = value.astimezone()
    if "id" in said:
        said["id"] = [str(one) for one in said["id"]]
    return said


IN_BOTH = [case for case in CORPUS if "all_projects" not in case.values[0]]  # the SDK has it not


@pytest.mark.parametrize("asked, expected", IN_BOTH)
def test_both_list_equal_runs(listed: Listed, asked: dict[str, Any], expected: list[str]) -> None:
    mine, theirs = listed(**asked)
    assert len(mine) == len(expected)
    assert_equal(mine, theirs)


@pytest.mark.parametrize("asked", [{}, {"limit": 99}, {"order": "asc"}, {"select": ["inputs"]}])
def test_both_list_equal_pages(listed: Listed, asked: dict[str, Any]) -> None:
    mine, theirs = listed(project_name=MANY_PROJECT, **asked)
    assert len(mine) == asked.get("limit", MANY)
    assert_equal(mine, theirs)


def assert_equal(mine: list[Run], theirs: list[schemas.Run]) -> None:
    """Run by run and in order, by everything the SDK's run has."""
    assert [run.id for run in mine] == [run.id for run in theirs]
    for ours, other in zip(mine, theirs, strict=True):
        want = other.model_dump(exclude={"attachments"})
        assert {name: value for name, value in ours.model_dump().items() if name in want} == want
        assert isinstance(ours.id, UUID)
