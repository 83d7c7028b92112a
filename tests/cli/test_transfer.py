"""`runstore export` and `runstore import`: what they say, and how they end."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from runstore.cli.main import app
from runstore.cli.problems import run as run_command
from runstore.client.sync import Client
from runstore.client.transfer import content_hash
from tests.client.transfer.world import ATTACHMENTS, FEEDBACK, PROJECTS, RUNS, write_world
from tests.server.live import open_engine, serve
from tests.server.wirerun import run, uid


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("source")
    with serve(open_engine("sqlite", folder), folder) as live:
        write_world(live.url)
        yield live.url


def command(*words: object) -> int:
    return run_command(app, [str(word) for word in words])


def account(text: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(text)
    return told


def test_a_server_goes_into_a_file_and_the_file_into_a_folder(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, folder = tmp_path / "runs.jsonl", tmp_path / "traces"
    assert command("export", file, "--target", url, "--verify") == 0
    said, errors = capsys.readouterr()
    assert said.split("\n")[1].split() == ["runs", str(RUNS), str(RUNS), "0", "0"]
    assert errors == ""
    assert command("import", file, "--target", folder, "--verify", "--json") == 0
    told = account(capsys.readouterr().out)
    assert told["lossless"] is True
    assert told["runs"] == {"read": RUNS, "written": RUNS, "unchanged": 0, "refused": 0}
    assert (told["feedback"]["written"], told["attachments"]["written"]) == (FEEDBACK, ATTACHMENTS)
    assert command("import", file, "--target", folder, "--json") == 0
    assert account(capsys.readouterr().out)["runs"]["written"] == 0
    with Client(url) as source, Client(str(folder)) as target:
        want = content_hash(source, project_name=PROJECTS, attachments=True)
        assert content_hash(target, project_name=PROJECTS, attachments=True) == want


def test_a_server_goes_into_a_folder_at_once(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("import", url, "-p", PROJECTS[0], "--into", "copy", "-t", tmp_path / "a", "--json")
    for written in (True, False):
        assert command(*words) == 0
        count = account(capsys.readouterr().out)["runs"]
        assert 0 < count["read"] < RUNS
        assert count["written" if written else "unchanged"] == count["read"]
    with Client(str(tmp_path / "a")) as client:
        assert len(client.list_runs(project_name="copy").to_list()) == count["read"]


def test_options_choose_what_is_taken(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "runs.jsonl"
    words = ("export", file, "-t", url, "-f", 'eq(run_type, "llm")', "-n", 3, "--order", "asc")
    assert command(*words, "--no-feedback", "--no-attachments") == 0
    rows = [orjson.loads(line) for line in file.read_bytes().splitlines()]
    assert [row["run_type"] for row in rows] == ["llm"] * 3
    assert rows[0]["start_time"] <= rows[-1]["start_time"]


def test_a_loss_is_a_failure_that_says_what(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "runs.jsonl"
    bad = {**run(2), "start_time": "yesterday"}
    file.write_bytes(b"\n".join([orjson.dumps(run(1)), orjson.dumps(bad), *[b"x"] * 30]))
    assert command("import", file, "--target", tmp_path / "traces") == 1
    said, errors = capsys.readouterr()
    assert said.split("\n")[1].split() == ["runs", "32", "1", "0", "31"]
    assert "refused run line 3: not a JSON object" in errors
    assert errors.endswith("and 11 more\n")
    assert command("import", file, "--target", tmp_path / "traces", "--json") == 1
    refusals = account(capsys.readouterr().out)["refusals"]
    [reason] = [one["reason"] for one in refusals if one["id"] == uid(2)]
    assert "start_time: not an ISO-8601 time" in reason


@pytest.mark.parametrize(
    ("words", "code", "what"),
    [
        (("export", "{tmp}/runs.csv", "-t", "{url}"), 2, "must end in .jsonl"),
        (("export", "{tmp}/there.jsonl", "-t", "{url}"), 1, "--overwrite"),
        (("export", "{tmp}/a.jsonl", "-t", "{tmp}/nothing"), 1, "no Runstore folder"),
        (("export", "{tmp}/a.jsonl", "-t", "{url}", "-f", "eq(nam, 1)"), 2, "did you mean"),
        (("export", "{tmp}/a.jsonl", "-t", "{url}", "-p", "nobody's"), 1, "not found"),
        (("export", "{tmp}/a.jsonl", "-t", "{url}", "--requests-per-10s", "0"), 2, "less than 1"),
        (("import", "{tmp}/missing.jsonl", "-t", "{tmp}/a"), 1, "no such file"),
        (("import", "{tmp}/there.txt", "-t", "{tmp}/a"), 2, "does not end in .jsonl"),
        (("import", "{tmp}/there.jsonl", "-t", "{tmp}/a", "-n", "3"), 2, "taken as a whole"),
        (("import", "ftp://x", "-t", "{tmp}/a"), 2, "ftp"),
    ],
)
def test_what_cannot_be_done_is_told_on_stderr(
    url: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    code: int,
    what: str,
) -> None:
    for ending in ("jsonl", "txt"):
        (tmp_path / f"there.{ending}").write_bytes(b"")
    assert command(*(word.format(tmp=tmp_path, url=url) for word in words)) == code
    said, errors = capsys.readouterr()
    assert said == ""
    assert errors.startswith("runstore: ")
    assert what in errors


@pytest.mark.parametrize("name", ["export", "import"])
def test_help_has_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    command(name, "--help")
    assert f"Example: runstore {name} runs." in " ".join(capsys.readouterr().out.split())
