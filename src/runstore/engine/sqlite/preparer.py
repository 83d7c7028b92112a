"""`SqliteEngine.prepare` for another process: the same work, from a folder's path alone."""

import time
from pathlib import Path

import apsw

from runstore.engine.sqlite.connections import DATABASE
from runstore.engine.sqlite.dictionary import load_dictionaries
from runstore.engine.sqlite.prepared import PreparedBatch, prepare
from runstore.limits import DICTIONARY_LOOK_SECONDS
from runstore.model.batch import Batch
from runstore.model.prices import Prices
from runstore.sql.sqlite.codec import Codec


class SqlitePreparer:
    """Made by the engine, sent to a process, used there by one thread."""

    def __init__(self, folder: Path, prices: Prices) -> None:
        self._folder = folder
        self._prices = prices
        self._codec: Codec | None = None  # of the process it has come to
        self._look_again = 0.0  # for a dictionary

    def __getstate__(self) -> tuple[Path, Prices]:
        return self._folder, self._prices

    def __setstate__(self, state: tuple[Path, Prices]) -> None:
        self.__init__(*state)  # type: ignore[misc]  # nothing subclasses it

    def prepare(self, batch: Batch, now_us: int) -> PreparedBatch:
        if self._codec is None:
            self._codec = Codec()
        if not self._codec.has_dictionary and time.monotonic() >= self._look_again:
            self._look_for_dictionary(self._codec)
            self._look_again = time.monotonic() + DICTIONARY_LOOK_SECONDS
        return prepare(batch, now_us, self._prices, self._codec)

    def _look_for_dictionary(self, codec: Codec) -> None:
        """The writer trains one when it has seen enough; until then texts are packed without."""
        path = str(self._folder / DATABASE)
        with apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY) as connection:
            load_dictionaries(connection, codec)
        connection.close()
