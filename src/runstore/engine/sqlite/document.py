"""A derived run -> what is stored beside its row: packed payloads and index terms.

The costly part of a write. `prepare` does it before the writer's turn, without the database: the
whole document of a run whose create is in the batch, the payloads alone of one that is patched.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from runstore.engine.sqlite.rows import present_bits
from runstore.model.batch import Batch
from runstore.model.derive import Values, derive
from runstore.model.jsontext import decode
from runstore.model.merge import merge
from runstore.model.prices import Prices
from runstore.model.run import JsonText, Run, RunMessage
from runstore.sql.sqlite.codec import Codec
from runstore.sql.sqlite.terms import NO_TERMS, Terms, payload_terms, run_terms

_UNREAD: Any = object()


class Payload:
    """One JSON text, with what is made of it, each when first asked for and only once."""

    __slots__ = ("_codec", "_packed", "_terms", "_value", "text")

    def __init__(
        self, codec: Codec, text: JsonText, packed: bytes | None = None, terms: Terms | None = None
    ) -> None:
        self.text = text
        self._codec = codec
        self._packed = packed
        self._terms = terms
        self._value = _UNREAD

    def __getstate__(self) -> tuple[JsonText, bytes | None, Terms | None]:
        """Without the value: to decode it again costs less than to send it."""
        return self.text, self._packed, self._terms

    def __setstate__(self, state: tuple[JsonText, bytes | None, Terms | None]) -> None:
        self.text, self._packed, self._terms = state
        self._value = _UNREAD

    @property
    def packed(self) -> bytes:
        if self._packed is None:
            self._packed = self._codec.pack(self.text)
        return self._packed

    def know_value(self, value: Any) -> None:
        self._value = value

    def use(self, codec: Codec) -> None:
        self._codec = codec

    @property
    def value(self) -> Any:
        if self._value is _UNREAD:
            self._value = decode(self.text)
        return self._value

    def terms(self, mark: str) -> Terms:
        if self._terms is None:
            self._terms = payload_terms(mark, self.value)
        return self._terms


class Payloads:
    """Payloads by the very bytes object: a merge hands on what it does not change."""

    def __init__(self, codec: Codec, values: Mapping[int, Any] | None = None) -> None:
        """`values`: see Batch."""
        self.codec = codec
        self._known: dict[int, Payload] = {}
        self._values = {} if values is None else values

    def __getstate__(self) -> list[Payload]:
        return list(self._known.values())

    def __setstate__(self, payloads: list[Payload]) -> None:
        self._values = {}
        self._known = {id(payload.text): payload for payload in payloads}

    def know(self, text: JsonText, packed: bytes | None, terms: Terms | None) -> None:
        """One read from the database."""
        self._known[id(text)] = Payload(self.codec, text, packed, terms)

    def of(self, text: JsonText) -> Payload:
        payload = self._known.get(id(text))
        if payload is None:
            # It holds its text, so the number stays that of this text.
            payload = self._known[id(text)] = Payload(self.codec, text)
            payload.know_value(self._values.get(id(text), _UNREAD))
        return payload

    def forget_values(self) -> None:
        """They are large, and needed no more once terms are made of them."""
        self._values = {}
        for payload in self._known.values():
            payload.know_value(_UNREAD)

    def join(self, others: "Payloads") -> None:
        """Take over the payloads of a batch that was prepared, maybe in another process."""
        for payload in others._known.values():
            payload.use(self.codec)
        self._known |= others._known


@dataclass(slots=True)
class Document:
    payloads: tuple[bytes | None, ...]  # in the order of PAYLOAD_COLUMNS
    index: tuple[str, str, str, str]  # the columns of `inverted`, the project's term missing
    input_terms: Terms  # kept for a patch, which hardly ever changes them
    present: int


@dataclass(slots=True)
class PreparedRun:
    """All messages a batch has of one run, merged as if nothing else were known of it."""

    run: Run
    document: Document


@dataclass(slots=True, kw_only=True)
class PreparedBatch(Batch):
    """A batch with the work done that needs no database; `prepared` by run id."""

    payloads: Payloads
    prepared: dict[str, PreparedRun] = field(default_factory=dict)


def document_of(run: Run, prices: Prices, payloads: Payloads) -> Document:
    """Derives the run's fields, in place, and what is stored beside them."""
    inputs = None if run.inputs is None else payloads.of(run.inputs)
    outputs = None if run.outputs is None else payloads.of(run.outputs)
    extra = None if run.extra is None else payloads.of(run.extra)
    values = Values(
        run,
        outputs=None if outputs is None else outputs.value,
        extra=None if extra is None else extra.value,
    )
    derive(run, prices, values)
    of_inputs = NO_TERMS if inputs is None else inputs.terms("i")
    of_outputs = NO_TERMS if outputs is None else outputs.terms("o")
    of_run = run_terms(run, values.metadata)
    return Document(
        payloads=(
            None if inputs is None else inputs.packed,
            None if outputs is None else outputs.packed,
            None if run.extra is None else payloads.codec.pack(run.extra),
            None if run.events is None else payloads.of(run.events).packed,
            None if run.serialized is None else payloads.of(run.serialized).packed,
        ),
        index=(
            f"{of_run.terms} {of_inputs.terms} {of_outputs.terms}",
            of_inputs.words,
            of_outputs.words,
            of_run.words,
        ),
        input_terms=of_inputs,
        present=present_bits(run, values.metadata),
    )


def messages_by_run(batch: Batch) -> dict[str, list[RunMessage]]:
    """In order of appearance."""
    by_run: dict[str, list[RunMessage]] = {}
    for message in batch.messages:
        by_run.setdefault(message.id, []).append(message)
    return by_run


def prepare(batch: Batch, now_us: int, prices: Prices, codec: Codec) -> PreparedBatch:
    prepared: dict[str, PreparedRun] = {}
    payloads = Payloads(codec, batch.values)
    for run_id, messages in messages_by_run(batch).items():
        if all(message.is_patch for message in messages):
            _prepare_payloads(messages, payloads)
            continue  # its create has come before, so what to make of it lies in the database
        run: Run | None = None
        try:
            for message in messages:
                run = merge(run, message, now_us)
        except ValueError:
            continue  # the writer takes this run's messages one by one, and refuses the bad ones
        if run is not None:
            prepared[run_id] = PreparedRun(run, document_of(run, prices, payloads))
    payloads.forget_values()
    return PreparedBatch(
        messages=batch.messages,
        feedback=batch.feedback,
        refusals=batch.refusals,
        payloads=payloads,
        prepared=prepared,
    )


def _prepare_payloads(messages: Iterable[RunMessage], payloads: Payloads) -> None:
    for message in messages:
        for mark, text in (("i", message.inputs), ("o", message.outputs)):
            if text is not None:
                payload = payloads.of(text)
                _ = payload.terms(mark), payload.packed
        if message.events is not None:
            _ = payloads.of(message.events).packed
