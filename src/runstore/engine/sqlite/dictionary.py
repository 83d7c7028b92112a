"""Learns a folder's zstd dictionary from the first payloads it is given.

Payloads of one folder repeat each other's keys and phrases; a dictionary of them makes small
texts a third smaller and faster to pack. Measured:
docs/decisions/0008-payload-dictionary.md.
"""

import logging
import threading
from collections.abc import Iterable

import apsw
import zstandard

from runstore.limits import DICTIONARY_BYTES, DICTIONARY_SAMPLE_BYTES, DICTIONARY_SAMPLES_MIN
from runstore.model.run import JsonText
from runstore.sql.sqlite.codec import Codec, train

SAMPLE_BYTES_MAX = 8 * 1024  # of one payload: no single text may fill the samples

_log = logging.getLogger(__name__)


def load_dictionaries(connection: apsw.Connection, codec: Codec) -> None:
    """Those of the folder, the newest last."""
    for _, raw in connection.execute("SELECT id, dictionary FROM dictionaries ORDER BY id"):
        codec.learn(raw)


class Trainer:
    """Used by the writer. Trains once, in a thread of its own, when it has been offered enough."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._samples: list[bytes | bytearray | memoryview] = []
        self._bytes = 0
        self._thread: threading.Thread | None = None
        self._trained: bytes | None = None

    def offer(self, payloads: Iterable[JsonText]) -> None:
        if self._codec.has_dictionary or self._thread is not None:
            return
        for payload in payloads:
            self._samples.append(payload[:SAMPLE_BYTES_MAX])
            self._bytes += len(payload[:SAMPLE_BYTES_MAX])
        if self._bytes >= DICTIONARY_SAMPLE_BYTES and len(self._samples) >= DICTIONARY_SAMPLES_MIN:
            self._thread = threading.Thread(target=self._train, name="runstore-dictionary")
            self._thread.daemon = True  # a process that ends meanwhile has lost nothing
            self._thread.start()

    def _train(self) -> None:
        try:
            self._trained = train(self._samples, DICTIONARY_BYTES)
        except zstandard.ZstdError as error:  # texts that share nothing
            _log.warning("no dictionary could be trained: %s", error)
        self._samples = []

    def store(self, connection: apsw.Connection) -> bytes | None:
        """Inside a transaction: keeps a dictionary that is ready. Who has committed, learns it."""
        trained = self._trained
        if trained is None or self._codec.has_dictionary:
            return None
        connection.execute("INSERT INTO dictionaries (dictionary) VALUES (?)", (trained,))
        return trained
