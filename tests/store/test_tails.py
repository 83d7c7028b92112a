"""Following a folder that another process writes; what a tail remembers."""

import asyncio
from contextlib import closing
from pathlib import Path

import pytest

from runstore.engine.sqlite.engine import SqliteEngine
from runstore.errors import CursorError, Overloaded
from runstore.model.change import ChangedRun, ChangePosition
from runstore.model.prices import Prices
from runstore.model.query import Page, RunQuery
from runstore.store.tails import Sent, Tail, Tails
from runstore.store.workers import QueryWorkers
from tests.conformance.ask import NOW, batch_of, number
from tests.model.make import create

PRICES = Prices.load()
AT = ChangePosition(1)


def numbers(page: Page) -> list[int]:
    return [number(run.id) for run in page.runs]


async def next_runs(tail: Tail) -> list[int]:
    """The first page that has any."""
    async for found, _ in tail.pages(numbers):
        if found:
            return found
    return []


def test_what_another_process_writes_is_found(tmp_path: Path) -> None:
    with (
        closing(SqliteEngine(tmp_path, PRICES)) as writer,
        closing(SqliteEngine(tmp_path, PRICES, read_only=True)) as reader,
        closing(QueryWorkers()) as workers,
    ):

        async def follow() -> list[int]:
            tail = await Tails(reader, workers).open(RunQuery())
            found = asyncio.create_task(next_runs(tail))
            await asyncio.sleep(0.01)
            await asyncio.to_thread(writer.write, [batch_of(create(1), create(2))], NOW)
            return await asyncio.wait_for(found, 10)

        assert sorted(asyncio.run(follow())) == [1, 2]


def test_tails_end_when_the_store_closes(tmp_path: Path) -> None:
    with closing(SqliteEngine(tmp_path, PRICES)) as engine, closing(QueryWorkers()) as workers:

        async def follow() -> None:
            tails = Tails(engine, workers)
            tail = await tails.open(RunQuery())
            ended = asyncio.create_task(next_runs(tail))
            await asyncio.sleep(0.01)
            await asyncio.to_thread(tails.close)
            assert await asyncio.wait_for(ended, 10) == []
            with pytest.raises(Overloaded):
                await tails.open(RunQuery())

        asyncio.run(follow())


def test_a_place_nobody_has_reached_is_refused_and_takes_no_room(tmp_path: Path) -> None:
    with closing(SqliteEngine(tmp_path, PRICES)) as engine, closing(QueryWorkers()) as workers:

        async def follow() -> None:
            tails = Tails(engine, workers, tails_max=1)
            with pytest.raises(CursorError):
                await tails.open(RunQuery(), ChangePosition(9))
            tail = await tails.open(RunQuery())
            with pytest.raises(Overloaded):
                await tails.open(RunQuery())
            tail.close()
            await tails.open(RunQuery())

        asyncio.run(follow())


def test_a_state_is_news_once_until_it_is_forgotten() -> None:
    sent = Sent(2)
    pending, done = ChangedRun("a", "pending", None, AT), ChangedRun("a", "success", 5, AT)
    assert sent.is_news(pending)
    sent.note([pending])
    assert not sent.is_news(pending)
    assert sent.is_news(done)
    sent.note([done, ChangedRun("b", "success", 5, AT), ChangedRun("c", "success", 5, AT)])
    assert sent.is_news(done), "only the last two are remembered"
    assert not sent.is_news(ChangedRun("c", "success", 5, AT))
