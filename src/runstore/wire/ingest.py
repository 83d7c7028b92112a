"""The parts of POST /runs/multipart -> one Batch. Knows part names; knows no HTTP, no boundary.

    post.<run id>, patch.<run id>        JSON of the run, without what comes in parts of its own
    <op>.<run id>.<payload>              inputs, outputs, events, extra, error or serialized, JSON
    attachment.<run id>.<name>           bytes
    feedback.<feedback id>               JSON

Parts come in any order. A second part of one name begins a second message about that run. Other
part names are ignored, as unknown fields are. Source: docs/wire.md#multipart.
"""

from typing import Any, Protocol

from runstore.errors import InvalidRequest, TooLarge
from runstore.limits import ATTACHMENT_BYTES_MAX, PARTS_MAX, PAYLOAD_BYTES_MAX
from runstore.model.batch import Batch
from runstore.model.jsontext import valid_json
from runstore.model.run import PAYLOADS, Attachment, JsonText, Refusal, RunMessage
from runstore.wire.feedback import decode_feedback_fields
from runstore.wire.multipart import MultipartReader, PartHead
from runstore.wire.runs import decode_run, decode_usual_run, error_text, shaped
from runstore.wire.values import shown, to_id

_OPERATIONS = ("post", "patch")
_OUT_OF_LINE = frozenset((*PAYLOADS, "error"))


class AttachmentWriter(Protocol):
    def write(self, data: bytes) -> None: ...

    def finish(self) -> Attachment: ...

    def abort(self) -> None:
        """Forget what was written, after `finish` too: no run will have it."""


class AttachmentSink(Protocol):
    """Where attachments go while they arrive, so that none is held in memory."""

    def open(self, run_id: str, name: str, mime_type: str) -> AttachmentWriter: ...


class IngestDecoder:
    """Fed with chunks of a decompressed body. Nothing of it counts until `finish` returned."""

    def __init__(self, boundary: bytes, sink: AttachmentSink, *, now_us: int) -> None:
        """`now_us` is when feedback was made that does not say so."""
        self._parts = _Parts(sink, now_us)
        self._reader = MultipartReader(boundary, self._parts)

    def feed(self, chunk: bytes) -> None:
        """Raises TooLarge, SchemaError; the body is then lost, and files begun are given up."""
        try:
            self._reader.feed(chunk)
        except BaseException:
            self.abort()
            raise

    def finish(self) -> Batch:
        """Raises SchemaError for a truncated body, InvalidRequest for one without parts."""
        if self._reader.is_untouched():
            raise InvalidRequest("the body is empty: a retry must send it anew, nothing was stored")
        try:
            self._reader.finish()
        except BaseException:
            self.abort()
            raise
        if not self._reader.parts:
            raise InvalidRequest("the multipart body has no parts, nothing was stored")
        return self._parts.batch()

    def abort(self) -> None:
        """The request is given up, as when its sender went away. May be called at any time."""
        self._parts.abort()


def decode_multipart(body: bytes, boundary: bytes, sink: AttachmentSink, *, now_us: int) -> Batch:
    """A whole body at once."""
    decoder = IngestDecoder(boundary, sink, now_us=now_us)
    decoder.feed(body)
    return decoder.finish()


class _Message:
    """What the parts have told so far of one post or patch."""

    __slots__ = (
        "attachments", "error", "fields", "is_patch", "message", "payloads", "problem", "run_id"
    )  # fmt: skip

    def __init__(self, run_id: str, is_patch: bool) -> None:
        self.run_id = run_id
        self.is_patch = is_patch
        self.message: RunMessage | None = None  # of a run part that is as usual
        self.fields: dict[str, Any] | None = None  # of one that is not
        self.payloads: dict[str, JsonText | None] = {}
        self.error: str | None = None
        self.attachments: list[Attachment] = []
        self.problem: str | None = None

    def has(self, name: str) -> bool:
        if name:
            return name in self.payloads
        return self.message is not None or self.fields is not None


