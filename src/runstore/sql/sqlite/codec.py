"""Payload bytes ⇄ stored bytes: zstd with a folder's own dictionary, where that is smaller.

A zstd frame begins with 28 B5 2F FD, which no JSON text does, and names its dictionary; so every
stored payload tells by itself how it is to be read.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import zstandard

from runstore.model.run import JsonText

LEVEL = 1  # measured: docs/decisions/0008-payload-dictionary.md
PLAIN_BYTES_MAX = 128  # of shorter texts, as the two events of most runs, too little is saved
FRAMES_AT_ONCE = 512  # about 600 kB of texts: more do not stay in the processor's cache
FRAMES_PER_THREAD = 200  # to start one takes as long as twenty
MAGIC = b"\x28\xb5\x2f\xfd"


class UnknownDictionary(zstandard.ZstdError, KeyError):
    """Perhaps another process has trained it since."""


class Codec:
    """Safe to use from many threads. A dictionary once known is never forgotten."""

    def __init__(self) -> None:
        self._dictionaries: dict[int, zstandard.ZstdCompressionDict] = {}
        self._newest = 0  # 0: none
        self._local = threading.local()  # contexts are not thread-safe

    @property
    def has_dictionary(self) -> bool:
        return self._newest != 0

    @property
    def dictionaries(self) -> int:
        """How many it has learnt."""
        return len(self._dictionaries)

    def learn(self, raw: bytes) -> None:
        """A dictionary of `train`; the one learnt last is used from now on."""
        dictionary = zstandard.ZstdCompressionDict(raw)
        dictionary.precompute_compress(level=LEVEL)
        self._dictionaries[dictionary.dict_id()] = dictionary
        self._newest = dictionary.dict_id()

    def pack(self, payload: JsonText) -> bytes:
        if len(payload) <= PLAIN_BYTES_MAX:
            return payload
        known: tuple[int, Callable[[bytes], bytes]] | None = getattr(self._local, "compress", None)
        if known is None or known[0] != self._newest:
            known = self._new_compressor()
        packed = known[1](payload)
        return packed if len(packed) < len(payload) else payload

    def unpack(self, stored: bytes) -> JsonText:
        """Raises UnknownDictionary, zstandard.ZstdError for what is no frame of ours."""
        if stored[:4] != MAGIC:
            return JsonText(stored)
        return JsonText(self._decompressor(_dictionary_id(stored)).decompress(stored))

    def unpack_all(self, stored: Sequence[bytes], threads: int = 1) -> list[JsonText]:
        """`unpack` of each, of frames alone. Many in one call, during which other threads may run.

        `threads` that do it, for who waits for it alone. Raises as `unpack` does.
        """
        texts: list[JsonText] = []
        for first in range(0, len(stored), FRAMES_AT_ONCE):
            texts += self._unpack_some(stored[first : first + FRAMES_AT_ONCE], threads)
        return texts

    def _unpack_some(self, stored: Sequence[bytes], threads: int) -> list[JsonText]:
        if self._newest:
            reader: Any = self._decompressor(self._newest)
            try:
                some = max(1, min(threads, len(stored) // FRAMES_PER_THREAD))
                found = reader.multi_decompress_to_buffer(stored, threads=some)
                return [text.tobytes() for text in found]
            except (zstandard.ZstdError, AttributeError):
                pass  # some are of another dictionary, or damaged, or zstandard is not the C one
        return [self.unpack(one) for one in stored]

    def _new_compressor(self) -> tuple[int, Callable[[bytes], bytes]]:
        """This thread's, with the dictionary it uses."""
        newest = self._newest
        made = zstandard.ZstdCompressor(
            LEVEL, dict_data=self._dictionaries.get(newest), write_checksum=True
        )
        self._local.compress = known = (newest, made.compress)
        return known

    def _decompressor(self, dictionary_id: int) -> zstandard.ZstdDecompressor:
        known: dict[int, zstandard.ZstdDecompressor] = self._local.__dict__.setdefault(
            "readers", {}
        )
        if dictionary_id not in known:
            if dictionary_id and dictionary_id not in self._dictionaries:
                raise UnknownDictionary(f"dictionary {dictionary_id} is not here")
            known[dictionary_id] = zstandard.ZstdDecompressor(
                dict_data=self._dictionaries[dictionary_id] if dictionary_id else None
            )
        return known[dictionary_id]


# Of a frame: how many bytes its payload has. Raises zstandard.ZstdError for what is no frame.
unpacked_bytes: Callable[[bytes], int] = zstandard.frame_content_size


def train(samples: list[bytes | bytearray | memoryview], dictionary_bytes: int) -> bytes:
    """A dictionary for texts like these. Raises zstandard.ZstdError for too few of them."""
    return zstandard.train_dictionary(dictionary_bytes, samples).as_bytes()


def _dictionary_id(stored: bytes) -> int:
    return zstandard.get_frame_parameters(stored[:18]).dict_id
