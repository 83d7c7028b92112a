"""A client who goes away: nothing is left of a half upload, a waiting query is not run."""

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette

from runstore.engine.memory import MemoryEngine
from runstore.limits import FEED_BYTES, QUERY_THREADS
from runstore.model.query import Page
from runstore.server.app import create_app
from runstore.settings import Settings
from tests.server.wirerun import MULTIPART, multipart, multipart_run, uid

GONE = {"type": "http.disconnect"}


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Starlette]:
    one = create_app(Settings(data=tmp_path), MemoryEngine())
    yield one
    one.state.store.close()


async def call(app: Starlette, path: str, messages: "asyncio.Queue[Any]") -> list[Any]:
    """What the app sent in answer to a request whose body, and end, come by `messages`."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in MULTIPART.items()],
    }
    await app(scope, messages.get, send)
    return sent


def test_a_half_upload_leaves_no_file_and_no_lease(app: Starlette, tmp_path: Path) -> None:
    file = (f"attachment.{uid(1)}.a", b"x" * 3 * FEED_BYTES, "image/png")
    body = multipart(*multipart_run(1), file)

    async def scenario() -> list[Any]:
        messages: asyncio.Queue[Any] = asyncio.Queue()
        for start in range(0, 2 * FEED_BYTES, 65_536):
            chunk = body[start : start + 65_536]
            messages.put_nowait({"type": "http.request", "body": chunk, "more_body": True})
        messages.put_nowait(GONE)
        return await call(app, "/runs/multipart", messages)

    assert asyncio.run(scenario()) == []
    assert [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()] == []
    assert app.state.store.ingest.budget.taken == 0
    assert 'route="/runs/multipart",status="499"} 1.0' in app.state.metrics.text().decode()


def test_a_query_that_waits_for_its_turn_is_dropped(
    app: Starlette, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[object] = []
    busy, go = threading.Semaphore(0), threading.Event()

    def slow(plan: object, **_: object) -> Page:
        ran.append(plan)
        busy.release()
        assert go.wait(10)
        return Page()

    monkeypatch.setattr(app.state.store.runs._engine, "fetch_runs", slow)
    ask = {
        "type": "http.request",
        "body": json.dumps({"trace": uid(1)}).encode(),
        "more_body": False,
    }

    async def scenario() -> None:
        tasks, queues = [], []
        for _ in range(QUERY_THREADS + 1):
            messages: asyncio.Queue[Any] = asyncio.Queue()
            messages.put_nowait(ask)
            queues.append(messages)
            tasks.append(asyncio.create_task(call(app, "/runs/query", messages)))
        for _ in range(QUERY_THREADS):
            assert await asyncio.to_thread(busy.acquire, timeout=10)
        queues[-1].put_nowait(GONE)
        assert await tasks[-1] == []
        go.set()
        for task in tasks[:-1]:
            assert (await task)[0]["status"] == 200

    asyncio.run(scenario())
    assert len(ran) == QUERY_THREADS
