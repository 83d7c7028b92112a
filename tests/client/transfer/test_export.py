"""Export: every run once, whatever happens in between."""

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
import zstandard
from pyarrow import parquet as pyarrow_parquet

from runstore.client.sync import Client
from runstore.client.transfer import Ledger, content_hash, export_runs
from runstore.client.transfer.state import StateFile
from runstore.errors import Conflict, CursorError, InvalidArgument, NotFound, StorageError
from tests.client.transfer.conftest import EVERY_ID
from tests.client.transfer.killed import PAGE_RUNS
from tests.client.transfer.world import ATTACHMENTS, FEEDBACK, PROJECTS, RUNS
from tests.server.wirerun import uid

ENDINGS = ("jsonl", "jsonl.zst", "parquet")
everything: Any = {"run_ids": EVERY_ID}


def rows_of(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".parquet":
        rows: list[dict[str, Any]] = pyarrow_parquet.read_table(path).to_pylist()
        return rows
    data = path.read_bytes()
    if path.suffix == ".zst":
        reader = zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True)
        data = reader.read()
    return [orjson.loads(line) for line in data.splitlines()]


def counts(ledger: Ledger) -> list[tuple[int, int, int, int]]:
    return [(one.read, one.written, one.unchanged, one.refused) for one in ledger.counts]


@pytest.fixture(params=ENDINGS)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    file: Path = tmp_path / f"runs.{request.param}"
    return file


def test_a_file_holds_what_the_server_holds(source: Client, path: Path) -> None:
    ledger = export_runs(source, path, **everything)
    want = [RUNS + 1, FEEDBACK, ATTACHMENTS]
    assert counts(ledger) == [(number, number, 0, 0) for number in want]
    assert ledger.is_lossless
    assert sorted(row["id"] for row in rows_of(path)) == sorted(EVERY_ID)
    assert {row["session_name"] for row in rows_of(path)} == {*PROJECTS, None}
    have = content_hash(path, attachments=True)
    assert have == content_hash(source, attachments=True, **everything)
    assert have.runs == RUNS + 1
    left = {one.name for one in path.parent.iterdir()}
    assert left == {path.name, f"{path.name}.attachments"}


def test_what_is_asked_for_is_taken(source: Client, path: Path) -> None:
    ledger = export_runs(source, path, project_name=PROJECTS[0], run_type="llm", limit=2)
    assert ledger.runs.written == 2
    assert {row["run_type"] for row in rows_of(path)} == {"llm"}
    assert export_runs(source, path, overwrite=True, run_ids=[uid(5000)]).runs.read == 0
    assert rows_of(path) == []


def test_feedback_and_attachments_may_stay_behind(source: Client, path: Path) -> None:
    ledger = export_runs(source, path, feedback=False, attachments=False, **everything)
    assert counts(ledger)[1:] == [(0, 0, 0, 0), (0, 0, 0, 0)]
    assert not path.with_name(f"{path.name}.attachments").exists()


def test_what_must_not_be_kept_is_not_in_a_file(source: Client, path: Path) -> None:
    """Links are signed: whoever has the file could read with them."""
    export_runs(source, path, **everything)
    for row in rows_of(path):
        assert "s3_urls" not in row
        assert "/attachments/" not in json.dumps(row, default=str)


# --- killed

STEPS = {"jsonl": (1, 6, 9, 17), "jsonl.zst": (12,), "parquet": (8, 11)}


