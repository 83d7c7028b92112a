"""Multipart bodies for tests, and a sink that keeps attachments in memory."""

import hashlib
import json
from typing import Any

from runstore.model.run import Attachment

BOUNDARY = b"b0undary"
RUN = "11111111-1111-4111-8111-111111111111"
OTHER = "22222222-2222-4222-8222-222222222222"
NOW_US = 1_700_000_000_000_000


def part(name: str, content: Any, content_type: str | None = "application/json") -> bytes:
    """`content` as it is if bytes, else as JSON; without a length, which most tests do not need."""
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    kind = f"\r\nContent-Type: {content_type}" if content_type else ""
    head = f'Content-Disposition: form-data; name="{name}"{kind}\r\n\r\n'
    return b"--" + BOUNDARY + b"\r\n" + head.encode() + raw + b"\r\n"


def multipart(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--" + BOUNDARY + b"--\r\n"


class MemorySink:
    """An AttachmentSink. `kept` and `aborted` by attachment name."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.aborted: list[str] = []
        self.opened: list[tuple[str, str, str]] = []

    def open(self, run_id: str, name: str, mime_type: str) -> "MemoryWriter":
        self.opened.append((run_id, name, mime_type))
        return MemoryWriter(self, name, mime_type)


class MemoryWriter:
    def __init__(self, sink: MemorySink, name: str, mime_type: str) -> None:
        self._sink, self._name, self._mime_type = sink, name, mime_type
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> None:
        self._pieces.append(data)

    def finish(self) -> Attachment:
        content = b"".join(self._pieces)
        self._sink.kept[self._name] = content
        digest = hashlib.sha256(content).hexdigest()
        return Attachment(self._name, digest, self._mime_type, len(content))

    def abort(self) -> None:
        self._sink.aborted.append(self._name)
