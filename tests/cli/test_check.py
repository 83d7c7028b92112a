"""`runstore check`: what it prints, and its exit code."""

import json
from pathlib import Path

import apsw
import pytest

from runstore.cli.main import app
from runstore.engine.sqlite.connections import DATABASE
from runstore.engine.sqlite.engine import SqliteEngine
from runstore.model.batch import Batch
from tests.model.make import T0, create, rid


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    engine = SqliteEngine(tmp_path / "runs")
    engine.write([Batch(messages=[create(1), create(1, 2)])], T0)
    engine.close()
    return tmp_path / "runs"


def damage(folder: Path) -> None:
    connection = apsw.Connection(str(folder / DATABASE))
    connection.execute("DELETE FROM payloads WHERE rid = 2")
    connection.close()


def check(*words: object) -> int:
    """The exit code."""
    code = app(["check", *map(str, words)], result_action="return_value")
    assert isinstance(code, int)
    return code


def test_a_sound_folder_is_a_table_and_no_problem(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(folder) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[0] == "check"
    assert {line.split()[0] for line in lines[1:-1]} >= {"database", "rows", "payloads", "strays"}
    assert lines[-1] == "no problems"


def test_what_is_wrong_is_said_below_the_table(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damage(folder)
    assert check(folder) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2:] == [f"rows: run {rid(2)} has no payloads", "1 problem"]


@pytest.mark.parametrize("is_damaged", [False, True])
def test_as_json_it_is_one_object(
    folder: Path, capsys: pytest.CaptureFixture[str], is_damaged: bool
) -> None:
    if is_damaged:
        damage(folder)
    assert check(folder, "--json") == int(is_damaged)
    said = json.loads(capsys.readouterr().out)
    assert said["sound"] is not is_damaged
    assert said["folder"] == str(folder)
    (rows,) = (one for one in said["checks"] if one["name"] == "rows")
    assert (rows["looked_at"], rows["problem_count"]) == (2, int(is_damaged))
    assert len(rows["problems"]) == int(is_damaged)


def test_a_fast_check_leaves_out_what_takes_long(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(folder, "--fast", "--json") == 0
    names = {one["name"] for one in json.loads(capsys.readouterr().out)["checks"]}
    assert "rows" in names
    assert "payloads" not in names


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(lambda folder: None, "no Runstore folder at", id="no folder"),
        pytest.param(lambda folder: folder.mkdir(), "no Runstore folder at", id="an empty one"),
        pytest.param(lambda folder: folder.write_text(""), "cannot read", id="a file"),
    ],
)
def test_what_cannot_be_opened_is_said(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    make: "object",
    message: str,
) -> None:
    assert callable(make)
    make(tmp_path / "none")
    assert check(tmp_path / "none") == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("runstore: ")
    assert message in said.err
