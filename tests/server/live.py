"""A server in a thread on a free port, over any engine: for tests with a real client."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from runstore.cli.serve import listen
from runstore.engine.base import Engine
from runstore.engine.sqlite.engine import SqliteEngine
from runstore.engine.sqlite.lock import announce
from runstore.server.app import create_app
from runstore.server.protocol import BoundedHttp
from runstore.settings import Settings, key_hash


@dataclass(frozen=True)
class Live:
    url: str
    engine: Engine
    app: Starlette


def open_engine(name: str, folder: Path) -> Engine:
    """ "memory", or "sqlite" in `folder`."""
    if name == "sqlite":
        return SqliteEngine(folder)
    from runstore.engine.memory import MemoryEngine

    return MemoryEngine()


@contextmanager
def serve(
    engine: Engine, folder: Path, *api_keys: str, processes: int = 0, pages: int = 0
) -> Iterator[Live]:
    """The server is stopped, and its engine closed, when the block ends."""
    settings = Settings(
        data=folder,
        api_key_hashes=tuple(map(key_hash, api_keys)),
        ingest_processes=processes,
        page_processes=pages,
    )
    listener = listen("127.0.0.1", 0)
    app = create_app(settings, engine)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            http=BoundedHttp,
            log_config=None,
            access_log=False,
            lifespan="on",
            ws="none",
            timeout_graceful_shutdown=5,
        )
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        # The socket listens already: who connects before the server runs waits for it.
        live = Live(f"http://127.0.0.1:{listener.getsockname()[1]}", engine, app)
        if isinstance(engine, SqliteEngine):
            announce(folder, live.url)
        yield live
    finally:
        app.state.store.tails.close()
        server.should_exit = True
        thread.join(20)
        listener.close()
        assert not thread.is_alive(), "the server did not stop"
