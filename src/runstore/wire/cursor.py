"""Opaque cursor text ⇄ a place in the order of runs. Knows no HTTP, no storage.

    text    base64url without padding of: version, direction, start_us, run id, query,
            translation, check
    sizes   1 + 1 + 8 + 16 + 8 + any + 4 bytes, numbers big-endian
    query   BLAKE2b-64 of the query's restrictions and order: a cursor is of no use with another
    translation
            UTF-8 of the filter a model made of the query's words, or nothing: all pages are of one
            filter, whatever the model says by now
    check   CRC-32 of all before it: tells a damaged cursor from one of another query

Nothing in it is secret: it grants no more than its query does.
"""

import base64
import binascii
import hashlib
import struct
import zlib
from dataclasses import fields
from typing import NamedTuple

import orjson

from runstore.errors import CursorError
from runstore.limits import CURSOR_CHARS_MAX
from runstore.model.ids import id_from_bytes, id_to_bytes
from runstore.model.query import Position, RunQuery

_VERSION = 1
_FORWARD, _BACKWARD = 0, 1
_LAYOUT = struct.Struct(">BBq16s8s")
_CHECK = struct.Struct(">I")
# What may change from page to page of one query.
_FREE = frozenset({"limit", "select", "after", "backward"})
_BOUND = tuple(field.name for field in fields(RunQuery) if field.name not in _FREE)


class Place(NamedTuple):
    """Runs past `position`; `backward`: the page before it instead."""

    position: Position
    backward: bool


def query_hash(query: RunQuery) -> bytes:
    """8 bytes that are equal for pages of one query. The order in which ids are listed is free."""
    restrictions = [
        sorted(value) if isinstance(value := getattr(query, name), tuple) else value
        for name in _BOUND
    ]
    return hashlib.blake2b(orjson.dumps(restrictions), digest_size=8).digest()


def encode_cursor(place: Place, query: bytes, translation: str | None = None) -> str:
    """`query` is from `query_hash`."""
    position, backward = place
    raw = _LAYOUT.pack(
        _VERSION,
        _BACKWARD if backward else _FORWARD,
        position.start_us,
        id_to_bytes(position.run_id),
        query,
    )
    raw += (translation or "").encode()
    return base64.urlsafe_b64encode(raw + _CHECK.pack(zlib.crc32(raw))).rstrip(b"=").decode()


def translation_in(text: str) -> str | None:
    """Of the query that a cursor is of. Raises CursorError."""
    try:
        return _unpacked(text)[_LAYOUT.size :].decode() or None
    except UnicodeDecodeError:
        raise _damaged() from None


def decode_cursor(text: str, query: bytes) -> Place:
    """Raises CursorError, which says what to do instead."""
    raw = _unpacked(text)
    version, direction, start_us, run_id, of_query = _LAYOUT.unpack_from(raw)
    if version != _VERSION or direction not in (_FORWARD, _BACKWARD):
        raise CursorError("the cursor is of another version of Runstore; ask without it")
    if of_query != query:
        raise CursorError(
            "the cursor belongs to another query; send the body it came from with it unchanged,"
            " or ask without it"
        )
    return Place(Position(start_us, id_from_bytes(run_id)), direction == _BACKWARD)


def _unpacked(text: str) -> bytes:
    damaged = _damaged()
    if len(text) > CURSOR_CHARS_MAX or not text.isascii():
        raise damaged
    try:
        whole = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        raise damaged from None
    if len(whole) < _LAYOUT.size + _CHECK.size:
        raise damaged
    raw, check = whole[: -_CHECK.size], whole[-_CHECK.size :]
    if _CHECK.pack(zlib.crc32(raw)) != check:
        raise damaged
    return raw


def _damaged() -> CursorError:
    return CursorError("the cursor is damaged; send it as it came, or ask without it")
