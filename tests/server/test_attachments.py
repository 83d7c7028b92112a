"""Attachments: bytes in with a run, out by a signed link that needs no key."""

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from runstore.engine.memory import MemoryEngine
from runstore.engine.sqlite.engine import SqliteEngine
from tests.server.conftest import Connect, app_of
from tests.server.wirerun import MULTIPART, multipart, multipart_run, uid

PNG = b"\x89PNG\r\n\x1a\n" + b"\r\n--b0un\r\n" * 3 + b"\x00" * 100_000


def links(client: TestClient, *files: tuple[str, bytes, str]) -> dict[str, Any]:
    """Upload with run 1; what the run then says of them, by file name."""
    parts = [(f"attachment.{uid(1)}.{name}", content, kind) for name, content, kind in files]
    answer = client.post(
        "/runs/multipart",
        content=multipart(*multipart_run(1), *parts),
        headers={**MULTIPART, "x-api-key": "key"},
    )
    assert answer.status_code == 202, answer.text
    assert "refused" not in answer.json(), answer.text
    run = client.get(f"/runs/{uid(1)}", headers={"x-api-key": "key"}).json()
    return {name.removeprefix("attachment."): said for name, said in run["s3_urls"].items()}


@pytest.fixture
def guarded(connect: Connect) -> TestClient:
    return connect("key")


@pytest.mark.parametrize("prefix", ["", "/api", "/api/v1"])
def test_an_attachment_comes_back_byte_for_byte(guarded: TestClient, prefix: str) -> None:
    said = links(guarded, ("photo", PNG, "image/png"))["photo"]
    assert said["mime_type"] == "image/png"
    assert said["presigned_url"].startswith("/attachments/")
    answer = guarded.get(prefix + said["presigned_url"])
    assert (answer.status_code, answer.content) == (200, PNG)
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_range_of_it_can_be_asked_for(guarded: TestClient) -> None:
    url = links(guarded, ("photo", PNG, "image/png"))["photo"]["presigned_url"]
    answer = guarded.get(url, headers={"range": "bytes=0-3"})
    assert (answer.status_code, answer.content) == (206, PNG[:4])


@pytest.mark.parametrize(
    ("mime_type", "served", "how"),
    [
        ("image/png", "image/png", "inline"),
        ("audio/wav", "audio/wav", "inline"),
        ("image/svg+xml", "image/svg+xml", "attachment"),
        ("text/html", "text/html; charset=utf-8", "attachment"),
        ("nonsense", "application/octet-stream", "attachment"),
    ],
)
def test_nothing_a_browser_would_run_is_shown_in_it(
    guarded: TestClient, mime_type: str, served: str, how: str
) -> None:
    url = links(guarded, ("file", b"<script>alert(1)</script>", mime_type))["file"]
    answer = guarded.get(url["presigned_url"])
    assert answer.headers["content-type"] == served
    assert answer.headers["content-disposition"] == f"{how}; filename*=UTF-8''file"
    assert "sandbox" in answer.headers["content-security-policy"]


def test_a_forged_link_opens_nothing(guarded: TestClient) -> None:
    url: str = links(guarded, ("photo", PNG, "image/png"))["photo"]["presigned_url"]
    for forged in (url[:-2] + "AA", url.replace(".", ".A"), "/attachments/x"):
        answer = guarded.get(forged)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_link_ends(guarded: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    url = links(guarded, ("photo", PNG, "image/png"))["photo"]["presigned_url"]
    store = app_of(guarded).state.store
    later = store.clock() + 3 * 24 * 3_600 * 1_000_000
    monkeypatch.setattr(store, "clock", lambda: later)
    assert guarded.get(url).status_code == 404


def test_content_that_is_gone_is_404(guarded: TestClient) -> None:
    url = links(guarded, ("photo", PNG, "image/png"))["photo"]["presigned_url"]
    blobs = app_of(guarded).state.store.blobs
    for path in blobs._folder.glob("??/*"):
        path.unlink()
    assert guarded.get(url).status_code == 404


def test_an_upload_that_breaks_off_leaves_no_file(guarded: TestClient) -> None:
    parts = [*multipart_run(1), (f"attachment.{uid(1)}.a", PNG, "image/png")]
    answer = guarded.post(
        "/runs/multipart",
        content=multipart(*parts)[:-500],
        headers={**MULTIPART, "x-api-key": "key"},
    )
    assert answer.status_code == 422
    folder = app_of(guarded).state.store.blobs._folder
    assert [path for path in folder.rglob("*") if path.is_file()] == []


def test_names_that_are_paths_or_headers_stay_names(guarded: TestClient) -> None:
    url = links(guarded, ("../../etc/é;x", b"x", "text/plain"))
    [said] = url.values()
    answer = guarded.get(said["presigned_url"])
    disposition = answer.headers["content-disposition"]
    assert disposition == "attachment; filename*=UTF-8''.._.._etc_%C3%A9%3Bx"


def contents(client: TestClient) -> list[bytes]:
    """What lies in blobs/, once nothing is left to collect."""
    blobs = app_of(client).state.store.blobs
    blobs.wait()
    return [path.read_bytes() for path in sorted(blobs._folder.rglob("*")) if path.is_file()]


@pytest.mark.parametrize("engine", ["memory", "sqlite"])
@pytest.mark.parametrize("what", ["trace", "project"])
def test_content_goes_with_the_last_run_that_has_it(
    connect: Connect, tmp_path: Path, engine: str, what: str
) -> None:
    client = connect(engine=MemoryEngine() if engine == "memory" else SqliteEngine(tmp_path))
    for number, name in ((1, "a"), (2, "b")):
        parts = [*multipart_run(number, session_name=name)]
        parts += [(f"attachment.{uid(number)}.photo", PNG, "image/png")]
        client.post("/runs/multipart", content=multipart(*parts), headers=MULTIPART)
    assert contents(client) == [PNG]
    left = [[PNG], []]
    for number, name in ((1, "a"), (2, "b")):
        if what == "trace":
            client.post("/runs/delete", json={"trace_ids": [uid(number)]})
        else:
            [project] = client.get("/sessions", params={"name": name}).json()
            client.delete(f"/sessions/{project['id']}")
        assert contents(client) == left.pop(0)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        pytest.param({"start_time": "nonsense"}, 422, id="refused by the wire"),
        pytest.param({"session_id": uid(9), "session_name": None}, 422, id="refused by the engine"),
        pytest.param({}, 202, id="taken"),
    ],
)
def test_content_of_a_refused_run_is_not_kept(
    client: TestClient, fields: dict[str, Any], status: int
) -> None:
    parts = [*multipart_run(1, **fields), (f"attachment.{uid(1)}.a", PNG, "image/png")]
    answer = client.post("/runs/multipart", content=multipart(*parts), headers=MULTIPART)
    assert answer.status_code == status
    assert contents(client) == ([PNG] if status == 202 else [])


def test_content_finished_before_its_body_broke_off_is_not_kept(client: TestClient) -> None:
    files = [(f"attachment.{uid(1)}.{name}", PNG, "image/png") for name in "ab"]
    body = multipart(*multipart_run(1), *files)
    answer = client.post("/runs/multipart", content=body[:-500], headers=MULTIPART)
    assert answer.status_code == 422
    assert contents(client) == []
