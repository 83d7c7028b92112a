"""A connection is not kept by sending next to nothing; nor is one lost that waits for us."""

import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from runstore.engine.memory import MemoryEngine
from runstore.limits import BODY_BYTES_MAX
from tests.server.live import serve
from tests.server.wirerun import run

HOST = b"Host: 127.0.0.1\r\n"
HEALTH = b"GET /health HTTP/1.1\r\n" + HOST + b"\r\n"
ONE = json.dumps(run(1)).encode()
CREATE = b"POST /runs HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n"
DRIP_SECONDS = 0.05
PIECES_MAX = 400  # a drip that long is never cut off: the test fails


@pytest.fixture
def port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Of a server that has hardly any patience."""
    for name in ("HEAD_SECONDS_MAX", "UNREAD_SECONDS_MAX", "_LOOK_SECONDS"):
        monkeypatch.setattr(f"runstore.server.protocol.{name}", 0.2)
    for name in ("BODY_SILENCE_SECONDS_MAX", "UNSENT_SECONDS_MAX"):
        monkeypatch.setattr(f"runstore.server.protocol.{name}", 1.0)
    with serve(MemoryEngine(), tmp_path) as server:
        yield int(server.url.rpartition(":")[2])


@pytest.mark.parametrize(
    ("sent", "drip", "answers"),
    [
        pytest.param(b"", b"", [], id="nothing is asked"),
        pytest.param(b"\r\n", b"\r\n", [b"408"], id="only line ends come"),
        pytest.param(b"GET / HT", b"", [b"408"], id="a head stops"),
        pytest.param(b"GET / HTTP/1.1\r\n", b"X: a\r\n", [b"408"], id="a head never ends"),
        pytest.param(CREATE % 999 + b"\r\n" + b"{", b"", [b"408"], id="a body stops"),
        pytest.param(
            CREATE % (BODY_BYTES_MAX + 1) + b"\r\n" + b"{",
            b"x",
            [b"413"],
            id="a refused body never ends",
        ),
        pytest.param(HEALTH, b"\r\n", [b"200"], id="after an answer only line ends come"),
        pytest.param(HEALTH + b"GET / HT", b"T", [b"200", b"400"], id="a second head is none"),
        pytest.param(
            HEALTH + b"GET / HTTP/1.1\r\n",
            b"X: a\r\n",
            [b"200", b"408"],
            id="a second head never ends",
        ),
    ],
)
def test_who_sends_next_to_nothing_is_cut_off(
    port: int, sent: bytes, drip: bytes, answers: list[bytes]
) -> None:
    with connected(port) as connection:
        connection.sendall(sent)
        got, is_over = received(connection, drip)
    assert is_over
    assert re.findall(rb"HTTP/1\.1 (\d+)", got) == answers
    assert requests.get(f"http://127.0.0.1:{port}/health", timeout=10).status_code == 200


def test_a_body_may_come_slowly(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(CREATE % len(ONE) + b"Connection: close\r\n\r\n")
        size = len(ONE) // 40 + 1
        got = b""
        for start in range(0, len(ONE), size):
            connection.sendall(ONE[start : start + size])
            got += heard(connection) or b""
        got += received(connection, b"")[0]
    assert got.startswith(b"HTTP/1.1 202 ")


PARTS = (
    b"POST /runs/multipart HTTP/1.1\r\n"
    + HOST
    + (b"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000000\r\n")
)


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(CREATE % 60_000_000, id="a long body"),
        pytest.param(
            CREATE % 1_000 + b"X-Pre-Compressed-Size: 268435456\r\n", id="one that will be long"
        ),
        pytest.param(PARTS + b"X-Pre-Compressed-Size: 268435456\r\n", id="one for another process"),
    ],
)
def test_a_body_that_does_not_come_keeps_no_other_out(
    port: int, head: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runstore.server.routes.ingest.INGEST_ARRIVAL_SECONDS", 0.2)
    with connected(port) as connection:
        connection.sendall(head + b"\r\n" + (b"{" if head is not PARTS else b"-"))
        answers: list[int] = []
        url = f"http://127.0.0.1:{port}/runs"
        while not answers or answers[-1] != 202:
            connection.sendall(b" ")
            answers.append(requests.post(url, json=run(1), timeout=10).status_code)
            assert len(answers) < 3
        assert heard(connection) == b"", "it was cut off"


def test_who_waits_for_permission_to_send_a_body_gets_it(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(CREATE % len(ONE) + b"Expect: 100-continue\r\nConnection: close\r\n\r\n")
        while not (got := heard(connection)):
            assert got is not None
        assert got.startswith(b"HTTP/1.1 100 ")
        connection.sendall(ONE)
        assert received(connection, b"")[0].startswith(b"HTTP/1.1 202 ")


def test_who_waits_for_an_answer_is_left_in_peace(port: int) -> None:
    url = f"http://127.0.0.1:{port}"
    tail = requests.get(f"{url}/runs/tail", stream=True, timeout=10)
    lines = tail.iter_lines()
    assert next(lines) == b": still here"
    with connected(port) as connection:  # longer than all of the server's patience together
        connection.sendall(HEALTH + b"GET / HTTP/1.1\r\n")
        received(connection, b"X: a\r\n")
    assert requests.post(f"{url}/runs", json=run(1), timeout=10).status_code == 202
    assert b"event: run" in (next(lines) for _ in range(50))
    tail.close()


def test_a_second_request_that_stops_does_not_spoil_the_answer_to_the_first(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(b"GET /runs/tail HTTP/1.1\r\n" + HOST + b"\r\n")
        while b"still here" not in (heard(connection) or b""):
            pass
        connection.sendall(CREATE % 999 + b"\r\n{")
        with connected(port) as other:
            received(other, b"")
        url = f"http://127.0.0.1:{port}/runs"
        assert requests.post(url, json=run(1), timeout=10).status_code == 202
        got = b""
        while b"event: run" not in got:
            piece = heard(connection)
            assert piece is not None, "it was cut off"
            got += piece
    assert b"HTTP/1.1" not in got


LARGE_BYTES = 8_000_000  # more than two sockets hold
LARGE = run(7, inputs={"text": "x" * LARGE_BYTES})
ASK = json.dumps({"id": LARGE["id"]}).encode()
QUERY = b"POST /runs/query HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % len(ASK) + ASK


def test_who_reads_nothing_of_an_answer_does_not_keep_it_in_memory(port: int) -> None:
    url = f"http://127.0.0.1:{port}"
    assert requests.post(f"{url}/runs", json=LARGE, timeout=10).status_code == 202
    with connected(port) as connection:
        connection.sendall(QUERY)
        for _ in range(3):  # as long as the server is patient, three times
            with connected(port) as other:
                other.sendall(CREATE % 999 + b"\r\n{")
                received(other, b"")
        got, is_over = received(connection, b"")
    assert is_over
    assert 0 < len(got) < LARGE_BYTES


def test_who_reads_an_answer_slowly_gets_it(port: int) -> None:
    url = f"http://127.0.0.1:{port}"
    assert requests.post(f"{url}/runs", json=LARGE, timeout=10).status_code == 202
    with connected(port) as connection:
        connection.sendall(QUERY)
        size = 0
        while size < LARGE_BYTES:
            piece = connection.recv(200_000)
            size += len(piece)
            assert piece, "it was cut off"
            time.sleep(DRIP_SECONDS)


def connected(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    connection.settimeout(DRIP_SECONDS)
    return connection


def received(connection: socket.socket, drip: bytes) -> tuple[bytes, bool]:
    """All that comes while `drip` is sent again and again, and whether the server ended it."""
    got = b""
    for _ in range(PIECES_MAX):
        with suppress(OSError):  # it may be closed
            connection.sendall(drip)
        piece = heard(connection)
        if piece is None:
            return got, True
        got += piece
    return got, False


def heard(connection: socket.socket) -> bytes | None:
    """What comes within a drip; None: the end."""
    try:
        return connection.recv(65_536) or None
    except TimeoutError:
        return b""
    except ConnectionResetError:
        return None
