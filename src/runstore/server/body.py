"""Request -> its body, decompressed and bounded; ids in its path. Knows no JSON."""

from collections.abc import AsyncIterator

from starlette.requests import Request

from runstore.errors import SchemaError, TooLarge
from runstore.limits import FEED_BYTES
from runstore.model.ids import canonical_id
from runstore.wire.encoding import BodyDecoder


async def read_body(request: Request, bytes_max: int) -> bytes:
    """The whole body. Raises TooLarge, before a byte is read if its length says so."""
    refuse_long(request, bytes_max)
    decoder = BodyDecoder(content_encoding(request), arrived_max=bytes_max, decoded_max=bytes_max)
    pieces: list[bytes] = []
    async for chunk in request.stream():
        pieces.extend(decoder.feed(chunk))
    decoder.finish()
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


async def body_chunks(request: Request, bytes_max: int) -> AsyncIterator[list[bytes]]:
    """The body as it arrived, about FEED_BYTES at a time; the last list is what is left."""
    refuse_long(request, bytes_max)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        chunks.append(chunk)
        size += len(chunk)
        if size >= FEED_BYTES:
            yield chunks
            chunks, size = [], 0
    yield chunks


def content_encoding(request: Request) -> str:
    return request.headers.get("content-encoding", "")


def refuse_long(request: Request, bytes_max: int) -> None:
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > bytes_max:
        raise TooLarge(
            f"the body has {length} bytes, at most {bytes_max} are allowed here", bytes_max
        )


def path_id(request: Request, name: str = "id") -> str:
    """A UUID in the path, canonical. Raises SchemaError."""
    text = request.path_params[name]
    try:
        return canonical_id(text)
    except ValueError:
        raise SchemaError((("path", name), f"{text[:80]!r} is not a UUID")) from None
