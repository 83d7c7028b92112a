"""JSON of one run, or of {"post": [...], "patch": [...]} -> messages. Knows no HTTP, no storage.

A wrong field refuses its run only, never the batch. `null` says nothing, unknown fields are
ignored. Source: docs/wire.md#runs.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, NoReturn

import msgspec

from runstore.errors import SchemaError
from runstore.limits import METADATA_ENTRIES_MAX, NAME_CHARS_MAX, PAYLOAD_BYTES_MAX, TAGS_MAX
from runstore.model.batch import Batch
from runstore.model.entries import flatten
from runstore.model.ids import CANONICAL
from runstore.model.jsontext import encode
from runstore.model.project import DEFAULT_PROJECT
from runstore.model.run import PAYLOADS, RUN_TYPES, STATUSES, JsonText, Refusal, RunMessage
from runstore.wire.body import decode_object
from runstore.wire.values import shown, to_id, to_text, to_us

_Id = Annotated[str, msgspec.Meta(pattern=rf"\A{CANONICAL.pattern}\Z")]
_ENTRY_BYTES_MIN = 2  # in JSON: a value in a list, and its comma
_AGENT_ADDRESS = re.compile(r"lrn:agents/([^/]+)/environments/([^/]+)")


def decode_create(body: bytes) -> Batch:
    """POST /runs."""
    return _batch_of([decode_object(body)], [])


def decode_patch(run_id: str, body: bytes) -> Batch:
    """PATCH /runs/{run_id}. An `id` in the body need not be there, but must not be another."""
    fields = decode_object(body)
    said = fields.get("id")
    if said is not None and said_id(said) != said_id(run_id):
        raise SchemaError((("body", "id"), f"{shown(said)} is not the run the path names"))
    fields["id"] = run_id
    return _batch_of([], [fields])


def decode_batch(body: bytes) -> Batch:
    """POST /runs/batch."""
    fields = decode_object(body)
    lists = []
    for name in ("post", "patch"):
        items = fields.get(name)
        if items is not None and items.__class__ is not list:
            raise SchemaError((("body", name), f"{shown(items)} is not a list of runs"))
        lists.append(items or [])
    return _batch_of(*lists)


def _batch_of(posts: list[Any], patches: list[Any]) -> Batch:
    batch = Batch()
    for items, is_patch in ((posts, False), (patches, True)):
        for fields in items:
            if fields.__class__ is not dict:
                batch.refusals.append(Refusal("", f"{shown(fields)} is not a JSON object"))
                continue
            try:
                batch.messages.append(decode_run(fields, is_patch=is_patch))
            except ValueError as error:
                batch.refusals.append(Refusal(said_id(fields.get("id")), str(error)))
    return batch


def said_id(value: Any) -> str:
    """The id for a refusal: canonical if it can be, else as it was said."""
    try:
        return to_id(value)
    except ValueError:
        return value if value.__class__ is str else ""


def decode_run(
    fields: Mapping[str, Any],
    *,
    is_patch: bool,
    payloads: Mapping[str, JsonText | None] | None = None,
    error: str | None = None,
) -> RunMessage:
    """One message. `payloads` and `error` came beside `fields` and win over those inside.

    Raises ValueError("field: what is wrong, what is taken instead").
    """
    given = payloads or {}
    get = fields.get
    at = "id"
    try:
        if (value := get("id")) is None:
            raise ValueError("missing")
        message = RunMessage(id=to_id(value), is_patch=is_patch)
        for at, attribute in _IDS:
            if (value := get(at)) is not None:
                setattr(message, attribute, to_id(value))
        for at, attribute in _TIMES:
            if (value := get(at)) is not None:
                setattr(message, attribute, to_us(value))
        for at, read in _TEXTS.items():
            if (value := get(at)) is not None:
                setattr(message, at, read(value))
        for at in PAYLOADS:
            if (have := given.get(at)) is not None:
                setattr(message, at, have)
            elif (value := get(at)) is not None:
                setattr(message, at, payload_text(at, value))
    except ValueError as problem:
        raise ValueError(f"{at}: {problem}") from None
    if error is not None:
        message.error = error
    _name_project(message, fields)
    return message


class _UsualRun(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The fields of a run as SDKs send them beside its payloads, an id in each `_Id`."""

    id: _Id | None = None
    trace_id: _Id | None = None
    parent_run_id: _Id | None = None
    session_id: _Id | None = None
    reference_example_id: _Id | None = None
    start_time: str | None = None
    end_time: str | None = None
    dotted_order: str | None = None
    name: str | None = None
    run_type: str | None = None
    status: str | None = None
    tags: list[str] | None = None
    session_name: str | None = None
    error: str | None = None
    inputs: None = None
    outputs: None = None
    extra: None = None
    events: None = None
    serialized: None = None


_decode_usual = msgspec.json.Decoder(_UsualRun).decode


def decode_usual_run(text: bytes, run_id: str, *, is_patch: bool) -> RunMessage | None:
    """What `decode_run` makes of the fields of run `run_id`, five times as fast. None where they
    are other than usual, or wrong: then `decode_run` has to be asked."""
    try:
        said = _decode_usual(text)
        message = RunMessage(run_id, is_patch)
        message.start_us = None if said.start_time is None else to_us(said.start_time)
        message.end_us = None if said.end_time is None else to_us(said.end_time)
        message.name = None if said.name is None else _short_name(said.name)
        message.tags = None if said.tags is None else _tags(said.tags)
        message.project_name = _short_name(said.session_name) if said.session_name else None
    except (ValueError, msgspec.MsgspecError, RecursionError):
        return None
    if said.id is not None and said.id != run_id:
        return None
    message.trace_id = said.trace_id
    message.parent_run_id = said.parent_run_id
    message.project_id = said.session_id
    message.reference_example_id = said.reference_example_id
    message.error = said.error
    if said.dotted_order is not None:
        message.dotted_order = _dotted_order(said.dotted_order)
    if (run_type := said.run_type) is not None:
        message.run_type = run_type if run_type in RUN_TYPES else _run_type(run_type)
    if said.status is not None:
        message.status = _status(said.status)
    if message.project_name is None and message.project_id is None and not is_patch:
        message.project_name = DEFAULT_PROJECT
    return message


