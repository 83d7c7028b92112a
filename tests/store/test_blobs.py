"""Blobs: content under its hash, whole or not at all."""

import hashlib
import os
import time
from collections.abc import Callable, Collection
from pathlib import Path

import pytest

from runstore.engine.sqlite.engine import SqliteEngine
from runstore.errors import ReadOnly, StorageError
from runstore.limits import INCOMING_SECONDS_MAX
from runstore.model.run import Attachment
from runstore.store.blobs import Blobs
from runstore.store.store import Store

PIECES = (b"\x00first", b"", b"second" * 20_000)
CONTENT = b"".join(PIECES)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def stored(blobs: Blobs, *pieces: bytes, name: str = "photo") -> Attachment:
    writer = blobs.open("run", name, "image/png")
    for piece in pieces:
        writer.write(piece)
    return writer.finish()


def naming(*sha256s: str) -> Callable[[Collection[str]], set[str]]:
    return lambda asked: set(asked).intersection(sha256s)


def incoming(folder: Path) -> list[Path]:
    return list((folder / "blobs" / "incoming").iterdir())


def test_content_lies_under_its_hash(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    kept = stored(blobs, *PIECES)
    assert kept == Attachment("photo", SHA256, "image/png", len(CONTENT))
    path = blobs.path(SHA256)
    assert path == tmp_path / "blobs" / SHA256[:2] / SHA256
    assert path.read_bytes() == CONTENT
    assert [claim.name[:64] for claim in incoming(tmp_path)] == [SHA256]
    blobs.release([SHA256])
    assert incoming(tmp_path) == []


def test_the_same_content_twice_is_one_file(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    assert stored(blobs, CONTENT, name="a").sha256 == stored(blobs, CONTENT, name="b").sha256
    assert [path.name for path in tmp_path.glob("blobs/??/*")] == [SHA256]


def test_an_aborted_attachment_leaves_nothing(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    writer = blobs.open("run", "photo", "image/png")
    writer.write(CONTENT)
    writer.abort()
    assert incoming(tmp_path) == []
    assert blobs.path(SHA256) is None


@pytest.mark.parametrize("named", [True, False], ids=["named by another run", "named by none"])
def test_a_finished_attachment_given_up_goes_unless_a_run_names_it(
    tmp_path: Path, named: bool
) -> None:
    blobs = Blobs(tmp_path, naming(SHA256) if named else naming())
    writer = blobs.open("run", "photo", "image/png")
    writer.write(CONTENT)
    writer.finish()
    writer.abort()
    blobs.wait()
    assert (blobs.path(SHA256) is not None) == named
    assert incoming(tmp_path) == []


def test_open_sweeps_what_a_killed_process_left_and_nothing_younger(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    stored(blobs, CONTENT)
    blobs.release([SHA256])
    folder = tmp_path / "blobs" / "incoming"
    for name, age in (("left", INCOMING_SECONDS_MAX + 60), ("being-written", 60)):
        (folder / name).write_bytes(b"half")
        os.utime(folder / name, (time.time() - age,) * 2)
    blobs = Blobs(tmp_path)
    assert [path.name for path in incoming(tmp_path)] == ["being-written"]
    assert blobs.path(SHA256) is not None


@pytest.mark.parametrize(
    "name",
    ["", "../secret", "a" * 63, "A" * 64, "g" * 64, f"{SHA256}/", f"../{SHA256}", "0" * 64],
)
def test_only_a_hash_we_hold_has_a_path(tmp_path: Path, name: str) -> None:
    blobs = Blobs(tmp_path)
    stored(blobs, CONTENT)
    assert blobs.path(name) is None


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "blobs").write_text("a file where the folder should be")
    with pytest.raises(StorageError, match="blobs"):
        Blobs(tmp_path)


def test_all_that_no_run_names_is_collected_and_nothing_else(tmp_path: Path) -> None:
    named, unnamed, claimed = b"named", b"unnamed", b"claimed"
    kept = hashlib.sha256(named).hexdigest()
    blobs = Blobs(tmp_path, naming(kept))
    for content in (named, unnamed, claimed):
        stored(blobs, content)
    blobs.release(hashlib.sha256(content).hexdigest() for content in (named, unnamed))
    blobs.collect_all()
    blobs.wait()
    left = {path.read_bytes() for path in tmp_path.glob("blobs/[0-9a-f][0-9a-f]/*")}
    assert left == {named, claimed}


def test_content_named_while_it_is_removed_comes_back(tmp_path: Path) -> None:
    """The run is written between the first look at what is named and the second."""
    answers: list[set[str]] = [set(), {SHA256}]
    blobs = Blobs(tmp_path, lambda _: answers.pop(0))
    stored(blobs, CONTENT)
    blobs.release([SHA256])
    blobs.collect([SHA256])
    blobs.wait()
    assert answers == []
    path = blobs.path(SHA256)
    assert path is not None
    assert path.read_bytes() == CONTENT
    assert incoming(tmp_path) == []


def test_content_of_which_it_cannot_be_said_whether_it_is_named_comes_back(tmp_path: Path) -> None:
    """The database cannot be read any more once the content has lost its name."""
    asked: list[Collection[str]] = []

    def unreadable_soon(sha256s: Collection[str]) -> set[str]:
        asked.append(sha256s)
        if len(asked) > 1:
            raise StorageError("the disk is gone")
        return set()

    blobs = Blobs(tmp_path, unreadable_soon)
    stored(blobs, CONTENT)
    blobs.release([SHA256])
    blobs.collect([SHA256])
    blobs.wait()
    assert len(asked) == 2
    assert blobs.path(SHA256) is not None
    assert incoming(tmp_path) == []


def test_two_claims_are_two(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path, naming())
    for _ in range(2):
        stored(blobs, CONTENT)
    for left in (True, False):
        blobs.release([SHA256])
        blobs.collect([SHA256])
        blobs.wait()
        assert (blobs.path(SHA256) is not None) == left


def test_a_claim_may_be_given_up_by_another_request_before_its_content_has_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs = Blobs(tmp_path, naming())
    stored(blobs, CONTENT)
    (first,) = incoming(tmp_path)
    link = os.link

    def link_late(source: Path, name: Path) -> None:
        if name.name == SHA256:  # the first request ends here, and takes the second's claim
            (second,) = (path for path in incoming(tmp_path) if path not in (first, source))
            second.unlink()
        link(source, name)

    monkeypatch.setattr("runstore.store.blobs.os.link", link_late)
    stored(blobs, CONTENT)
    assert incoming(tmp_path) == [first]
    blobs.collect([SHA256])
    blobs.wait()
    assert blobs.path(SHA256) is not None  # claimed by the second


def test_two_requests_that_end_at_once_give_up_a_claim_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs = Blobs(tmp_path)
    for _ in range(2):
        stored(blobs, CONTENT)
    seen = [blobs._claims(SHA256)] * 2  # before either is gone
    monkeypatch.setattr(blobs, "_claims", lambda _: seen.pop())
    blobs.release([SHA256])
    blobs.release([SHA256])
    assert incoming(tmp_path) == []


def test_a_removal_that_was_killed_is_undone_by_the_next_open(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    stored(blobs, CONTENT)
    blobs.release([SHA256])
    path = blobs.path(SHA256)
    assert path is not None
    away = tmp_path / "blobs" / "incoming" / f"{SHA256}.away"
    path.rename(away)
    os.utime(away, (time.time() - INCOMING_SECONDS_MAX - 60,) * 2)
    assert Blobs(tmp_path).path(SHA256) is not None
    assert incoming(tmp_path) == []


def test_what_cannot_be_looked_up_stays(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def broken(_: Collection[str]) -> set[str]:
        raise StorageError("the disk is gone")

    blobs = Blobs(tmp_path, broken)
    stored(blobs, CONTENT)
    blobs.release([SHA256])
    blobs.collect_all()
    blobs.wait()
    assert blobs.path(SHA256) is not None
    assert "attachments were not collected" in caplog.text


def test_a_store_that_only_reads_removes_and_makes_nothing(tmp_path: Path) -> None:
    SqliteEngine(tmp_path).close()
    blobs = Blobs(tmp_path)
    stored(blobs, CONTENT)
    blobs.release([SHA256])  # of no run: a store that writes would remove it
    before = set(tmp_path.rglob("*"))
    store = Store(SqliteEngine(tmp_path, read_only=True), tmp_path)
    store.blobs.collect([SHA256])
    store.blobs.collect_all()
    store.blobs.wait()
    with pytest.raises(ReadOnly):
        store.blobs.open("run", "photo", "image/png")
    assert store.blobs.path(SHA256) is not None
    store.close()
    made = {path.name for path in set(tmp_path.rglob("*")) - before}
    assert made <= {"runs.db-wal", "runs.db-shm"}
    assert before <= set(tmp_path.rglob("*"))
