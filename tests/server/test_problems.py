"""What becomes of errors and of request ids."""

import json
import logging
import uuid

import pytest
from starlette.testclient import TestClient

from runstore.server.logs import JsonLines
from tests.server.conftest import Connect, app_of
from tests.server.wirerun import run, uid


@pytest.mark.parametrize(
    ("method", "path", "status", "detail"),
    [
        ("GET", "/nope", 404, "Not Found"),
        ("GET", "/runs/query", 422, None),
        ("PUT", "/runs/query", 405, "Method Not Allowed"),
        ("GET", "/api/v2/runs", 404, "Not Found"),
        ("POST", "/runs/query/", 404, "Not Found"),
    ],
)
def test_a_route_we_do_not_have_is_said_in_json(
    client: TestClient, method: str, path: str, status: int, detail: str | None
) -> None:
    answer = client.request(method, path, follow_redirects=False)
    assert answer.status_code == status
    if detail is not None:
        assert answer.json() == {"detail": detail}


def test_an_unexpected_error_tells_its_sender_only_an_id(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("table runs has no column x")

    monkeypatch.setattr(app_of(client).state.store.runs._engine, "delete_traces", broken)
    with caplog.at_level(logging.ERROR):
        answer = client.post("/runs/delete", json={"trace_ids": [uid(1)]})
    said = {"detail": "Internal server error", "code": "internal"}
    assert (answer.status_code, answer.json()) == (500, said)
    assert answer.headers["x-request-id"]
    assert "table runs has no column x" in caplog.text


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("abc-123", True),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", True),
        ("", False),
        ("x" * 129, False),
        ('"quoted"', False),
        ("two words", False),
    ],
)
def test_a_sane_request_id_is_kept(client: TestClient, sent: str, kept: bool) -> None:
    answer = client.get("/health", headers={"x-request-id": sent})
    given = answer.headers["x-request-id"]
    assert (given == sent) is kept
    if not kept:
        assert uuid.UUID(given)


@pytest.mark.parametrize(
    ("path", "logged", "route"),
    [
        ("/health?token=hidden", "/health", "/health"),
        (f"/api/v1/runs/{uid(1)}", f"/api/v1/runs/{uid(1)}", "/runs/{id}"),
        ("/attachments/secret.token", "/attachments/{token}", "/attachments/{token}"),
        ("/nope", "/nope", "(none)"),
    ],
)
def test_every_request_is_one_log_line_without_secrets(
    client: TestClient, caplog: pytest.LogCaptureFixture, path: str, logged: str, route: str
) -> None:
    with caplog.at_level(logging.INFO, "runstore.access"):
        answer = client.get(path, headers={"x-request-id": "mine"})
    [record] = [one for one in caplog.records if one.name == "runstore.access"]
    said = vars(record)
    assert (said["path"], said["route"], said["status"]) == (logged, route, answer.status_code)
    assert said["bytes_out"] == len(answer.content)
    assert "hidden" not in str(said)


def test_a_log_line_is_json() -> None:
    record = logging.makeLogRecord(
        {"name": "x", "msg": "two\nlines %s", "args": ("é",), "levelno": 30, "n": 1, "odd": {1}}
    )
    record.levelname = "WARNING"
    line = JsonLines().format(record)
    said = json.loads(line)
    assert "\n" not in line
    assert (said["event"], said["level"], said["n"]) == ("two\nlines é", "warning", 1)


def test_figures_count_what_happened(client: TestClient) -> None:
    body = {"post": [run(1), run(2), run(3, start_time="no"), run(4, session_id=uid(9))]}
    body["post"][3].pop("session_name")
    client.post("/api/runs/batch", json=body)
    client.post("/runs/query", json={"trace": uid(1)})
    client.get("/nope")
    text = client.get("/metrics").text
    for line in (
        'runstore_http_requests_total{method="POST",route="/runs/batch",status="202"} 1.0',
        'runstore_http_requests_total{method="GET",route="(none)",status="404"} 1.0',
        'runstore_http_request_seconds_count{route="/runs/query"} 1.0',
        "runstore_ingest_messages_total 2.0",
        "runstore_ingest_refused_total 2.0",
        "runstore_commit_seconds_count 1.0",
        "runstore_query_seconds_count 1.0",
        "runstore_ingest_queue_bytes 0.0",
        "runstore_ingest_queue_requests 0.0",
    ):
        assert line in text.splitlines()


def test_two_apps_have_figures_of_their_own(connect: Connect) -> None:
    first, second = connect(), connect()
    first.get("/nope")
    assert "(none)" in first.get("/metrics").text
    assert "(none)" not in second.get("/metrics").text


def test_info_is_what_the_sdk_reads(client: TestClient) -> None:
    for prefix in ("", "/api", "/api/v1"):
        info = client.get(f"{prefix}/info").json()
        assert info["batch_ingest_config"]["use_multipart_endpoint"] is True
        assert info["instance_flags"]["zstd_compression_enabled"] is True
