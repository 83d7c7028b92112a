"""Content-Encoding: bytes as they arrive -> the body, piece by piece. Knows no multipart, no JSON.

Output is bounded before it is made: a body of 60 KiB that would unfold to 2 GiB costs at most a
piece past the limit.
"""

import zlib
from collections.abc import Iterable, Iterator
from typing import Protocol

import zstandard

from runstore.errors import InvalidRequest, SchemaError, TooLarge
from runstore.limits import BODY_BYTES_MAX, BODY_DECODED_BYTES_MAX, ZSTD_WINDOW_BYTES_MAX

PIECE_BYTES = 64 * 1024  # about what one output piece holds; keeps per-piece work rare
_ZSTD_SLICE_BYTES = 512  # a zstd block of 4 bytes can unfold to 128 KiB, so 512 bytes to 16 MiB
_GZIP, _ZLIB, _RAW_DEFLATE = 31, 15, -15  # zlib's wbits


class BodyDecoder:
    """One request body. `content_encoding` is the header's value, "" if there is none."""

    def __init__(
        self,
        content_encoding: str = "",
        *,
        arrived_max: int = BODY_BYTES_MAX,
        decoded_max: int = BODY_DECODED_BYTES_MAX,
    ) -> None:
        """Raises InvalidRequest for an encoding we do not know."""
        self._stream = _stream(content_encoding.strip().lower())
        self._arrived_max, self._decoded_max = arrived_max, decoded_max
        self.arrived = 0  # bytes
        self.decoded = 0  # bytes

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The pieces `chunk` unfolds to. Raises TooLarge, or SchemaError for damaged bytes."""
        self.arrived += len(chunk)
        if self.arrived > self._arrived_max:
            raise TooLarge(
                f"the body is over {self._arrived_max} bytes; send smaller batches",
                self._arrived_max,
            )
        pending: list[bytes] = []
        size = 0
        for piece in self._stream.unfold(chunk):
            self.decoded += len(piece)
            if self.decoded > self._decoded_max:
                raise TooLarge(
                    f"the body decompresses to over {self._decoded_max} bytes;"
                    " send smaller batches",
                    self._decoded_max,
                )
            pending.append(piece)
            size += len(piece)
            if size >= PIECE_BYTES:
                yield pending[0] if len(pending) == 1 else b"".join(pending)
                pending, size = [], 0
        if size:
            yield b"".join(pending)

    def finish(self) -> None:
        """Raises SchemaError if the compressed stream stopped short."""
        if self.arrived and not self._stream.is_whole():
            raise SchemaError((("body",), "the compressed body ended early"))


def decode_body(
    body: bytes,
    content_encoding: str = "",
    *,
    arrived_max: int = BODY_BYTES_MAX,
    decoded_max: int = BODY_DECODED_BYTES_MAX,
) -> bytes:
    """A whole body at once."""
    decoder = BodyDecoder(content_encoding, arrived_max=arrived_max, decoded_max=decoded_max)
    pieces = list(decoder.feed(body))
    decoder.finish()
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class _Stream(Protocol):
    def unfold(self, chunk: bytes) -> Iterable[bytes]: ...

    def is_whole(self) -> bool: ...


def _stream(encoding: str) -> _Stream:
    if encoding in ("", "identity"):
        return _Identity()
    if encoding in ("gzip", "x-gzip"):
        return _Zlib(_GZIP)
    if encoding == "deflate":
        return _Zlib(_ZLIB)
    if encoding in ("zstd", "x-zstd"):
        return _Zstd()
    raise InvalidRequest(
        f"Content-Encoding {encoding[:80]!r} is not known: send identity, gzip, deflate or zstd"
    )


class _Identity:
    def unfold(self, chunk: bytes) -> Iterable[bytes]:
        return (chunk,) if chunk else ()

    def is_whole(self) -> bool:
        return True


class _Zlib:
    def __init__(self, wbits: int) -> None:
        self._wbits = wbits
        self._object = zlib.decompressobj(wbits)
        self._fresh = True

    def unfold(self, chunk: bytes) -> Iterator[bytes]:
        while chunk:
            if self._object.eof:  # gzip members may follow each other
                self._object = zlib.decompressobj(self._wbits)
            try:
                piece = self._object.decompress(chunk, PIECE_BYTES)
            except zlib.error as error:
                # Some clients send "deflate" without the zlib header the standard asks for.
                if self._wbits != _ZLIB or not self._fresh:
                    raise SchemaError((("body",), f"damaged compressed body: {error}")) from None
                self._wbits = _RAW_DEFLATE
                self._object = zlib.decompressobj(self._wbits)
                continue
            self._fresh = False
            if piece:
                yield piece
            chunk = self._object.unused_data if self._object.eof else self._object.unconsumed_tail

    def is_whole(self) -> bool:
        return self._object.eof


class _Zstd:
    """Frames may follow each other: the SDK ends one whenever it flushes."""

    def __init__(self) -> None:
        self._object = zstandard.ZstdDecompressor(
            max_window_size=ZSTD_WINDOW_BYTES_MAX
        ).decompressobj(read_across_frames=True)

    def unfold(self, chunk: bytes) -> Iterator[bytes]:
        for start in range(0, len(chunk), _ZSTD_SLICE_BYTES):
            try:
                piece = self._object.decompress(chunk[start : start + _ZSTD_SLICE_BYTES])
            except zstandard.ZstdError as error:
                raise SchemaError((("body",), f"damaged zstd body: {error}")) from None
            if piece:
                yield piece

    def is_whole(self) -> bool:
        """Always: across frames zstandard does not tell. Multipart and JSON notice a cut."""
        return True
