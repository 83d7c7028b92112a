"""Large pages are made by a process of their own, to the same end."""

import json
import os
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from runstore.engine.sqlite.connections import DATABASE
from runstore.model.ids import id_to_bytes
from tests.server.live import Live, open_engine, serve
from tests.server.wirerun import MULTIPART, multipart, multipart_run, uid

RUNS = 120


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("pages")
    with serve(open_engine("sqlite", folder), folder, pages=1) as server:
        for number in range(RUNS):
            send(server, number)
        yield server


def send(live: Live, number: int) -> None:
    parts = list(multipart_run(number, inputs={"n": number}))
    parts.append((f"attachment.{uid(number)}.note", b"said", "text/plain"))
    asked = urllib.request.Request(f"{live.url}/runs/multipart", multipart(*parts), MULTIPART)
    with urllib.request.urlopen(asked) as answer:
        assert answer.status == 202


def ask(live: Live, **body: Any) -> tuple[int, bytes]:
    asked = {"session": [session(live)], "limit": 1_000, **body}
    request = urllib.request.Request(
        f"{live.url}/runs/query",
        json.dumps(asked).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def session(live: Live) -> str:
    with urllib.request.urlopen(f"{live.url}/sessions?name=tests") as answer:
        return str(json.loads(answer.read())[0]["id"])


def process(live: Live) -> Any:
    return live.app.state.pages._running[0]


def warm(live: Live) -> None:
    """Pages are answered by this process until the other is ready."""
    pages = live.app.state.pages
    for _ in range(10_000):
        ask(live, limit=101)
        if pages._is_ready:
            return
    raise AssertionError("the process never became ready")


def test_a_page_made_elsewhere_is_the_page_made_here(live: Live) -> None:
    warm(live)
    elsewhere = ask(live)
    pages, live.app.state.pages = live.app.state.pages, None
    try:
        here = ask(live)
    finally:
        live.app.state.pages = pages
    assert elsewhere[0] == here[0] == 200
    assert elsewhere[1] == here[1]
    assert len(json.loads(here[1])["runs"]) == RUNS


def test_what_was_written_just_now_is_on_a_page_made_elsewhere(live: Live) -> None:
    warm(live)
    send(live, RUNS + 1)
    found = json.loads(ask(live)[1])["runs"]
    assert uid(RUNS + 1) in {one["id"] for one in found}


def test_an_error_made_elsewhere_is_the_error_made_here(live: Live) -> None:
    warm(live)
    status, body = ask(live, filter='eq(nam, "x")')
    assert (status, json.loads(body)["code"]) == (400, "filter_invalid")


def test_what_is_found_to_be_damaged_half_way_is_an_error_and_no_part_of_an_answer(
    tmp_path: Path,
) -> None:
    with serve(open_engine("sqlite", tmp_path), tmp_path, pages=1) as server:
        for number in range(RUNS):
            send(server, number)
        warm(server)
        last = json.loads(ask(server)[1])["runs"][-1]["id"]
        database = apsw.Connection(str(next(tmp_path.rglob(DATABASE))))
        database.execute(
            "UPDATE payloads SET inputs = x'28B52FFD00' WHERE rid ="
            " (SELECT rid FROM runs WHERE id = ?)",
            (id_to_bytes(last),),
        )
        database.close()
        status, body = ask(server)
        assert (status, json.loads(body)["code"]) == (503, "damaged")
        assert last in json.loads(body)["detail"]
        assert process(server).exitcode is None
        assert ask(server, limit=101)[0] == 200


def test_a_process_that_was_killed_is_not_missed(live: Live) -> None:
    warm(live)
    os.kill(process(live).pid, signal.SIGKILL)
    assert ask(live)[0] == 200
    warm(live)
    assert ask(live)[0] == 200


def test_it_ends_with_the_server(tmp_path: Path) -> None:
    with serve(open_engine("sqlite", tmp_path), tmp_path, pages=1) as server:
        send(server, 1)
        warm(server)
        alive = process(server)
    assert alive.exitcode is not None
