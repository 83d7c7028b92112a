"""The command: what it prints, when it refuses to start, how it stops."""

import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from starlette.applications import Starlette

from runstore.cli.main import app
from runstore.cli.serve import announcement, serve
from runstore.limits import IDLE_CONNECTION_SECONDS, RETRY_AFTER_S_MAX
from runstore.settings import Settings, key_hash
from runstore.store.keys import create_key
from tests.server.wirerun import run, uid

COMMAND = [str(Path(sys.executable).with_name("runstore"))]


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("RUNSTORE_")]:
        monkeypatch.delenv(name)


def ask(url: str, path: str, body: object = None) -> object:
    content = None if body is None else json.dumps(body).encode()
    with urlopen(Request(url + path, data=content), timeout=10) as answer:
        return json.load(answer)


@contextmanager
def serving(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [*COMMAND, "serve", "--port", "0", "--data", str(folder), "--log-level", "warning"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"Runstore on (http://127\.0\.0\.1:\d+), data in (\S+);", line)
        assert found is not None, line
        assert found[2] == str(folder)
        yield process, found[1]
    finally:
        process.kill()
        process.communicate(timeout=10)


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_server_has_kept_what_it_took(tmp_path: Path, stop: signal.Signals) -> None:
    folder = tmp_path / "data"
    with serving(folder) as (process, url):
        ask(url, "/runs", run(1))
        process.send_signal(stop)
        _, errors = process.communicate(timeout=20)
        assert (process.returncode, errors) == (0, "")
    with serving(folder) as (process, url):
        assert ask(url, "/ready") == {"ready": True}
        found = ask(url, f"/api/v1/runs/{uid(1)}")
        assert isinstance(found, dict)
        assert found["name"] == "run 1"


def test_whoever_is_told_to_come_again_finds_his_connection_open(tmp_path: Path) -> None:
    """He has his place in the line by it. uvicorn closes idle connections after 5 s by itself."""
    with serving(tmp_path / "data") as (process, url):
        connection = HTTPConnection(url.removeprefix("http://"), timeout=10)
        connection.request("GET", "/ready")
        connection.getresponse().read()
        first = connection.sock
        time.sleep(5.5)
        connection.request("GET", "/ready")
        connection.getresponse().read()
        assert connection.sock is first
        process.send_signal(signal.SIGTERM)  # does not wait for who is idle
        assert process.communicate(timeout=5)
        connection.close()
    assert IDLE_CONNECTION_SECONDS > RETRY_AFTER_S_MAX


def test_a_second_server_on_a_folder_is_told_of_the_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "data"
    with serving(folder) as (process, url):
        assert serve({"port": 0, "data": folder}) == 2
        said = capsys.readouterr().err
        assert f"process {process.pid} writes {folder} and serves it: use {url} instead" in said
        assert ask(url, "/ready") == {"ready": True}


def test_a_new_key_comes_with_its_hash(capsys: pytest.CaptureFixture[str]) -> None:
    app(["key", "new"], result_action="return_value")
    said = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()[:2])
    assert said["key"].startswith("rs_")
    assert len(said["key"]) > 40
    assert said["hash"] == hashlib.sha256(said["key"].encode()).hexdigest()


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    app(["--version"], result_action="return_value")
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", capsys.readouterr().out)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_it_does_not_listen_beyond_this_machine_without_keys(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], host: str
) -> None:
    assert serve({"host": host, "port": 0, "data": tmp_path / "data"}) == 2
    said = capsys.readouterr().err
    assert host in said
    assert "--insecure" in said
    assert not (tmp_path / "data").exists()


def test_with_a_key_in_the_folder_it_listens_beyond_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts: list[str] = []

    def run(app: Starlette, listener: socket.socket, settings: Settings) -> int:
        hosts.append(listener.getsockname()[0])
        app.state.store.close()
        return 0

    monkeypatch.setattr("runstore.cli.serve._run", run)
    folder = tmp_path / "data"
    folder.mkdir()
    assert serve({"host": "0.0.0.0", "port": 0, "data": folder}) == 2
    create_key(folder, 0)
    assert serve({"host": "0.0.0.0", "port": 0, "data": folder}) == 0
    assert hosts == ["0.0.0.0"]


def test_a_taken_port_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert serve({"port": port, "data": tmp_path / "data"}) == 2
    assert f"cannot listen on 127.0.0.1:{port}" in capsys.readouterr().err


def test_a_setting_that_means_nothing_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RUNSTORE_PORT", "http")
    assert serve({}) == 2
    assert "RUNSTORE_PORT" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert serve({"port": 0, "data": tmp_path / "file" / "data"}) == 2
    assert "cannot make the data folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:1984"),
        ("0.0.0.0", "http://127.0.0.1:1984"),
        ("::1", "http://[::1]:1984"),
        ("::", "http://127.0.0.1:1984"),
        ("runs.example.org", "http://runs.example.org:1984"),
    ],
)
def test_the_line_says_what_a_client_has_to_set(host: str, url: str) -> None:
    line = announcement(Settings(host=host, api_key_hashes=(key_hash("k"),)), 1984)
    assert line.startswith(f"Runstore on {url}, data in /")
    assert f"LANGSMITH_ENDPOINT={url} " in line
    assert "\n" not in line
