"""What endpoints answer -> JSON Schema. Knows what wire/ encodes; knows no route, no status.

Objects are closed: a key an answer has and this file has not is a fault of one of them, and the
tests that hold a live server to it say so.
"""

from collections.abc import Iterable
from typing import Any, Final

from runstore.errors import RunstoreError, SchemaError, TooLarge
from runstore.limits import BATCH_BYTES, BATCH_RUNS, PAGE_RUNS_MAX
from runstore.model.run import STATUSES
from runstore.wire.names import ALWAYS, DEFAULT, SELECTABLE, SERIALIZED, TENANT_ID
from runstore.wire.problems import REFUSALS_SHOWN
from runstore.wire.schema.values import (
    COUNT,
    FLAG,
    ID,
    NULL,
    NUMBER,
    OBJECT,
    TEXT,
    TIME,
    USD,
    Schema,
    answer,
    list_of,
    map_of,
    nullable,
    ref,
    said,
    words,
)
from runstore.wire.stats import STATS_DEFAULT

_PAYLOAD = nullable(OBJECT)
_TOKENS = {"type": "integer"}
_FEEDBACK = map_of(ref("FeedbackStats"))
# Fields of a run by name. Those of SELECTABLE it does not name are always null here.
_RUN_FIELDS: Final[dict[str, Schema]] = {
    "id": ID,
    "name": TEXT,
    "run_type": TEXT,
    "start_time": TIME,
    "end_time": nullable(TIME),
    "status": words(*STATUSES),
    "error": nullable(TEXT),
    "extra": _PAYLOAD,
    "events": nullable(list_of(OBJECT)),
    "inputs": _PAYLOAD,
    "inputs_preview": nullable(TEXT),
    "inputs_or_signed_url": _PAYLOAD,
    "outputs": _PAYLOAD,
    "outputs_preview": nullable(TEXT),
    "outputs_or_signed_url": _PAYLOAD,
    "s3_urls": nullable(
        map_of(answer({"presigned_url": said(TEXT, "relative to the API"), "mime_type": TEXT}))
    ),
    "error_or_signed_url": nullable(TEXT),
    "events_or_signed_url": nullable(list_of(OBJECT)),
    "extra_or_signed_url": _PAYLOAD,
    "serialized_or_signed_url": _PAYLOAD,
    "parent_run_id": nullable(ID),
    "manifest": _PAYLOAD,
    "session_id": nullable(ID),
    "serialized": _PAYLOAD,
    "reference_example_id": nullable(ID),
    "total_tokens": _TOKENS,
    "prompt_tokens": _TOKENS,
    "prompt_token_details": nullable(map_of(_TOKENS)),
    "completion_tokens": _TOKENS,
    "completion_token_details": nullable(map_of(_TOKENS)),
    "total_cost": nullable(USD),
    "prompt_cost": nullable(USD),
    "prompt_cost_details": nullable(map_of(USD)),
    "completion_cost": nullable(USD),
    "completion_cost_details": nullable(map_of(USD)),
    "first_token_time": nullable(TIME),
    "trace_id": ID,
    "dotted_order": TEXT,
    "feedback_stats": _FEEDBACK,
    "child_run_ids": said(list_of(ID), "all runs below, in the order of the tree"),
    "parent_run_ids": said(list_of(ID), "root first"),
    "tags": list_of(TEXT),
    "in_dataset": FLAG,
    "app_path": TEXT,
    "trace_first_received_at": nullable(TIME),
    "trace_upgrade": FLAG,
    "thread_id": nullable(TEXT),
    "inserted_at": nullable(TIME),
}
# Told beside what was selected.
_BESIDE: Final[dict[str, Schema]] = {
    "execution_order": {"const": 1},
    "direct_child_run_ids": said(list_of(ID), "beside child_run_ids: children, by start"),
    "trace_min_start_time": nullable(TIME),
    "trace_max_start_time": nullable(TIME),
}
_NOT_TOLD = {"trace_min_max_start_time"}  # it is two fields in an answer

