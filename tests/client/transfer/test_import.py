"""Import: what the source has is at the target, once; and the ledger says so."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import langsmith
import orjson
import pyarrow
import pytest
from langsmith import schemas
from pyarrow import parquet

from runstore.client.http import HttpRequest, HttpResponse
from runstore.client.sync import Client
from runstore.client.transfer import Ledger, content_hash, export_runs, import_runs
from runstore.errors import InvalidArgument, StorageError
from tests.client.transfer.conftest import EVERY_ID, OpenTarget
from tests.client.transfer.test_export import counts, everything
from tests.client.transfer.world import ATTACHMENTS, FEEDBACK, PROJECTLESS, PROJECTS, RUNS
from tests.server.wirerun import run, uid

ALL = (RUNS + 1, FEEDBACK, ATTACHMENTS)
WRITTEN = [(number, number, 0, 0) for number in ALL]
UNCHANGED = [(number, 0, number, 0) for number in ALL]


def writes(client: Client, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of what changes anything, as they are sent from now on."""
    sent: list[str] = []
    real = client._transport.send

    def send(request: HttpRequest) -> HttpResponse:
        if request.path != "/runs/query" and request.method != "GET":
            sent.append(f"{request.method} {request.path}")
        return real(request)

    monkeypatch.setattr(client._transport, "send", send)
    return sent


def file_of(source: Client, folder: Path, ending: str) -> Path:
    path = folder / f"runs.{ending}"
    export_runs(source, path, **everything)
    return path


def lines_file(folder: Path, *runs: dict[str, Any]) -> Path:
    path = folder / "lines.jsonl"
    path.write_bytes(b"".join(orjson.dumps(one) + b"\n" for one in runs))
    return path


# --- all of it, twice


