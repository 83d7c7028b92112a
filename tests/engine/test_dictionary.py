"""The dictionary of a folder: kept once, also where the first attempt to keep it failed."""

import threading

import apsw

from runstore.engine.sqlite.dictionary import Trainer
from runstore.limits import DICTIONARY_SAMPLE_BYTES
from runstore.model.run import JsonText
from runstore.sql.sqlite.codec import Codec

PAYLOAD_BYTES = 8_000


def _payloads() -> list[JsonText]:
    count = DICTIONARY_SAMPLE_BYTES // PAYLOAD_BYTES + 1
    line = '{"role":"user","content":"refund of order %d"},'
    texts = (
        "".join(line % (number * 1_000 + one) for one in range(200)) for number in range(count)
    )
    return [JsonText(f"[{text}]".encode()[:PAYLOAD_BYTES]) for text in texts]


def test_a_dictionary_whose_transaction_failed_is_kept_by_the_next() -> None:
    connection, codec = apsw.Connection(":memory:"), Codec()
    connection.execute("CREATE TABLE dictionaries (id INTEGER PRIMARY KEY, dictionary BLOB)")
    trainer = Trainer(codec)
    trainer.offer(_payloads())
    for thread in threading.enumerate():
        if thread.name == "runstore-dictionary":
            thread.join()
    connection.execute("BEGIN")
    lost = trainer.store(connection)
    connection.execute("ROLLBACK")
    kept = trainer.store(connection)
    assert lost is not None
    assert kept == lost
    codec.learn(kept)
    assert trainer.store(connection) is None, "once"
    assert connection.execute("SELECT count(*) FROM dictionaries").fetchall() == [(1,)]
