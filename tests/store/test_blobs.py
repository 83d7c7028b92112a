"""Blobs: content under its hash, whole or not at all."""

import hashlib
import os
import time
from pathlib import Path

import pytest

from runstore.errors import StorageError
from runstore.limits import INCOMING_SECONDS_MAX
from runstore.model.run import Attachment
from runstore.store.blobs import Blobs

PIECES = (b"\x00first", b"", b"second" * 20_000)
CONTENT = b"".join(PIECES)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def stored(blobs: Blobs, *pieces: bytes, name: str = "photo") -> Attachment:
    writer = blobs.open("run", name, "image/png")
    for piece in pieces:
        writer.write(piece)
    return writer.finish()


def incoming(folder: Path) -> list[Path]:
    return list((folder / "blobs" / "incoming").iterdir())


def test_content_lies_under_its_hash(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    kept = stored(blobs, *PIECES)
    assert kept == Attachment("photo", SHA256, "image/png", len(CONTENT))
    path = blobs.path(SHA256)
    assert path == tmp_path / "blobs" / SHA256[:2] / SHA256
    assert path.read_bytes() == CONTENT
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


def test_abort_after_finish_does_nothing(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    writer = blobs.open("run", "photo", "image/png")
    writer.write(CONTENT)
    writer.finish()
    writer.abort()
    assert blobs.path(SHA256) is not None


def test_open_sweeps_what_a_killed_process_left_and_nothing_younger(tmp_path: Path) -> None:
    stored(Blobs(tmp_path), CONTENT)
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
