"""The commands that change something, and those that are about the command itself."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cyclopts import App

from runstore.cli.filters import as_time
from runstore.cli.main import app
from runstore.client.drive import drive
from runstore.client.sync import Client
from runstore.errors import InvalidArgument
from runstore.store.keys import create_key, read_keys
from tests.cli.conftest import Say
from tests.client.conftest import Place
from tests.client.world import id_of, run, write_runs
from tests.server.live import open_engine, serve

DOCS = Path(__file__).parents[2] / "docs/cli.md"


def test_a_project_is_made_and_deleted(say: Say, own_place: Place) -> None:
    where = ("-t", own_place.target)
    made = say("projects", "create", "agent", "--description", "supports", *where)
    assert made.code == 0, made.err
    (project,) = json.loads(say("projects", "list", "-o", "json", *where).out)
    assert (project["id"], project["description"]) == (made.out.strip(), "supports")
    assert say("projects", "create", "agent", *where).code == 1, "the name is taken"
    kept = say("projects", "delete", "agent", *where)
    assert (kept.code, kept.err) == (1, "runstore: nothing was deleted; say --yes\n")
    assert say("projects", "delete", "agent", "--yes", *where).code == 0
    assert say("projects", "list", "-o", "json", *where).out == "[\n]\n"
    assert say("projects", "delete", "agent", "--yes", *where).code == 1


def test_a_project_is_deleted_by_its_id(say: Say, own_place: Place) -> None:
    made = say("projects", "create", "agent", "-t", own_place.target).out.strip()
    assert say("projects", "delete", made, "-y", "-t", own_place.target).code == 0


def test_feedback_is_put_on_a_run(say: Say, own_place: Place) -> None:
    with Client(own_place.target) as writer:
        drive(write_runs([run("one")]), writer._transport)
    run_id = str(id_of("one"))
    words = ("--score", "0.5", "--comment", "half", "-t", own_place.target)
    made = say("feedback", "create", run_id, "user_score", *words)
    assert made.code == 0, made.err
    (record,) = json.loads(
        say("feedback", "list", "--run-id", run_id, "-o", "json", "-t", own_place.target).out
    )
    assert (record["id"], record["score"], record["comment"]) == (made.out.strip(), 0.5, "half")


def test_keys_are_made_listed_and_revoked(say: Say, tmp_path: Path) -> None:
    where = ("--data", str(tmp_path))
    made = say("keys", "create", "--name", "agent", "--role", "read", "--role", "write", *where)
    assert made.code == 0, made.err
    said = dict(line.split(maxsplit=1) for line in made.out.splitlines()[:3])
    assert said["key"].startswith("rs_")
    assert said["role"] == "read, write"
    listed = say("keys", "list", *where)
    assert listed.rows[1][:3] == [said["id"], "agent", "read,write"]
    assert said["key"] not in listed.out
    assert say("keys", "create", "--name", "agent", *where).code == 1
    assert say("keys", "revoke", "agent", *where).out == f"revoked {said['id']} agent\n"
    assert say("keys", "revoke", "agent", *where).code == 1
    assert read_keys(tmp_path) == ()


def test_the_folder_of_keys_is_that_of_the_server(
    say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNSTORE_DATA", str(tmp_path))
    assert say("keys", "create").code == 0
    assert [key.roles for key in read_keys(tmp_path)] == [("admin",)]
    gone = say("keys", "list", "--data", str(tmp_path / "none"))
    assert (gone.code, gone.rows[1:]) == (0, [])
    assert say("keys", "revoke", "x", "--data", str(tmp_path / "none")).code == 1
    assert say("keys", "create", "--data", str(tmp_path / "none")).code == 0
    assert len(read_keys(tmp_path / "none")) == 1  # as the server says that refused to start


NOBODY = "00000000-0000-4000-8000-00000000dead"
# fmt: off
WRONG = [
    (["list", "--filter", "eq(nme, 1)"], 2, "nme"),
    (["list", "--since", "yesterday"], 2, "--since: 'yesterday'"),
    (["list", "--end-time", "tomorrow"], 2, "--until: 'tomorrow'"),
    (["list", "--order", "up"], 2, "order"),
    (["list", "--no-such-option"], 2, "no-such-option"),
    (["list", "--limit", "-1"], 2, "limit"),
    (["list", "--project", "nobody"], 1, "nobody"),
    (["get", "not-an-id"], 2, "UUID"),
    (["get", NOBODY], 1, NOBODY),
    (["trace", NOBODY], 1, f"no run or trace {NOBODY}"),
    (["lst"], 2, "list"),
    (["tail", "--cursor", "x"], 2, "cursor"),
    (["feedback", "create", "not-an-id", "k"], 2, "UUID"),
]
# fmt: on


@pytest.mark.parametrize(("words", "code", "said"), WRONG, ids=lambda value: str(value))
def test_what_goes_wrong_is_said_on_stderr(
    say: Say, tmp_path: Path, words: list[str], code: int, said: str
) -> None:
    with Client(tmp_path / "runs") as writer:
        drive(write_runs([run("one")]), writer._transport)
    where = () if words == ["lst"] else ("--target", str(tmp_path / "runs"))
    answer = say(*words, *where)
    assert (answer.code, answer.out) == (code, "")
    assert said in answer.err


def test_a_target_that_is_none_is_said(say: Say) -> None:
    answer = say("get", str(id_of("one")), "--target", "ftp://example.org")
    assert (answer.code, answer.out) == (2, "")
    assert "ftp" in answer.err


def test_a_key_that_is_not_good_for_it_is_said(say: Say, tmp_path: Path) -> None:
    _, secret = create_key(tmp_path, 0, roles=("write",))
    with serve(open_engine("sqlite", tmp_path), tmp_path) as live:
        for key, said in ((secret, "one for read"), ("other", "not known")):
            answer = say("projects", "list", "--target", live.url, "--api-key", key)
            assert (answer.code, answer.out) == (1, "")
            assert said in answer.err


def test_a_reader_that_has_enough_is_no_error(own_place: Place) -> None:
    with Client(own_place.target) as writer:
        drive(write_runs([run(f"run {n}") for n in range(300)]), writer._transport)
    command = [str(Path(sys.executable).with_name("runstore")), "list", "-n", "all", "-o", "jsonl"]
    process = subprocess.Popen(
        [*command, "-t", own_place.target],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None and process.stderr is not None
    assert json.loads(process.stdout.readline())["name"]
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert (process.wait(30), errors) == (0, b"")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_can_complete(say: Say, shell: str) -> None:
    said = say("completion", shell)
    assert said.code == 0
    assert "runstore" in said.out
    assert "projects" in said.out


@pytest.mark.parametrize("text", ["90s", "15m", "2h", "7d", "4w", "1.5h"])
def test_a_time_may_be_how_long_ago(text: str) -> None:
    from datetime import UTC, datetime, timedelta

    now = datetime(2026, 3, 1, tzinfo=UTC)
    hours = {"90s": 0.025, "15m": 0.25, "2h": 2, "7d": 168, "4w": 672, "1.5h": 1.5}[text]
    assert now - as_time("--since", text, now) == timedelta(hours=hours)


def test_a_time_without_a_zone_is_local() -> None:
    from datetime import datetime

    naive = datetime(2026, 3, 1, 10)  # noqa: DTZ001  # as a person types it
    assert as_time("--since", "2026-03-01T10:00") == naive.astimezone()
    for text in ("", "soon", "5 x", "2026-13-01"):
        with pytest.raises(InvalidArgument, match="neither an ISO time"):
            as_time("--since", text)


def commands(group: App = app, name: str = "runstore") -> dict[str, App]:
    """Every command that does something, by its full name."""
    found: dict[str, App] = {}
    for word in group:
        if word.startswith("-"):
            continue
        one = group[word]
        if any(not inner.startswith("-") for inner in one):
            found |= commands(one, f"{name} {word}")
        else:
            found[f"{name} {word}"] = one
    return found


GROUPS = {name.rpartition(" ")[0] for name in commands()}


@pytest.mark.parametrize("name", sorted(GROUPS | set(commands())))
def test_the_help_of_a_command_has_an_example(say: Say, name: str) -> None:
    said = say(*name.split()[1:], "--help")
    assert said.code == 0
    assert "Example" in said.out
    assert name in " ".join(said.out.split())


@pytest.mark.parametrize("name", sorted(commands()))
def test_the_papers_name_every_command(name: str) -> None:
    assert f"`{name}" in DOCS.read_text()


def test_the_papers_name_no_other_command() -> None:
    import re

    known = set(commands())
    named = set(
        re.findall(r"^\| `(runstore [a-z]+(?: [a-z]+)?)[ `]", DOCS.read_text(), re.MULTILINE)
    )
    assert {
        one for one in named if one not in known and one.rsplit(" ", 1)[0] not in known
    } == set()
