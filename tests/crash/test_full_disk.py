"""A disk that fills up under a running server, and has room again later."""

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from bench.http import Answer, Connection
from bench.server import Server, ServerError

from runstore.engine.sqlite.connections import DATABASE
from tests.crash.actors import CONTENTS
from tests.crash.disk import MIB, Disk, disk_or_skip, server_on
from tests.crash.requests import JSON_HEADERS, Json, multipart, new_run, query
from tests.crash.rounds import damages

ROOM = 2 * MIB  # for what is sent until the disk is full
REFUSED_MIN = 5

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with disk_or_skip(tmp_path / "disk", 24 * MIB) as disk:
        yield disk


@pytest.fixture
def server(disk: Disk) -> Iterator[Server]:
    with server_on(disk) as server:
        yield server


class Sent:
    """Runs and attachments that were sent, and what became of each."""

    def __init__(self) -> None:
        self._draw = random.Random("a full disk")
        self.taken: dict[str, list[tuple[str, bytes]]] = {}
        self.refused: dict[str, list[tuple[str, bytes]]] = {}

    def send(self, connection: Connection, content: bytes = b"", size: int = 30_000) -> Answer:
        run = new_run(self._draw, size=size)
        parts = [(f"post.{run['id']}", orjson.dumps(run))]
        if content:
            parts.append((f"attachment.{run['id']}.file", content))
        answer = _post_parts(connection, parts)
        (self.taken if answer.status == 202 else self.refused)[run["id"]] = parts
        return answer

    def fill(self, connection: Connection) -> list[Answer]:
        """Until the disk has refused some; what it said then."""
        refusals: list[Answer] = []
        while len(refusals) < REFUSED_MIN:
            content = self._draw.choice((b"", b"", CONTENTS[1], CONTENTS[3]))
            answer = self.send(connection, content)
            if answer.status != 202:
                refusals.append(answer)
        return refusals

    def send_refused_again(self, connection: Connection) -> None:
        for run_id, parts in list(self.refused.items()):
            answer = _post_parts(connection, parts)
            assert answer.status == 202, answer.body
            self.taken[run_id] = self.refused.pop(run_id)

    def problems(self, connection: Connection) -> list[str]:
        """What was acknowledged and is not whole, what was refused and is there."""
        asked = [*self.taken, *self.refused]
        runs: dict[str, Json] = {}
        for start in range(0, len(asked), 100):
            asking = {"id": asked[start:][:100], "select": ["id", "inputs", "s3_urls"]}
            runs |= {run["id"]: run for run in query(connection, asking)}
        lines = [f"{run_id} was refused, and is there" for run_id in self.refused if run_id in runs]
        for run_id, parts in self.taken.items():
            lines += _differences(connection, runs.get(run_id), parts)
        return lines


def _differences(
    connection: Connection, run: Json | None, parts: list[tuple[str, bytes]]
) -> list[str]:
    sent = orjson.loads(parts[0][1])
    if run is None:
        return [f"{sent['id']} is lost"]
    is_same = (run["inputs"] or {}) == sent.get("inputs", {})
    lines = [] if is_same else [f"{sent['id']} has other inputs"]
    for link, (_, content) in zip((run["s3_urls"] or {}).values(), parts[1:], strict=True):
        if connection.request("GET", link["presigned_url"]).body != content:
            lines.append(f"{sent['id']} has another attachment")
    return lines


def _post_parts(connection: Connection, parts: list[tuple[str, bytes]]) -> Answer:
    body, headers = multipart(parts)
    return connection.request("POST", "/runs/multipart", body, headers)


def _post(connection: Connection, path: str, body: Json) -> Answer:
    return connection.request("POST", path, orjson.dumps(body), JSON_HEADERS)


