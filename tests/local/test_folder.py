"""A folder as target: read by many, written by one, opened once a process, closed with the last."""

import asyncio
import gc
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from runstore.client.http import HttpRequest
from runstore.engine.sqlite.engine import SqliteEngine
from runstore.errors import (
    FilterError,
    FolderBusy,
    FolderFormat,
    FolderNotFound,
    NotFound,
    RequestTimeout,
    SchemaError,
    StorageError,
)
from runstore.limits import STOP_SECONDS_MAX, TAILS_MAX
from runstore.local import open_async
from tests.engine.test_lock import holder
from tests.local.ask import WAYS, Transport, create, create_with_file, names, post, read
from tests.server.live import serve
from tests.server.wirerun import uid

Open = Callable[[Path], Transport]


@pytest.fixture(params=WAYS)
def opened(request: pytest.FixtureRequest) -> Open:
    opening: Open = WAYS[request.param]
    return opening


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "traces"


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    yield
    for thread in _folder_threads():
        thread.join(5)
    assert _folder_threads() == []


def _folder_threads() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name == "runstore-folder"]


def test_what_is_written_is_read(opened: Open, folder: Path) -> None:
    transport = opened(folder)
    assert transport.send(create(1)).status == 202
    assert read(transport, HttpRequest("GET", f"/runs/{uid(1)}"))["inputs"] == {"n": 1}
    transport.close()
    later = opened(folder)
    assert names(later) == ["run 1"]
    later.close()


def test_what_is_not_there_is_said_and_not_made(opened: Open, folder: Path) -> None:
    transport = opened(folder)
    with pytest.raises(FolderNotFound, match=f"no Runstore folder at {folder}"):
        names(transport)
    assert not folder.exists()
    transport.send(create(1))
    assert names(transport) == ["run 1"]
    transport.close()


def test_reading_does_not_keep_others_from_writing(opened: Open, folder: Path) -> None:
    SqliteEngine(folder).close()
    before = {path.name for path in folder.iterdir()}
    transport = opened(folder)
    assert names(transport) == []
    made = {path.name for path in folder.iterdir()} - before
    assert made <= {"runs.db-wal", "runs.db-shm"}  # what SQLite shares among readers
    SqliteEngine(folder).close()
    transport.close()


@pytest.mark.parametrize(
    ("request_", "kind", "message"),
    [
        pytest.param(
            post("/runs/query", {"id": [uid(1)], "filter": 'eq(nme, "x")'}),
            FilterError,
            "did you mean name",
            id="a filter",
        ),
        pytest.param(post("/runs/query", {"id": "x"}), SchemaError, "is not a UUID", id="a field"),
        pytest.param(HttpRequest("GET", f"/runs/{uid(9)}"), NotFound, "Run not found", id="a run"),
        pytest.param(HttpRequest("GET", "/nowhere"), NotFound, "Not Found", id="a path"),
    ],
)
def test_errors_are_those_of_a_server(
    opened: Open, folder: Path, request_: HttpRequest, kind: type[Exception], message: str
) -> None:
    SqliteEngine(folder).close()
    transport = opened(folder)
    with pytest.raises(kind, match=message):
        transport.send(request_)
    transport.close()


def test_attachments_are_kept_and_read(opened: Open, folder: Path) -> None:
    transport = opened(folder)
    assert transport.send(create_with_file(1, b"\x89PNG" * 50_000)).status == 202
    links = read(transport, HttpRequest("GET", f"/runs/{uid(1)}"))["s3_urls"]
    link = links["attachment.picture"]["presigned_url"]
    assert transport.send(HttpRequest("GET", link)).body == b"\x89PNG" * 50_000
    transport.close()


def test_attachments_are_refused_where_another_process_writes(opened: Open, folder: Path) -> None:
    transport = opened(folder)
    with holder(folder), pytest.raises(FolderBusy):
        transport.send(create_with_file(1, b"x"))
    assert not (folder / "blobs").exists()
    transport.close()


def test_clients_share_what_is_open_and_the_last_closes_it(opened: Open, folder: Path) -> None:
    first, second = opened(folder), opened(folder / ".." / folder.name)
    first.send(create(1))
    assert names(second) == ["run 1"]
    first.close()
    first.close()  # which counts once
    assert second.send(create(2)).status == 202
    with pytest.raises(FolderBusy):
        SqliteEngine(folder)
    second.close()
    SqliteEngine(folder).close()


def test_a_folder_closed_just_now_can_be_opened_to_write(opened: Open, folder: Path) -> None:
    for number in range(5):
        transport = opened(folder)
        transport.send(create(number))
        transport.close()
    transport = opened(folder)
    assert len(names(transport)) == 5
    transport.close()


def test_many_threads_may_use_it(folder: Path) -> None:
    def work(number: int) -> int:
        transport = WAYS["sync"](folder)
        try:
            return transport.send(create(number)).status
        finally:
            transport.close()

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(40))) == [202] * 40
    transport = WAYS["sync"](folder)
    assert len(names(transport)) == 40
    transport.close()


def test_a_closed_client_says_so(opened: Open, folder: Path) -> None:
    keeps_it_open = WAYS["sync"](folder)
    transport = WAYS["sync"](folder)
    transport.close()
    with pytest.raises(RuntimeError, match="this client is closed"):
        transport.send(create(1))
    keeps_it_open.close()


def test_a_forgotten_client_does_not_hold_the_folder(folder: Path) -> None:
    transport = WAYS["sync"](folder)
    transport.send(create(1))
    with pytest.raises(FolderBusy):
        SqliteEngine(folder)
    del transport
    gc.collect()
    for thread in _folder_threads():
        thread.join(10)
    SqliteEngine(folder).close()


