import gzip
import zlib
from collections.abc import Callable

import pytest
import zstandard

from runstore.errors import InvalidRequest, SchemaError, TooLarge
from runstore.wire.encoding import PIECE_BYTES, BodyDecoder, decode_body
from tests.wire.capture import read_fixture

TEXT = b"".join(b'{"n": %d}\r\n' % number for number in range(20_000))


def raw_deflate(data: bytes) -> bytes:
    return zlib.compress(data)[2:-4]


def two_frames(data: bytes) -> bytes:
    compress = zstandard.ZstdCompressor().compress
    return compress(data[:1000]) + compress(data[1000:])


# fmt: off
ENCODED = [
    pytest.param("", TEXT, id="no encoding"),
    pytest.param("identity", TEXT, id="identity"),
    pytest.param("gzip", gzip.compress(TEXT), id="gzip"),
    pytest.param(" GZip ", gzip.compress(TEXT), id="gzip in capitals"),
    pytest.param("gzip", gzip.compress(TEXT[:99]) + gzip.compress(TEXT[99:]), id="gzip members"),
    pytest.param("deflate", zlib.compress(TEXT), id="deflate as the standard says"),
    pytest.param("deflate", raw_deflate(TEXT), id="deflate without zlib header"),
    pytest.param("zstd", zstandard.ZstdCompressor(level=1).compress(TEXT), id="zstd"),
    pytest.param("zstd", two_frames(TEXT), id="zstd frames, as the SDK flushes"),
]
# fmt: on


@pytest.mark.parametrize(("encoding", "body"), ENCODED)
@pytest.mark.parametrize("size", [1_000_000, 4096, 7])
def test_a_body_unfolds_the_same_however_it_is_cut(encoding: str, body: bytes, size: int) -> None:
    decoder = BodyDecoder(encoding)
    pieces = [
        piece for at in range(0, len(body), size) for piece in decoder.feed(body[at : at + size])
    ]
    decoder.finish()
    assert b"".join(pieces) == TEXT
    assert (decoder.arrived, decoder.decoded) == (len(body), len(TEXT))
    assert decode_body(body, encoding) == TEXT


# fmt: off
@pytest.mark.parametrize(("encoding", "compress"), [
    ("gzip", gzip.compress),
    ("deflate", zlib.compress),
    ("zstd", zstandard.ZstdCompressor(level=19).compress),
])
# fmt: on
def test_a_bomb_is_stopped_before_it_unfolds(
    encoding: str, compress: Callable[[bytes], bytes]
) -> None:
    bomb = compress(bytes(64 * 1024 * 1024))
    decoder = BodyDecoder(encoding, decoded_max=1_000_000)
    seen = 0
    with pytest.raises(TooLarge, match="over 1000000 bytes") as caught:
        for piece in decoder.feed(bomb):
            seen += len(piece)
    assert caught.value.limit == 1_000_000
    assert seen <= 1_000_000
    assert decoder.decoded <= 17 * 1024 * 1024


def test_a_body_too_long_as_it_arrives_is_refused() -> None:
    decoder = BodyDecoder(arrived_max=10)
    assert list(decoder.feed(b"0123456789")) == [b"0123456789"]
    with pytest.raises(TooLarge) as caught:
        list(decoder.feed(b"x"))
    assert caught.value.limit == 10


def test_small_pieces_are_joined() -> None:
    pieces = list(BodyDecoder("zstd").feed(zstandard.ZstdCompressor().compress(TEXT)))
    assert all(len(piece) >= PIECE_BYTES for piece in pieces[:-1])


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
def test_damaged_bytes_are_a_schema_error(encoding: str) -> None:
    with pytest.raises(SchemaError, match="damaged"):
        decode_body(b"this is not compressed at all", encoding)


@pytest.mark.parametrize(
    ("encoding", "body"), [("gzip", gzip.compress(TEXT)), ("deflate", zlib.compress(TEXT))]
)
def test_a_stream_that_stops_short_is_a_schema_error(encoding: str, body: bytes) -> None:
    with pytest.raises(SchemaError, match="ended early"):
        decode_body(body[:-10], encoding)


@pytest.mark.parametrize("encoding", ["br", "gzip, zstd", "compress"])
def test_an_unknown_encoding_is_refused(encoding: str) -> None:
    with pytest.raises(InvalidRequest, match="Content-Encoding"):
        BodyDecoder(encoding)


def test_an_empty_body_is_empty_in_any_encoding() -> None:
    for encoding in ("", "gzip", "zstd", "deflate"):
        assert decode_body(b"", encoding) == b""


def test_the_sdk_compresses_what_it_says() -> None:
    request = read_fixture("multipart_zstd")
    body = decode_body(request.body, request.headers["Content-Encoding"])
    assert len(body) > int(request.headers["X-Pre-Compressed-Size"])  # which counts no part heads
    assert body.endswith(b"--\r\n")
