"""Bytes of a folder that have changed on the disk: noticed, named, and in nobody else's way."""

import shutil
import subprocess
import sys
from pathlib import Path

import apsw
import orjson
import pytest
from bench.http import Answer, Connection
from bench.server import Server, ServerError

from runstore.engine.sqlite.connections import DATABASE, PAGE_BYTES
from runstore.model.ids import id_to_bytes
from tests.crash.damage import make_folder, trials
from tests.crash.requests import JSON_HEADERS, Json

TRIALS = 14


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A sound folder, not to be changed, and its runs."""
    folder = tmp_path_factory.mktemp("whole") / "data"
    return folder, make_folder(folder)


@pytest.mark.timeout(120)
def test_a_damaged_page_is_said_to_be_one_and_found_by_check(
    whole: tuple[Path, list[str]], tmp_path: Path
) -> None:
    tried = list(trials(*whole, TRIALS, 3, tmp_path))
    assert [line for trial in tried for line in trial.wrong] == []
    assert [trial.how for trial in tried if trial.is_changed and not trial.is_found] == []
    assert sum(trial.said["damaged"] > 0 for trial in tried) > TRIALS // 2


def _flip_a_bit_of_inputs(folder: Path, run_id: str) -> None:
    database = apsw.Connection(str(folder / DATABASE))
    (rid, raw) = next(
        database.execute(
            "SELECT rid, inputs FROM runs JOIN payloads USING (rid) WHERE id = ?",
            (id_to_bytes(run_id),),
        )
    )
    assert isinstance(raw, bytes)
    changed = bytearray(raw)
    changed[len(raw) // 2] ^= 4
    database.execute("UPDATE payloads SET inputs = ? WHERE rid = ?", (bytes(changed), rid))
    database.close()


def _command(*words: str | Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("runstore")
    return subprocess.run(
        [str(program), *map(str, words)], capture_output=True, text=True, timeout=60
    )


def _ask(connection: Connection, path: str, body: Json) -> Answer:
    return connection.request("POST", path, orjson.dumps(body), JSON_HEADERS)


@pytest.mark.timeout(60)
def test_a_damaged_payload_is_named_and_everything_else_is_served(
    whole: tuple[Path, list[str]], tmp_path: Path
) -> None:
    folder, ids = tmp_path / "data", whole[1][:20]
    shutil.copytree(whole[0], folder)
    bad = ids[7]
    _flip_a_bit_of_inputs(folder, bad)
    with Server(folder) as server, Connection(server.port) as connection:
        page = _ask(connection, "/runs/query", {"id": ids})
        said = orjson.loads(page.body)
        assert (page.status, said["code"]) == (503, "damaged")
        assert "retry-after" not in page.headers, "it is as damaged the next time"
        assert f"inputs of run {bad} are damaged" in said["detail"]
        # What the message says helps does.
        others = _ask(connection, "/runs/query", {"id": ids, "filter": f'neq(id, "{bad}")'})
        assert len(orjson.loads(others.body)["runs"]) == len(ids) - 1
        slim = _ask(connection, "/runs/query", {"id": ids, "select": ["id", "outputs"]})
        assert len(orjson.loads(slim.body)["runs"]) == len(ids)
        # A filter that looks inside it says so too.
        inside = {"id": [bad], "filter": 'like(inputs.text, "%nothing%")'}
        assert orjson.loads(_ask(connection, "/runs/query", inside).body)["code"] == "damaged"
        # It cannot be changed; what is sent together with it can.
        patches = [{"id": run_id, "error": "late"} for run_id in (bad, ids[8])]
        answers = [
            connection.request("PATCH", f"/runs/{patch['id']}", orjson.dumps(patch), JSON_HEADERS)
            for patch in patches
        ]
        assert [answer.status for answer in answers] == [503, 202]
        assert f"run {bad} cannot be changed" in orjson.loads(answers[0].body)["detail"]
    done = _command("check", folder)
    assert done.returncode == 1
    assert f"inputs of run {bad} cannot be unpacked" in done.stdout
    assert f"runstore export saved.jsonl --target {folder}" in done.stderr
    saved = tmp_path / "saved.jsonl"
    exported = _command("export", saved, "--target", folder, "--filter", f'nin(id, ["{bad}"])')
    assert exported.returncode == 0, exported.stderr
    assert len(saved.read_bytes().splitlines()) >= len(whole[1]) - 1


def test_a_database_of_which_nothing_can_be_read_is_said_to_be_so(
    whole: tuple[Path, list[str]], tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    shutil.copytree(whole[0], folder)
    with (folder / DATABASE).open("r+b") as file:
        file.write(bytes(PAGE_BYTES))
    done = _command("check", folder)
    assert done.returncode == 2
    assert "is damaged (file is not a database)" in done.stderr
    assert "put back a sound one" in done.stderr
    with pytest.raises(ServerError, match="cannot open .* is damaged"):
        Server(folder).start()