def killed_exports(
    url: str, path: Path, run_ids: list[str], steps: Iterable[int]
) -> tuple[list[Any], dict[str, Any]]:
    """How each ended, as [exit code, whether the file was there]; and what the last one says."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.client.transfer.killed", url, str(path), *map(str, steps)],
        input=json.dumps(run_ids).encode(),
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr.decode()
    *ends, told, last = map(json.loads, done.stdout.splitlines())
    return [*ends, last], told


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_killed_export_goes_on_without_gap_or_repeat(
    source: Client, url: str, tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"runs.{ending}"
    ends, told = killed_exports(url, path, EVERY_ID, (*STEPS[ending], 0))
    assert ends == [[-9, False]] * len(STEPS[ending]) + [[0, True]]
    assert 0 < told["pages"] < len(EVERY_ID) / PAGE_RUNS, "it began again"
    assert told["runs"] == {"read": RUNS + 1, "written": RUNS + 1, "unchanged": 0, "refused": 0}
    assert told["feedback"]["written"] == FEEDBACK
    assert told["attachments"]["written"] == ATTACHMENTS
    assert sorted(row["id"] for row in rows_of(path)) == sorted(EVERY_ID)
    assert content_hash(path, attachments=True) == content_hash(
        source, attachments=True, **everything
    )
    assert sorted(one.name for one in tmp_path.iterdir()) == [path.name, f"{path.name}.attachments"]


@pytest.mark.parametrize(("ending", "first"), [("jsonl", 4), ("parquet", 9)])
def test_an_export_killed_in_its_last_steps_is_finished(
    source: Client, url: str, tmp_path: Path, ending: str, first: int
) -> None:
    """Everything is read, and nothing but names has to change."""
    path = tmp_path / f"runs.{ending}"
    ends, told = killed_exports(url, path, EVERY_ID[:PAGE_RUNS], range(first, 30))
    assert first + len(ends) - 1 > 5
    assert [code for code, _ in ends] == [-9] * (len(ends) - 1) + [0]
    assert told["runs"]["written"] == PAGE_RUNS
    assert sorted(row["id"] for row in rows_of(path)) == EVERY_ID[:PAGE_RUNS]


class Broken(Exception):
    pass


def interrupted(source: Client, path: Path, monkeypatch: pytest.MonkeyPatch, **more: Any) -> None:
    """An export that ends with its second page."""
    monkeypatch.setattr("runstore.client.calls.runs.LANGSMITH_PAGE_RUNS", PAGE_RUNS)
    with Client(str(source.target), api_key="any") as client:
        client._server.page_runs_max = PAGE_RUNS
        seen = 0

        def stop(ledger: Ledger) -> None:
            nonlocal seen
            seen += 1
            if seen == 2:
                raise Broken

        with pytest.raises(Broken):
            export_runs(client, path, on_ledger=stop, **{**everything, **more})


def test_an_interrupted_export_can_be_begun_again(
    source: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "runs.jsonl"
    interrupted(source, path, monkeypatch)
    export_runs(source, path, restart=True, run_ids=EVERY_ID[:3])
    assert len(rows_of(path)) == 3


@pytest.mark.parametrize("other", [{"run_ids": EVERY_ID[:5]}, {"feedback": False}, {"limit": 30}])
def test_it_goes_on_only_with_the_same_question(
    source: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: Any
) -> None:
    path = tmp_path / "runs.jsonl"
    interrupted(source, path, monkeypatch)
    with pytest.raises(Conflict, match="say restart"):
        export_runs(source, path, **{**everything, **other})


def test_a_limit_holds_over_an_interruption(
    source: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "runs.jsonl"
    interrupted(source, path, monkeypatch, limit=11)
    ledger = export_runs(source, path, limit=11, **everything)
    assert (ledger.runs.written, len({row["id"] for row in rows_of(path)})) == (11, 11)


@pytest.mark.parametrize(
    ("damage", "error", "what"),
    [
        (lambda part, state: part.write_bytes(b""), StorageError, "say restart"),
        (lambda part, state: part.unlink(), StorageError, "0 bytes"),
        (lambda part, state: state.path.write_text("{}"), StorageError, "not the state"),
        (lambda part, state: state.path.write_text("nonsense"), StorageError, "not the state"),
    ],
)
def test_what_does_not_fit_together_is_told(
    source: Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    damage: Any,
    error: Any,
    what: str,
) -> None:
    path = tmp_path / "runs.jsonl"
    interrupted(source, path, monkeypatch)
    damage(tmp_path / "runs.jsonl.part", StateFile(path))
    with pytest.raises(error, match=what):
        export_runs(source, path, **everything)


def test_a_cursor_the_server_no_longer_takes_is_told_with_what_to_do(
    source: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "runs.jsonl"
    interrupted(source, path, monkeypatch)
    file = StateFile(path)
    state = file.load()
    assert state is not None
    state.cursor = "x" * 51
    file.save(state)
    with pytest.raises(CursorError, match="say restart"):
        export_runs(source, path, **everything)


# --- refused


def test_a_file_that_is_there_is_left_alone(source: Client, tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    path.write_text("mine")
    with pytest.raises(Conflict, match="there already"):
        export_runs(source, path, **everything)
    assert path.read_text() == "mine"
    assert export_runs(source, path, overwrite=True, **everything).is_lossless


def test_a_file_that_came_meanwhile_is_left_alone(
    source: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "runs.jsonl"
    interrupted(source, path, monkeypatch)
    path.write_text("mine")
    with pytest.raises(Conflict, match="there already"):
        export_runs(source, path, **everything)
    assert path.read_text() == "mine"
    assert export_runs(source, path, overwrite=True, **everything).is_lossless


def test_one_process_writes_a_file(source: Client, tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    with StateFile(path).claimed(), pytest.raises(Conflict, match="another process"):
        export_runs(source, path, **everything)
    assert export_runs(source, path, **everything).is_lossless


@pytest.mark.parametrize(
    ("name", "asked", "error", "what"),
    [
        ("runs.csv", everything, InvalidArgument, ".jsonl, .jsonl.zst or .parquet"),
        ("runs.jsonl", {}, InvalidArgument, "does not say which runs"),
        ("runs.jsonl", {"select": ["id"]}, TypeError, "select"),
        ("runs.jsonl", {"projekt_name": "x"}, TypeError, "project_name"),
        ("runs.jsonl", {"project_name": "nobody's"}, NotFound, "Project nobody's not found"),
        ("no/folder/runs.jsonl", everything, StorageError, "cannot write"),
    ],
)
def test_what_cannot_be_done_is_told(
    source: Client, tmp_path: Path, name: str, asked: Any, error: Any, what: str
) -> None:
    with pytest.raises(error, match=what):
        export_runs(source, tmp_path / name, **asked)


def test_an_attachment_that_cannot_be_had_is_a_loss(
    source: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = httpx2.Client.send

    def send(self: httpx2.Client, request: httpx2.Request, **options: Any) -> httpx2.Response:
        if "/attachments/" in str(request.url):
            return httpx2.Response(404, json={"detail": "it is gone"}, request=request)
        return real(self, request, **options)

    monkeypatch.setattr(httpx2.Client, "send", send)
    ledger = export_runs(source, tmp_path / "runs.jsonl", **everything)
    assert (ledger.attachments.refused, ledger.attachments.written) == (ATTACHMENTS, 0)
    assert not ledger.is_lossless
    assert {one.reason for one in ledger.refusals} == {"it is gone"}


# --- verified


def test_a_verified_export_goes_on_and_is_compared(
    source: Client, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(source, path, monkeypatch, verify=True)
    assert export_runs(source, path, verify=True, **everything).is_lossless


def test_a_file_that_does_not_hold_what_was_read_is_found_out(
    source: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "runs.jsonl"
    interrupted(source, path, monkeypatch, verify=True)
    part = tmp_path / "runs.jsonl.part"
    part.write_bytes(part.read_bytes().replace(b"Traceback", b"traceback", 1))
    with pytest.raises(StorageError, match="does not hold what was read"):
        export_runs(source, path, verify=True, **everything)