_FIGURES: Final[dict[str, Schema]] = {
    "run_count": COUNT,
    "last_run_start_time": nullable(TIME),
    "feedback_stats": _FEEDBACK,
    "run_facets": {"type": "array", "maxItems": 0},
    **{f"{name}_tokens": _TOKENS for name in ("total", "prompt", "completion")},
    **{f"{name}_cost": nullable(USD) for name in ("total", "prompt", "completion")},
    **{f"{name}_token_details": nullable(map_of(_TOKENS)) for name in ("prompt", "completion")},
    **{f"{name}_cost_details": nullable(map_of(USD)) for name in ("prompt", "completion")},
    **{
        f"latency_{name}": said(nullable(NUMBER), "seconds")
        for name in ("p50", "p95", "p99", "avg")
    },
    **{
        f"{name}{which}": said(nullable(_TOKENS), "null unless `select` names it")
        for name in ("prompt_tokens_", "completion_tokens_", "tokens_")
        for which in ("p50", "p99")
        if name + which != "tokens_p50"  # which is called otherwise
    },
    "median_tokens": said(nullable(_TOKENS), "null unless `select` names it"),
    **{f"cost_{name}": said(nullable(USD), "null unless named") for name in ("p50", "p99")},
    "session_feedback_stats": said(nullable(_FEEDBACK), "of a project: what is said of it itself"),
    **{f"first_token_{name}": said(nullable(NUMBER), "seconds") for name in ("p50", "p99")},
    **{
        f"{name}_rate": nullable({"type": "number", "minimum": 0, "maximum": 1})
        for name in ("error", "streaming")
    },
}
_PROJECT: Final[dict[str, Schema]] = {
    "id": ID,
    "tenant_id": {"const": TENANT_ID},
    "name": TEXT,
    "start_time": TIME,
    "end_time": nullable(TIME),
    "description": nullable(TEXT),
    "extra": _PAYLOAD,
    "default_dataset_id": nullable(ID),
    "reference_dataset_id": nullable(ID),
    "trace_tier": nullable(TEXT),
}
_RECORD: Final[dict[str, Schema]] = {
    "id": ID,
    "key": TEXT,
    "run_id": nullable(ID),
    "trace_id": nullable(ID),
    "session_id": nullable(ID),
    "score": nullable(NUMBER),
    "value": {"type": ["string", "number", "boolean", "object", "null"]},
    "comment": nullable(TEXT),
    "correction": {"type": ["string", "object", "null"]},
    "feedback_source": nullable(OBJECT),
    "extra": _PAYLOAD,
    "created_at": TIME,
    "modified_at": TIME,
    "start_time": NULL,
    "comparative_experiment_id": nullable(ID),
    "feedback_group_id": nullable(ID),
}
_KEY_FIGURES: Final[dict[str, Schema]] = {
    "n": said(COUNT, "records with a score"),
    "avg": nullable(NUMBER),
    "stdev": nullable(NUMBER),
    "errors": COUNT,
    "show_feedback_arrow": FLAG,
    "comments": said(list_of(TEXT), "a sample"),
    "sources": said(list_of(TEXT), "a sample"),
    "session_min_score": nullable(NUMBER),
    "session_max_score": nullable(NUMBER),
    "values": map_of(COUNT),
    "contains_thread_feedback": FLAG,
}
_EXPLAINED: Final[dict[str, Schema]] = {
    **{name: nullable(TEXT) for name in ("filter", "trace_filter", "tree_filter")},
    "steps": list_of(TEXT),
    "indexes": list_of(TEXT),
    "estimated_runs": nullable(COUNT),
    "actual_runs": COUNT,
    "rows_read": nullable(COUNT),
    "ms": NUMBER,
    "hints": list_of(TEXT),
}
_REFUSED = list_of(answer({"run_id": TEXT, "reason": TEXT}), maxItems=REFUSALS_SHOWN)
_INFO: Final[dict[str, Schema]] = {
    "version": TEXT,
    "license_expiration_time": NULL,
    "batch_ingest_config": {
        "type": "object",
        "properties": {
            "use_multipart_endpoint": {"const": True},
            "size_limit": {"const": BATCH_RUNS},
            "size_limit_bytes": {"const": BATCH_BYTES},
        },
        "additionalProperties": {"type": "integer"},
    },
    "instance_flags": {
        "type": "object",
        "properties": {"runstore_page_runs_max": {"const": PAGE_RUNS_MAX}},
        "additionalProperties": FLAG,
    },
    "customer_info": NULL,
}