@pytest.mark.parametrize("kind", ["server", "folder"])
def test_a_second_import_of_a_server_writes_nothing(
    source: Client, open_target: OpenTarget, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = open_target(kind)
    assert counts(import_runs(source, target, **everything)) == WRITTEN
    want = content_hash(source, attachments=True, **everything)
    assert content_hash(target, attachments=True, **everything) == want
    sent = writes(target, monkeypatch)
    again = import_runs(source, target, verify=True, **everything)
    assert (counts(again), sent, again.is_lossless) == (UNCHANGED, [], True)
    assert content_hash(target, attachments=True, **everything) == want


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.zst", "parquet"])
def test_a_file_gives_back_what_was_put_into_it(
    source: Client,
    target: Client,
    tmp_path: Path,
    ending: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = file_of(source, tmp_path, ending)
    assert counts(import_runs(path, target, verify=True)) == WRITTEN
    assert content_hash(target, **everything) == content_hash(source, **everything)
    sent = writes(target, monkeypatch)
    assert (counts(import_runs(path, target)), sent) == (UNCHANGED, [])


def test_runs_stay_what_they_were(source: Client, target: Client) -> None:
    """As the real client sees them; tokens and costs are made again of the same content."""
    import_runs(source, target, **everything)
    new_to_each = {"session_id", "app_path", "feedback_stats", "attachments"}
    theirs: list[list[schemas.Run]] = []
    for place in (source, target):
        client = langsmith.Client(str(place.target), api_key="any", auto_batch_tracing=False)
        theirs.append(list(client.list_runs(id=EVERY_ID)))
        assert {one.name for one in client.list_projects()} == set(PROJECTS)
    assert len(theirs[0]) == RUNS + 1
    for before, after in zip(*theirs, strict=True):
        assert before.model_dump(exclude=new_to_each) == after.model_dump(exclude=new_to_each)
        assert before.attachments.keys() == after.attachments.keys()
    assert target.read_run(uid(PROJECTLESS)).session_id is None
    assert target.read_run(uid(1)).attachments["notes 1"].read() == b"file 1" * 1000


def test_feedback_keeps_its_ids_and_times(source: Client, target: Client) -> None:
    import_runs(source, target, **everything)
    records: list[dict[str, Any]] = []
    for place in (source, target):
        answer = httpx2.get(f"{place.target}/feedback", params={"limit": 100})
        records.append({one["id"]: {**one, "session_id": None} for one in answer.json()})
    assert records[0] == records[1]
    assert len(records[0]) == FEEDBACK


def test_all_can_go_into_one_project(source: Client, target: Client) -> None:
    ledger = import_runs(source, target, project="archive", **everything)
    assert ledger.is_lossless
    assert counts(import_runs(source, target, project="archive", **everything)) == UNCHANGED
    found = target.list_runs(project_name="archive").to_list()
    assert len(found) == RUNS + 1


# --- what has changed since


def test_what_is_new_is_added(source: Client, target: Client) -> None:
    import_runs(source, target, run_ids=EVERY_ID[:10])
    ledger = import_runs(source, target, **everything)
    assert (ledger.runs.unchanged, ledger.runs.written) == (10, RUNS - 9)
    assert content_hash(target, **everything) == content_hash(source, **everything)


def test_a_run_that_ended_meanwhile_ends_at_the_target(target: Client, tmp_path: Path) -> None:
    begun = run(1, tags=["a"])
    ended = {**begun, "end_time": "2026-03-01T10:00:09Z", "outputs": {"a": 1}, "status": "success"}
    assert import_runs(lines_file(tmp_path, begun), target).runs.written == 1
    assert target.read_run(uid(1)).status == "pending"
    path = lines_file(tmp_path, ended)
    ledger = import_runs(path, target)
    assert (ledger.runs.written, ledger.is_lossless) == (1, True)
    assert (target.read_run(uid(1)).status, target.read_run(uid(1)).outputs) == (
        "success",
        {"a": 1},
    )
    assert import_runs(path, target).runs.unchanged == 1


def test_feedback_that_changed_is_changed(target: Client, tmp_path: Path) -> None:
    rated = {"id": uid(7), "key": "k", "score": 1, "created_at": "2026-03-02T10:00:00Z"}
    for score, written in ((1, 1), (1.0, 0), (0, 1)):
        path = lines_file(tmp_path, {**run(1), "feedback": [{**rated, "score": score}]})
        ledger = import_runs(path, target)
        assert (ledger.feedback.read, ledger.feedback.written) == (1, written)
    assert ledger.runs.unchanged == 1
    assert httpx2.get(f"{target.target}/feedback").json()[0]["score"] == 0


def test_feedback_without_an_id_is_written_once(target: Client, tmp_path: Path) -> None:
    path = lines_file(tmp_path, {**run(1), "feedback": [{"key": "k", "score": 1}]})
    assert import_runs(path, target).feedback.written == 1
    assert import_runs(path, target).feedback.unchanged == 1


def test_what_a_merge_cannot_undo_is_a_loss(target: Client, tmp_path: Path) -> None:
    import_runs(lines_file(tmp_path, run(1, tags=["a", "b"])), target)
    ledger = import_runs(lines_file(tmp_path, run(1, tags=["a"])), target)
    assert (ledger.runs.written, ledger.runs.refused, ledger.is_lossless) == (0, 1, False)
    [refused] = ledger.refusals
    assert refused == ("run", uid(1), "the target has and keeps another tags")


def test_what_the_target_has_beside_stays(target: Client, tmp_path: Path) -> None:
    rated = [{"id": uid(7), "key": "k", "score": 1}]
    import_runs(lines_file(tmp_path, {**run(1, outputs={"a": 1}), "feedback": rated}), target)
    less = {name: value for name, value in run(1).items() if name != "run_type"}
    ledger = import_runs(lines_file(tmp_path, less), target)
    assert (ledger.runs.unchanged, ledger.is_lossless) == (1, True)


# --- what is wrong


def test_a_line_that_is_no_run_is_refused_by_its_number(target: Client, tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    lines = [
        orjson.dumps(run(1)),
        b'{"id": "x"}',
        b"",
        b"nonsense",
        b"[]",
        orjson.dumps({**run(2), "feedback": {}}),
        orjson.dumps({**run(3), "attachments": {"a": {"mime_type": "x"}}}),
        orjson.dumps({**run(4), "session_name": 4}),
        orjson.dumps(run(5))[:-10],
    ]
    path.write_bytes(b"\n".join(lines))
    ledger = import_runs(path, target)
    assert (ledger.runs.read, ledger.runs.written, ledger.runs.refused) == (8, 1, 7)
    assert [one.id for one in ledger.refusals] == [f"line {n}" for n in (2, 4, 5, 6, 7, 8, 9)]
    assert not ledger.is_lossless
    with pytest.raises(StorageError, match="line 2: id: 'x' is not a UUID"):
        content_hash(path)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda client, path: content_hash(client), "content_hash"),
        (lambda client, path: import_runs(client, client), "import_runs"),
        (lambda client, path: export_runs(client, path), "export_runs"),
    ],
)
def test_a_question_that_says_nothing_is_told_as_that_of_its_function(
    target: Client, tmp_path: Path, call: Callable[[Client, Path], Any], name: str
) -> None:
    with pytest.raises(InvalidArgument, match=rf"^{name}\(\) does not say which runs"):
        call(target, tmp_path / "runs.jsonl")


