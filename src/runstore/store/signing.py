"""Attachment + expiry ⇄ signed token, so that a link works without an API key, for a while.

token   <base64url of JSON [expiry s, sha256, mime type, name]>.<base64url of its HMAC-SHA-256>
secret  32 random bytes in the folder's `secret`, made on first open
"""

import base64
import binascii
import hashlib
import hmac
import json
import os
import secrets
from pathlib import Path
from typing import NamedTuple

from runstore.errors import NotFound, StorageError, storage_error
from runstore.limits import ATTACHMENT_URL_SECONDS
from runstore.model.run import Attachment

SECRET = "secret"
SECRET_BYTES = 32


class SignedFile(NamedTuple):
    """What a valid token speaks of."""

    sha256: str
    mime_type: str
    name: str


class Signer:
    """Signs and checks with one secret."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    @classmethod
    def open(cls, folder: Path, *, read_only: bool = False) -> "Signer":
        """The folder's secret, made if there is none. Raises StorageError.

        With `read_only`, one that nobody else has is used instead of making the folder's.
        """
        path = folder / SECRET
        try:
            if read_only and not path.exists():
                return cls(secrets.token_bytes(SECRET_BYTES))
            folder.mkdir(parents=True, exist_ok=True)
            _create(path)
            secret = path.read_bytes()
        except OSError as error:
            raise storage_error(f"cannot read the secret of {folder}", error) from error
        if len(secret) != SECRET_BYTES:
            raise StorageError(
                f"{path} does not hold {SECRET_BYTES} bytes; delete it for a new one"
            )
        return cls(secret)

    def sign(self, file: Attachment, now_s: int) -> str:
        # One expiry a day for all who ask on that day: the same link again can be cached.
        expires = now_s - now_s % ATTACHMENT_URL_SECONDS + 2 * ATTACHMENT_URL_SECONDS
        raw = json.dumps([expires, file.sha256, file.mime_type, file.name]).encode()
        return f"{_encode(raw)}.{_encode(self._mac(raw))}"

    def check(self, token: str, now_s: int) -> SignedFile:
        """Raises NotFound for a token that is damaged, not ours, or past its time."""
        content, _, signature = token.partition(".")
        try:
            raw, mac = _decode(content), _decode(signature)
        except (ValueError, binascii.Error):
            raise NotFound("this attachment link is damaged") from None
        if not hmac.compare_digest(mac, self._mac(raw)):
            raise NotFound("this attachment link is not valid")
        expires, sha256, mime_type, name = json.loads(raw)
        if now_s > expires:
            raise NotFound("this attachment link has expired; read the run again for a new one")
        return SignedFile(sha256, mime_type, name)

    def _mac(self, raw: bytes) -> bytes:
        return hmac.digest(self._secret, raw, hashlib.sha256)


def _create(path: Path) -> None:
    """Complete or not at all: two servers that open one new folder agree on the secret."""
    if path.exists():
        return
    own = path.with_name(f"{SECRET}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(SECRET_BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(own, path)
        except FileExistsError:
            return
    finally:
        own.unlink(missing_ok=True)


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