def run_fields() -> dict[str, Schema]:
    """Everything the answer of a run may have."""
    told = {name: _RUN_FIELDS.get(name, NULL) for name in SELECTABLE if name not in _NOT_TOLD}
    return {**told, **_BESIDE}


def components() -> dict[str, Any]:
    run = run_fields()
    figures = {name: _FIGURES.get(name, NULL) for name in sorted(STATS_DEFAULT)}
    told = DEFAULT | ALWAYS | {"s3_urls"}
    whole = [*sorted(told - _NOT_TOLD), "execution_order"]
    surely = tuple(sorted(told - _NOT_TOLD - SERIALIZED))
    return {
        "Run": said(answer(run, required=tuple(sorted(ALWAYS))), "the fields that were selected"),
        "WholeRun": answer({name: run[name] for name in whole}, required=surely),
        "Page": answer(
            {
                "runs": list_of(ref("Run"), maxItems=PAGE_RUNS_MAX),
                "cursors": answer({"next": nullable(TEXT), "prev": nullable(TEXT)}),
                "search_cursors": NULL,
                "parsed_query": nullable(TEXT),
            }
        ),
        "Validity": answer(
            {"valid": FLAG, "errors": list_of(answer({"field": TEXT, "message": TEXT}))}
        ),
        "Explanation": answer(_EXPLAINED),
        "Stats": answer(figures, required=()),
        "StatsOrGroups": {"anyOf": [ref("Stats"), map_of(ref("Stats"))]},
        "FeedbackStats": answer(_KEY_FIGURES),
        "Feedback": answer(_RECORD),
        "Project": answer({**_PROJECT, **figures}, required=tuple(_PROJECT)),
        "Deleted": answer({"message": TEXT, "deleted": COUNT}),
        "Taken": answer({"message": TEXT, "refused": _REFUSED}, required=("message",)),
        "NothingTaken": answer(
            {
                "detail": TEXT,
                "error": TEXT,
                "code": {"const": SchemaError.code},
                "refused": _REFUSED,
            }
        ),
        "Info": answer(_INFO),
        "Health": answer({"ok": {"const": True}}),
        "Ready": answer({"ready": {"const": True}}),
        "Unready": said(
            answer({"ready": {"const": False}, "code": TEXT}),
            "`stopped`, or the code of the error that writing ends in",
        ),
        "NotServed": said(answer({"detail": TEXT}), "no such path or method"),
    }


def problem(errors: Iterable[type[RunstoreError]]) -> Schema:
    """The body of one of these errors, which share a status."""
    listed = [ref(error.__name__) for error in errors]
    return listed[0] if len(listed) == 1 else {"anyOf": listed}


def error_body(error: type[RunstoreError]) -> Schema:
    """As wire/problems.py writes it."""
    code = {"const": error.code}
    if issubclass(error, SchemaError):
        place = list_of({"type": ["string", "integer"]})
        problems = list_of(answer({"loc": place, "msg": TEXT, "type": TEXT}), minItems=1)
        return answer({"detail": problems, "code": code})
    if issubclass(error, TooLarge):
        return answer({"detail": TEXT, "code": code, "limit": said(COUNT, "the bound")})
    if error.code == "filter_invalid":
        return answer(
            {
                "detail": TEXT,
                "code": code,
                "at": said(answer({"start": COUNT, "end": COUNT}), "place, in code points"),
                "where": TEXT,
                "hint": TEXT,
                "allowed": list_of(TEXT),
            }
        )
    return answer({"detail": TEXT, "code": code})
