"""Who writes a folder: one process at a time, known to the others, forgotten when it ends."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from runstore.engine.sqlite.engine import SqliteEngine
from runstore.engine.sqlite.lock import CARD, WriterLock, announce, writer_of
from runstore.errors import FolderBusy, StorageError

HOLD = """
import sys, time
from pathlib import Path
from runstore.engine.sqlite.engine import SqliteEngine
engine = SqliteEngine(Path(sys.argv[1]))
print("holds", flush=True)
time.sleep(60)
"""


@contextmanager
def holder(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that writes the folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "holds\n"
        yield process
    finally:
        process.kill()
        process.communicate(timeout=10)


def test_a_folder_is_written_by_one_at_a_time(tmp_path: Path) -> None:
    first = SqliteEngine(tmp_path)
    with pytest.raises(FolderBusy, match=f"process {os.getpid()} writes {tmp_path}"):
        SqliteEngine(tmp_path)
    first.close()
    SqliteEngine(tmp_path).close()


def test_who_comes_second_is_told_where_the_first_serves(tmp_path: Path) -> None:
    first = WriterLock(tmp_path)
    announce(tmp_path, "http://127.0.0.1:1984")
    with pytest.raises(FolderBusy, match="use http://127.0.0.1:1984 instead") as caught:
        WriterLock(tmp_path)
    assert caught.value.url == "http://127.0.0.1:1984"
    first.release()
    assert writer_of(tmp_path) is None


@pytest.mark.parametrize(
    "card",
    [
        pytest.param(None, id="none"),
        pytest.param("", id="empty"),
        pytest.param("[]", id="a list"),
        pytest.param('{"pid": null, "url": null}', id="no number"),
        pytest.param('{"pid": 1}', id="no URL"),
    ],
)
def test_a_card_that_says_nothing_does_not_hide_that_the_folder_is_held(
    tmp_path: Path, card: str | None
) -> None:
    held = WriterLock(tmp_path)
    (tmp_path / CARD).unlink()
    if card is not None:
        (tmp_path / CARD).write_text(card)
    with pytest.raises(FolderBusy, match="another process writes") as caught:
        WriterLock(tmp_path)
    assert caught.value.url is None
    held.release()


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        with pytest.raises(FolderBusy, match=f"process {process.pid} writes"):
            SqliteEngine(tmp_path)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        assert json.loads((tmp_path / CARD).read_text())["pid"] == process.pid
        SqliteEngine(tmp_path).close()
    assert not (tmp_path / CARD).exists()


def test_an_engine_that_could_not_open_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "runs.db").write_bytes(b"this is no database, though long enough to look like one")
    with pytest.raises(StorageError, match="cannot open"):
        SqliteEngine(tmp_path)
    (tmp_path / "runs.db").unlink()
    SqliteEngine(tmp_path).close()


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "writer.lock").mkdir()
    with pytest.raises(StorageError, match="cannot open .* for writing"):
        SqliteEngine(tmp_path)
