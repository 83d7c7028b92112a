"""Batches of writes -> requests of POST /runs/multipart, and their answers -> what was refused.

No I/O; deterministic, given the boundary. Source of the form: docs/wire.md#multipart.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple
from urllib.parse import quote

import msgspec
import orjson
import zstandard

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
    WRITE_COMPRESSED_BYTES_MIN,
)

OUT_OF_LINE = ("inputs", "outputs", "events", "extra", "error", "serialized")
_PLACE = ("trace_id", "parent_run_id", "dotted_order", "session_id", "session_name")
_MERGED_INSIDE = ("events", "extra")  # where two messages add up to more than the later one
_JSON_HEADERS = (("Content-Type", "application/json"),)
_PART_OVERHEAD = 160  # bytes of a part's boundary and headers
_CONTROL = re.compile('[\x00-\x1f\x7f"]')


class AttachedFile(NamedTuple):
    """One attachment of a run. `name` is unique in its run."""

    name: str
    mime_type: str
    data: bytes


@dataclass(slots=True)
class RunWrite:
    """One create ("post") or update ("patch") of one run, as JSON ready to be sent."""

    operation: Literal["post", "patch"]
    run_id: str
    fields: dict[str, Any]  # what is in line: JSON values, with `id`
    payloads: dict[str, bytes] = field(default_factory=dict)  # JSON by a name of OUT_OF_LINE
    attachments: tuple[AttachedFile, ...] = ()
    writes: int = 1  # of the caller's, that became this one
    size: int = 0  # bytes, for bounds

    def __post_init__(self) -> None:
        self.size = self._measured()

    def _measured(self) -> int:
        return (
            len(orjson.dumps(self.fields))
            + sum(map(len, self.payloads.values()))
            + sum(len(file.data) for file in self.attachments)
            + _PART_OVERHEAD * (1 + len(self.payloads) + len(self.attachments))
        )

    @property
    def is_placed(self) -> bool:
        """LangSmith takes it in a batch only with both; Runstore derives what is missing."""
        return bool(self.fields.get("trace_id") and self.fields.get("dotted_order"))


@dataclass(slots=True)
class FeedbackWrite:
    """One feedback record sent beside runs."""

    feedback_id: str
    run_id: str
    body: bytes
    size: int = 0
    writes: int = 1

    def __post_init__(self) -> None:
        self.size = len(self.body) + _PART_OVERHEAD


Write = RunWrite | FeedbackWrite


class RefusedWrite(NamedTuple):
    run_id: str  # "": the server did not say which
    reason: str
    writes: int = 1  # how many it is of: an update may have gone into its create


class IngestTerms(NamedTuple):
    """What a server takes, from GET /info. The defaults are what any server takes."""

    operations_max: int = BATCH_RUNS
    bytes_max: int = BATCH_BYTES
    takes_zstd: bool = False
    is_runstore: bool = False


# --- GET /info


class _BatchConfig(msgspec.Struct):
    size_limit: int | None = None
    size_limit_bytes: int | None = None


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
    refused as a whole is halved until what is wrong stands alone. Raises what else the
    transport raises; sending the whole again is then harmless.
    """
    refused: list[RefusedWrite] = []
    together: list[Write] = []
    for write in merge_writes(writes):
        if isinstance(write, RunWrite) and not write.is_placed and not terms.is_runstore:
            refused += yield from _send_alone(write)
        else:
            together.append(write)
    if together:
        refused += yield from _send_together(together, terms, boundary, compress)
    return refused


def _send_together(
    writes: Sequence[Write], terms: IngestTerms, boundary: str, compress: bool
) -> Steps[list[RefusedWrite]]:
    request = multipart_request(writes, boundary, compress=compress and terms.takes_zstd)
    try:
        answer = yield request
    except Conflict:
        return []  # LangSmith's word for: I have these already
    except TooLarge as error:
        if len(writes) == 1:
            return _refused(writes, error)
    except (SchemaError, InvalidRequest) as error:
        # Runstore says so when none was good; LangSmith already when one was not.
        if terms.is_runstore or len(writes) == 1:
            return _refused(writes, error)
    else:
        return _counted(refusals_of(answer), writes)
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
    payloads = {name: orjson.Fragment(text) for name, text in write.payloads.items()}
    body = orjson.dumps({**write.fields, **payloads})
    if write.operation == "post":
        request = HttpRequest("POST", "/runs", body=body, headers=_JSON_HEADERS)
    else:
        path = f"/runs/{quote(write.run_id)}"
        request = HttpRequest("PATCH", path, body=body, headers=_JSON_HEADERS)
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


# --- the body


def multipart_request(
    writes: Sequence[Write], boundary: str, *, compress: bool = False
) -> HttpRequest:
    """One POST /runs/multipart, as langsmith's SDK writes it."""
    body = multipart_body(writes, boundary)
    headers = [("Content-Type", f"multipart/form-data; boundary={boundary}")]
    if compress and len(body) >= WRITE_COMPRESSED_BYTES_MIN:
        whole = len(body)
        body = zstandard.ZstdCompressor().compress(body)
        headers += [
            ("Content-Encoding", "zstd"),
            ("X-Pre-Compressed-Size", str(whole)),
            ("X-Post-Compressed-Size", str(len(body))),
        ]
    return HttpRequest("POST", "/runs/multipart", body=body, headers=tuple(headers))


def multipart_body(writes: Sequence[Write], boundary: str) -> bytes:
    pieces: list[bytes] = []
    mark = f"--{boundary}\r\n".encode()
    for write in writes:
        if isinstance(write, FeedbackWrite):
            _add_part(pieces, mark, f"feedback.{write.feedback_id}", write.body)
            continue
        name = f"{write.operation}.{write.run_id}"
        _add_part(pieces, mark, name, orjson.dumps(write.fields))
        for payload in OUT_OF_LINE:
            if (text := write.payloads.get(payload)) is not None:
                _add_part(pieces, mark, f"{name}.{payload}", text)
        for file in write.attachments:
            part = f"attachment.{write.run_id}.{file.name}"
            _add_part(pieces, mark, part, file.data, file.mime_type)
    pieces.append(f"--{boundary}--\r\n".encode())
    return b"".join(pieces)


def _add_part(
    pieces: list[bytes], mark: bytes, name: str, data: bytes, kind: str = "application/json"
) -> None:
    head = (
        f'Content-Disposition: form-data; name="{_header_text(name)}"\r\n'
        f"Content-Type: {_header_text(kind)}\r\n"
        f"Content-Length: {len(data)}\r\n\r\n"
    )
    pieces += (mark, head.encode("utf-8", "replace"), data, b"\r\n")


def _header_text(text: str) -> str:
    """No line break or quote gets out of a header; escaped as browsers do."""
    return _CONTROL.sub(lambda found: f"%{ord(found[0]):02X}", text)
