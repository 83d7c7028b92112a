"""A batch -> the same batch, with the work done that needs no database, here or elsewhere.

A run whose only message in the batch is a create that tells its place is ready: the writer has but
to see that it is not stored yet. Of other messages the payloads alone are made ready, for what
becomes of them depends on what is stored.

Between processes a batch travels as one msgpack array, and ready runs without the texts of their
payloads, which are packed beside them: pickling the objects took a seventh of ingest.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from runstore.engine.sqlite.document import Document, Payloads, document_of
from runstore.engine.sqlite.rows import PAYLOAD_COLUMNS
from runstore.model.batch import Batch
from runstore.model.derive import with_depth
from runstore.model.feedback import Feedback
from runstore.model.merge import merge
from runstore.model.prices import Prices
from runstore.model.run import Refusal, Run, RunMessage
from runstore.sql.sqlite.codec import Codec
from runstore.sql.sqlite.terms import Terms

_REPLACED = frozenset({"outputs", "serialized"})
"""Payloads a patch says anew; its inputs are compared with those that are there."""


class ReadyRun(msgspec.Struct, array_like=True):
    """The run one create makes, as if nothing else were known of it."""

    run: Run  # texts of payloads may be missing: see `restore_texts`
    document: Document
    project_name: str | None


class ReadyPayload(msgspec.Struct, array_like=True):
    """What is made of one payload of the batch's messages."""

    message: int  # its place among them
    column: str
    packed: bytes
    terms: Terms | None  # of inputs and outputs


@dataclass(slots=True, kw_only=True)
class PreparedBatch(Batch):
    """`messages` are those of runs that are not ready."""

    ready: list[ReadyRun] = field(default_factory=list)
    payloads: list[ReadyPayload] = field(default_factory=list)
    size: int = 0  # bytes, as `byte_size` had it before

    @property
    def message_count(self) -> int:
        return len(self.messages) + len(self.ready)

    def byte_size(self) -> int:
        return self.size

    def __reduce__(self) -> tuple[object, ...]:
        for ready in self.ready:
            run = ready.run
            run.inputs = run.outputs = run.extra = run.events = run.serialized = None
        parcel = _Parcel(
            self.ready, self.messages, self.payloads, self.feedback, self.refusals, self.size
        )
        return _from_parcel, (_ENCODER.encode(parcel),)


class _Parcel(msgspec.Struct, array_like=True):
    ready: list[ReadyRun]
    messages: list[RunMessage]
    payloads: list[ReadyPayload]
    feedback: list[Feedback]
    refusals: list[Refusal]
    size: int


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Parcel)


def _from_parcel(raw: bytes) -> PreparedBatch:
    parcel = _DECODER.decode(raw)
    return PreparedBatch(
        messages=parcel.messages,
        feedback=parcel.feedback,
        refusals=parcel.refusals,
        ready=parcel.ready,
        payloads=parcel.payloads,
        size=parcel.size,
    )


def prepare(batch: Batch, now_us: int, prices: Prices, codec: Codec) -> PreparedBatch:
    payloads = Payloads(codec, batch.values)
    prepared = PreparedBatch(
        feedback=batch.feedback, refusals=batch.refusals, size=batch.byte_size()
    )
    for messages in messages_by_run(batch.messages).values():
        ready = _ready(messages[0], now_us, prices, payloads) if len(messages) == 1 else None
        if ready is not None:
            prepared.ready.append(ready)
            continue
        for message in messages:
            _prepare_payloads(message, len(prepared.messages), payloads, prepared.payloads)
            prepared.messages.append(message)
    return prepared


def _ready(message: RunMessage, now_us: int, prices: Prices, payloads: Payloads) -> ReadyRun | None:
    if message.is_patch or message.dotted_order is None or message.attachments:
        return None
    try:
        run = merge(None, message, now_us)
    except ValueError:
        return None  # the writer will refuse it, with that reason
    if run.provisional:
        return None
    return ReadyRun(run, document_of(run, prices, payloads), message.project_name)


def _prepare_payloads(
    message: RunMessage, place: int, payloads: Payloads, prepared: list[ReadyPayload]
) -> None:
    if message.is_patch and message.extra is not None and message.dotted_order is not None:
        # As a create's is stored: most patches repeat it, and the writer need but compare bytes.
        depth = message.dotted_order.count(".")
        message.extra = with_depth(message.extra, payloads.of(message.extra).value, depth)
    for column, mark in (("inputs", "i"), ("outputs", "o"), ("events", "")):
        if column == "inputs" and message.is_patch:
            continue  # nearly always those the run has, of which the writer knows all
        text = getattr(message, column)
        if text is not None:
            payload = payloads.of(text)
            terms = payload.terms(mark) if mark else None
            prepared.append(ReadyPayload(place, column, payload.packed, terms))


def messages_by_run(messages: Iterable[RunMessage]) -> dict[str, list[RunMessage]]:
    """In order of appearance."""
    by_run: dict[str, list[RunMessage]] = {}
    for message in messages:
        by_run.setdefault(message.id, []).append(message)
    return by_run


def restore_texts(
    run: Run, document: Document, payloads: Payloads, message: RunMessage | None = None
) -> None:
    """Gives a run that was ready the texts of its payloads again, but those a patch replaces."""
    terms = {"inputs": document.of_inputs, "outputs": document.of_outputs}
    for column, packed in zip(PAYLOAD_COLUMNS, document.payloads, strict=True):
        if packed is not None and getattr(run, column) is None:
            replaced = column in _REPLACED and message is not None and message.is_patch
            if replaced and getattr(message, column) is not None:
                continue
            text = payloads.codec.unpack(packed)
            setattr(run, column, text)
            payloads.know(text, packed, terms.get(column))


def message_of(ready: ReadyRun, payloads: Payloads) -> RunMessage:
    """The create it was made from, for a run of which more is known."""
    run = ready.run
    restore_texts(run, ready.document, payloads)
    return RunMessage(
        id=run.id,
        is_patch=False,
        trace_id=run.trace_id,
        parent_run_id=run.parent_run_id,
        dotted_order=run.dotted_order,
        project_id=run.project_id,
        project_name=ready.project_name,
        name=run.name,
        run_type=run.run_type,
        start_us=None if run.start_guessed else run.start_us,
        end_us=run.end_us,
        error=run.error,
        status=run.said_status,
        tags=run.tags or None,
        reference_example_id=run.reference_example_id,
        inputs=run.inputs,
        outputs=run.outputs,
        extra=run.extra,
        events=run.events,
        serialized=run.serialized,
    )
