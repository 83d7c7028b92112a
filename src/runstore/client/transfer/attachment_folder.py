"""The folder beside an exported file that holds its attachments, each under its SHA-256."""

import contextlib
import hashlib
import os
import uuid
from pathlib import Path

from runstore.client.durable import sync_folder
from runstore.errors import StorageError


class AttachmentFolder:
    """Made with the first attachment. Equal contents are kept once."""

    def __init__(self, file: Path) -> None:
        """Of an exported file: runs.jsonl has runs.jsonl.attachments."""
        self.path = file.with_name(f"{file.name}.attachments")

    def put(self, content: bytes) -> str:
        """The name it has from now on; it is on disk."""
        name = hashlib.sha256(content).hexdigest()
        path = self.path / name
        if path.exists():
            return name
        self.path.mkdir(parents=True, exist_ok=True)
        part = self.path / f".{name}.{uuid.uuid4().hex[:8]}"
        try:
            with part.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                part.unlink()
        sync_folder(self.path)
        return name

    def read(self, name: str) -> bytes:
        """Raises StorageError when it is not there, or not what it was."""
        if len(name) != 64 or not name.isalnum():  # never a path
            raise StorageError(f"{name[:80]!r} is not the name of an attachment")
        path = self.path / name
        try:
            content = path.read_bytes()
        except OSError as error:
            raise StorageError(f"cannot read the attachment {path}: {error.strerror}") from error
        if hashlib.sha256(content).hexdigest() != name:
            raise StorageError(f"the attachment {path} is damaged: its SHA-256 is another")
        return content