class TestBesideAServer:
    def test_it_reads_what_the_server_writes(self, opened: Open, folder: Path) -> None:
        transport = opened(folder)
        with serve(SqliteEngine(folder), folder) as live:
            assert names(transport) == []
            _write_over(live.url, 1)
            assert names(transport) == ["run 1"]
            _write_over(live.url, 2)
            assert names(transport) == ["run 2", "run 1"]
        transport.close()

    def test_it_is_told_the_url_to_write_to(self, opened: Open, folder: Path) -> None:
        transport = opened(folder)
        with serve(SqliteEngine(folder), folder) as live:
            with pytest.raises(FolderBusy, match=f"use {live.url} instead") as caught:
                transport.send(create(1))
            assert caught.value.url == live.url
            assert names(transport) == []
        assert transport.send(create(1)).status == 202  # the server has gone
        transport.close()

    def test_it_is_told_of_a_process_that_serves_nobody(self, opened: Open, folder: Path) -> None:
        transport = opened(folder)
        with (
            holder(folder) as process,
            pytest.raises(FolderBusy, match=f"process {process.pid} writes"),
        ):
            transport.send(create(1))
        transport.close()


class TestGivingUp:
    """A request that would never end: a tail, asked for as if it were an answer."""

    ENDLESS = post("/runs/tail", {})

    def test_a_caller_who_is_cancelled_leaves_nothing_behind(self, folder: Path) -> None:
        SqliteEngine(folder).close()

        async def give_up() -> None:
            transport = open_async(folder)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(transport.send(self.ENDLESS), 0.2)
            # Closing waits for requests that are under way: there are none.
            await asyncio.wait_for(transport.close(), STOP_SECONDS_MAX / 2)

        asyncio.run(give_up())

    def test_a_request_may_say_how_long_it_waits(self, opened: Open, folder: Path) -> None:
        SqliteEngine(folder).close()
        transport = opened(folder)
        with pytest.raises(RequestTimeout, match="none after 0.1 s"):
            transport.send(replace(self.ENDLESS, timeout_s=0.1))
        assert names(transport) == []
        transport.close()


class TestStreams:
    def test_runs_come_as_they_are_written(self, opened: Open, folder: Path) -> None:
        writer = opened(folder)
        writer.send(create(1))
        with opened_stream(writer) as pieces:
            writer.send(create(2))
            assert "run 2" in _until(pieces, "run 2")
        writer.close()

    def test_runs_of_another_process_come_too(self, opened: Open, folder: Path) -> None:
        reader = opened(folder)
        with serve(SqliteEngine(folder), folder) as live, opened_stream(reader) as pieces:
            _write_over(live.url, 3)
            assert "run 3" in _until(pieces, "run 3")
        reader.close()

    def test_who_leaves_is_forgotten(self, opened: Open, folder: Path) -> None:
        transport = opened(folder)
        transport.send(create(1))
        for _ in range(TAILS_MAX + 5):
            with opened_stream(transport):
                pass
        transport.close()

    def test_an_error_is_raised_before_the_first_piece(self, opened: Open, folder: Path) -> None:
        SqliteEngine(folder).close()
        transport = opened(folder)
        with (
            pytest.raises(FilterError),
            transport.stream(post("/runs/tail", {"filter": "eq(nme, 1)"})),
        ):
            pass
        transport.close()

    def test_closing_ends_them(self, folder: Path) -> None:
        SqliteEngine(folder).close()
        transport = WAYS["sync"](folder)
        ended = threading.Event()
        begun = threading.Event()

        def follow() -> None:
            with opened_stream(transport) as pieces:
                begun.set()
                try:
                    for _ in pieces:
                        pass
                except RuntimeError:  # asked for another piece of a closed client
                    pass
            ended.set()

        thread = threading.Thread(target=follow)
        thread.start()
        assert begun.wait(10)
        transport.close()
        assert ended.wait(10)
        thread.join()


def opened_stream(transport: Transport) -> AbstractContextManager[Iterator[bytes]]:
    """All runs that come from now on."""
    return transport.stream(post("/runs/tail", {}))


def _until(pieces: Iterator[bytes], text: str) -> str:
    seen = ""
    deadline = time.monotonic() + 20
    while text not in seen and time.monotonic() < deadline:
        seen += next(pieces).decode()
    return seen


def _write_over(url: str, number: int) -> None:
    with urlopen(Request(url + "/runs", data=create(number).body), timeout=10) as answer:
        assert answer.status == 202


def test_a_folder_of_an_older_version_is_said_at_once(
    opened: Open, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    writer = opened(folder)
    writer.send(create(1))
    writer.close()
    monkeypatch.setattr("runstore.engine.sqlite.guests.schema_version", lambda: 900)
    reader = opened(folder)
    with pytest.raises(FolderFormat, match=r"written by an older Runstore .* open it for writing"):
        names(reader)
    assert len([one for one in caplog.records if one.message == "request failed"]) == 1
    reader.close()


def test_a_forked_process_needs_a_client_of_its_own(folder: Path) -> None:
    transport = WAYS["sync"](folder)
    transport.send(create(1))
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        said = {}
        try:
            names(transport)
        except StorageError as error:
            said["old"] = str(error)
        try:
            own = WAYS["sync"](folder)
            said["new"] = json.dumps(names(own))
            own.close()
        finally:
            os.write(write_end, json.dumps(said).encode())
            os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        said = json.loads(pipe.read())
    os.waitpid(child, 0)
    assert "before this process was forked off" in said["old"]
    assert said["new"] == '["run 1"]'
    assert transport.send(create(2)).status == 202
    transport.close()
