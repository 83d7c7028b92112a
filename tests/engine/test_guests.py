"""Engines that only read: what they refuse, what they see, and what they leave untouched."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from runstore.engine.sqlite import dictionary
from runstore.engine.sqlite.connections import DATABASE, Connection
from runstore.engine.sqlite.engine import SqliteEngine
from runstore.engine.sqlite.reader import fetch_page
from runstore.errors import FolderNotFound, ReadOnly, StorageError
from runstore.model.batch import Batch
from runstore.model.project import Project, ProjectQuery
from runstore.model.query import Page, RunQuery
from runstore.model.run import JsonText, Run, RunMessage
from runstore.model.times import us_from_text
from runstore.plan.build import build_plan
from runstore.plan.plan import RunPlan
from runstore.sql.sqlite.codec import Codec
from tests.server.wirerun import uid

START_US = us_from_text("2026-03-01T10:00:00Z")


def created(number: int, inputs: bytes = b'{"n":1}') -> Batch:
    message = RunMessage(
        id=uid(number),
        is_patch=False,
        trace_id=uid(number),
        start_us=START_US + number,
        name=f"run {number}",
        inputs=JsonText(inputs),
    )
    return Batch([message])


def write(engine: SqliteEngine, *numbers: int) -> None:
    assert engine.write([created(number) for number in numbers], START_US) == [[] for _ in numbers]


def runs(engine: SqliteEngine) -> list[Run]:
    select = frozenset({"name", "inputs"})
    return list(engine.fetch_runs(build_plan(RunQuery(limit=1_000, select=select))).runs)


def names(engine: SqliteEngine) -> set[str | None]:
    return {run.name for run in runs(engine)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With one run; nobody has it open."""
    engine = SqliteEngine(tmp_path / "runs")
    write(engine, 1)
    engine.close()
    return tmp_path / "runs"


def test_what_nobody_has_open_is_read(folder: Path) -> None:
    engine = SqliteEngine(folder, read_only=True)
    assert names(engine) == {"run 1"}
    engine.close()


def test_what_is_written_meanwhile_is_seen(folder: Path) -> None:
    guests = [SqliteEngine(folder, read_only=True) for _ in range(2)]
    assert [names(guest) for guest in guests] == [{"run 1"}] * 2
    writer = SqliteEngine(folder)
    write(writer, 2)
    assert [names(guest) for guest in guests] == [{"run 1", "run 2"}] * 2
    writer.close()
    assert [names(guest) for guest in guests] == [{"run 1", "run 2"}] * 2
    for guest in guests:
        guest.close()


CHANGES: list[tuple[str, Callable[[SqliteEngine], object]]] = [
    ("prepare", lambda engine: engine.prepare(created(2), START_US)),
    ("write", lambda engine: engine.write([created(2)], START_US)),
    ("delete traces", lambda engine: engine.delete_traces([uid(1)])),
    (
        "create a project",
        lambda engine: engine.create_project(Project(id=uid(9), name="new", start_us=START_US)),
    ),
    ("update a project", lambda engine: engine.update_project(uid(9), {"name": "other"})),
    ("delete a project", lambda engine: engine.delete_project(uid(9))),
    ("update feedback", lambda engine: engine.update_feedback(uid(9), {"score": 1.0})),
    ("delete feedback", lambda engine: engine.delete_feedback(uid(9))),
]


@pytest.mark.parametrize("change", [one for _, one in CHANGES], ids=[name for name, _ in CHANGES])
def test_what_would_change_something_is_refused(
    folder: Path, change: Callable[[SqliteEngine], object]
) -> None:
    engine = SqliteEngine(folder, read_only=True)
    with pytest.raises(ReadOnly, match="opened for reading alone"):
        change(engine)
    assert not engine.tidy()
    assert engine.preparer() is None
    assert names(engine) == {"run 1"}
    engine.close()


@pytest.mark.parametrize("make", [False, True], ids=["no folder", "an empty folder"])
def test_a_folder_that_is_not_there_is_said_and_not_made(tmp_path: Path, make: bool) -> None:
    folder = tmp_path / "runs"
    if make:
        folder.mkdir()
    engine = SqliteEngine(folder, read_only=True)
    for _ in range(2):
        with pytest.raises(FolderNotFound, match=f"no Runstore folder at {folder}"):
            engine.list_projects(ProjectQuery())
    assert list(tmp_path.rglob("*")) == ([folder] if make else [])
    writer = SqliteEngine(folder)
    write(writer, 7)
    assert names(engine) == {"run 7"}
    writer.close()
    engine.close()


def version(number: int) -> Callable[[apsw.Connection], None]:
    return lambda connection: connection.pragma("user_version", number)


