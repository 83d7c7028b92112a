"""A data folder is opened, unless its database was emptied."""

from pathlib import Path

import pytest

from runstore.engine.sqlite.connections import DATABASE
from runstore.errors import Damaged
from runstore.model.batch import Batch
from runstore.store.opening import open_engine, refuse_emptied
from runstore.store.signing import SECRET, Signer
from runstore.store.verify import verify_folder
from tests.model.make import T0, create


@pytest.fixture
def emptied(tmp_path: Path) -> Path:
    engine = open_engine(tmp_path, None)
    Signer.open(tmp_path)
    engine.write([Batch(messages=[create(1)])], T0)
    engine.close()
    (tmp_path / DATABASE).write_bytes(b"")
    return tmp_path


@pytest.mark.parametrize("read_only", [False, True])
def test_an_emptied_database_is_not_taken_for_a_new_one(emptied: Path, read_only: bool) -> None:
    with pytest.raises(Damaged, match=rf"{DATABASE} is empty.*remove {DATABASE} and {SECRET}"):
        open_engine(emptied, None, read_only=read_only)
    assert (emptied / DATABASE).read_bytes() == b""


def test_a_check_says_that_the_database_was_emptied(emptied: Path) -> None:
    with pytest.raises(Damaged, match="is empty"):
        next(verify_folder(emptied))


def test_what_the_error_says_to_do_begins_anew(emptied: Path) -> None:
    (emptied / DATABASE).unlink()
    (emptied / SECRET).unlink()
    open_engine(emptied, None).close()


def test_a_process_killed_while_it_made_the_folder_leaves_one_that_opens(tmp_path: Path) -> None:
    (tmp_path / DATABASE).write_bytes(b"")
    open_engine(tmp_path, None).close()


def test_a_database_whose_pages_are_all_in_the_log_yet_is_not_empty(emptied: Path) -> None:
    (emptied / f"{DATABASE}-wal").write_bytes(b"pages")
    refuse_emptied(emptied)
