"""`runstore bench` on a server of ours, and on one that takes less than ours."""

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from runstore.benchmark.questions import QUERY_CLASSES
from runstore.cli.main import app
from runstore.cli.problems import run
from runstore.client.sync import Client
from tests.benchmark.endpoint import BUSY, serve_endpoint
from tests.client.conftest import forget_environment
from tests.server.live import open_engine, serve
from tests.standin import standin

SMALL = ("--runs", "300", "--repeat", "1", "--connections", "2")
pytestmark = pytest.mark.timeout(150)  # they do a minute's work of a busy machine


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_environment(monkeypatch)
    quick = standin(gc, collect=lambda: 0)  # of pytest's own heap, once for each class
    monkeypatch.setattr("runstore.benchmark.timing.gc", quick)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("measured")
    with serve(open_engine("sqlite", folder), folder) as live:
        yield live.url


def bench(*words: object) -> int:
    return run(app, ["bench", *map(str, words)])


def figures(file: Path) -> dict[str, Any]:
    read: dict[str, Any] = orjson.loads(file.read_bytes())
    return read


def names(url: str) -> set[str]:
    with Client(url) as client:
        return {str(project.name) for project in client.list_projects()}


def test_a_server_is_measured_and_left_as_it_was(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, file = names(url), tmp_path / "figures.json"
    assert bench("--target", url, *SMALL, "--json", file) == 0
    found = figures(file)
    assert found["ingest"]["form"] == "multipart, zstd"
    assert (found["counted"], found["ingest"]["runs"]) == (300, 300)
    assert "+runstore." in found["server"]
    assert [one["name"] for one in found["queries"]] == [one.name for one in QUERY_CLASSES]
    assert all(one["timing"]["n"] == 1 and one["answer_bytes"] > 0 for one in found["queries"])
    assert found["export"]["complete"]
    assert names(url) == before
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert {line[0] for line in lines} >= {one.name for one in QUERY_CLASSES}


def test_a_server_that_takes_less_gets_less_and_what_it_refuses_is_told(
    url: str, tmp_path: Path
) -> None:
    file, markdown = tmp_path / "figures.json", tmp_path / "figures.md"
    markdown.write_text("# Ours\n\nBy hand.\n")
    with serve_endpoint(url) as (endpoint, target):
        assert bench("--target", target, *SMALL, "--json", file, "--markdown", markdown) == 0
    found = figures(file)
    assert found["ingest"]["form"] == "JSON"
    assert max(endpoint.batches) <= 40
    assert found["counted"] == 300
    assert found["busy_answers"] == BUSY
    refused = {one["name"]: one["refused"] for one in found["queries"] if one["refused"]}
    assert set(refused) == {one.name for one in QUERY_CLASSES if one.name.startswith("text")}
    assert set(refused.values()) == {"400: search is not supported"}
    text = markdown.read_text()
    assert text.startswith("# Ours\n\nBy hand.\n")
    assert "| text, rare word | refused, 400: search is not supported |" in text
    assert not {name for name in names(url) if name.startswith("runstore-bench")}


def test_what_was_made_is_deleted_when_the_server_takes_no_runs(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with serve_endpoint(url, takes_runs=False) as (_, target):
        assert bench("--target", target, *SMALL) == 2
    assert "no more runs this month" in capsys.readouterr().err
    assert not {name for name in names(url) if name.startswith("runstore-bench")}


def test_a_project_that_is_there_is_left_alone(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with Client(url) as client:
        own = client.create_project("mine-evaluation")
        assert bench("--target", url, *SMALL, "--project", "mine") == 1
        assert "'mine-evaluation'" in capsys.readouterr().err
        assert {name for name in names(url) if name.startswith("mine")} == {"mine-evaluation"}
        client.delete_project(project_id=own.id)


def test_what_is_kept_can_be_listed_and_the_section_is_written_anew(
    url: str, tmp_path: Path
) -> None:
    file = tmp_path / "figures.md"
    words = ("--target", url, *SMALL, "--markdown", file)
    assert bench(*words, "--project", "kept", "--keep", "--only", "stats") == 0
    with Client(url) as client:
        kept = [one for one in client.list_projects() if str(one.name).startswith("kept-")]
        assert len(kept) == 4
        assert client.list_runs(project_id=[one.id for one in kept]).count() == 311
        for one in kept:
            client.delete_project(project_id=one.id)
    first = file.read_text()
    assert "| stats, project |" in first and "| thread |" not in first
    assert bench(*words, "--only", "Thread") == 0
    second = file.read_text()
    assert "| thread |" in second and "| stats, project |" not in second
    assert second.count("## By `runstore bench`") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "--target URL"),
        (("--target", "./folder"), "is a folder; serve it"),
        (("--target", "http://h", "--runs", "0"), "--runs: 0 is less than 1"),
        (("--target", "http://h", "--connections", "21"), "21 is more than 20"),
        (("--target", "http://h", "--only", "stat", "--only", "x y"), "'x y' in its name"),
        (("--target", "http://h", "--requests-per-10s", "0"), "0 is less than 1"),
    ],
    ids=["no target", "a folder", "no runs", "connections", "no such class", "no requests"],
)
def test_a_wrong_command_is_said_to_be(
    words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench(*words) == 2
    assert said in capsys.readouterr().err
