"""A disk that takes no writes: from the start, after a kill, or from one moment on."""

import random
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from bench.http import Answer, Connection
from bench.server import Server, ServerError

from runstore import Client, StorageError
from runstore.engine.sqlite.connections import DATABASE
from runstore.store.verify import verify_folder
from tests.crash.disk import MIB, Disk, disk_or_skip, server_on
from tests.crash.requests import JSON_HEADERS, Json, multipart, new_run, query

WRITES: tuple[tuple[str, str, Json], ...] = (
    ("POST", "/runs", new_run(random.Random("refused"))),
    ("POST", "/sessions", {"name": "refused"}),
    ("POST", "/feedback", {"key": "k", "score": 1, "run_id": new_run(random.Random(1))["id"]}),
)

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with disk_or_skip(tmp_path / "disk", 24 * MIB) as disk:
        yield disk


def _send(server: Server, count: int = 5) -> list[str]:
    draw = random.Random("read-only")
    runs = [new_run(draw) for _ in range(count)]
    with Connection(server.port) as connection:
        answer = _ask(connection, "POST", "/runs/batch", {"post": runs, "patch": []})
        assert answer.status == 202
    return [run["id"] for run in runs]


def _ask(connection: Connection, method: str, path: str, body: Json) -> Answer:
    return connection.request(method, path, orjson.dumps(body), JSON_HEADERS)


def _read(folder: Path, ids: list[str]) -> list[str]:
    with Client(str(folder)) as client:
        return sorted(str(run.id) for run in client.list_runs(id=ids))


def test_a_folder_on_a_read_only_disk_is_read_and_said_to_be_read_only(disk: Disk) -> None:
    server = server_on(disk)
    with server:
        ids = _send(server)
    disk.make_read_only()
    assert _read(server.data, ids) == sorted(ids)
    assert all(found.is_sound for found in verify_folder(server.data))
    with Client(str(server.data)) as client, pytest.raises(StorageError, match="Read-only file"):
        client.create_project("x")
    with pytest.raises(ServerError, match=r"cannot be written .*; reading works: `runstore list"):
        server.start()


def test_a_killed_servers_folder_on_a_read_only_disk_is_read_to_its_last_run(disk: Disk) -> None:
    server = server_on(disk).start()
    ids = _send(server)
    server.kill()
    disk.make_read_only()
    assert _read(server.data, ids) == sorted(ids)


def test_a_log_that_cannot_be_read_without_writing_is_not_passed_over(disk: Disk) -> None:
    """Without its index, which the reader would have to make; older runs alone would be wrong."""
    server = server_on(disk).start()
    ids = _send(server)
    server.kill()
    (server.data / f"{DATABASE}-shm").unlink()
    disk.make_read_only()
    with pytest.raises(StorageError, match="left by a process that was killed"):
        _read(server.data, ids)
    disk.make_writable()
    assert _read(server.data, ids) == sorted(ids)


@pytest.mark.skipif(sys.platform != "linux", reason="NOT TRIED: prlimit is Linux's alone")
def test_a_disk_that_takes_no_more_writes_refuses_them_and_is_read_on(tmp_path: Path) -> None:
    """As when its file system is made read-only under the server because of an error."""
    with Server(tmp_path / "data") as server:
        ids = _send(server)
        with Connection(server.port) as connection:
            _let_write(server, 0)
            for method, path, body in WRITES:
                answer = _ask(connection, method, path, body)
                assert answer.status == 503, path
                assert "could not be written" in orjson.loads(answer.body)["detail"]
            run_id = new_run(random.Random(2))["id"]
            parts = [(f"attachment.{run_id}.file", bytes(100_000))]
            attached = connection.request("POST", "/runs/multipart", *multipart(parts))
            assert attached.status == 503
            assert "cannot store an attachment" in orjson.loads(attached.body)["detail"]
            assert len(query(connection, {"id": ids})) == len(ids)
            _let_write(server, resource.RLIM_INFINITY)
            for method, path, body in WRITES:
                assert _ask(connection, method, path, body).status in (200, 202), path
    assert all(found.is_sound for found in verify_folder(server.data))


def _let_write(server: Server, size: int) -> None:
    """Files of the server's process grow no larger than that; writing past it fails."""
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
