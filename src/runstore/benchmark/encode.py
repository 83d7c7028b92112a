"""Runs and feedback -> bodies: multipart, byte for byte as SDK 0.15 sends them, or JSON.

Source: langsmith/_internal/_operations.py and _compressed_traces.py of that release. One part for
the run without its big fields, one part each for those, in the order below; the body is one zstd
frame of level 1 whose header does not tell its size. A server without /runs/multipart gets the runs
of a body together and each feedback on its own, as JSON.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, NamedTuple

import orjson
import zstandard

BOUNDARY = "7d1f0c9a2b6e4f58a3c4d5e6f7081920"  # the SDK draws one a process; a fixed one repeats
OUT_OF_LINE = ("inputs", "outputs", "events", "extra", "error", "serialized")
ZSTD_LEVEL = 1  # the SDK's default

Json = dict[str, Any]


class Form(Enum):
    """What a server takes."""

    ZSTD = "multipart, zstd"
    MULTIPART = "multipart"
    JSON = "JSON"


class Operation(NamedTuple):
    kind: Literal["post", "patch", "feedback"]
    document: Json

    def encoded(self) -> bytes:
        """Its parts of a multipart body."""
        if self.kind == "feedback":
            return encode_feedback(self.document)
        return encode_run(self.kind, self.document)


@dataclass(frozen=True, slots=True)
class Encoded:
    """One request's body."""

    path: str
    content: bytes
    size_before: int  # before zstd
    operations: int  # creates, patches and feedback
    runs: int  # the creates among them


def encode(operations: Sequence[Operation], form: Form) -> Iterator[Encoded]:
    """What is sent one after the other."""
    runs = sum(one.kind == "post" for one in operations)
    if form is Form.JSON:
        yield from _as_json(operations, runs)
        return
    body = join(one.encoded() for one in operations)
    content = compress(body) if form is Form.ZSTD else body
    yield Encoded("/runs/multipart", content, len(body), len(operations), runs)


def _as_json(operations: Sequence[Operation], runs: int) -> Iterator[Encoded]:
    of_runs: dict[str, list[Json]] = {"post": [], "patch": []}
    feedback: list[Json] = []
    for kind, document in operations:
        (feedback if kind == "feedback" else of_runs[kind]).append(document)
    count = len(operations) - len(feedback)
    if count:
        body = orjson.dumps(of_runs)
        yield Encoded("/runs/batch", body, len(body), count, runs)
    for one in feedback:
        body = orjson.dumps(one)
        yield Encoded("/feedback", body, len(body), 1, 0)


def encode_run(operation: str, run: Json) -> bytes:
    """All parts of one operation: "post" or "patch". Fields that are None are not sent apart."""
    inline = {key: value for key, value in run.items() if key not in OUT_OF_LINE}
    name = f"{operation}.{run['id']}"
    parts = [_part(name, orjson.dumps(inline))]
    for field in OUT_OF_LINE:
        value = run.get(field)
        if value is not None:
            parts.append(_part(f"{name}.{field}", orjson.dumps(value)))
    return b"".join(parts)


def encode_feedback(feedback: Json) -> bytes:
    return _part(f"feedback.{feedback['id']}", orjson.dumps(feedback))


def join(parts: Iterable[bytes]) -> bytes:
    """The body, not yet compressed."""
    return b"".join(parts) + b"--%s--\r\n" % BOUNDARY.encode()


def compress(body: bytes) -> bytes:
    stream = zstandard.ZstdCompressor(level=ZSTD_LEVEL).compressobj()  # no size in its header
    return stream.compress(body) + stream.flush()


def headers(size_before: int, size_after: int, form: Form = Form.ZSTD) -> dict[str, str]:
    """Of a body. `size_before`: before zstd."""
    if form is Form.JSON:
        return {"Content-Type": "application/json"}
    multipart = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    if form is Form.MULTIPART:
        return multipart
    return {
        **multipart,
        "Content-Encoding": "zstd",
        "X-Pre-Compressed-Size": str(size_before),
        "X-Post-Compressed-Size": str(size_after),
    }


def _part(name: str, value: bytes) -> bytes:
    return (
        b"--%s\r\n"
        b'Content-Disposition: form-data; name="%s"\r\n'
        b"Content-Type: application/json\r\n"
        b"Content-Length: %d\r\n"
        b"\r\n"
        b"%s\r\n" % (BOUNDARY.encode(), name.encode(), len(value), value)
    )
