"""POST and GET /runs/tail -> what to follow; runs -> server-sent events. Knows no HTTP, no engine.

    event: run                  a run, as POST /runs/query answers with it
    event: error                why the stream ends here, as an error's body
    : still here                a comment, when nothing comes
    id: <cursor>                with each: all before it has been sent

Source: docs/wire.md#tail.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from runstore.errors import CursorError, RunstoreError
from runstore.limits import CURSOR_CHARS_MAX, IDS_MAX, QUERY_BODY_BYTES_MAX
from runstore.model.change import ChangePosition
from runstore.model.query import Page, RunQuery
from runstore.wire.answer import AttachmentUrl, encode_runs
from runstore.wire.body import decode_object
from runstore.wire.names import domain_select
from runstore.wire.problems import encode_error
from runstore.wire.query import RESTRICTIONS, Fields, decode_restrictions, decode_select
from runstore.wire.values import shown

_NUMBER_MAX = 2**63 - 1  # engines count in 64 bits, and one further
_LISTS = frozenset({"session", "session_name", "id", "reference_example", "select"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TailBody:
    """A decoded body: what to follow from where, and what of each run is wanted."""

    query: RunQuery
    select: frozenset[str]  # wire names
    after: ChangePosition | None  # None: only what comes
    ignored: tuple[str, ...]  # unknown fields, for the Runstore-Ignored header


def decode_tail_query(body: bytes, last_event_id: str | None = None) -> TailBody:
    """`last_event_id` wins over `cursor`: it is what a client that reconnects has come to.

    Raises SchemaError, CursorError, TooLarge.
    """
    return _decoded(decode_object(body, bytes_max=QUERY_BODY_BYTES_MAX), last_event_id)


def decode_tail_params(
    params: Sequence[tuple[str, str]], last_event_id: str | None = None
) -> TailBody:
    """The same from a URL, where lists are repeated names. Raises SchemaError, CursorError."""
    fields: dict[str, Any] = {}
    for name, value in params:
        if name.removesuffix("[]") in _LISTS:
            fields.setdefault(name.removesuffix("[]"), []).append(value)
        else:
            fields[name] = value
    return _decoded(fields, last_event_id)


def _decoded(given: dict[str, Any], last_event_id: str | None) -> TailBody:
    fields = Fields(given)
    select = decode_select(fields)
    query = decode_restrictions(fields, needs_scope=False)
    names = fields.get("session_name", _texts)
    if names:
        # As a filter: the project may be made only when its first run comes.
        own = f"in(session_name, {orjson.dumps(names).decode()})"
        text = query.search_filter
        query.search_filter = own if text is None else f"and({own}, {text})"
    cursor = last_event_id or fields.text("cursor")
    return TailBody(
        query=replace(query, select=domain_select(select)),
        select=select,
        after=None if cursor is None else decode_change_position(cursor),
        ignored=fields.unknown(RESTRICTIONS | {"select", "cursor", "session_name"}),
    )


def _texts(value: Any) -> list[str]:
    texts = value if value.__class__ is list else [value]
    if len(texts) > IDS_MAX or any(text.__class__ is not str for text in texts):
        raise ValueError(f"{shown(value)} is neither a name nor a list of names")
    return list(texts)


def encode_change_position(position: ChangePosition) -> str:
    return f"{position.seq}.{position.within}"


def decode_change_position(text: str) -> ChangePosition:
    """ "0" is before everything. Raises CursorError."""
    seq, _, within = text.strip().partition(".")
    digits = seq + within
    if len(text) > CURSOR_CHARS_MAX or not (seq and digits.isascii() and digits.isdecimal()):
        raise CursorError(
            f"{shown(text)} is no cursor of a tail; send the id of its last event, 0 for all runs"
            " from the beginning, or none for what comes from now on"
        )
    position = ChangePosition(int(seq), int(within or 0))
    if max(position) >= _NUMBER_MAX:
        raise CursorError(f"{shown(text)} is no cursor of a tail: the number is too large")
    return position


def page_encoder(
    select: frozenset[str], attachment_url: AttachmentUrl
) -> Callable[[Page], list[bytes]]:
    return lambda page: encode_runs(page, select, attachment_url=attachment_url)


def encode_run_events(runs: Sequence[bytes], positions: Sequence[ChangePosition]) -> bytes:
    """Who has got a run goes on from its position."""
    return b"".join(
        b"event: run\nid: %b\ndata: %b\n\n"
        # Line breaks in a payload stand between its values, never inside.
        % (encode_change_position(position).encode(), run.translate(_ONE_LINE))
        for run, position in zip(runs, positions, strict=True)
    )


def encode_heartbeat(position: ChangePosition) -> bytes:
    return f": still here\nid: {encode_change_position(position)}\n\n".encode()


def encode_error_event(error: RunstoreError) -> bytes:
    return b"event: error\ndata: %b\n\n" % encode_error(error)


_ONE_LINE = bytes.maketrans(b"\r\n", b"  ")
