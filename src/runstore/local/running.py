"""A folder's app with its lifespan: opened to read or to write, on the loop it then answers on."""

import asyncio
import logging
from pathlib import Path

from starlette.applications import Starlette

from runstore.server.app import create_app
from runstore.settings import folder_settings
from runstore.store.opening import open_engine

# A library does not write to stderr by itself: errors reach the caller anyway.
logging.getLogger("runstore").addHandler(logging.NullHandler())


class RunningApp:
    """Made and closed on one event loop. `close` writes what was accepted."""

    def __init__(self, app: Starlette) -> None:
        self.app = app
        self._closing = asyncio.Event()
        self._started = asyncio.Event()
        self._lifespan = asyncio.create_task(self._live())

    async def _live(self) -> None:
        """Entered and left in one task, as what a lifespan may hold demands."""
        try:
            async with self.app.router.lifespan_context(self.app):
                self._started.set()
                await self._closing.wait()
        finally:
            self._started.set()

    async def started(self) -> None:
        """Raises what kept it from starting."""
        await self._started.wait()
        if self._lifespan.done():
            await self._lifespan

    async def close(self) -> None:
        self._closing.set()
        await self._lifespan


async def open_app(folder: Path, *, read_only: bool) -> RunningApp:
    """Raises FolderBusy and StorageError when it is to write; to read, requests raise them."""
    settings = folder_settings(folder)
    engine = open_engine(folder, settings.prices, read_only=read_only)
    try:
        running = RunningApp(create_app(settings, engine, in_process=True))
    except BaseException:
        engine.close()
        raise
    await running.started()
    return running
