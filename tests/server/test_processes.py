"""Bodies of middling size are decoded and prepared in processes of their own, to the same end."""

import gzip
import json
import multiprocessing
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runstore.limits import PROCESS_BODY_BYTES_MIN
from runstore.server import processes
from tests.server.live import Live, open_engine, serve
from tests.server.wirerun import MULTIPART, json_part, multipart, multipart_run, run, uid

LONG = "word " * PROCESS_BODY_BYTES_MIN  # makes a body worth a process


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("processes")
    with serve(open_engine("sqlite", folder), folder, processes=1) as server:
        yield server


def send(live: Live, body: bytes, **headers: str) -> tuple[int, Any]:
    request = urllib.request.Request(
        f"{live.url}/runs/multipart",
        body,
        {**MULTIPART, **{name.replace("_", "-"): value for name, value in headers.items()}},
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def read(live: Live, number: int) -> Any:
    with urllib.request.urlopen(f"{live.url}/runs/{uid(number)}") as answer:
        return json.loads(answer.read())


def test_a_run_decoded_elsewhere_is_there_when_its_202_is(live: Live) -> None:
    status, _ = send(live, multipart(*multipart_run(1, inputs={"text": LONG})))
    assert status == 202
    assert read(live, 1)["inputs"] == {"text": LONG}
    assert multiprocessing.active_children(), "it was decoded in this process"


def test_a_patch_decoded_elsewhere_finds_its_run(live: Live) -> None:
    send(live, multipart(*multipart_run(2, inputs={"text": LONG})))
    patch = {key: run(2)[key] for key in ("id", "trace_id", "dotted_order")}
    name = f"patch.{uid(2)}"
    parts = [json_part(name, patch), json_part(f"{name}.outputs", {"answer": LONG})]
    assert send(live, multipart(*parts))[0] == 202
    both = read(live, 2)
    assert (both["inputs"], both["outputs"]) == ({"text": LONG}, {"answer": LONG})


def test_an_attachment_decoded_elsewhere_is_kept(live: Live) -> None:
    parts = [*multipart_run(3), (f"attachment.{uid(3)}.note", LONG.encode(), "text/plain")]
    assert send(live, multipart(*parts))[0] == 202
    (kept,) = live.engine.attachments(uid(3))
    assert (kept.name, kept.size) == ("note", len(LONG))


@pytest.mark.parametrize(
    "body, headers, status, says",
    [
        pytest.param(
            multipart(json_part(f"post.{uid(4)}", {**run(4), "name": LONG})),
            {},
            422,
            "name",
            id="a run that is refused",
        ),
        pytest.param(
            multipart(*multipart_run(5, inputs={"text": LONG}))[:-40],
            {},
            422,
            "multipart",
            id="a body that ends early",
        ),
        pytest.param(
            multipart(*multipart_run(6, inputs={"text": LONG})),
            {"content_encoding": "gzip"},
            422,
            "damaged compressed body",
            id="a body that is not gzip",
        ),
        pytest.param(
            gzip.compress(bytes(300 * 1024 * 1024), 1)[: 2 * 1024 * 1024],
            {"content_encoding": "gzip"},
            413,
            "bytes",
            id="a bomb",
        ),
    ],
)
def test_what_another_process_refuses_is_said_as_if_it_were_this_one(
    live: Live, body: bytes, headers: dict[str, str], status: int, says: str
) -> None:
    assert len(body) > PROCESS_BODY_BYTES_MIN
    got, answer = send(live, body, **headers)
    assert got == status, answer
    assert says in json.dumps(answer)


def test_a_process_that_is_killed_is_replaced(live: Live) -> None:
    send(live, multipart(*multipart_run(7, inputs={"text": LONG})))
    for process in multiprocessing.active_children():
        process.kill()
        process.join()
    status, _ = send(live, multipart(*multipart_run(8, inputs={"text": LONG})))
    assert status == 202
    assert read(live, 8)["inputs"] == {"text": LONG}


def test_a_process_without_work_ends_and_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "PROCESS_IDLE_SECONDS", 0.05)
    others = set(multiprocessing.active_children())
    with serve(open_engine("sqlite", tmp_path), tmp_path, processes=1) as live:
        send(live, multipart(*multipart_run(9, inputs={"text": LONG})))
        ends = time.monotonic() + 20
        while set(multiprocessing.active_children()) - others:
            assert time.monotonic() < ends, "it is still there"
            time.sleep(0.02)
        assert send(live, multipart(*multipart_run(10, inputs={"text": LONG})))[0] == 202
        assert read(live, 10)["inputs"] == {"text": LONG}
