"""Signer: a link is good for its file and its time, and for nothing else."""

import stat
from pathlib import Path

import pytest

from runstore.errors import NotFound, StorageError
from runstore.limits import ATTACHMENT_URL_SECONDS
from runstore.model.run import Attachment
from runstore.store.signing import SignedFile, Signer

NOW = 1_800_000_000
FILE = Attachment("pho|to ü.png", "ab" * 32, "image/png; a|b", 3)
SIGNER = Signer(b"s" * 32)
TOKEN = SIGNER.sign(FILE, NOW)


def test_a_token_gives_back_what_was_signed() -> None:
    assert SIGNER.check(TOKEN, NOW) == SignedFile(FILE.sha256, FILE.mime_type, FILE.name)


def test_a_token_is_made_of_url_safe_characters() -> None:
    assert all(character.isalnum() or character in "-_." for character in TOKEN)


@pytest.mark.parametrize("name", ["\ud800", "\x00", "", 'a"b', "日本"])
def test_any_name_can_be_signed(name: str) -> None:
    token = SIGNER.sign(Attachment(name, FILE.sha256, "text/plain", 1), NOW)
    assert SIGNER.check(token, NOW).name == name


def test_a_token_lasts_at_least_its_time_and_ends() -> None:
    assert SIGNER.check(TOKEN, NOW + ATTACHMENT_URL_SECONDS)
    with pytest.raises(NotFound, match="expired"):
        SIGNER.check(TOKEN, NOW + 2 * ATTACHMENT_URL_SECONDS + 1)


def test_the_same_file_has_the_same_link_for_a_while() -> None:
    later = NOW - NOW % ATTACHMENT_URL_SECONDS
    assert SIGNER.sign(FILE, later) == TOKEN


CONTENT, MAC = TOKEN.split(".")


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        CONTENT,
        f".{MAC}",
        f"{CONTENT}.",
        f"{CONTENT}.{MAC[:-4]}",
        f"{CONTENT[:-4]}AAAA.{MAC}",
        f"{CONTENT}.{'A' * len(MAC)}",
        Signer(b"t" * 32).sign(FILE, NOW),
        "é.é",
        "!!.!!",
    ],
    ids=lambda token: token[:8] or "empty",
)
def test_any_other_token_is_not_found(token: str) -> None:
    with pytest.raises(NotFound):
        SIGNER.check(token, NOW)


def test_a_folder_has_one_secret_that_only_its_owner_reads(tmp_path: Path) -> None:
    token = Signer.open(tmp_path / "new").sign(FILE, NOW)
    assert Signer.open(tmp_path / "new").check(token, NOW)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["secret"]
    assert stat.S_IMODE((tmp_path / "new" / "secret").stat().st_mode) == 0o600


def test_a_damaged_secret_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"short")
    with pytest.raises(StorageError, match="32 bytes"):
        Signer.open(tmp_path)


def test_who_only_reads_signs_as_the_folder_does_and_makes_no_secret(tmp_path: Path) -> None:
    alone = Signer.open(tmp_path / "none", read_only=True)
    assert alone.check(alone.sign(FILE, NOW), NOW).sha256 == FILE.sha256
    assert not (tmp_path / "none").exists()
    token = Signer.open(tmp_path).sign(FILE, NOW)
    reader = Signer.open(tmp_path, read_only=True)
    assert reader.sign(FILE, NOW) == token
    with pytest.raises(NotFound):
        alone.check(token, NOW)
