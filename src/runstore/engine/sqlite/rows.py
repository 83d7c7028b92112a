"""Row of runs ⇄ Run."""

from collections.abc import Callable
from operator import itemgetter
from typing import Any

import msgspec

from runstore.model.dotted_order import SEGMENT_CHARS, START_CHARS
from runstore.model.ids import ID_CHARS, id_from_bytes, id_to_bytes
from runstore.model.jsontext import decode, encode
from runstore.model.run import Run
from runstore.model.usage import Counters, Sums
from runstore.sql.sqlite.columns import PRESENT_BITS

RUN_COLUMNS = (
    "id", "trace_id", "parent_id", "is_root", "start_us", "end_us", "latency_us", "run_type",
    "status", "name", "present", "prompt_tokens", "completion_tokens", "total_tokens",
    "prompt_cost", "completion_cost", "total_cost", "first_token_us", "received_us", "has_create",
    "provisional", "start_guessed", "said_status", "thread_id", "reference_example_id", "tags",
    "usage", "totals", "dotted_order", "error", "pid",
)  # fmt: skip
_SUMS = msgspec.json.Decoder(dict[str, tuple[int, int]])
_PARENT_ID = slice(-SEGMENT_CHARS - 1 - ID_CHARS, -SEGMENT_CHARS - 1)
PAYLOAD_COLUMNS = ("inputs", "outputs", "extra", "events", "serialized")

# What a run is made of. The others are for filters alone, or ids, which the dotted order has too.
READ_COLUMNS = (
    "start_us", "end_us", "run_type", "status", "name", "first_token_us", "received_us",
    "has_create", "provisional", "start_guessed", "said_status", "thread_id",
    "reference_example_id", "tags", "usage", "totals", "dotted_order", "error",
)  # fmt: skip
_read_columns = itemgetter(*(RUN_COLUMNS.index(name) + 1 for name in READ_COLUMNS))

SELECT_RUN = "SELECT rid, {} FROM runs".format(", ".join(RUN_COLUMNS))
INSERT_RUN = "INSERT INTO runs (rid, {}) VALUES ({})".format(
    ", ".join(RUN_COLUMNS), ", ".join("?" * (len(RUN_COLUMNS) + 1))
)
# An update rewrites the index entries of every column it names, changed or not: what hardly ever
# changes has a statement of its own.
_PLACE_COLUMNS = {"id", "trace_id", "parent_id", "is_root", "start_us", "provisional", "pid"}
_UPDATED = tuple(column for column in RUN_COLUMNS if column not in _PLACE_COLUMNS)
UPDATE_RUN = "UPDATE runs SET {} WHERE rid = :rid".format(
    ", ".join(f"{column} = :{column}" for column in _UPDATED)
)
UPDATE_PLACE = "UPDATE runs SET {} WHERE rid = :rid".format(
    ", ".join(f"{column} = :{column}" for column in sorted(_PLACE_COLUMNS - {"id"}))
)


def run_row(run: Run, pid: int, present: int) -> tuple[Any, ...]:
    """Values in the order of RUN_COLUMNS."""
    totals = run.totals
    return (
        id_to_bytes(run.id),
        id_to_bytes(run.trace_id),
        None if run.parent_run_id is None else id_to_bytes(run.parent_run_id),
        run.id == run.trace_id,
        run.start_us,
        run.end_us,
        None if run.end_us is None else run.end_us - run.start_us,
        run.run_type,
        run.status,
        run.name,
        present,
        *totals_row(totals),
        run.first_token_us,
        run.received_us,
        run.has_create,
        run.provisional,
        run.start_guessed,
        run.said_status,
        run.thread_id,
        None if run.reference_example_id is None else id_to_bytes(run.reference_example_id),
        encode(run.tags).decode() if run.tags else None,
        encode(run.usage).decode() if run.usage else None,
        encode(totals).decode() if totals else None,
        run.dotted_order,
        run.error,
        pid,
    )


def totals_row(totals: Sums) -> tuple[int | None, ...]:
    """The six counters that have columns of their own."""
    if not totals:
        return (0, 0, 0, None, None, None)
    tokens = [
        totals.get(name, (0, 0))[0]
        for name in ("prompt_tokens", "completion_tokens", "total_tokens")
    ]
    costs = [
        totals[name][0] if name in totals else None
        for name in ("prompt_cost", "completion_cost", "total_cost")
    ]
    return (*tokens, *costs)


def sums(text: str | None) -> Sums:
    if text is None:
        return {}
    found: Sums = _SUMS.decode(text)
    return found


def tags_from(text: str) -> tuple[str, ...]:
    return tuple(decode(text))  # type: ignore[arg-type]


def run_from_row(row: tuple[Any, ...], project_id: str | None) -> tuple[int, Run]:
    """(rid, the run without payloads) from a row of SELECT_RUN."""
    return row[0], run_from_columns(_read_columns(row), project_id)


def run_from_columns(
    row: tuple[Any, ...],
    project_id: str | None,
    sums_of: Callable[[str], Sums] = sums,
    tags_of: Callable[[str], tuple[str, ...]] = tags_from,
) -> Run:
    """The run without payloads from its READ_COLUMNS."""
    (
        start_us, end_us, run_type, status, name, first_token_us, received_us, has_create,
        provisional, start_guessed, said_status, thread_id, example_id, tags, usage, totals,
        dotted_order, error,
    ) = row  # fmt: skip
    # To cut ids out of the dotted order is ten times cheaper than to write bytes as text.
    run = Run(
        dotted_order[-ID_CHARS:], dotted_order[START_CHARS:SEGMENT_CHARS], dotted_order, start_us
    )
    run.status = status
    run.parent_run_id = dotted_order[_PARENT_ID] if len(dotted_order) > SEGMENT_CHARS else None
    run.project_id = project_id
    run.name = name
    run.run_type = run_type
    run.end_us = end_us
    run.error = error
    run.tags = () if tags is None else tags_of(tags)
    run.reference_example_id = None if example_id is None else id_from_bytes(example_id)
    run.thread_id = thread_id
    run.first_token_us = first_token_us
    run.received_us = received_us
    run.has_create = has_create == 1
    run.said_status = said_status
    run.provisional = provisional == 1
    run.start_guessed = start_guessed == 1
    if usage is not None:
        run.usage = counters(usage)
    if totals is not None:
        run.totals = sums_of(totals)
    return run


def counters(text: str | None) -> Counters:
    return {} if text is None else decode(text)  # type: ignore[arg-type]


def present_bits(run: Run, metadata: Any) -> int:
    """Which payloads are there and not empty."""
    bits = 0
    for name, text in (("inputs", run.inputs), ("outputs", run.outputs), ("extra", run.extra)):
        if text is not None and not _is_empty(text):
            bits |= PRESENT_BITS[name]
    return bits | PRESENT_BITS["metadata"] if metadata else bits


def _is_empty(text: bytes) -> bool:
    """null, {} or [], however blanks are put."""
    if text[:2] == b'{"':
        return False
    text = text.strip()
    return text == b"null" or (text[:1] in (b"{", b"[") and not text[1:-1].strip())