def test_what_the_target_refuses_is_told(target: Client, tmp_path: Path) -> None:
    path = lines_file(
        tmp_path,
        {**run(1), "feedback": [{"id": uid(7), "key": "", "score": 1}, {"id": uid(8), "key": "k"}]},
        {**run(2), "start_time": "yesterday"},
        {**run(3), "attachments": {"a": {"sha256": "0" * 64}}},
    )
    ledger = import_runs(path, target)
    assert counts(ledger) == [(3, 2, 0, 1), (2, 1, 0, 1), (1, 0, 0, 1)]
    told = {(one.what, one.id): one.reason for one in ledger.refusals}
    assert "start_time" in told["run", uid(2)]
    assert "key" in told["feedback", uid(7)]
    assert "cannot read the attachment" in told["attachment", f"{uid(3)}/a"]
    assert not ledger.is_lossless


@pytest.mark.parametrize("name", ["../../secret", "/etc/passwd", "." * 64])
def test_an_attachment_is_never_looked_for_elsewhere(
    target: Client, tmp_path: Path, name: str
) -> None:
    path = lines_file(tmp_path, {**run(1), "attachments": {"a": {"sha256": name}}})
    [refused] = import_runs(path, target).refusals
    assert "is not the name of an attachment" in refused.reason


def test_a_damaged_attachment_is_a_loss(source: Client, target: Client, tmp_path: Path) -> None:
    path = file_of(source, tmp_path, "jsonl")
    [one, *_] = (tmp_path / "runs.jsonl.attachments").iterdir()
    one.write_bytes(b"something else")
    ledger = import_runs(path, target)
    assert (ledger.attachments.refused, ledger.runs.refused) == (1, 0)
    assert "damaged" in ledger.refusals[0].reason


