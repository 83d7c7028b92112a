"""The async client, used as if it blocked: so that one test speaks to both twins."""

import asyncio
import inspect
from collections.abc import Iterator
from typing import Any

from runstore.client.aio import AsyncClient
from runstore.client.sync import Client

_END = object()


class Driven:
    """Whatever `thing` has; what it gives to be awaited or iterated is, on the runner's loop."""

    def __init__(self, thing: Any, runner: asyncio.Runner) -> None:
        self._thing = thing
        self._runner = runner

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._thing, name)
        if not callable(found):
            return found
        return lambda *args, **keywords: self._driven(found(*args, **keywords))

    def _driven(self, value: Any) -> Any:
        if inspect.isawaitable(value):
            return self._runner.run(_awaited(value))
        return Driven(value, self._runner) if hasattr(value, "__aiter__") else value

    def __iter__(self) -> Iterator[Any]:
        walk = self._thing.__aiter__()
        try:
            while (one := self._runner.run(_awaited(anext(walk, _END)))) is not _END:
                yield one
        finally:
            self._runner.run(_awaited(walk.aclose()))

    def __next__(self) -> Any:
        if (one := self._runner.run(_awaited(anext(self._thing, _END)))) is _END:
            raise StopIteration
        return one


async def _awaited(value: Any) -> Any:
    return await value


def driven(client: AsyncClient, runner: asyncio.Runner) -> Client:
    """To a type checker it is the blocking client, which it behaves as."""
    one: Any = Driven(client, runner)
    found: Client = one
    return found