def _name_project(message: RunMessage, fields: Mapping[str, Any]) -> None:
    """Only a create without any falls back on the default: a patch leaves its run where it is."""
    if name := fields.get("session_name"):
        message.project_name = _read("session_name", _short_name, name)
    elif message.project_id is None:
        if address := fields.get("address"):
            found = _AGENT_ADDRESS.fullmatch(_read("address", to_text, address))
            if found is not None:
                message.project_name = f"{found[1]}/{found[2]}"
        if message.project_name is None and not message.is_patch:
            message.project_name = DEFAULT_PROJECT


def _read(name: str, read: Any, value: Any) -> str:
    try:
        return str(read(value))
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


# --- scalars


def _short_name(value: Any) -> str:
    text = to_text(value)
    if len(text) > NAME_CHARS_MAX:
        raise ValueError(f"{len(text)} characters, at most {NAME_CHARS_MAX} are allowed")
    return text


def _run_type(value: Any) -> str:
    """The seven known types in lower case; any other word as it is, so nothing is lost."""
    text = _short_name(value)
    return lower if (lower := text.lower()) in RUN_TYPES else text


def _status(value: Any) -> str | None:
    """An unknown word says nothing: status then follows from end_time and error."""
    return lower if (lower := to_text(value).lower()) in STATUSES else None


def error_text(value: Any) -> str | None:
    """A string; another value as its JSON; false and null say nothing."""
    if value.__class__ is str:
        return str(value)
    return None if value is None or value is False else encode(value).decode()


def _tags(value: Any) -> tuple[str, ...]:
    items = value if value.__class__ is list else [value]
    if len(items) > TAGS_MAX:
        raise ValueError(f"{len(items)} tags, at most {TAGS_MAX} are allowed")
    return tuple(dict.fromkeys(map(_tag, items)))


def _tag(value: Any) -> str:
    if value.__class__ is str:
        return str(value)
    if value is None or value.__class__ in (dict, list):
        raise ValueError(f"{shown(value)} is not a list of strings")
    return encode(value).decode()


def _dotted_order(value: Any) -> str | None:
    """Only that it is text: what it says is checked, and mended, where runs are merged."""
    return to_text(value).strip() or None


# --- payloads


def payload_text(name: str, value: Any) -> JsonText | None:
    """A decoded payload as the object (events: array) a run holds. Null: None."""
    text = shaped(name, value, None)
    if text is not None and len(text) > PAYLOAD_BYTES_MAX:
        raise ValueError(f"{len(text)} bytes, at most {PAYLOAD_BYTES_MAX} are allowed")
    return text


def shaped(name: str, value: Any, text: JsonText | None) -> JsonText | None:
    """`text`, the JSON of `value`, brought into shape; None for null. Encodes if there is none.

    What is no object is wrapped, so that answers stay objects: inputs under "input", outputs
    under "output". Elsewhere a wrong shape is a ValueError.
    """
    kind = value.__class__
    if kind is dict:
        if text is not None and name not in ("events", "extra"):
            return text
        if name == "events":
            value, text = [value], None
        elif name == "extra" and value.get("metadata").__class__ not in (dict, type(None)):
            raise ValueError(f"metadata: {shown(value['metadata'])} is not a JSON object")
    elif value is None:
        return None
    elif name in ("inputs", "outputs"):
        value, text = {name[:-1]: value}, None
    elif name != "events" or kind is not list:
        _refuse_shape(name, value)
    elif any(event.__class__ is not dict for event in value):
        value, text = [event for event in value if event is not None], None
        if any(event.__class__ is not dict for event in value):
            _refuse_shape(name, value)
    text = encode(value) if text is None else text
    if name == "extra" and len(text) > _ENTRY_BYTES_MIN * METADATA_ENTRIES_MAX:
        _refuse_many(value.get("metadata"))
    return text


def _refuse_many(metadata: Any) -> None:
    entries = len(flatten(metadata))
    if entries > METADATA_ENTRIES_MAX:
        raise ValueError(
            f"metadata: {entries} entries, at most {METADATA_ENTRIES_MAX} are allowed;"
            " inputs and outputs may have more"
        )


def _refuse_shape(name: str, value: Any) -> NoReturn:
    what = "a list of JSON objects" if name == "events" else "a JSON object"
    raise ValueError(f"{shown(value)} is not {what}")


# fmt: off
_IDS = (
    ("trace_id",             "trace_id"),
    ("parent_run_id",        "parent_run_id"),
    ("session_id",           "project_id"),
    ("reference_example_id", "reference_example_id"),
)
_TIMES = (
    ("start_time", "start_us"),
    ("end_time",   "end_us"),
)
_TEXTS = {
    "dotted_order": _dotted_order,
    "name":         _short_name,
    "run_type":     _run_type,
    "status":       _status,
    "error":        error_text,
    "tags":         _tags,
}
# fmt: on
