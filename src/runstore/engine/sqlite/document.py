"""A derived run -> what is stored beside its row: packed payloads and index terms.

The costly part of a write; it needs no database, so it is done before the writer's turn.
"""

from dataclasses import dataclass, field

from runstore.engine.sqlite.rows import present_bits
from runstore.model.batch import Batch
from runstore.model.derive import Values, derive
from runstore.model.merge import merge
from runstore.model.prices import Prices
from runstore.model.run import Run, RunMessage
from runstore.sql.sqlite.codec import pack
from runstore.sql.sqlite.terms import run_terms


@dataclass(slots=True)
class Document:
    payloads: tuple[bytes | None, ...]  # in the order of PAYLOAD_COLUMNS
    terms: str
    present: int


@dataclass(slots=True)
class PreparedRun:
    """All messages a batch has of one run, merged as if nothing else were known of it."""

    run: Run
    document: Document


@dataclass(slots=True)
class PreparedBatch(Batch):
    """A batch with the work done that needs no database, by run id."""

    prepared: dict[str, PreparedRun] = field(default_factory=dict)


def document_of(run: Run, prices: Prices) -> Document:
    """Derives the run's fields, in place, and what is stored beside them."""
    values = Values(run)
    derive(run, prices, values)
    extra = values.extra
    return Document(
        payloads=(
            pack(run.inputs),
            pack(run.outputs),
            pack(run.extra),
            pack(run.events),
            pack(run.serialized),
        ),
        terms=run_terms(run, values.inputs, values.outputs, values.metadata),
        present=present_bits(values.inputs, values.outputs, extra),
    )


def messages_by_run(batch: Batch) -> dict[str, list[RunMessage]]:
    """In order of appearance."""
    by_run: dict[str, list[RunMessage]] = {}
    for message in batch.messages:
        by_run.setdefault(message.id, []).append(message)
    return by_run


def prepare(batch: Batch, now_us: int, prices: Prices) -> PreparedBatch:
    prepared: dict[str, PreparedRun] = {}
    for run_id, messages in messages_by_run(batch).items():
        if all(message.is_patch for message in messages):
            continue  # its create has come before, so what to make of it lies in the database
        run: Run | None = None
        try:
            for message in messages:
                run = merge(run, message, now_us)
        except ValueError:
            continue  # the writer takes this run's messages one by one, and refuses the bad ones
        if run is not None:
            prepared[run_id] = PreparedRun(run, document_of(run, prices))
    return PreparedBatch(batch.messages, batch.feedback, batch.refusals, prepared)
