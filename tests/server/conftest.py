"""Clients of an app in process, over the memory engine."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from runstore.engine.base import Engine
from runstore.engine.memory import MemoryEngine
from runstore.server.app import create_app
from runstore.settings import Settings, key_hash

Connect = Callable[..., TestClient]


@pytest.fixture
def connect(tmp_path: Path) -> Iterator[Connect]:
    """connect(*api_keys, engine=...): a client of a new app in a new folder."""
    with ExitStack() as stack:
        count = 0

        def connect(*api_keys: str, engine: Engine | None = None) -> TestClient:
            nonlocal count
            count += 1
            settings = Settings(
                data=tmp_path / str(count), api_key_hashes=tuple(map(key_hash, api_keys))
            )
            app = create_app(settings, engine or MemoryEngine())
            return stack.enter_context(
                TestClient(app, "http://127.0.0.1:1984", raise_server_exceptions=False)
            )

        yield connect


@pytest.fixture
def client(connect: Connect) -> TestClient:
    return connect()


def app_of(client: TestClient) -> Starlette:
    assert isinstance(client.app, Starlette)
    return client.app
