"""What tail gives back: runs as they arrive or end, for as long as somebody wants them."""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from types import TracebackType
from typing import Self

from runstore.client.calls.tail import Following
from runstore.client.drive import drive, drive_async
from runstore.client.http import AsyncTransport, SyncTransport
from runstore.client.run import Run
from runstore.errors import RunstoreError


class AsyncTail(AsyncIterator[Run]):
    """`async for run in client.tail(...)`. One walk; it goes on over lost connections."""

    def __init__(self, transport: AsyncTransport, following: Following) -> None:
        self._transport = transport
        self._following = following
        self._walk = self._each()

    @property
    def cursor(self) -> str | None:
        """Past the run given last: tail(cursor=...) goes on from here and leaves nothing out.

        It may give runs of that one's trace again. None: nothing has come.
        """
        return self._following.cursor

    def __aiter__(self) -> "AsyncTail":
        return self

    async def __anext__(self) -> Run:
        return await anext(self._walk)

    async def close(self) -> None:
        """Lets go of the connection."""
        await self._walk.aclose()

    async def aclose(self) -> None:
        """As close()."""
        await self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def _each(self) -> AsyncGenerator[Run, None]:
        following = self._following
        while True:
            fault: RunstoreError | None = None
            try:
                request = await drive_async(following.request(), self._transport)
                async with self._transport.stream(request) as pieces:
                    async for piece in pieces:
                        for run in following.runs(piece):
                            yield run
            except RunstoreError as error:
                fault = error
            await asyncio.sleep(following.seconds_to_wait(fault, random.random()))


class Tail(Iterator[Run]):
    """`for run in client.tail(...)`. One walk; it goes on over lost connections."""

    def __init__(self, transport: SyncTransport, following: Following) -> None:
        self._transport = transport
        self._following = following
        self._walk = self._each()

    @property
    def cursor(self) -> str | None:
        """Past the run given last: tail(cursor=...) goes on from here and leaves nothing out.

        It may give runs of that one's trace again. None: nothing has come.
        """
        return self._following.cursor

    def __iter__(self) -> "Tail":
        return self

    def __next__(self) -> Run:
        return next(self._walk)

    def close(self) -> None:
        """Lets go of the connection."""
        self._walk.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _each(self) -> Generator[Run, None, None]:
        following = self._following
        while True:
            fault: RunstoreError | None = None
            try:
                request = drive(following.request(), self._transport)
                with self._transport.stream(request) as pieces:
                    for piece in pieces:
                        yield from following.runs(piece)
            except RunstoreError as error:
                fault = error
            time.sleep(following.seconds_to_wait(fault, random.random()))
