"""Payload bytes ⇄ stored bytes: zstd where that is smaller, else as they are.

A zstd frame begins with 28 B5 2F FD, which no JSON text does, so the two tell themselves apart.
"""

import threading

import zstandard

from runstore.model.run import JsonText

LEVEL = 1  # measured: docs/storage.md
PLAIN_BYTES_MAX = 96  # shorter texts do not shrink
MAGIC = b"\x28\xb5\x2f\xfd"

_local = threading.local()  # contexts are not thread-safe


def pack(payload: JsonText) -> bytes:
    if len(payload) <= PLAIN_BYTES_MAX:
        return payload
    packed: bytes = _compressor().compress(payload)
    return packed if len(packed) < len(payload) else payload


def unpack(stored: bytes) -> JsonText:
    if stored[:4] != MAGIC:
        return JsonText(stored)
    return JsonText(_decompressor().decompress(stored))


def _compressor() -> zstandard.ZstdCompressor:
    if not hasattr(_local, "compressor"):
        _local.compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=False)
    compressor: zstandard.ZstdCompressor = _local.compressor
    return compressor


def _decompressor() -> zstandard.ZstdDecompressor:
    if not hasattr(_local, "decompressor"):
        _local.decompressor = zstandard.ZstdDecompressor()
    decompressor: zstandard.ZstdDecompressor = _local.decompressor
    return decompressor
