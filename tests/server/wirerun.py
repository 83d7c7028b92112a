"""Runs and multipart bodies as a client sends them, with the least a test has to say."""

import json
from typing import Any

START = "2026-03-01T10:00:{:02d}.000000+00:00"
SEGMENT = "20260301T1000{:02d}000000Z{}"
BOUNDARY = "b0und"
MULTIPART = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}


def uid(number: int) -> str:
    return f"0198c0de-0000-7000-8000-{number:012d}"


def run(number: int, parent: int | None = None, **fields: Any) -> dict[str, Any]:
    """A create of run `number`, a root or a direct child of the root `parent`."""
    root = number if parent is None else parent
    order = [SEGMENT.format(one % 60, uid(one)) for one in dict.fromkeys((root, number))]
    return {
        "id": uid(number),
        "trace_id": uid(root),
        "dotted_order": ".".join(order),
        "parent_run_id": None if parent is None else uid(parent),
        "name": f"run {number}",
        "run_type": "chain",
        "start_time": START.format(number % 60),
        "session_name": "tests",
        "inputs": {"n": number},
        **fields,
    }


def multipart(*parts: tuple[str, bytes, str]) -> bytes:
    """(name, content, content type) each."""
    pieces: list[bytes] = []
    for name, content, content_type in parts:
        head = (
            f"--{BOUNDARY}\r\n"
            f'Content-Disposition: form-data; name="{name}"\r\n'
            f"Content-Type: {content_type}; length={len(content)}\r\n\r\n"
        )
        pieces += (head.encode(), content, b"\r\n")
    return b"".join([*pieces, f"--{BOUNDARY}--\r\n".encode()])


def json_part(name: str, value: Any) -> tuple[str, bytes, str]:
    return name, json.dumps(value).encode(), "application/json"


def multipart_run(number: int, **fields: Any) -> list[tuple[str, bytes, str]]:
    """A create with its inputs in a part of their own."""
    said = run(number, **fields)
    inputs = said.pop("inputs")
    name = f"post.{said['id']}"
    return [json_part(name, said), json_part(f"{name}.inputs", inputs)]
