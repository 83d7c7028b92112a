"""Batches of writes -> requests, and their answers -> what was refused. No I/O."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec
import orjson

from runstore.client.calls.bodies import (
    JSON_HEADERS,
    FeedbackWrite,
    RunWrite,
    Write,
    as_json,
    batch_request,
    multipart_request,
)
from runstore.client.http import HttpRequest, HttpResponse, Steps
from runstore.errors import (
    Conflict,
    InvalidRequest,
    NotFound,
    RunstoreError,
    SchemaError,
    TooLarge,
)
from runstore.limits import (
    BATCH_BYTES,
    BATCH_RUNS,
    WRITE_BATCH_OPERATIONS,
)

_PLACE = ("trace_id", "parent_run_id", "dotted_order", "session_id", "session_name")
_MERGED_INSIDE = ("events", "extra")  # where two messages add up to more than the later one
_NO_SUCH_ROUTE = (404, 405, 501)


class RefusedWrite(NamedTuple):
    run_id: str  # "": the server did not say which
    reason: str
    writes: int = 1  # how many it is of: an update may have gone into its create


@dataclass(slots=True)
class IngestTerms:
    """What a server takes, from GET /info. The defaults are what any server takes."""

    operations_max: int = BATCH_RUNS
    bytes_max: int = BATCH_BYTES
    takes_zstd: bool = False
    is_runstore: bool = False
    takes_multipart: bool = True  # becomes False where a server turns out not to have it


# --- GET /info


class _BatchConfig(msgspec.Struct):
    size_limit: int | None = None
    size_limit_bytes: int | None = None
    use_multipart_endpoint: bool | None = None


class _Info(msgspec.Struct):
    version: str | None = None
    batch_ingest_config: _BatchConfig | None = None
    instance_flags: dict[str, Any] | None = None


def read_terms() -> Steps[IngestTerms]:
    """A server without /info gets the plainest form."""
    try:
        answer = yield HttpRequest("GET", "/info")
        info = msgspec.json.decode(answer.body, type=_Info)
    except (NotFound, msgspec.DecodeError):
        return IngestTerms()
    config = info.batch_ingest_config or _BatchConfig()
    is_runstore = "+runstore." in (info.version or "")
    return IngestTerms(
        # What a Runstore says there is what it asks of the SDK.
        operations_max=WRITE_BATCH_OPERATIONS
        if is_runstore
        else max(1, config.size_limit or BATCH_RUNS),
        bytes_max=max(1, config.size_limit_bytes or BATCH_BYTES),
        takes_zstd=bool((info.instance_flags or {}).get("zstd_compression_enabled")),
        is_runstore=is_runstore,
        takes_multipart=config.use_multipart_endpoint is not False,
    )


# --- batches


def cut_batch(waiting: Iterable[Write], terms: IngestTerms) -> list[Write]:
    """The first writes that fit into one request: at least one, however large."""
    batch: list[Write] = []
    size = 0
    for write in waiting:
        size += write.size
        if batch and (size > terms.bytes_max or len(batch) >= terms.operations_max):
            break
        batch.append(write)
    return batch


def merge_writes(writes: Sequence[Write]) -> list[Write]:
    """An update whose run is created in the same batch goes into the create.

    Only where that says the same: what servers join (tags, events, extra.metadata) is not
    joined here, so such an update stays a message of its own.
    """
    merged: list[Write] = []
    created: dict[str, int] = {}  # run id -> place in `merged`
    for write in writes:
        if isinstance(write, RunWrite):
            at = created.get(write.run_id)
            if write.operation == "post":
                created[write.run_id] = len(merged)
            elif at is not None:
                create = merged[at]
                assert isinstance(create, RunWrite)
                if _can_merge(create, write):
                    merged[at] = _merged(create, write)
                    continue
                del created[write.run_id]  # later updates must stay behind this one
        merged.append(write)
    return merged


def _can_merge(create: RunWrite, update: RunWrite) -> bool:
    if create.fields.get("tags") and update.fields.get("tags"):
        return False
    if any(create.payloads.get(name) and update.payloads.get(name) for name in _MERGED_INSIDE):
        return False
    return not (create.attachments and update.attachments)


def _merged(create: RunWrite, update: RunWrite) -> RunWrite:
    place = {name: create.fields[name] for name in _PLACE if name in create.fields}
    return RunWrite(
        "post",
        create.run_id,
        {**create.fields, **update.fields, **place},
        {**create.payloads, **update.payloads},
        create.attachments or update.attachments,
        create.writes + update.writes,
    )


# --- sending


def send_batch(
    writes: Sequence[Write], terms: IngestTerms, boundary: str, *, compress: bool = True
) -> Steps[list[RefusedWrite]]:
    """Send them all, in as many requests as it takes. Returns what the server refused.

    `boundary` must not occur in any payload: 32 random characters do not. A body that is
    refused as a whole is halved until what is wrong stands alone. A server without
    /runs/multipart gets JSON, and feedback once its run is there. Raises what else the transport
    raises; sending the whole again is then harmless.
    """
    refused: list[RefusedWrite] = []
    together: list[Write] = []
    feedback: list[FeedbackWrite] = []
    for write in merge_writes(writes):
        if isinstance(write, RunWrite) and not write.is_placed and not terms.is_runstore:
            refused += yield from _send_alone(write)
        elif isinstance(write, FeedbackWrite) and not terms.takes_multipart:
            feedback.append(write)
        else:
            together.append(write)
    if together:
        refused += yield from _send_together(together, terms, boundary, compress)
    for record in feedback:
        refused += yield from _send_feedback(record)
    return refused


def _send_together(
    writes: Sequence[Write], terms: IngestTerms, boundary: str, compress: bool
) -> Steps[list[RefusedWrite]]:
    if terms.takes_multipart:
        request = multipart_request(writes, boundary, compress=compress and terms.takes_zstd)
    else:
        request = batch_request(writes)
    try:
        answer = yield request
    except Conflict:
        return []  # LangSmith's word for: I have these already
    except RunstoreError as error:
        if terms.takes_multipart and error.status in _NO_SUCH_ROUTE:
            terms.takes_multipart = False
            return (yield from send_batch(writes, terms, boundary, compress=compress))
        if not isinstance(error, TooLarge | SchemaError | InvalidRequest):
            raise
        # Runstore says so when none was good; LangSmith already when one was not.
        if len(writes) == 1 or (terms.is_runstore and not isinstance(error, TooLarge)):
            return _refused(writes, error)
    else:
        refused = _counted(refusals_of(answer), writes)
        return refused if terms.takes_multipart else refused + _left_out(writes)
    half = len(writes) // 2
    first = yield from _send_together(writes[:half], terms, boundary, compress)
    return first + (yield from _send_together(writes[half:], terms, boundary, compress))


def _refused(writes: Iterable[Write], error: RunstoreError) -> list[RefusedWrite]:
    return [RefusedWrite(one.run_id, str(error), one.writes) for one in writes]


def _counted(refused: list[RefusedWrite], writes: Iterable[Write]) -> list[RefusedWrite]:
    """The server names runs, and says of feedback that it is; how many writes each is, we know."""
    sent: dict[str, list[int]] = {}
    for write in writes:
        if isinstance(write, RunWrite):
            sent.setdefault(write.run_id, []).append(write.writes)
    return [
        one._replace(writes=sent[one.run_id].pop(0))
        if sent.get(one.run_id) and not one.reason.startswith("feedback")
        else one
        for one in refused
    ]


def _send_alone(write: RunWrite) -> Steps[list[RefusedWrite]]:
    """LangSmith derives the place in the trace only of runs that come alone, as JSON."""
    body = orjson.dumps(as_json(write))
    if write.operation == "post":
        request = HttpRequest("POST", "/runs", body=body, headers=JSON_HEADERS)
    else:
        path = f"/runs/{quote(write.run_id)}"
        request = HttpRequest("PATCH", path, body=body, headers=JSON_HEADERS)
    try:
        answer = yield request
    except Conflict:
        return []
    except (SchemaError, InvalidRequest, TooLarge, NotFound) as error:
        return _refused([write], error)
    refused = _counted(refusals_of(answer), [write])
    if write.attachments:
        reason = "attachments need trace_id and dotted_order to be sent to LangSmith"
        refused.append(RefusedWrite(write.run_id, reason))
    return refused


def _send_feedback(write: FeedbackWrite) -> Steps[list[RefusedWrite]]:
    try:
        yield HttpRequest("POST", "/feedback", body=write.body, headers=JSON_HEADERS)
    except Conflict:
        return []
    except (SchemaError, InvalidRequest, TooLarge, NotFound) as error:
        return [RefusedWrite(write.run_id, f"feedback: {error}", write.writes)]
    return []


def _left_out(writes: Iterable[Write]) -> list[RefusedWrite]:
    """The runs are written; what JSON cannot carry is counted as lost."""
    reason = "attachments need /runs/multipart, which this server does not have"
    return [
        RefusedWrite(write.run_id, reason)
        for write in writes
        if isinstance(write, RunWrite) and write.attachments
    ]


class _Refused(msgspec.Struct):
    run_id: str = ""
    reason: str = ""


class _IngestAnswer(msgspec.Struct):
    refused: list[_Refused] = []


def refusals_of(answer: HttpResponse) -> list[RefusedWrite]:
    """A 202 may name runs that were not taken while the others were."""
    try:
        told = msgspec.json.decode(answer.body, type=_IngestAnswer)
    except msgspec.DecodeError:  # another server's way of saying yes
        return []
    return [RefusedWrite(one.run_id, one.reason) for one in told.refused]
