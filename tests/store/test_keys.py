"""API keys of a folder: what is stored of them, and who finds out when."""

import hashlib
import json
import stat
import threading
import time
from pathlib import Path

import pytest

from runstore.errors import Conflict, InvalidRequest, NotFound, StorageError, TooLarge
from runstore.limits import KEYS_LOOK_SECONDS
from runstore.store import keys
from runstore.store.keys import KeyRing, create_key, read_keys, revoke_key
from tests.standin import standin

NOW = 1_700_000_000_000_000


def test_a_key_is_shown_once_and_stored_as_its_hash(tmp_path: Path) -> None:
    key, secret = create_key(tmp_path, NOW, name="agent", roles=("write", "read"))
    assert secret.startswith("rs_")
    assert key.sha256 == hashlib.sha256(secret.encode()).hexdigest()
    assert (key.name, key.roles, key.created_us) == ("agent", ("read", "write"), NOW)
    assert read_keys(tmp_path) == (key,)
    text = (tmp_path / keys.FILE).read_text()
    assert secret not in text
    assert json.loads(text)["keys"][0]["id"] == key.id
    assert stat.S_IMODE((tmp_path / keys.FILE).stat().st_mode) == 0o600


def test_keys_are_revoked_by_id_or_name(tmp_path: Path) -> None:
    (one, _), (two, _), (three, _) = (
        create_key(tmp_path, NOW, name=name) for name in ("a", "", "")
    )
    assert revoke_key(tmp_path, "a") == one
    assert revoke_key(tmp_path, two.id) == two
    for unknown in ("a", "", "x"):
        with pytest.raises(NotFound):
            revoke_key(tmp_path, unknown)
    assert read_keys(tmp_path) == (three,)


def test_a_name_is_taken_once(tmp_path: Path) -> None:
    create_key(tmp_path, NOW, name="a")
    with pytest.raises(Conflict, match="'a'"):
        create_key(tmp_path, NOW, name="a")


@pytest.mark.parametrize("roles", [(), ("owner",), ("read", "owner")])
def test_a_role_is_one_of_three(tmp_path: Path, roles: tuple[str, ...]) -> None:
    with pytest.raises(InvalidRequest, match="admin, read, write"):
        create_key(tmp_path, NOW, roles=roles)
    assert read_keys(tmp_path) == ()


def test_there_are_not_more_than_so_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "KEYS_MAX", 2)
    create_key(tmp_path, NOW)
    create_key(tmp_path, NOW)
    with pytest.raises(TooLarge):
        create_key(tmp_path, NOW)


def test_keys_made_at_the_same_time_are_all_there(tmp_path: Path) -> None:
    threads = [threading.Thread(target=create_key, args=(tmp_path, NOW)) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({key.id for key in read_keys(tmp_path)}) == 12


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"keys": [{}]}', '{"keys": [{"name": "a", "roles": ["owner"]}]}']
)
def test_a_damaged_file_is_said(tmp_path: Path, text: str) -> None:
    (tmp_path / keys.FILE).write_text(text)
    with pytest.raises(StorageError, match=r"keys\.json is damaged"):
        read_keys(tmp_path)
    with pytest.raises(StorageError):
        KeyRing(tmp_path)


def test_a_folder_that_is_not_there_is_made_for_a_key(tmp_path: Path) -> None:
    key, _ = create_key(tmp_path / "not" / "yet", NOW)
    assert read_keys(tmp_path / "not" / "yet") == (key,)


def test_a_folder_that_is_not_there_or_cannot_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot make the folder"):
        create_key(tmp_path / "file", NOW)
    with pytest.raises(StorageError, match="not a folder"):
        revoke_key(tmp_path / "none", "x")


def test_a_ring_learns_of_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("runstore.store.keys.time", standin(time, monotonic=lambda: clock[0]))
    ring = KeyRing(tmp_path)
    assert ring.keys() == ()
    key, _ = create_key(tmp_path, NOW)
    assert ring.keys() == (), "it does not look at the file for each request"
    clock[0] += KEYS_LOOK_SECONDS
    assert ring.keys() == (key,)
    (tmp_path / keys.FILE).write_text("damaged")
    clock[0] += KEYS_LOOK_SECONDS
    assert ring.keys() == (key,), "nobody is let in, or locked out, by a slip of the editor"
    (tmp_path / keys.FILE).unlink()
    clock[0] += KEYS_LOOK_SECONDS
    assert ring.keys() == ()
