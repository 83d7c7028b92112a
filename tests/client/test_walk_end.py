"""Programs that leave a walk half-way, in every way there is: nothing is said, nothing stays."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from runstore.client.drive import drive
from runstore.client.sync import Client
from tests.client.conftest import PlaceKind, open_place
from tests.client.world import write_world

PROGRAM = """
import asyncio, gc, sys
from runstore import AsyncClient

async def write(client):
    await asyncio.sleep(0.1)
    await client.create_run("new", {{}}, "chain", project_name="tailed")
    await client.flush()

async def leave(client):
    runs = client.list_runs(all_projects=True, limit=None)
{leave}

async def main():
    async with AsyncClient(sys.argv[1]) as client:
        client._server.page_runs_max = 2  # so that a walk has many pages
        try:
            await leave(client)
        except (ZeroDivisionError, TimeoutError):
            pass
        gc.collect()
        await asyncio.sleep(0.05)
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        assert not left, left
        assert await client.list_runs(all_projects=True).count() > 4, "the client is as good as new"

asyncio.run(main())
"""
WAYS = {
    "a break": """
        async for run in runs:
            break
    """,
    "an exception in the body": """
        async for run in runs:
            1 / 0
    """,
    "a break in the third page": """
        seen = 0
        async for run in runs:
            seen += 1
            if seen == 5:
                break
    """,
    "an exception among pages": """
        async for page in runs.pages():
            1 / 0
    """,
    "a time that is up": """
        async with asyncio.timeout(0.01):
            async for run in runs:
                await asyncio.sleep(0.005)
            raise TimeoutError
    """,
    "a task that is cancelled": """
        async def walk():
            async for run in runs:
                await asyncio.sleep(0.005)
        task = asyncio.create_task(walk())
        await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.wait([task])
    """,
    "a task that is cancelled while it waits for a page": """
        task = asyncio.create_task(runs.to_list())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
    """,
    "anext, forgotten": """
        await anext(runs)
    """,
    "anext, closed": """
        await anext(runs)
        await runs.aclose()
    """,
    "a tail, left by a break": """
        tail = client.tail(all_projects=True)
        soon = asyncio.create_task(write(client))
        async for run in tail:
            break
        await soon
    """,
    "a tail, left by an exception": """
        tail = client.tail(all_projects=True)
        soon = asyncio.create_task(write(client))
        try:
            async for run in tail:
                1 / 0
        finally:
            await soon
    """,
    "a tail nothing comes to, in time": """
        async with asyncio.timeout(0.1):
            async for run in client.tail(all_projects=True):
                pass
    """,
    "a tail, forgotten": """
        tail = client.tail(all_projects=True)
        soon = asyncio.create_task(write(client))
        await anext(tail)
        await soon
    """,
    "two walks of one listing, both forgotten": """
        async for one in runs:
            async for other in runs:
                1 / 0
    """,
}
ENDS = {
    "a half-consumed walk": """
        global kept
        kept = runs
        await anext(kept)
    """,
    "a tail": """
        global kept
        kept = client.tail(all_projects=True)
        soon = asyncio.create_task(write(client))
        await anext(kept)
        await soon
    """,
    "an iterator of it": """
        global kept
        kept = aiter(runs)
        await anext(kept)
    """,
}


@pytest.fixture(scope="module", params=["http", "folder"])
def target(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    kind: PlaceKind = request.param
    with open_place(kind, tmp_path_factory.mktemp(kind)) as place:
        with Client(place.target) as writer:
            drive(write_world(), writer._transport)
        yield place.target


def ended(program: str, target: str) -> tuple[int, str]:
    """The exit code, and what was said."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, target],
        capture_output=True,
        text=True,
        timeout=20,
        cwd=Path(__file__).parents[2],
        env={name: value for name, value in os.environ.items() if not name.startswith("LANG")},
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("way", WAYS)
def test_a_walk_that_is_left_says_nothing_and_leaves_no_task(way: str, target: str) -> None:
    body = textwrap.indent(textwrap.dedent(WAYS[way]), "    ")
    assert ended(PROGRAM.format(leave=body), target) == (0, "")


@pytest.mark.parametrize("way", ENDS)
def test_a_program_that_ends_in_a_walk_says_nothing(way: str, target: str) -> None:
    body = textwrap.indent(textwrap.dedent(ENDS[way]), "    ")
    program = PROGRAM.format(leave=body).replace("assert not left, left", "return")
    assert ended(program, target) == (0, "")
