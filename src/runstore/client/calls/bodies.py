"""Writes -> POST /runs/multipart and POST /runs/batch. No I/O; deterministic, given the boundary.

Source of the form: docs/wire.md#multipart.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import orjson
import zstandard

from runstore.client.http import HttpRequest
from runstore.limits import WRITE_COMPRESSED_BYTES_MIN

OUT_OF_LINE = ("inputs", "outputs", "events", "extra", "error", "serialized")
JSON_HEADERS = (("Content-Type", "application/json"),)
_PART_OVERHEAD = 160  # bytes of a part's boundary and headers
_CONTROL = re.compile('[\x00-\x1f\x7f"]')


class AttachedFile(NamedTuple):
    """One attachment of a run. `name` is unique in its run."""

    name: str
    mime_type: str
    data: bytes


@dataclass(slots=True)
class RunWrite:
    """One create ("post") or update ("patch") of one run, as JSON ready to be sent."""

    operation: Literal["post", "patch"]
    run_id: str
    fields: dict[str, Any]  # what is in line: JSON values, with `id`
    payloads: dict[str, bytes] = field(default_factory=dict)  # JSON by a name of OUT_OF_LINE
    attachments: tuple[AttachedFile, ...] = ()
    writes: int = 1  # of the caller's, that became this one
    size: int = 0  # bytes, for bounds

    def __post_init__(self) -> None:
        self.size = self._measured()

    def _measured(self) -> int:
        return (
            len(orjson.dumps(self.fields))
            + sum(map(len, self.payloads.values()))
            + sum(len(file.data) for file in self.attachments)
            + _PART_OVERHEAD * (1 + len(self.payloads) + len(self.attachments))
        )

    @property
    def is_placed(self) -> bool:
        """LangSmith takes it in a batch only with both; Runstore derives what is missing."""
        return bool(self.fields.get("trace_id") and self.fields.get("dotted_order"))


@dataclass(slots=True)
class FeedbackWrite:
    """One feedback record sent beside runs."""

    feedback_id: str
    run_id: str
    body: bytes
    size: int = 0
    writes: int = 1

    def __post_init__(self) -> None:
        self.size = len(self.body) + _PART_OVERHEAD


Write = RunWrite | FeedbackWrite


def multipart_request(
    writes: Sequence[Write], boundary: str, *, compress: bool = False
) -> HttpRequest:
    """One POST /runs/multipart, as langsmith's SDK writes it."""
    body = multipart_body(writes, boundary)
    headers = [("Content-Type", f"multipart/form-data; boundary={boundary}")]
    if compress and len(body) >= WRITE_COMPRESSED_BYTES_MIN:
        whole = len(body)
        body = zstandard.ZstdCompressor().compress(body)
        headers += [
            ("Content-Encoding", "zstd"),
            ("X-Pre-Compressed-Size", str(whole)),
            ("X-Post-Compressed-Size", str(len(body))),
        ]
    return HttpRequest("POST", "/runs/multipart", body=body, headers=tuple(headers))


def batch_request(writes: Sequence[Write]) -> HttpRequest:
    """One POST /runs/batch, for servers without multipart. Of runs alone, without attachments."""
    runs: dict[str, list[dict[str, Any]]] = {"post": [], "patch": []}
    for write in writes:
        assert isinstance(write, RunWrite), "feedback goes by itself"
        runs[write.operation].append(as_json(write))
    return HttpRequest("POST", "/runs/batch", body=orjson.dumps(runs), headers=JSON_HEADERS)


def as_json(write: RunWrite) -> dict[str, Any]:
    """The run with its payloads in it, as they are."""
    payloads = {name: orjson.Fragment(text) for name, text in write.payloads.items()}
    return {**write.fields, **payloads}


def multipart_body(writes: Sequence[Write], boundary: str) -> bytes:
    pieces: list[bytes] = []
    mark = f"--{boundary}\r\n".encode()
    for write in writes:
        if isinstance(write, FeedbackWrite):
            _add_part(pieces, mark, f"feedback.{write.feedback_id}", write.body)
            continue
        name = f"{write.operation}.{write.run_id}"
        _add_part(pieces, mark, name, orjson.dumps(write.fields))
        for payload in OUT_OF_LINE:
            if (text := write.payloads.get(payload)) is not None:
                _add_part(pieces, mark, f"{name}.{payload}", text)
        for file in write.attachments:
            part = f"attachment.{write.run_id}.{file.name}"
            _add_part(pieces, mark, part, file.data, file.mime_type)
    pieces.append(f"--{boundary}--\r\n".encode())
    return b"".join(pieces)


def _add_part(
    pieces: list[bytes], mark: bytes, name: str, data: bytes, kind: str = "application/json"
) -> None:
    head = (
        f'Content-Disposition: form-data; name="{_header_text(name)}"\r\n'
        f"Content-Type: {_header_text(kind)}\r\n"
        f"Content-Length: {len(data)}\r\n\r\n"
    )
    pieces += (mark, head.encode("utf-8", "replace"), data, b"\r\n")


def _header_text(text: str) -> str:
    """No line break or quote gets out of a header; escaped as browsers do."""
    return _CONTROL.sub(lambda found: f"%{ord(found[0]):02X}", text)