def application(number: int) -> Callable[[apsw.Connection], None]:
    return lambda connection: connection.pragma("application_id", number)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(version(0), "no Runstore folder at", id="no schema"),
        pytest.param(version(999), "written by a newer Runstore", id="newer"),
        pytest.param(application(7), "a database that is not Runstore's", id="of others"),
    ],
)
def test_a_database_it_cannot_read_is_said(
    folder: Path, change: Callable[[apsw.Connection], None], message: str
) -> None:
    engine = SqliteEngine(folder, read_only=True)
    assert names(engine) == {"run 1"}
    connection = apsw.Connection(str(folder / DATABASE))
    change(connection)
    with pytest.raises(StorageError, match=message):
        names(engine)
    connection.close()
    engine.close()


def test_an_older_schema_waits_for_who_may_bring_it_up_to_date(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runstore.engine.sqlite.guests.schema_version", lambda: 900)
    engine = SqliteEngine(folder, read_only=True)
    for _ in range(2):  # who asks is asked to try again, and told the same
        with pytest.raises(
            StorageError, match=r"older Runstore \(schema \d+, this program reads 900\)"
        ):
            names(engine)
    engine.close()


def test_a_folder_that_was_made_anew_is_read_anew(folder: Path) -> None:
    engine = SqliteEngine(folder, read_only=True)
    assert names(engine) == {"run 1"}
    shutil.rmtree(folder)
    with pytest.raises(FolderNotFound):
        names(engine)
    writer = SqliteEngine(folder)
    write(writer, 2, 3)
    assert names(engine) == {"run 2", "run 3"}
    writer.close()
    engine.close()


def test_a_dictionary_that_was_trained_later_is_learnt(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dictionary, "DICTIONARY_SAMPLE_BYTES", 100_000)
    engine = SqliteEngine(folder, read_only=True)
    assert names(engine) == {"run 1"}
    writer = SqliteEngine(folder)
    text = (
        b'{"question": "where is order %d of customer %d, what has been refunded of it so far,'
        b' and when will the rest of it come to the house of the one who has paid for it?"}'
    )
    numbers = range(10, 1_500)
    writer.write([created(number, text % (number, 7 * number)) for number in numbers], START_US)
    training = writer._trainer._thread
    assert training is not None
    training.join()
    write(writer, 2)  # keeps what was trained
    writer.write([created(9_000, text % (9_000, 21))], START_US)
    newest = runs(engine)[0]
    assert (newest.name, newest.inputs) == ("run 9000", text % (9_000, 21))
    connection = apsw.Connection(str(folder / DATABASE))
    last = "SELECT inputs FROM payloads ORDER BY rid DESC LIMIT 1"
    packed = connection.execute(last).fetchone()
    assert packed is not None
    with pytest.raises(KeyError):
        Codec().unpack(packed[0])  # not without the dictionary
    connection.close()
    writer.close()
    engine.close()


class TestInAFolderItMayNotWriteTo:
    """Of which the tests, that may do anything, only pretend."""

    @pytest.fixture(autouse=True)
    def _pretend(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)

    def test_it_reads_and_makes_no_file(self, folder: Path) -> None:
        before = sorted(folder.iterdir())
        engine = SqliteEngine(folder, read_only=True)
        assert names(engine) == {"run 1"}
        assert sorted(folder.iterdir()) == before
        engine.close()

    def test_it_sees_what_is_written_later(self, folder: Path) -> None:
        engine = SqliteEngine(folder, read_only=True)
        assert names(engine) == {"run 1"}
        writer = SqliteEngine(folder)
        write(writer, 2)
        assert names(engine) == {"run 1", "run 2"}
        write(writer, 3)
        assert names(engine) == {"run 1", "run 2", "run 3"}
        writer.close()
        assert names(engine) == {"run 1", "run 2", "run 3"}
        engine.close()

    def test_what_is_written_while_it_reads_spoils_the_answer(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        engine = SqliteEngine(folder, read_only=True)
        fetch = fetch_page

        def fetch_slowly(connection: Connection, plan: RunPlan) -> Page:
            answer = fetch(connection, plan)
            writer = SqliteEngine(folder)
            write(writer, 2)
            writer.close()  # which brings all of it into the file that was read
            return answer

        with monkeypatch.context() as patch:
            patch.setattr("runstore.engine.sqlite.engine.fetch_page", fetch_slowly)
            with pytest.raises(StorageError, match="began to be written while it was read"):
                names(engine)
        assert names(engine) == {"run 1", "run 2"}
        engine.close()


def test_an_empty_database_is_no_folder_the_second_time_either(tmp_path: Path) -> None:
    (tmp_path / DATABASE).touch()
    engine = SqliteEngine(tmp_path, read_only=True)
    for _ in range(2):
        with pytest.raises(FolderNotFound):
            engine.list_projects(ProjectQuery())
    engine.close()