def test_a_target_that_forgets_is_found_out(
    source: Client, target: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A 202 of a server that keeps nothing: `verify` asks."""
    real = target._transport.send

    def send(request: HttpRequest) -> HttpResponse:
        if request.path == "/runs/multipart":
            return HttpResponse(202, b'{"message":"accepted"}')
        return real(request)

    monkeypatch.setattr(target._transport, "send", send)
    ledger = import_runs(source, target, verify=True, **everything)
    assert counts(ledger) == [(number, 0, 0, number) for number in ALL]
    assert "does not have it" in ledger.refusals[0].reason


def test_a_server_that_does_not_name_all_it_refused_is_asked(
    target: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = target._transport.send

    def send(request: HttpRequest) -> HttpResponse:
        answer = real(request)
        if request.path == "/runs/multipart":
            said = orjson.loads(answer.body)
            answer = HttpResponse(202, orjson.dumps({**said, "refused": said["refused"][:1]}))
        return answer

    monkeypatch.setattr(target._transport, "send", send)
    bad = {"key": "", "score": 1}
    path = lines_file(
        tmp_path,
        run(1),
        {**run(2), "start_time": "yesterday"},
        {**run(3), "start_time": "tomorrow"},
        {**run(4), "feedback": [{"id": uid(7), **bad}, {"id": uid(8), "key": "k"}]},
    )
    ledger = import_runs(path, target)
    assert counts(ledger) == [(4, 2, 0, 2), (2, 1, 0, 1), (0, 0, 0, 0)]
    assert {one.id for one in ledger.refusals} == {uid(2), uid(3), uid(7)}


def test_a_run_that_comes_twice_is_compared_twice(target: Client, tmp_path: Path) -> None:
    ledger = import_runs(lines_file(tmp_path, run(1), run(1), run(2), run(1)), target)
    assert counts(ledger)[0] == (4, 2, 2, 0)


@pytest.mark.parametrize(
    ("name", "content", "error", "what"),
    [
        ("runs.csv", b"", InvalidArgument, ".jsonl, .jsonl.zst or .parquet"),
        ("runs.jsonl", None, StorageError, "no such file"),
        ("runs.parquet", None, StorageError, "no such file"),
        ("runs.jsonl.zst", b"not zstd", StorageError, "cannot read"),
        ("runs.parquet", b"not parquet", StorageError, "cannot read"),
    ],
)
def test_a_file_that_is_none_is_told(
    target: Client, tmp_path: Path, name: str, content: bytes | None, error: Any, what: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=what):
        import_runs(tmp_path / name, target)


def test_a_file_is_taken_as_a_whole(target: Client, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="limit: a file is taken as a whole"):
        import_runs(lines_file(tmp_path, run(1)), target, limit=1)


# --- files of others


def test_the_sdks_own_dump_can_be_imported(source: Client, target: Client, tmp_path: Path) -> None:
    client = langsmith.Client(str(source.target), api_key="any", auto_batch_tracing=False)
    theirs = client.list_runs(id=EVERY_ID[:10])
    path = tmp_path / "dump.jsonl"
    path.write_text("".join(one.model_dump_json(exclude={"attachments"}) + "\n" for one in theirs))
    ledger = import_runs(path, target)
    assert (ledger.runs.written, ledger.is_lossless) == (10, True)
    assert {run.id for run in target.list_runs(project_name="default")} == {
        run.id for run in source.list_runs(run_ids=EVERY_ID[:10])
    }


def test_other_writers_parquet_can_be_imported(target: Client, tmp_path: Path) -> None:
    """Structs for payloads, times without a zone, text where JSON text is."""
    rows = [
        {**run(1), "outputs": json.dumps({"a": 1}), "extra": {"metadata": {"k": "v"}}},
        {**run(2), "outputs": "no json"},
    ]
    table = pyarrow.Table.from_pylist(rows)
    starts = pyarrow.array([1_772_359_200_000_000] * 2, pyarrow.timestamp("us"))
    table = table.set_column(table.column_names.index("start_time"), "start_time", starts)
    parquet.write_table(table, tmp_path / "other.parquet")
    ledger = import_runs(tmp_path / "other.parquet", target)
    assert (ledger.runs.read, ledger.runs.written, ledger.runs.refused) == (2, 1, 1)
    assert ledger.refusals[0].id == "row 2"
    found = target.read_run(uid(1))
    assert (found.inputs, found.outputs, found.metadata["k"]) == ({"n": 1}, {"a": 1}, "v")
    assert found.start_time.isoformat() == "2026-03-01T10:00:00+00:00"


def test_progress_is_told(source: Client, target: Client) -> None:
    told: list[int] = []

    def tell(ledger: Ledger) -> None:
        told.append(ledger.runs.written)

    import_runs(source, target, on_ledger=tell, **everything)
    assert told[-1] == RUNS + 1
