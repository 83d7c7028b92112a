"""Routes that bring runs: 202 means it is there, a refusal is named, a bound is told."""

import gzip
import json
import zlib
from typing import Any

import pytest
import zstandard
from starlette.testclient import TestClient

from runstore.errors import StorageError
from runstore.limits import BODY_BYTES_MAX
from tests.server.conftest import Connect, app_of
from tests.server.wirerun import MULTIPART, json_part, multipart, multipart_run, run, uid


def read(client: TestClient, number: int) -> dict[str, Any]:
    answer = client.get(f"/runs/{uid(number)}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def queue_bytes(client: TestClient) -> int:
    taken: int = app_of(client).state.store.ingest.budget.taken
    return taken


def test_a_created_run_can_be_read_at_once(client: TestClient) -> None:
    assert client.post("/runs", json=run(1, name="first")).status_code == 202
    found = read(client, 1)
    assert (found["name"], found["status"], found["inputs"]) == ("first", "pending", {"n": 1})


def test_a_patch_completes_the_run(client: TestClient) -> None:
    client.post("/runs", json=run(1))
    patch = {"end_time": "2026-03-01T10:00:03Z", "outputs": {"answer": 42}}
    assert client.patch(f"/runs/{uid(1)}", json=patch).status_code == 202
    found = read(client, 1)
    assert (found["status"], found["outputs"]) == ("success", {"answer": 42})


def test_a_batch_brings_creates_and_patches(client: TestClient) -> None:
    patch = {"id": uid(1), "outputs": {"ok": True}}
    answer = client.post("/runs/batch", json={"post": [run(1), run(2, parent=1)], "patch": [patch]})
    assert answer.status_code == 202
    assert read(client, 1)["outputs"] == {"ok": True}
    assert read(client, 2)["parent_run_ids"] == [uid(1)]


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [
        ("identity", bytes),
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("zstd", zstandard.ZstdCompressor().compress),
    ],
)
@pytest.mark.parametrize("runs", [1, 300])
def test_a_multipart_body_may_be_compressed(
    client: TestClient, encoding: str, compress: Any, runs: int
) -> None:
    parts = [part for n in range(1, runs + 1) for part in multipart_run(n, tags=["x" * 1_000])]
    headers = {**MULTIPART, "content-encoding": encoding}
    answer = client.post("/runs/multipart", content=compress(multipart(*parts)), headers=headers)
    assert answer.status_code == 202, answer.text
    for number in (1, runs):
        assert read(client, number)["inputs"] == {"n": number}
    assert queue_bytes(client) == 0


def test_json_bodies_may_be_compressed_too(client: TestClient) -> None:
    body = zstandard.ZstdCompressor().compress(json.dumps({"post": [run(1)]}).encode())
    answer = client.post("/runs/batch", content=body, headers={"content-encoding": "zstd"})
    assert answer.status_code == 202
    assert read(client, 1)["id"] == uid(1)


def test_feedback_may_come_with_runs(client: TestClient) -> None:
    said = {"id": uid(9), "trace_id": uid(1), "run_id": uid(1), "key": "good", "score": 1}
    parts = [*multipart_run(1), json_part(f"feedback.{uid(9)}", said)]
    answer = client.post("/runs/multipart", content=multipart(*parts), headers=MULTIPART)
    assert answer.status_code == 202
    assert read(client, 1)["feedback_stats"]["good"]["n"] == 1


def test_one_bad_run_does_not_sink_its_batch(client: TestClient) -> None:
    answer = client.post("/runs/batch", json={"post": [run(1), run(2, start_time="yesterday")]})
    assert answer.status_code == 202
    assert [one["run_id"] for one in answer.json()["refused"]] == [uid(2)]
    assert "start_time" in answer.json()["refused"][0]["reason"]
    assert read(client, 1)["id"] == uid(1)
    assert client.get(f"/runs/{uid(2)}").status_code == 404


def test_what_the_engine_refuses_is_named_too(client: TestClient) -> None:
    stray = run(2, session_name=None, session_id=uid(77))
    answer = client.post("/runs/batch", json={"post": [run(1), stray]})
    assert answer.status_code == 202
    assert [one["run_id"] for one in answer.json()["refused"]] == [uid(2)]


BAD_TYPE = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("method", "path", "content", "headers", "status", "said"),
    [
        ("POST", "/runs", b"{", {}, 422, "JSON"),
        ("POST", "/runs", b"[]", {}, 422, "object"),
        ("POST", "/runs", b'{"id": "no"}', {}, 422, "id"),
        ("POST", "/runs/batch", b'{"post": 1}', {}, 422, "post"),
        ("PATCH", "/runs/no", b"{}", {}, 422, "UUID"),
        ("POST", "/runs/multipart", b"", MULTIPART, 400, "empty"),
        ("POST", "/runs/multipart", multipart(), MULTIPART, 400, "no parts"),
        ("POST", "/runs/multipart", multipart(*multipart_run(1))[:-30], MULTIPART, 422, "end"),
        ("POST", "/runs/multipart", b"{}", BAD_TYPE, 400, "boundary"),
        ("POST", "/runs/batch", b"x", {"content-encoding": "br"}, 400, "zstd"),
        ("POST", "/runs/batch", b"xxxxxx", {"content-encoding": "gzip"}, 422, "compressed"),
    ],
)
def test_a_body_that_means_nothing_is_refused(
    client: TestClient,
    method: str,
    path: str,
    content: bytes,
    headers: dict[str, str],
    status: int,
    said: str,
) -> None:
    answer = client.request(method, path, content=content, headers=headers)
    assert (answer.status_code, said in answer.text) == (status, True), answer.text
    assert queue_bytes(client) == 0


def test_a_body_that_says_it_is_too_long_is_refused_unread(client: TestClient) -> None:
    headers = {**MULTIPART, "content-length": str(BODY_BYTES_MAX + 1)}
    answer = client.post("/runs/multipart", content=b"", headers=headers)
    assert answer.status_code == 413
    assert answer.json()["limit"] == BODY_BYTES_MAX
    assert str(BODY_BYTES_MAX) in answer.json()["detail"]


def test_overload_is_told_with_a_time_to_come_back(client: TestClient) -> None:
    budget = app_of(client).state.store.ingest.budget
    with budget.lease() as others:
        others.grow(budget.bytes_max)
        answer = client.post("/runs", json=run(1))
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) >= 1
        assert answer.json()["code"] == "overloaded"
    assert client.post("/runs", json=run(1)).status_code == 202


def test_a_storage_failure_is_503_and_the_next_request_is_served(connect: Connect) -> None:
    from runstore.engine.memory import MemoryEngine

    engine = MemoryEngine()
    client = connect(engine=engine)
    write = engine.write
    with pytest.MonkeyPatch.context() as patch:

        def full(*_: object) -> None:
            raise StorageError("disk is full")

        patch.setattr(engine, "write", full)
        answer = client.post("/runs", json=run(1))
        assert (answer.status_code, answer.json()["code"]) == (503, "storage")
    assert engine.write == write
    assert client.post("/runs", json=run(1)).status_code == 202


def test_stopping_writes_what_was_accepted_and_closes_the_engine(connect: Connect) -> None:
    client = connect()
    app = app_of(client)
    client.post("/runs", json=run(1))
    app.state.store.ingest.close()
    assert client.get("/ready").status_code == 503
    assert client.get("/health").status_code == 200
    assert client.post("/runs", json=run(2)).status_code == 429
    assert read(client, 1)["id"] == uid(1)
