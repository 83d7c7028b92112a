"""Routes that bring runs: read, decode in a worker thread, submit, answer what was refused.

202 means committed and visible. A body is decoded while it arrives; the bytes it holds are leased
from the ingest budget before the first is read, so memory stays bounded and overload is said early.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from starlette.requests import Request
from starlette.responses import Response

from runstore.limits import (
    BODY_BYTES_MAX,
    BODY_DECODED_BYTES_MAX,
    INGEST_ARRIVAL_SECONDS,
    PROCESS_BODY_BYTES_MAX,
    PROCESS_BODY_BYTES_MIN,
)
from runstore.model.batch import Batch
from runstore.server.body import body_chunks, content_encoding, path_id, refuse_long
from runstore.server.problems import JSON
from runstore.server.processes import IngestProcesses
from runstore.server.state import metrics_of, processes_of, store_of
from runstore.store.budget import Lease, Sender
from runstore.wire.encoding import BodyDecoder
from runstore.wire.ingest import IngestDecoder
from runstore.wire.multipart import boundary_of
from runstore.wire.problems import encode_ingest
from runstore.wire.runs import decode_batch, decode_create, decode_patch


async def create_run(request: Request) -> Response:
    """POST /runs -> 202"""
    return await _ingest_json(request, decode_create)


async def update_run(request: Request) -> Response:
    """PATCH /runs/{id} -> 202"""
    run_id = path_id(request)
    return await _ingest_json(request, lambda body: decode_patch(run_id, body))


async def ingest_batch(request: Request) -> Response:
    """POST /runs/batch {"post": [...], "patch": [...]} -> 202"""
    return await _ingest_json(request, decode_batch)


async def ingest_multipart(request: Request) -> Response:
    """POST /runs/multipart -> 202"""
    store = store_of(request)
    boundary = boundary_of(request.headers.get("content-type", ""))
    processes = processes_of(request)
    length = request.headers.get("content-length", "")
    if processes is not None and length.isdecimal():
        size = int(length)
        if PROCESS_BODY_BYTES_MIN <= size <= PROCESS_BODY_BYTES_MAX:
            return await _ingest_elsewhere(request, processes, boundary, size)
    parts = IngestDecoder(boundary, store.blobs, now_us=store.clock())
    return await _ingest(request, parts.feed, parts.finish, parts.abort)


async def _ingest_elsewhere(
    request: Request, processes: IngestProcesses, boundary: bytes, size: int
) -> Response:
    """A body of middling size: held whole, decoded and prepared by another process."""
    store = store_of(request)
    with store.ingest.budget.lease() as lease:
        expected = _decoded_size(request)
        await lease.enter(expected, _sender(request))
        pieces: list[bytes] = []
        with _arriving(lease, lambda: sum(map(len, pieces))):
            async for chunks in body_chunks(request, size):
                pieces += chunks
        lease.cover(expected)
        body = b"".join(pieces)
        batch = await processes.decode(body, content_encoding(request), boundary, store.clock())
        return await _submit(request, batch, lease)


async def _ingest_json(request: Request, decode: Callable[[bytes], Batch]) -> Response:
    pieces: list[bytes] = []
    return await _ingest(request, pieces.append, lambda: decode(b"".join(pieces)), pieces.clear)


async def _ingest(
    request: Request,
    feed: Callable[[bytes], None],
    finish: Callable[[], Batch],
    abort: Callable[[], None],
) -> Response:
    """`feed` is given the decompressed body in pieces, `finish` makes a batch of them."""
    store = store_of(request)
    loop = asyncio.get_running_loop()
    body = BodyDecoder(content_encoding(request))

    size = 0

    def take(chunks: list[bytes], lease: Lease) -> None:
        nonlocal size
        for chunk in chunks:
            for piece in body.feed(chunk):
                size += len(piece)
                lease.cover(size)
                feed(piece)

    def complete(chunks: list[bytes], lease: Lease) -> Batch:
        take(chunks, lease)
        body.finish()
        return store.ingest.prepare(finish())

    refuse_long(request, BODY_BYTES_MAX)
    with store.ingest.budget.lease() as lease:
        await lease.enter(_decoded_size(request), _sender(request))
        try:
            last: list[bytes] = []
            with _arriving(lease, lambda: size):
                async for chunks in body_chunks(request, BODY_BYTES_MAX):
                    if last:
                        await loop.run_in_executor(store.decoders, take, last, lease)
                    last = chunks
            batch = await loop.run_in_executor(store.decoders, complete, last, lease)
        except BaseException:
            abort()
            raise
        return await _submit(request, batch, lease)


def _sender(request: Request) -> Sender | None:
    """None: not known. A multipart boundary is of one process; lengths are of few requests.

    What it looks like is kept as a hash: heads may be long, and many senders are remembered.
    """
    if request.client is None:
        return None
    heads = ("content-type", "content-length", "x-pre-compressed-size")
    looks = request.client.host, *(request.headers.get(name) for name in heads)
    return Sender(request.client, hash(looks))


@contextmanager
def _arriving(lease: Lease, arrived: Callable[[], int]) -> Iterator[None]:
    """While a body comes. One that takes long has no more of the budget than came of it."""
    late = asyncio.get_running_loop().call_later(
        INGEST_ARRIVAL_SECONDS, lambda: lease.spare(arrived())
    )
    try:
        yield
    finally:
        late.cancel()
    lease.arrived()


def _decoded_size(request: Request) -> int:
    """Of the body, as its headers say; 0: they do not. LangSmith's SDK tells both lengths."""
    said = [request.headers.get(name, "") for name in ("content-length", "x-pre-compressed-size")]
    sizes = [int(text) for text in said if text.isascii() and text.isdecimal() and len(text) < 20]
    return min(max(sizes, default=0), BODY_DECODED_BYTES_MAX)


async def _submit(request: Request, batch: Batch, lease: Lease) -> Response:
    metrics_of(request).refused(len(batch.refusals))
    refusals = await store_of(request).ingest.submit_prepared(batch, lease)
    status, answer = encode_ingest(batch, refusals)
    return Response(answer, status, media_type=JSON)
