"""`runstore serve`: settings -> a listening server, until a signal; then a stop that loses nothing.

On SIGTERM or SIGINT: no new connections, requests under way end (STOP_SECONDS_MAX), what was
accepted is written, the engine closes. A second SIGINT ends the wait for requests.
"""

import os
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from types import FrameType

import uvicorn
from starlette.applications import Starlette

from runstore.engine.sqlite.lock import announce
from runstore.errors import RunstoreError, StorageError
from runstore.limits import IDLE_CONNECTION_SECONDS, STOP_SECONDS_MAX, SWITCH_SECONDS
from runstore.server.app import create_app
from runstore.server.garbage import collect_seldom
from runstore.server.logs import configure_logs
from runstore.server.protocol import BoundedHttp
from runstore.settings import Settings, SettingsError, settings_from
from runstore.store.keys import read_keys
from runstore.store.opening import open_engine

BACKLOG = 1_024  # connections the kernel holds while we are busy


class _AnnouncingServer(uvicorn.Server):
    """Says where it listens once it does, so that a script may wait for the line."""

    announcement = ""
    app: Starlette
    folder: Path
    url = ""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        collect_seldom()
        sys.setswitchinterval(SWITCH_SECONDS)
        if self.started:
            announce(self.folder, self.url)
            print(self.announcement, flush=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.app.state.store.tails.close()  # they would not end by themselves
        await super().shutdown(sockets)


def serve(said: Mapping[str, object]) -> int:
    """The exit code: 0 after a signal, 2 when it could not start."""
    try:
        settings = settings_from(said)
        _refuse_exposed(settings)
        with listen(settings.host, settings.port) as listener:
            app = _open_app(settings)
            return _run(app, listener, settings)
    except RunstoreError as error:
        print(f"runstore: {error}", file=sys.stderr)
        return 2


def _run(app: Starlette, listener: socket.socket, settings: Settings) -> int:
    signal.signal(signal.SIGTERM, _stop)  # uvicorn gives the signal back to us when it is done
    signal.signal(signal.SIGINT, _stop)
    configure_logs(settings.log_level)
    server = _AnnouncingServer(
        uvicorn.Config(
            app,
            http=BoundedHttp,
            log_config=None,
            access_log=False,
            lifespan="on",
            timeout_graceful_shutdown=STOP_SECONDS_MAX,
            timeout_keep_alive=IDLE_CONNECTION_SECONDS,
            server_header=False,
            proxy_headers=False,
            ws="none",
        )
    )
    server.app = app
    server.folder = settings.data
    port = listener.getsockname()[1]
    server.url = local_url(settings, port)
    server.announcement = announcement(settings, port)
    server.run(sockets=[listener])
    return 0 if server.started else 2


def _open_app(settings: Settings) -> Starlette:
    engine = open_engine(settings.data, settings.prices)
    try:
        return create_app(settings, engine)
    except BaseException:
        engine.close()
        raise


def local_url(settings: Settings, port: int) -> str:
    """Where programs on this machine find the server."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    if settings.host in ("0.0.0.0", "::"):
        host = "127.0.0.1"
    return f"http://{host}:{port}"


def announcement(settings: Settings, port: int) -> str:
    url = local_url(settings, port)
    return (
        f"Runstore on {url}, data in {os.path.abspath(settings.data)}; "
        f"clients: LANGSMITH_ENDPOINT={url} LANGSMITH_TRACING=true"
    )


def _refuse_exposed(settings: Settings) -> None:
    if settings.is_exposed and not settings.insecure and not read_keys(settings.data):
        raise SettingsError(
            f"{settings.host} can be reached from other machines, and no API key is configured. "
            f"Make one with `runstore keys create --data {settings.data}`, "
            "or set RUNSTORE_API_KEY_HASHES, or say --insecure."
        )


def listen(host: str, port: int) -> socket.socket:
    """Raises StorageError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only where TCP is said; with it, answers that follow
    # each other on a connection wait 40 ms for the client's acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise StorageError(f"cannot listen on {host}:{port}: {error}") from error
    return listener


def _stop(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)