def _command(*words: str | Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("runstore")
    return subprocess.run(
        [str(program), *map(str, words)], capture_output=True, text=True, timeout=60
    )


def _readiness(connection: Connection) -> tuple[int, Json]:
    answer = connection.request("GET", "/ready")
    return answer.status, orjson.loads(answer.body)


def test_a_full_disk_refuses_writes_loses_nothing_and_goes_on_once_it_has_room(
    disk: Disk, server: Server
) -> None:
    sent = Sent()
    with Connection(server.port) as connection:
        sent.send(connection)
        disk.fill(leave=ROOM)
        for refusal in sent.fill(connection):
            said = orjson.loads(refusal.body)
            assert (refusal.status, said["code"]) == (503, "disk_full"), refusal.body
            assert refusal.headers["retry-after"] == "1", "senders try again"
        disk.fill()
        assert sent.problems(connection) == []
        assert len(sent.taken) > REFUSED_MIN
        disk.free()
        sent.send_refused_again(connection)
        assert sent.problems(connection) == []
    assert server.stop() == 0
    assert damages(server.data) == []
    assert not list((server.data / "blobs" / "incoming").iterdir()), "nothing half is left"


def test_whatever_is_written_to_a_full_disk_is_refused_or_done_and_reading_goes_on(
    disk: Disk, server: Server
) -> None:
    sent = Sent()
    with Connection(server.port) as connection:
        sent.send(connection)
        run_id = next(iter(sent.taken))
        disk.fill(leave=MIB)
        sent.fill(connection)
        disk.fill()
        for number in range(100):  # small things find a little room at first
            answers = [
                _post(connection, "/sessions", {"name": f"{number}"}),
                _post(connection, "/feedback", {"run_id": run_id, "key": "k", "score": number}),
                _post(connection, "/runs/delete", {"trace_ids": [run_id[:-4] + "ffff"]}),
                sent.send(connection, CONTENTS[4], size=0),
            ]
            for answer in answers:
                if answer.status not in (200, 202):
                    assert orjson.loads(answer.body)["code"] == "disk_full", answer.body
            if all(answer.status == 503 for answer in (*answers[:2], answers[3])):
                break
        else:
            pytest.fail("the disk never filled up")
        for path in ("/sessions?include_stats=true", "/feedback", "/health", f"/runs/{run_id}"):
            assert connection.request("GET", path).status == 200, path
        assert _readiness(connection) == (503, {"ready": False, "code": "disk_full"})
        listed = _command("list", "--target", server.url, "--id", run_id, "-o", "json")
        assert (listed.returncode, run_id in listed.stdout) == (0, True), listed.stderr
        exported = _command("export", disk.path / "runs.jsonl", "--target", server.url)
        assert exported.returncode == 1
        assert "No space left on device" in exported.stderr
        assert "Traceback" not in exported.stderr
        disk.free()
        exported = _command("export", disk.path / "runs.jsonl", "--target", server.url)
        assert exported.returncode == 0, exported.stderr
    ends = time.monotonic() + 20
    with Connection(server.port) as connection:  # of itself: nothing is sent that is written
        while _readiness(connection) != (200, {"ready": True}):
            assert time.monotonic() < ends
            time.sleep(0.05)


def test_a_server_killed_on_a_full_disk_comes_back_with_everything(
    disk: Disk, server: Server
) -> None:
    sent = Sent()
    with Connection(server.port) as connection:
        disk.fill(leave=ROOM)
        sent.fill(connection)
    server.kill()
    disk.fill()
    with pytest.raises(ServerError, match=r"for writing.*(No space left|disk is full)"):
        server.start()
    # It can be read as it is, and also without the log's index, once that can be made.
    sound = _command("check", server.data)
    assert (sound.returncode, "no problems" in sound.stdout) == (0, True), sound.stderr
    disk.free()
    (server.data / f"{DATABASE}-shm").unlink()
    disk.fill()
    unread = _command("check", server.data)
    assert (unread.returncode, "its disk is full" in unread.stderr) == (2, True), unread.stderr
    disk.free()
    server.start()
    with Connection(server.port) as connection:
        assert sent.problems(connection) == []
        sent.send_refused_again(connection)
        assert sent.problems(connection) == []


def test_what_is_printed_to_a_full_disk_is_said_not_to_be_whole(server: Server) -> None:
    with Connection(server.port) as connection:
        Sent().send(connection)
    program = Path(sys.executable).with_name("runstore")
    words = [str(program), "list", "--target", server.url, "--project", "default"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr == "runstore: cannot go on: [Errno 28] No space left on device\n"
