"""A derived run -> what is stored beside its row: packed payloads and index terms.

The costly part of a write; prepared.py has it done before the writer's turn.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from runstore.engine.sqlite.rows import present_bits
from runstore.model.derive import Values, derive, rederive
from runstore.model.jsontext import decode
from runstore.model.prices import Prices
from runstore.model.run import JsonText, Run
from runstore.sql.sqlite.codec import Codec
from runstore.sql.sqlite.terms import NO_TERMS, Terms, payload_terms, run_terms, terms_of_changed

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

    @property
    def packed(self) -> bytes:
        if self._packed is None:
            self._packed = self._codec.pack(self.text)
        return self._packed

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

    def know(self, text: JsonText, packed: bytes | None, terms: Terms | None) -> None:
        """One made before: read from the database, or prepared with its message."""
        self._known[id(text)] = Payload(self.codec, text, packed, terms)

    def of(self, text: JsonText) -> Payload:
        place = id(text)
        payload = self._known.get(place)
        if payload is None:
            # It holds its text, so the number stays that of this text.
            payload = self._known[place] = Payload(self.codec, text)
            payload._value = self._values.get(place, _UNREAD)
        return payload

    def packed(self, text: JsonText | None) -> bytes | None:
        """For texts of which nothing else is wanted."""
        if text is None:
            return None
        payload = self._known.get(id(text))
        return self.codec.pack(text) if payload is None else payload.packed


class Document(msgspec.Struct, array_like=True):
    """Comes from another process as an array: see prepared.py."""

    payloads: tuple[bytes | None, ...]  # in the order of PAYLOAD_COLUMNS
    of_run: Terms  # all but the project's
    of_inputs: Terms  # kept for a patch, which hardly ever changes them
    of_outputs: Terms
    present: int

    def index(self, project: str) -> tuple[str, str, str, str]:
        """The columns of `inverted`. `project` is the term of the run's project."""
        of_run, of_inputs, of_outputs = self.of_run, self.of_inputs, self.of_outputs
        terms = f"{of_run.terms} {of_inputs.terms} {of_outputs.terms} {project}"
        return terms, of_inputs.words, of_outputs.words, of_run.words


def _packed_extra(text: JsonText, said: Payload | None, codec: Codec) -> bytes:
    """Deriving leaves `extra` as it was said, if that told the depth already."""
    return said.packed if said is not None and said.text is text else codec.pack(text)


def document_of_changed(
    run: Run, was: Run, of_run: Terms, prices: Prices, payloads: Payloads
) -> Document | None:
    """`document_of` for a run that stood as `was`, with these terms, before messages changed it:
    most say its end and its outputs, and nothing else anew. None where they did."""
    if (
        run.extra is None
        or run.extra is not was.extra
        or was.error is not None
        or run.dotted_order != was.dotted_order
        or run.name != was.name
        or run.run_type != was.run_type
        or run.tags != was.tags
        or run.reference_example_id != was.reference_example_id
    ):
        return None
    inputs = None if run.inputs is None else payloads.of(run.inputs)
    outputs = None if run.outputs is None else payloads.of(run.outputs)
    rederive(run, prices, Values(run, outputs=None if outputs is None else outputs.value))
    return Document(
        payloads=(
            None if inputs is None else inputs.packed,
            None if outputs is None else outputs.packed,
            payloads.packed(run.extra),
            payloads.packed(run.events),
            payloads.packed(run.serialized),
        ),
        of_run=terms_of_changed(of_run, was, run),
        of_inputs=NO_TERMS if inputs is None else inputs.terms("i"),
        of_outputs=NO_TERMS if outputs is None else outputs.terms("o"),
        present=present_bits(run, metadata=True),  # it has the depth, at least
    )


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
    metadata = values.metadata
    of_run = run_terms(run, metadata)
    return Document(
        payloads=(
            None if inputs is None else inputs.packed,
            None if outputs is None else outputs.packed,
            None if run.extra is None else _packed_extra(run.extra, extra, payloads.codec),
            payloads.packed(run.events),
            payloads.packed(run.serialized),
        ),
        of_run=of_run,
        of_inputs=of_inputs,
        of_outputs=of_outputs,
        present=present_bits(run, metadata),
    )
