"""What list_runs gives back: runs that come when they are asked for, and what else can be asked.

Nothing is sent before. Each iteration is a walk of its own: walk.py.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from runstore.client.asking import RunAsk
from runstore.client.calls.resolve import Server
from runstore.client.calls.runs import (
    Explanation,
    ReadPage,
    RunPager,
    count_runs,
    explain_runs,
    read_content,
)
from runstore.client.drive import drive, drive_async
from runstore.client.http import AsyncTransport, Steps, SyncTransport, T
from runstore.client.progress import watch
from runstore.client.reading import RunReader
from runstore.client.run import Run
from runstore.client.run_page import RunPage
from runstore.client.walk import AsyncWalk, SyncWalk

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

P = TypeVar("P")


class _Runs:
    """What both kinds know: the question, and how far the latest walk has come."""

    def __init__(self, ask: RunAsk, server: Server, reader: RunReader) -> None:
        self._ask = ask
        self._server = server
        self._read_page = reader.page
        self._latest: AsyncWalk[Any] | SyncWalk[Any] | None = None

    @property
    def cursor(self) -> str | None:
        """Where the latest iteration stands: give it to list_runs, with the same arguments else.

        It moves from page to page. In the middle of one it leads to the page's beginning, so that
        going on from it repeats runs, and never leaves one out. None: nothing is behind, or nothing
        is left.
        """
        return self._ask.cursor if self._latest is None else self._latest.cursor

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._ask.restrictions}>"

    def _first(self) -> RunPager[RunPage]:
        limit = 1 if self._ask.limit is None else min(1, self._ask.limit)
        ask = replace(self._ask, limit=limit)
        return RunPager(ask, self._server, self._read_page, takes_pages=True)

    def _pager(self, read: ReadPage[P]) -> RunPager[P]:
        return RunPager(self._ask, self._server, read, takes_pages=True)


class AsyncRuns(_Runs, AsyncIterator[Run]):
    """`async for run in client.list_runs(...)`, and what else can be asked of the same runs."""

    def __init__(
        self, transport: AsyncTransport, ask: RunAsk, server: Server, reader: RunReader
    ) -> None:
        super().__init__(ask, server, reader)
        self._transport = transport
        self._walk: AsyncGenerator[Run, None] | None = None

    def __aiter__(self) -> AsyncIterator[Run]:
        """A walk from the start."""
        return self._each()

    async def __anext__(self) -> Run:
        """The next run of a walk that all calls of anext() on this object share."""
        if self._walk is None:
            self._walk = self._each()
        return await anext(self._walk)

    async def aclose(self) -> None:
        """Ends the walk of anext()."""
        walk, self._walk = self._walk, None
        if walk is not None:
            await walk.aclose()

    async def pages(self) -> AsyncGenerator[RunPage, None]:
        """The runs as they come, page by page: none empty, and each with its `next_cursor`."""
        async with self._walk_pages(self._read_page) as pages:
            async for page in pages:
                yield page

    async def to_list(self) -> list[Run]:
        async with self._walk_pages(self._read_page) as pages:
            return [run async for page in pages for run in page.runs]

    async def first(self) -> Run | None:
        """The first run; None when there is none."""
        page = await self._call(self._first().next_page())
        return page.runs[0] if page else None

    async def count(self) -> int:
        """How many runs there are, `limit` at most. The server counts; no run is sent."""
        return await self._call(count_runs(self._ask, self._server))

    async def explain(self) -> Explanation:
        """How the server would run this. Raises NotFound from servers that cannot say."""
        return await self._call(explain_runs(self._ask))

    async def to_arrow(self, *, progress: bool | None = None) -> "pyarrow.Table":
        """A column for each field, payloads as JSON text. Needs `pip install 'runstore[arrow]'`.

        `progress`: a bar on stderr; None: if it is a terminal, and rich is there.
        """
        from runstore.client.frames import ArrowTable

        with watch(progress, self._ask.limit) as on_runs:
            table = ArrowTable(self._ask.select, on_runs)
            async with self._walk_pages(read_content) as pages:
                async for page in pages:
                    await asyncio.to_thread(table.add, page.content, page.runs_max)
        return table.table()

    async def to_pandas(self, *, progress: bool | None = None) -> "pandas.DataFrame":
        """As to_arrow. Needs `pip install 'runstore[pandas]'`."""
        from runstore.client.frames import to_pandas

        return to_pandas(await self.to_arrow(progress=progress))

    async def to_polars(self, *, progress: bool | None = None) -> "polars.DataFrame":
        """As to_arrow. Needs `pip install 'runstore[polars]'`."""
        from runstore.client.frames import to_polars

        return to_polars(await self.to_arrow(progress=progress))

    async def to_parquet(
        self, path: str | os.PathLike[str], *, progress: bool | None = None
    ) -> int:
        """Into one Parquet file, in bounded memory; how many runs are in it.

        The file appears when it is whole. Needs `pip install 'runstore[arrow]'`.
        """
        from runstore.client.frames import ParquetFile

        with (
            watch(progress, self._ask.limit) as on_runs,
            ParquetFile(path, self._ask.select, on_runs) as file,
        ):
            async with self._walk_pages(read_content) as pages:
                async for page in pages:
                    await asyncio.to_thread(file.add, page.content, page.runs_max)
        return file.runs

    async def _each(self) -> AsyncGenerator[Run, None]:
        async with self._walk_pages(self._read_page) as pages:
            async for page in pages:
                for run in page.pass_by():
                    yield run

    def _walk_pages(self, read: ReadPage[P]) -> AsyncWalk[P]:
        self._latest = walk = AsyncWalk(self._transport, self._pager(read))
        return walk

    async def _call(self, steps: Steps[T]) -> T:
        return await drive_async(steps, self._transport)


class Runs(_Runs, Iterator[Run]):
    """`for run in client.list_runs(...)`, and what else can be asked of the same runs."""

    def __init__(
        self, transport: SyncTransport, ask: RunAsk, server: Server, reader: RunReader
    ) -> None:
        super().__init__(ask, server, reader)
        self._transport = transport
        self._walk: Generator[Run, None, None] | None = None

    def __iter__(self) -> Iterator[Run]:
        """A walk from the start."""
        return self._each()

    def __next__(self) -> Run:
        """The next run of a walk that all calls of next() on this object share."""
        if self._walk is None:
            self._walk = self._each()
        return next(self._walk)

    def close(self) -> None:
        """Ends the walk of next()."""
        walk, self._walk = self._walk, None
        if walk is not None:
            walk.close()

    def pages(self) -> Iterator[RunPage]:
        """The runs as they come, page by page: none empty, and each with its `next_cursor`."""
        yield from self._walk_pages(self._read_page)

    def to_list(self) -> list[Run]:
        return [run for page in self.pages() for run in page.runs]

    def first(self) -> Run | None:
        """The first run; None when there is none."""
        page = self._call(self._first().next_page())
        return page.runs[0] if page else None

    def count(self) -> int:
        """How many runs there are, `limit` at most. The server counts; no run is sent."""
        return self._call(count_runs(self._ask, self._server))

    def explain(self) -> Explanation:
        """How the server would run this. Raises NotFound from servers that cannot say."""
        return self._call(explain_runs(self._ask))

    def to_arrow(self, *, progress: bool | None = None) -> "pyarrow.Table":
        """A column for each field, payloads as JSON text. Needs `pip install 'runstore[arrow]'`.

        `progress`: a bar on stderr; None: if it is a terminal, and rich is there.
        """
        from runstore.client.frames import ArrowTable

        with watch(progress, self._ask.limit) as on_runs:
            table = ArrowTable(self._ask.select, on_runs)
            for page in self._walk_pages(read_content):
                table.add(page.content, page.runs_max)
        return table.table()

    def to_pandas(self, *, progress: bool | None = None) -> "pandas.DataFrame":
        """As to_arrow. Needs `pip install 'runstore[pandas]'`."""
        from runstore.client.frames import to_pandas

        return to_pandas(self.to_arrow(progress=progress))

    def to_polars(self, *, progress: bool | None = None) -> "polars.DataFrame":
        """As to_arrow. Needs `pip install 'runstore[polars]'`."""
        from runstore.client.frames import to_polars

        return to_polars(self.to_arrow(progress=progress))

    def to_parquet(self, path: str | os.PathLike[str], *, progress: bool | None = None) -> int:
        """Into one Parquet file, in bounded memory; how many runs are in it.

        The file appears when it is whole. Needs `pip install 'runstore[arrow]'`.
        """
        from runstore.client.frames import ParquetFile

        with (
            watch(progress, self._ask.limit) as on_runs,
            ParquetFile(path, self._ask.select, on_runs) as file,
        ):
            for page in self._walk_pages(read_content):
                file.add(page.content, page.runs_max)
        return file.runs

    def _each(self) -> Generator[Run, None, None]:
        for page in self._walk_pages(self._read_page):
            yield from page.pass_by()

    def _walk_pages(self, read: ReadPage[P]) -> SyncWalk[P]:
        self._latest = walk = SyncWalk(self._transport, self._pager(read))
        return walk

    def _call(self, steps: Steps[T]) -> T:
        return drive(steps, self._transport)
