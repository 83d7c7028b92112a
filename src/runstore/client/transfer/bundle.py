"""What travels: a run with its project's name, its feedback and its attachments. Knows no target.

    content   what a transfer must keep: CONTENT, the project's name, feedback, attachments' names
    derived   what every server makes of the content again: tokens, costs, figures, thread_id

Two bundles are the same when their contents are, whatever the order of keys, the spelling of times
or who received them when. Absent, null and empty are one.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import msgspec
import orjson

from runstore.client.record import Lenient
from runstore.model.ids import canonical_id
from runstore.model.jsontext import valid_json
from runstore.model.times import text_from_us, us_from_epoch_ms, us_from_text

CONTENT = (
    "id", "trace_id", "parent_run_id", "dotted_order", "name", "run_type", "start_time",
    "end_time", "status", "error", "inputs", "outputs", "extra", "events", "serialized", "tags",
    "reference_example_id",
)  # fmt: skip
FEEDBACK_CONTENT = (
    "id", "run_id", "key", "score", "value", "comment", "correction", "feedback_source", "extra",
    "created_at", "modified_at", "comparative_experiment_id", "feedback_group_id",
)  # fmt: skip
_DEPTH_KEY = "ls_run_depth"  # servers put it into metadata
_SORTED = orjson.OPT_SORT_KEYS
_FIELDS = Lenient(dict[str, msgspec.Raw])
_NULL = b"null"


@dataclass(frozen=True, slots=True)
class AttachedContent:
    """An attachment on its way. `read` may download."""

    name: str
    mime_type: str | None
    read: Callable[[], bytes]


@dataclass(slots=True)
class Bundle:
    """`fields`: wire name -> JSON; nulls are left out. `project`: None when it has none."""

    id: str
    fields: dict[str, bytes]
    project: str | None = None
    feedback: list[dict[str, Any]] = field(default_factory=list)
    attachments: list[AttachedContent] = field(default_factory=list)

    def content(self) -> dict[str, Any]:
        """Canonical: equal contents are equal dicts. Attachments by name and type alone."""
        found = {name: _said(name, self.fields.get(name)) for name in CONTENT}
        found["project"] = self.project
        found["feedback"] = sorted(map(feedback_content, self.feedback), key=_id)
        found["attachments"] = sorted(map(list, self.files))
        return {name: value for name, value in found.items() if _is_said(value)}

    @property
    def files(self) -> list[tuple[str, str]]:
        """(name, mime type) of the attachments."""
        return [(one.name, one.mime_type or "") for one in self.attachments]

    def digest(self) -> bytes:
        """SHA-256 of the content. Raises what reading an attachment's bytes raises."""
        return digest(self.content())


def digest(content: Mapping[str, Any]) -> bytes:
    return hashlib.sha256(orjson.dumps(content, option=_SORTED)).digest()


def fields_of(run: bytes, *, nulls: bool = False) -> dict[str, bytes]:
    """One run's JSON -> its fields, without those that are null. Raises ValueError for no object.

    `nulls`: with them.
    """
    try:
        fields = {name: bytes(raw) for name, raw in _FIELDS.decode(run).items()}
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ValueError(f"not a JSON object: {error}") from None
    return fields if nulls else {name: text for name, text in fields.items() if text != _NULL}


def id_of(fields: Mapping[str, bytes]) -> str:
    """Raises ValueError."""
    value = _value(fields.get("id", _NULL))
    if value is None:
        raise ValueError("id: missing")
    try:
        return canonical_id(str(value))
    except ValueError:
        raise ValueError(f"id: {str(value)[:80]!r} is not a UUID") from None


def text_of(fields: Mapping[str, bytes], name: str) -> str | None:
    value = _value(fields.get(name, _NULL))
    return value if isinstance(value, str) and value else None


def feedback_content(record: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for name in FEEDBACK_CONTENT:
        value = _canonical(name, record.get(name))
        if _is_said(value):
            found[name] = value
    return found


def lacking(there: Bundle, one: Bundle, *, feedback: bool = True) -> list[str]:
    """The names of what `there` does not have as `one` has it. What it has beyond that is its own.

    `feedback`: its records too.
    """
    names = [name for name in CONTENT if _lacks(there.fields, one.fields, name)]
    if one.project is not None and one.project != there.project:
        names.append("project")
    if not set(one.files) <= set(there.files):
        names.append("attachments")
    if feedback and lacking_feedback(there, one):
        names.append("feedback")
    return names


def _lacks(there: Mapping[str, bytes], one: Mapping[str, bytes], name: str) -> bool:
    text, other = one.get(name), there.get(name)
    if text is None or text == other:  # what is written alike need not be understood
        return False
    value = _said(name, text)
    return _is_said(value) and value != _said(name, other)


def _said(name: str, text: bytes | None) -> Any:
    return None if text is None else _canonical(name, _value(text))


def lacking_feedback(there: Bundle | None, one: Bundle) -> list[dict[str, Any]]:
    """The records of `one` that `there` does not have with all they say."""
    have = {} if there is None else {record.get("id"): record for record in there.feedback}
    return [record for record in one.feedback if _is_other(have.get(record.get("id")), record)]


def _is_other(there: Mapping[str, Any] | None, record: Mapping[str, Any]) -> bool:
    if there is None:
        return True
    have = feedback_content(there)
    return any(have.get(name) != value for name, value in feedback_content(record).items())


def _canonical(name: str, value: Any) -> Any:
    """As a server shows it that was told `value`."""
    normal = _NORMAL.get(name)
    if normal is None or value is None:
        return value
    try:
        return normal(value)
    except (ValueError, TypeError, OverflowError):
        return value  # the server will say what is wrong with it


def _time(value: Any) -> str:
    """A number is milliseconds since 1970, as JavaScript's SDK sends them."""
    return text_from_us(us_from_text(value) if isinstance(value, str) else us_from_epoch_ms(value))


def _extra(value: Any) -> Any:
    if not isinstance(value, dict) or not isinstance(value.get("metadata"), dict):
        return value
    metadata = {key: one for key, one in value["metadata"].items() if key != _DEPTH_KEY}
    rest = {key: one for key, one in value.items() if key != "metadata"}
    return {**rest, "metadata": metadata} if metadata else rest


def _wrapped(name: str, value: Any) -> Any:
    return value if isinstance(value, dict) else {name: value}


_NORMAL: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("start_time", "end_time", "created_at", "modified_at"), _time),
    **dict.fromkeys(
        ("id", "trace_id", "parent_run_id", "reference_example_id", "run_id"), canonical_id
    ),
    **dict.fromkeys(("run_type", "status"), str.lower),
    "extra": _extra,
    "inputs": partial(_wrapped, "input"),
    "outputs": partial(_wrapped, "output"),
    "events": lambda value: [value] if isinstance(value, dict) else value,
    "tags": lambda value: sorted(map(str, value)),  # a set: servers join them as they come
    "score": float,
}


def _value(text: bytes) -> Any:
    """Mended as a server would; what is no JSON is compared as it is written."""
    try:
        return valid_json(text)[1]
    except ValueError:
        return text.decode("utf-8", "replace")


def _is_said(value: Any) -> bool:
    return value is not None and value not in ("", [], {})


def _id(record: Mapping[str, Any]) -> str:
    return str(record.get("id", ""))


def joined(fields: Mapping[str, bytes], more: Mapping[str, bytes]) -> bytes:
    """One JSON object of both, unparsed. `more` wins."""
    parts: Sequence[bytes] = [
        orjson.dumps(name) + b":" + text for name, text in {**fields, **more}.items()
    ]
    return b"{" + b",".join(parts) + b"}"
