"""Feedback JSON ⇄ Feedback; GET /feedback parameters -> FeedbackQuery. Knows no run, no storage.

Source: docs/wire.md#feedback.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from runstore.errors import SchemaError
from runstore.limits import NAME_CHARS_MAX, PAYLOAD_BYTES_MAX
from runstore.model.feedback import Feedback, FeedbackQuery
from runstore.model.jsontext import encode
from runstore.model.run import JsonText
from runstore.model.stats import FeedbackStats
from runstore.model.times import text_from_us
from runstore.wire.body import decode_object
from runstore.wire.params import Params
from runstore.wire.values import first_field, shown, to_bool, to_id, to_text, to_us

LIST_MAX = 1_000  # records per answer, whatever is asked for


def decode_feedback(body: bytes, *, new_id: Callable[[], str], now_us: int) -> Feedback:
    """POST /feedback. A record without an id gets one. Raises SchemaError."""
    fields = decode_object(body)
    if fields.get("id") is None:
        fields["id"] = new_id()
    try:
        return decode_feedback_fields(fields, now_us=now_us)
    except ValueError as error:
        name, _, what = str(error).partition(": ")
        raise SchemaError((("body", name), what)) from None


def decode_feedback_fields(fields: Mapping[str, Any], *, now_us: int) -> Feedback:
    """Raises ValueError("field: what is wrong")."""
    if fields.get("id") is None:
        raise ValueError("id: missing")
    key = first_field(fields, "key", _key)
    if key is None:
        raise ValueError("key: missing")
    trace_id = first_field(fields, "trace_id", to_id)
    project_id = first_field(fields, "session_id", to_id)
    run_id = first_field(fields, "run_id", to_id) or trace_id
    if run_id is None and project_id is None:
        raise ValueError("run_id: missing; feedback is on a run, or on a project with session_id")
    created_us = first_field(fields, "created_at", to_us)
    modified_us = first_field(fields, "modified_at", to_us)
    if created_us is None:
        created_us = now_us
    return Feedback(
        id=first_field(fields, "id", to_id) or "",
        key=key,
        run_id=run_id,
        trace_id=trace_id,
        project_id=project_id,
        score=first_field(fields, "score", _score),
        value=first_field(fields, "value", _value),
        comment=first_field(fields, "comment", to_text),
        correction=first_field(fields, "correction", _correction),
        source=first_field(fields, "feedback_source", _source),
        extra=_extra(fields),
        created_us=created_us,
        modified_us=created_us if modified_us is None else modified_us,
        comparative_experiment_id=first_field(fields, "comparative_experiment_id", to_id),
        feedback_group_id=first_field(fields, "feedback_group_id", to_id),
    )


def decode_feedback_changes(body: bytes) -> dict[str, object]:
    """PATCH /feedback/{id}: fields of Feedback -> new value. Null clears; absent keeps."""
    fields = decode_object(body)
    changes: dict[str, object] = {}
    for name, read in _CHANGEABLE.items():
        if name in fields:
            try:
                changes[name] = None if fields[name] is None else read(fields[name])
            except ValueError as error:
                raise SchemaError((("body", name), str(error))) from None
    return changes


def decode_feedback_query(params: Sequence[tuple[str, str]]) -> FeedbackQuery:
    """GET /feedback. `params` are (name, value) in the order of the URL; names may repeat."""
    given = Params(params)
    return FeedbackQuery(
        run_ids=given.ids("run"),
        project_ids=given.ids("session"),
        keys=given.texts("key"),
        source_types=given.texts("source"),
        created_min_us=given.one("min_created_at", to_us),
        created_max_us=given.one("max_created_at", to_us),
        has_score=given.one("has_score", to_bool),
        has_comment=given.one("has_comment", to_bool),
        limit=min(given.count("limit", 100, at_least=1), LIST_MAX),
        offset=given.count("offset", 0),
    )


# --- fields


def _key(value: Any) -> str:
    text = to_text(value)
    if not 0 < len(text) <= NAME_CHARS_MAX:
        raise ValueError(f"{len(text)} characters, 1 to {NAME_CHARS_MAX} are allowed")
    return text


def _score(value: Any) -> float:
    """A number, a boolean (1 or 0), or a number in quotes."""
    if value.__class__ in (bool, int, float, str):
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if math.isfinite(number):
            return number
    raise ValueError(f"{shown(value)} is neither a number nor a boolean")


def _json(value: Any) -> JsonText:
    text = encode(value)
    if len(text) > PAYLOAD_BYTES_MAX:
        raise ValueError(f"{len(text)} bytes, at most {PAYLOAD_BYTES_MAX} are allowed")
    return text


def _value(value: Any) -> JsonText:
    if value.__class__ is list:  # the SDK cannot read one back, and would fail on the whole page
        raise ValueError(f"{shown(value)} is not a string, number, boolean or JSON object")
    return _json(value)


def _correction(value: Any) -> JsonText:
    if value.__class__ not in (str, dict):
        raise ValueError(f"{shown(value)} is neither a string nor a JSON object")
    return _json(value)


def _source(value: Any) -> JsonText:
    """An object with a type, "api" unless it says another; or the type alone."""
    if value.__class__ is str:
        value = {"type": value, "metadata": {}}
    if value.__class__ is not dict:
        raise ValueError(f"{shown(value)} is not a JSON object")
    if value.get("type").__class__ is not str:
        value = {**value, "type": "api"}
    if value.get("metadata").__class__ not in (dict, type(None)):
        raise ValueError(f"metadata: {shown(value['metadata'])} is not a JSON object")
    return _json(value)


def _object(value: Any) -> JsonText:
    if value.__class__ is not dict:
        raise ValueError(f"{shown(value)} is not a JSON object")
    return _json(value)


def _extra(fields: Mapping[str, Any]) -> JsonText | None:
    """`extra`, with what has no field of its own put beside it, so that it comes back."""
    extra = first_field(fields, "extra", _object)
    beside = {
        name: fields[name]
        for name in ("error", "feedback_config")
        if fields.get(name) not in (None, False)
    }
    if not beside:
        return extra
    return _json({**beside, **(orjson.loads(extra) if extra else {})})


_CHANGEABLE: dict[str, Callable[[Any], object]] = {
    "score": _score,
    "value": _value,
    "comment": to_text,
    "correction": _correction,
}


# --- answers


def feedback_json(record: Feedback) -> dict[str, Any]:
    """For orjson.dumps. The shape of the SDK's schemas.Feedback."""
    return {
        "id": record.id,
        "key": record.key,
        "run_id": record.run_id,
        "trace_id": record.trace_id,
        "session_id": record.project_id,
        "score": record.score,
        "value": _spliced(record.value),
        "comment": record.comment,
        "correction": _spliced(record.correction),
        "feedback_source": _spliced(record.source),
        "extra": _spliced(record.extra),
        "created_at": text_from_us(record.created_us),
        "modified_at": text_from_us(record.modified_us),
        "start_time": None,
        "comparative_experiment_id": record.comparative_experiment_id,
        "feedback_group_id": record.feedback_group_id,
    }


def encode_feedback(record: Feedback) -> bytes:
    return orjson.dumps(feedback_json(record))


def encode_feedback_list(records: Sequence[Feedback]) -> bytes:
    return orjson.dumps([feedback_json(record) for record in records])


def feedback_stats_json(stats: Mapping[str, FeedbackStats]) -> dict[str, Any]:
    """{key: figures}, as `feedback_stats` of runs, projects and stats answers."""
    return {
        key: {
            "n": one.n,
            "avg": one.avg,
            "stdev": one.stdev,
            "errors": one.errors,
            "show_feedback_arrow": False,
            "comments": one.comments,
            "sources": one.sources,
            "session_min_score": one.score_min,
            "session_max_score": one.score_max,
            "values": one.values,
            "contains_thread_feedback": False,
        }
        for key, one in stats.items()
    }


def _spliced(text: JsonText | None) -> orjson.Fragment | None:
    return None if text is None else orjson.Fragment(text)
