"""Checks of what is packed: dictionaries, and every payload they or nothing but zstd packed."""

from collections.abc import Iterable
from typing import Any

import zstandard

from runstore.engine.sqlite.connections import Connection
from runstore.engine.sqlite.findings import Findings
from runstore.engine.sqlite.rows import PAYLOAD_COLUMNS
from runstore.model.ids import id_from_bytes
from runstore.model.jsontext import decode

EMPTY = zstandard.ZstdCompressor(write_content_size=True).compress(b"")
_PAYLOADS = (
    f"SELECT r.id, {', '.join(f'p.{column}' for column in PAYLOAD_COLUMNS)}"
    " FROM payloads AS p CROSS JOIN runs AS r NOT INDEXED ON r.rid = p.rid"
)


def check_dictionaries(connection: Connection, found: Findings) -> None:
    known: set[int] = set()
    rows: Iterable[Any] = connection.raw.execute("SELECT id, dictionary FROM dictionaries")
    for number, raw in rows:
        found.looked_at += 1
        try:
            loaded = zstandard.ZstdCompressionDict(raw, dict_type=zstandard.DICT_TYPE_FULLDICT)
            zstandard.ZstdDecompressor(dict_data=loaded).decompress(EMPTY)  # only this loads it
            own_id = loaded.dict_id()
        except zstandard.ZstdError as error:
            found.note(f"dictionary {number} cannot be loaded: {error}")
            continue
        if own_id in known:
            found.note(f"dictionary {number} has the id of another one, {own_id}")
        known.add(own_id)


def check_payloads(connection: Connection, found: Findings) -> None:
    rows: Iterable[Any] = connection.raw.execute(_PAYLOADS)
    for raw_id, *payloads in rows:
        for column, stored in zip(PAYLOAD_COLUMNS, payloads, strict=True):
            if stored is None:
                continue
            found.looked_at += 1
            if problem := _damage(connection, stored):
                found.note(f"{column} of run {id_from_bytes(raw_id)} {problem}")


def _damage(connection: Connection, stored: bytes) -> str:
    """What is wrong with a payload; "" for nothing."""
    try:
        text = connection.unpack(stored)
    except KeyError as error:
        return f"were packed with dictionary {error}, which is not here"
    except zstandard.ZstdError as error:
        return f"cannot be unpacked: {error}"
    try:
        decode(text)
    except ValueError as error:
        return f"are no JSON: {error}"
    return ""
