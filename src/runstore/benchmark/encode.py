"""Runs and feedback -> multipart bodies, byte for byte as SDK 0.15 sends them.

Source: langsmith/_internal/_operations.py and _compressed_traces.py of that release. One part for
the run without its big fields, one part each for those, in the order below; the body is one zstd
frame of level 1 whose header does not tell its size.
"""

from collections.abc import Iterable
from typing import Any

import orjson
import zstandard

BOUNDARY = "7d1f0c9a2b6e4f58a3c4d5e6f7081920"  # the SDK draws one a process; a fixed one repeats
OUT_OF_LINE = ("inputs", "outputs", "events", "extra", "error", "serialized")
ZSTD_LEVEL = 1  # the SDK's default

POST_STARTS = b'--%s\r\nContent-Disposition: form-data; name="post.' % BOUNDARY.encode()
"""How an operation that creates a run begins."""

Json = dict[str, Any]


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


def headers(size_before: int, size_after: int) -> dict[str, str]:
    return {
        "x-api-key": "bench",
        "Accept": "application/json",
        "User-Agent": "langsmith-py/0.15.0-httpx2",
        "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
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