class _Parts:
    """A PartConsumer. Between begin and end, `_target` says whose part it is and `_name` which."""

    def __init__(self, sink: AttachmentSink, now_us: int) -> None:
        self._sink, self._now_us = sink, now_us
        self._messages: list[_Message] = []
        self._latest: dict[str, _Message] = {}  # by "<op>.<run id as sent>"
        self._attachments: list[tuple[str, Attachment | None, str]] = []  # run id, file, problem
        self._finished: list[tuple[AttachmentWriter, Attachment]] = []
        self._batch = Batch()
        self._count = 0
        self._head = PartHead("", "", None)
        self._target: _Message | None = None
        self._name = ""
        self._feedback_id: str | None = None
        self._run_id = ""
        self._writer: AttachmentWriter | None = None
        self._chunks: list[bytes] | None = None  # None: the part is skipped
        self._size = 0

    # --- PartConsumer

    def whole_part(self, name: str, content_type: str, length: int | None, data: bytes) -> None:
        prefix, _, field = name.rpartition(".")
        message = self._latest.get(prefix)
        if message is not None and field in _OUT_OF_LINE and field not in message.payloads:
            self._count_part()
            self._end_run_part(message, field, data, len(data), length)
            return
        operation, _, rest = name.partition(".")
        if operation in _OPERATIONS:
            self._count_part()
            said, _, field = rest.partition(".")
            if not field or field in _OUT_OF_LINE:
                message = self._message(operation, said, field, name)
                self._end_run_part(message, field, data, len(data), length)
        else:
            self.begin_part(PartHead(name, content_type, length))
            self.write_part(data)
            self.end_part()

    def begin_part(self, head: PartHead) -> None:
        self._count_part()
        self._head, self._size, self._chunks = head, 0, None
        self._target = self._feedback_id = None
        kind, _, rest = head.name.partition(".")
        if kind in _OPERATIONS:
            said, _, name = rest.partition(".")
            if not name or name in _OUT_OF_LINE:
                self._target = self._message(kind, said, name, head.name)
                self._name, self._chunks = name, []
        elif kind == "attachment":
            self._begin_attachment(rest)
        elif kind == "feedback":
            self._feedback_id, self._chunks = rest, []

    def write_part(self, data: bytes) -> None:
        self._size += len(data)
        if self._chunks is not None:
            self._chunks.append(data)
            if self._size > PAYLOAD_BYTES_MAX:
                self._chunks = None
        elif self._writer is not None:
            if self._size > ATTACHMENT_BYTES_MAX:
                self._give_up_part()
                problem = f"{self._name}: over {ATTACHMENT_BYTES_MAX} bytes"
                self._attachments.append((self._run_id, None, problem))
            else:
                self._writer.write(data)

    def end_part(self) -> None:
        data = None if self._chunks is None else b"".join(self._chunks)
        if self._target is not None:
            self._end_run_part(self._target, self._name, data, self._size, self._head.length)
        elif self._feedback_id is not None:
            self._end_feedback(self._feedback_id, data)
        elif self._writer is not None:
            attachment = self._writer.finish()  # if it cannot, it is given up as any other
            writer, self._writer = self._writer, None
            self._finished.append((writer, attachment))
            self._attachments.append((self._run_id, attachment, ""))

    def _count_part(self) -> None:
        self._count += 1
        if self._count > PARTS_MAX:
            raise TooLarge(
                f"over {PARTS_MAX} parts in one request; send smaller batches", PARTS_MAX
            )

    def abort(self) -> None:
        self._give_up_part()
        while self._finished:
            self._finished.pop()[0].abort()

    def _give_up_part(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.abort()

    # --- one kind of part each

    def _message(self, operation: str, said: str, field: str, part: str) -> _Message:
        """The message a part belongs to: the latest about that run, or one it begins."""
        key = f"{operation}.{said}"
        message = self._latest.get(key)
        if message is None or message.has(field):
            try:
                message = _Message(to_id(said), operation == "patch")
            except ValueError as error:
                message = _Message(said, operation == "patch")
                message.problem = f"part name {part[:80]!r}: {error}"
            self._latest[key] = message
            self._messages.append(message)
        return message

    def _end_run_part(
        self, message: _Message, name: str, data: bytes | None, size: int, length: int | None
    ) -> None:
        try:
            if data is None or size > PAYLOAD_BYTES_MAX or length not in (None, size):
                raise _wrong_size(size, length)
            if not name and message.problem is None:
                usual = decode_usual_run(data, message.run_id, is_patch=message.is_patch)
                if usual is not None:
                    message.message = usual
                    return
            text, value = valid_json(data)
            if not name:
                if value.__class__ is not dict:
                    raise ValueError(f"{shown(value)} is not a JSON object")
                message.fields = value
            elif name == "error":
                message.error = error_text(value)
                message.payloads[name] = None
            else:
                payload = message.payloads[name] = shaped(name, value, text)
                if payload is text:
                    self._batch.values[id(text)] = value
        except ValueError as error:
            message.problem = f"{name or 'run'}: {error}"
            if name:
                message.payloads[name] = None
            else:
                message.fields = {}

    def _begin_attachment(self, rest: str) -> None:
        said, _, name = rest.partition(".")
        self._run_id, self._name = said, f"attachment {name[:80]!r}"
        try:
            self._run_id = to_id(said)
            if not name:
                raise ValueError("a part name is attachment.<run id>.<name>")
        except ValueError as error:
            self._attachments.append((said, None, f"{self._name}: {error}"))
            return
        mime_type = self._head.content_type or "application/octet-stream"
        self._writer = self._sink.open(self._run_id, name, mime_type)

    def _end_feedback(self, feedback_id: str, data: bytes | None) -> None:
        run_id = feedback_id
        try:
            if data is None or self._head.length not in (None, self._size):
                raise _wrong_size(self._size, self._head.length)
            _, value = valid_json(data)
            if value.__class__ is not dict:
                raise ValueError(f"{shown(value)} is not a JSON object")
            run_id = str(value.get("run_id") or value.get("trace_id") or feedback_id)
            # LangSmith's schema names the part after the run, its SDK after the feedback.
            value.setdefault("id", feedback_id)
            self._batch.feedback.append(decode_feedback_fields(value, now_us=self._now_us))
        except ValueError as error:
            self._batch.refusals.append(Refusal(run_id, f"feedback: {error}"))

    # --- the whole

    def batch(self) -> Batch:
        self._place_attachments()
        batch = self._batch
        for told in self._messages:
            operation = "patch" if told.is_patch else "post"
            try:
                if told.problem is not None:
                    raise ValueError(told.problem)
                message = told.message
                if message is not None:
                    _add_payloads(message, told)
                elif told.fields is None:
                    raise ValueError(f"the part {operation}.{told.run_id} did not come")
                else:
                    message = _decoded(told, told.fields)
                message.attachments = tuple(told.attachments)
                batch.messages.append(message)
            except ValueError as error:
                batch.refusals.append(Refusal(told.run_id, str(error)))
        self._give_up_refused(batch)
        return batch

    def _give_up_refused(self, batch: Batch) -> None:
        """Files of runs that were refused; those of the others are the batch's from now on."""
        taken = {id(file) for message in batch.messages for file in message.attachments}
        for writer, file in self._finished:
            if id(file) not in taken:
                writer.abort()

    def _place_attachments(self) -> None:
        """Each to the latest message about its run; without one it is refused."""
        if not self._attachments:
            return
        by_run = {message.run_id: message for message in self._messages}
        for run_id, attachment, problem in self._attachments:
            message = by_run.get(run_id)
            if message is None:
                problem = problem or f"attachment: no part post.{run_id} or patch.{run_id} came"
                self._batch.refusals.append(Refusal(run_id, problem))
            elif attachment is None:
                message.problem = message.problem or problem
            else:
                message.attachments.append(attachment)


def _add_payloads(message: RunMessage, told: _Message) -> None:
    for name, text in told.payloads.items():
        if text is not None:
            setattr(message, name, text)
    if told.error is not None:
        message.error = told.error


def _decoded(told: _Message, fields: dict[str, Any]) -> RunMessage:
    """Of a run part that is not as usual."""
    said = fields.get("id")
    if said is None:
        fields["id"] = told.run_id
    elif said != told.run_id and to_id(said) != told.run_id:
        raise ValueError(f"id: {shown(said)} is not the id in the part's name")
    return decode_run(fields, is_patch=told.is_patch, payloads=told.payloads, error=told.error)


def _wrong_size(size: int, length: int | None) -> ValueError:
    """`length` is what the part's headers say."""
    if size > PAYLOAD_BYTES_MAX:
        return ValueError(f"{size} bytes, at most {PAYLOAD_BYTES_MAX} are allowed")
    return ValueError(f"{size} bytes came, the part's headers say {length}")
