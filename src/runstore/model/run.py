"""What a run is: the messages that tell of it, and the run they add up to."""

from dataclasses import dataclass
from typing import NewType

import msgspec

from runstore.model.usage import Counters, Sums

JsonText = NewType("JsonText", bytes)
"""Bytes known to be one valid JSON value in UTF-8. Payloads stay so from socket to disk."""

RUN_TYPES = ("llm", "chain", "tool", "retriever", "embedding", "prompt", "parser")
STATUSES = ("pending", "success", "error", "interrupted")
PAYLOADS = ("inputs", "outputs", "extra", "events", "serialized")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file of a run. Its bytes lie in the folder's blobs/ under their SHA-256."""

    name: str
    sha256: str  # hex
    mime_type: str
    size: int  # bytes


# Structs, not dataclasses: they are made, compared and sent between processes several times a run.
# Where there are many, made of what they must have and then filled: thirty names in one call take
# ten times as long.
class RunMessage(msgspec.Struct, array_like=True):
    """What one create or one patch said about a run. None: it said nothing of that.

    `extra` holds metadata too. `inputs` ... are JSON objects as text; `events` a JSON array.
    """

    id: str
    is_patch: bool
    trace_id: str | None = None
    parent_run_id: str | None = None
    dotted_order: str | None = None
    project_id: str | None = None
    project_name: str | None = None
    name: str | None = None
    run_type: str | None = None
    start_us: int | None = None
    end_us: int | None = None
    error: str | None = None
    status: str | None = None
    tags: tuple[str, ...] | None = None
    reference_example_id: str | None = None
    inputs: JsonText | None = None
    outputs: JsonText | None = None
    extra: JsonText | None = None
    events: JsonText | None = None
    serialized: JsonText | None = None
    attachments: tuple[Attachment, ...] = ()


class Run(msgspec.Struct, array_like=True):
    """A run as it stands: its messages merged, and what follows from them derived.

    Payloads and attachments an engine was not asked for (`select`) are missing.
    """

    id: str
    trace_id: str
    dotted_order: str
    start_us: int
    status: str = "pending"
    parent_run_id: str | None = None
    project_id: str | None = None  # None: no message has named a project yet
    name: str | None = None
    run_type: str | None = None
    end_us: int | None = None
    error: str | None = None
    tags: tuple[str, ...] = ()
    reference_example_id: str | None = None
    thread_id: str | None = None
    first_token_us: int | None = None
    received_us: int = 0  # when the first message came
    has_create: bool = False  # False: only patches have come so far
    provisional: bool = False  # no message has said its dotted_order: see model/identity.py
    start_guessed: bool = False  # no message has said when it started
    said_status: str | None = None  # what messages said; `status` follows from it and the rest
    usage: Counters = {}  # its own
    totals: Sums = {}  # its own and all descendants'
    inputs: JsonText | None = None
    outputs: JsonText | None = None
    extra: JsonText | None = None  # metadata with ls_run_depth inside
    events: JsonText | None = None
    serialized: JsonText | None = None
    attachments: tuple[Attachment, ...] = ()

    @property
    def is_root(self) -> bool:
        return self.id == self.trace_id

    @property
    def depth(self) -> int:
        """0 at the root."""
        return self.dotted_order.count(".")

    @property
    def latency_us(self) -> int | None:
        return None if self.end_us is None else self.end_us - self.start_us

    @property
    def ancestor_ids(self) -> tuple[str, ...]:
        """Root first, direct parent last; as the dotted order names them, arrived or not."""
        return tuple(part[-36:] for part in self.dotted_order.split(".")[:-1])


@dataclass(frozen=True, slots=True)
class Refusal:
    """One message of a batch that could not be taken, and why, in words for its sender."""

    run_id: str
    reason: str
