"""Verifying a folder: nothing is wrong with what was written; every damage is named."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from runstore.engine.sqlite import dictionary, rollup
from runstore.engine.sqlite.connections import DATABASE
from runstore.engine.sqlite.engine import SqliteEngine
from runstore.errors import FolderNotFound
from runstore.limits import PROBLEMS_SHOWN
from runstore.model.batch import Batch
from runstore.model.run import Attachment
from runstore.store.blobs import Blobs
from runstore.store.store import Store
from runstore.store.verify import verify_folder
from tests.engine.history import grown
from tests.model.make import T0, bare, create, record, rid

HOUR = 3_600_000_000  # microseconds
TEXT = "what was asked of the agent, {0} times over; and {0} times it said {1}. " * 3


def problems(folder: Path, *, fast: bool = False) -> dict[str, list[str]]:
    """By check; without those that found nothing."""
    found = list(verify_folder(folder, fast=fast))
    assert len({one.name for one in found}) == len(found)
    return {one.name: one.problems for one in found if not one.is_sound}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some of everything: a tail and rollups, a dictionary, feedback, an attachment, children."""
    folder = tmp_path_factory.mktemp("sound")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rollup, "ROLLUP_TAIL_MAX", 400)
        patch.setattr(dictionary, "DICTIONARY_SAMPLE_BYTES", 50_000)
        store = Store(SqliteEngine(folder), folder)
        engine = store._engine
        assert isinstance(engine, SqliteEngine)
        runs = [
            create(number, end_us=T0 + number, inputs={"text": TEXT.format(number, 7 * number)})
            for number in range(1, 600)
        ]
        engine.write([Batch(messages=runs)], T0)
        training = engine._trainer._thread
        assert training is not None
        training.join()
        writer = store.blobs.open(rid(700), "picture", "image/png")
        writer.write(b"\x89PNG" * 100)
        file = writer.finish()
        root = create(700, end_us=T0 + 9, attachments=(file,))
        child = create(700, 701, outputs={"usage_metadata": usage(3)})
        early = create(702, 703, outputs={"usage_metadata": usage(5)})
        said = [
            record(number, "score", run_id=rid(run), score=float(number))
            for number, run in ((1, 700), (2, 700), (3, 999))
        ]
        engine.write([Batch(messages=[root, child, early], feedback=said)], T0)
        long = [create(720), create(720, 721, start_us=T0 + 2 * HOUR)]
        engine.write([Batch(messages=long)], T0)
        last = create(710, inputs={"text": TEXT.format(7, 70)})
        engine.write([Batch(messages=[last])], T0)  # packed with the dictionary
        store.blobs.release([file.sha256])
        store.close()
    return folder


def usage(tokens: int) -> dict[str, int]:
    return {"input_tokens": tokens, "output_tokens": 1, "total_tokens": tokens + 1}


@pytest.fixture
def folder(sound: Path, tmp_path: Path) -> Path:
    """A copy, to be damaged."""
    return Path(shutil.copytree(sound, tmp_path / "runs"))


