"""Requests of the crash tests, as small as they can be."""

import random
from typing import Any
from uuid import UUID

import orjson
from bench.http import Answer, Connection

from runstore.errors import DiskFull
from runstore.model.times import text_from_us, us_from_text

Json = dict[str, Any]

JSON_HEADERS = {"Content-Type": "application/json"}
START_US = us_from_text("2026-11-01T00:00:00Z")
PAGE = 100
REFUSED_PAUSE_S = 0.02  # before what was refused is sent again
_BOUNDARY = "crash"


def new_run(
    draw: random.Random, *, below: Json | None = None, size: int = 0, **fields: Any
) -> Json:
    """A run that has started, with `size` bytes of inputs that cannot be packed."""
    run_id = str(UUID(int=draw.getrandbits(128), version=4))
    start_us = START_US + draw.randrange(10**9)
    order = f"{text_from_us(start_us)[:26].translate(_PLAIN)}Z{run_id}"
    run: Json = {
        "id": run_id,
        "trace_id": run_id if below is None else below["trace_id"],
        "dotted_order": order if below is None else f"{below['dotted_order']}.{order}",
        "name": "step",
        "run_type": "chain",
        "start_time": text_from_us(start_us),
        **fields,
    }
    if below is not None:
        run["parent_run_id"] = below["id"]
    if size:
        run["inputs"] = {"noise": draw.randbytes(size // 2).hex()}
    return run


_PLAIN = str.maketrans("", "", "-:.")


def multipart(parts: list[tuple[str, bytes]]) -> tuple[bytes, dict[str, str]]:
    """(name, content) of each -> body and headers. JSON, but for attachments."""
    pieces = []
    for name, content in parts:
        kind = "text/plain" if name.startswith("attachment.") else "application/json"
        pieces.append(
            f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n'
            f"Content-Type: {kind}\r\nContent-Length: {len(content)}\r\n\r\n".encode()
            + content
            + b"\r\n"
        )
    pieces.append(f"--{_BOUNDARY}--\r\n".encode())
    return b"".join(pieces), {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"}


class DiskIsFull(Exception):
    """The server refused to write, for want of room: nothing of what was sent may be there."""


def refused_unless(answer: Answer, *statuses: int) -> None:
    assert answer.status in statuses, f"{answer.status} {answer.body[:500]!r}"
    assert b'"refused"' not in answer.body, answer.body[:500]


def written(answer: Answer, *statuses: int) -> None:
    """`refused_unless` for what is to be stored. Raises DiskIsFull."""
    if answer.status == 503 and orjson.loads(answer.body)["code"] == DiskFull.code:
        raise DiskIsFull
    refused_unless(answer, *statuses)


def query(connection: Connection, body: Json) -> list[Json]:
    """All pages."""
    runs: list[Json] = []
    body = {"limit": PAGE, **body}
    while True:
        answer = connection.request("POST", "/runs/query", orjson.dumps(body), JSON_HEADERS)
        refused_unless(answer, 200)
        page = orjson.loads(answer.body)
        runs += page["runs"]
        cursor = page["cursors"].get("next")
        if not cursor:
            return runs
        body = body | {"cursor": cursor}