def test_a_sound_folder_has_no_problems_and_is_left_as_it_was(folder: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    found = {one.name: one.looked_at for one in verify_folder(folder)}
    assert problems(folder) == problems(folder, fast=True) == {}
    for name in ("rows", "places", "zones", "rollups", "feedback", "changes", "dictionaries"):
        assert found[name] > 0, name
    assert found["payloads"] > 600
    assert found["attachments"] == found["strays"] == found["secret"] == 1
    after = {path: path.stat().st_mtime_ns for path in before}
    assert after == before


@pytest.mark.parametrize("seed", range(3))
def test_whatever_was_written_in_whatever_order_is_sound(tmp_path: Path, seed: int) -> None:
    history = grown(seed, tmp_path, 5)
    assert problems(tmp_path) == {}
    for engine in history.engines:
        engine.close()


def test_what_has_no_project_yet_is_sound_though_there_is_none(tmp_path: Path) -> None:
    engine = SqliteEngine(tmp_path)
    patch = bare(1, is_patch=True, outputs={"a": 1})
    engine.write([Batch(messages=[patch], feedback=[record(2, run_id=rid(3))])], T0)
    engine.close()
    assert problems(tmp_path) == {}


def test_a_folder_is_verified_while_it_is_written(folder: Path) -> None:
    engine = SqliteEngine(folder)
    engine.write([Batch(messages=[create(800)])], T0)
    assert problems(folder) == {}
    engine.close()


Damage = Callable[[Path], None]


def sql(text: str) -> Damage:
    def damage(folder: Path) -> None:
        connection = apsw.Connection(str(folder / DATABASE))
        connection.execute(text)
        assert connection.changes() > 0 or text.startswith(("DROP", "CREATE"))
        connection.close()

    return damage


def of_last(text: str) -> Damage:
    """Of the run written last."""
    return sql(" ".join((text, "WHERE rid = (SELECT max(rid) FROM runs)")))


def of_root(text: str) -> Damage:
    """Of the root that has a child."""
    return sql(text + " WHERE id = unhex(replace('" + rid(700) + "', '-', ''))")


def damage_index(folder: Path) -> None:
    """Another byte in the largest block of the full-text index."""
    connection = apsw.Connection(str(folder / DATABASE))
    row: Any = connection.execute(
        "SELECT id, block FROM inverted_data ORDER BY length(block) DESC LIMIT 1"
    ).fetchone()
    block = bytearray(row[1])
    block[-40] ^= 0x55
    connection.execute("UPDATE inverted_data SET block = ? WHERE id = ?", (bytes(block), row[0]))
    connection.close()


def overwrite_pages(folder: Path) -> None:
    with (folder / DATABASE).open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        for page in range(8, size // 8192, 2):
            file.seek(page * 8192 + 100)
            file.write(b"\xff" * 400)


def blob_of(folder: Path) -> Path:
    return next(path for path in (folder / "blobs").glob("??/*"))


def change_blob(folder: Path) -> None:
    content = blob_of(folder).read_bytes()
    blob_of(folder).write_bytes(content[:-1] + b"?")


def cut_blob(folder: Path) -> None:
    os.truncate(blob_of(folder), 10)


def add_blob(folder: Path) -> None:
    blobs = Blobs(folder)
    writer = blobs.open(rid(1), "stray", "text/plain")
    writer.write(b"nobody's")
    blobs.release([writer.finish().sha256])
    blobs.close()


def add_file(folder: Path) -> None:
    (blob_of(folder).parent / "note.txt").write_text("mine")


def cut_secret(folder: Path) -> None:
    (folder / "secret").write_bytes(b"short")


DAMAGES = [
    pytest.param(overwrite_pages, "database", "", id="pages"),
    pytest.param(damage_index, "database", "fts5", id="the full-text index"),
    pytest.param(sql("DROP INDEX runs_time"), "schema", "index runs_time is missing", id="index"),
    pytest.param(sql("CREATE TABLE mine (x)"), "schema", "table mine is not", id="table"),
    pytest.param(
        of_last("DELETE FROM payloads"),
        "rows",
        f"run {rid(710)} has no payloads",
        id="payloads missing",
    ),
    pytest.param(
        sql("DELETE FROM inverted WHERE rowid = (SELECT max(rid) FROM runs)"),
        "rows",
        f"run {rid(710)} is not in the inverted index",
        id="not in the index",
    ),
    pytest.param(
        sql("INSERT INTO payloads (rid) VALUES (9999)"),
        "rows",
        "row 9999 of payloads is of no run",
        id="payloads of no run",
    ),
    pytest.param(
        sql("INSERT INTO inverted (rowid, terms) VALUES (9999, 'x')"),
        "rows",
        "row 9999 of the inverted index is of no run",
        id="index entry of no run",
    ),
    pytest.param(
        of_last("UPDATE runs SET pid = 77"),
        "rows",
        f"run {rid(710)} is of a project that is not there",
        id="project missing",
    ),
    pytest.param(
        sql("UPDATE feedback SET pid = 77"),
        "rows",
        "is of a project that is not there",
        id="project of feedback missing",
    ),
    pytest.param(
        sql("UPDATE attachments SET run_id = zeroblob(16)"),
        "rows",
        "an attachment is of run 00000000-0000-0000-0000-000000000000, which is not there",
        id="run of an attachment missing",
    ),
    pytest.param(
        of_last("UPDATE runs SET dotted_order = 'x'"),
        "places",
        "has a damaged dotted order",
        id="dotted order",
    ),
    pytest.param(
        sql("UPDATE runs SET parent_id = id WHERE is_root = 0"),
        "places",
        "has parent",
        id="parent",
    ),
    pytest.param(
        sql("UPDATE runs SET trace_id = zeroblob(16) WHERE is_root = 0"),
        "places",
        "is of trace 00000000-0000-0000-0000-000000000000, but its dotted order begins with",
        id="trace",
    ),
    pytest.param(
        of_root("UPDATE runs SET is_root = 0"),
        "places",
        "is marked as no root",
        id="root",
    ),
    pytest.param(
        of_root("UPDATE runs SET latency_us = 1"),
        "places",
        "has a latency of 1 us",
        id="latency",
    ),
    pytest.param(
        sql("DELETE FROM zones WHERE zone = 1"), "zones", "outside of the bounds", id="zone"
    ),
    pytest.param(
        sql("UPDATE zones SET start_min_us = start_max_us + 1"),
        "zones",
        "outside of the bounds",
        id="bounds",
    ),
    pytest.param(
        of_root("UPDATE runs SET total_tokens = 99"),
        "totals",
        f"run {rid(700)} has columns that are not those of its totals",
        id="columns of totals",
    ),
    pytest.param(
        of_root(
            "UPDATE runs SET totals = NULL, total_tokens = 0, prompt_tokens = 0,"
            " completion_tokens = 0"
        ),
        "totals",
        f"the totals of run {rid(700)} are off by -1 completion_tokens, -3 prompt_tokens",
        id="totals",
    ),
    pytest.param(
        sql("DELETE FROM awaited_totals"),
        "totals",
        f"the totals of run {rid(702)} are off by -1 completion_tokens, -5 prompt_tokens",
        id="awaited totals",
    ),
    pytest.param(
        sql("UPDATE rollups SET runs = runs + 1 WHERE span = 24"), "rollups", "of 24 h", id="runs"
    ),
    pytest.param(
        sql("UPDATE rollups SET latencies = '{}' WHERE span = 1"),
        "rollups",
        "latencies differ from its",
        id="latencies",
    ),
    pytest.param(sql("DELETE FROM rollups"), "rollups", "is missing", id="no rollups"),
    pytest.param(
        sql("UPDATE rollups SET status = 'lost'"), "rollups", "no such runs", id="of no runs"
    ),
    pytest.param(
        sql("UPDATE feedback_tallies SET records = records + 1 WHERE span = 1"),
        "feedback",
        "2 records of 'score' are counted that say [1.0,null,false]",
        id="tallies",
    ),
    pytest.param(
        sql("UPDATE feedback SET run_pid = NULL, run_start_us = NULL, run_kind = NULL"),
        "feedback",
        f"feedback {rid(1)} is not counted where its run stands",
        id="place of feedback",
    ),
    pytest.param(
        sql("UPDATE zones SET tokens_max = 3 WHERE zone = 4"),
        "zones",
        f"run {rid(700)} is outside of the bounds of its zone",
        id="the largest value of a zone",
    ),
    pytest.param(
        sql("DELETE FROM long_traces"),
        "long traces",
        f"trace {rid(720)} is longer than it is said to be",
        id="a long trace",
    ),
    pytest.param(
        sql("UPDATE changes SET ranges = '[[3, 1]]' WHERE seq = 1"),
        "changes",
        "change 1 names no rows: [[3, 1]]",
        id="a change",
    ),
    pytest.param(
        sql("UPDATE dictionaries SET dictionary = X'0102030405060708'"),
        "dictionaries",
        "dictionary 1 cannot be loaded",
        id="a dictionary",
    ),
    pytest.param(
        sql("DELETE FROM dictionaries"),
        "payloads",
        f"inputs of run {rid(710)} were packed with dictionary",
        id="no dictionary",
    ),
    pytest.param(
        sql("UPDATE payloads SET outputs = X'28B52FFD00' WHERE rid = 1"),
        "payloads",
        "outputs of run",
        id="a frame",
    ),
    pytest.param(
        sql("UPDATE payloads SET inputs = X'7B7B' WHERE rid = 1"),
        "payloads",
        "are no JSON",
        id="JSON",
    ),
    pytest.param(
        lambda folder: blob_of(folder).unlink(), "attachments", "is missing", id="blob missing"
    ),
    pytest.param(change_blob, "attachments", "its SHA-256 is another one", id="blob changed"),
    pytest.param(cut_blob, "attachments", "has 10 bytes, not 400", id="blob cut"),
    pytest.param(add_blob, "strays", "is of no run", id="blob of no run"),
    pytest.param(add_file, "strays", "note.txt is no content", id="another file"),
    pytest.param(cut_secret, "secret", "does not hold 32 bytes", id="secret"),
]


@pytest.mark.parametrize(("damage", "check", "message"), DAMAGES)
def test_every_damage_is_named(folder: Path, damage: Damage, check: str, message: str) -> None:
    damage(folder)
    found = problems(folder)
    assert any(message in problem for problem in found[check]), found


def test_content_under_way_is_no_stray(folder: Path) -> None:
    blobs = Blobs(folder)
    writer = blobs.open(rid(1), "picture", "text/plain")
    writer.write(b"not yet written")
    file: Attachment = writer.finish()
    assert problems(folder) == {}
    blobs.release([file.sha256])
    assert list(problems(folder)) == ["strays"]
    blobs.close()


def test_of_many_problems_the_first_are_shown_and_all_are_counted(folder: Path) -> None:
    sql("DELETE FROM payloads")(folder)
    (found,) = (one for one in verify_folder(folder, fast=True) if one.name == "rows")
    assert len(found.problems) == PROBLEMS_SHOWN
    assert found.problem_count > 600


def test_a_folder_that_is_not_there_cannot_be_verified(tmp_path: Path) -> None:
    with pytest.raises(FolderNotFound):
        list(verify_folder(tmp_path / "none"))
    assert not (tmp_path / "none").exists()
