"""What endpoints take -> JSON Schema, field by field. Knows what wire/ decodes; knows no route.

Each table is held to the decoder it describes by tests/wire/test_schema.py.
"""

from collections.abc import Iterable
from typing import Any, Final

from runstore.limits import (
    CURSOR_CHARS_MAX,
    FILTER_CHARS_MAX,
    IDS_MAX,
    PAGE_RUNS_DEFAULT,
    PAGE_RUNS_MAX,
    STATS_GROUPS_MAX,
    TAGS_MAX,
    TRACES_DELETED_MAX,
)
from runstore.model.run import RUN_TYPES, STATUSES
from runstore.wire import feedback, projects
from runstore.wire.names import SELECTABLE
from runstore.wire.schema.values import (
    ANYTHING,
    FLAG,
    GIVEN_ID,
    GIVEN_TIME,
    NAME,
    OBJECT,
    TEXT,
    Schema,
    given,
    list_of,
    one_or_many,
    ref,
    said,
    words,
)
from runstore.wire.stats import BUNDLES, GROUPED_BY, STATS_DEFAULT

_FILTER: Final[Schema] = {"type": "string", "maxLength": FILTER_CHARS_MAX}
_EXAMPLE = 'and(eq(run_type, "llm"), gt(latency, 5))'

RUN: Final[dict[str, Schema]] = {
    "id": GIVEN_ID,
    "trace_id": said(GIVEN_ID, "derived if missing"),
    "parent_run_id": GIVEN_ID,
    "dotted_order": said(TEXT, "place in the trace; derived or mended if it has to be"),
    "session_id": said(GIVEN_ID, "project"),
    "session_name": said(NAME, "project by name, made on first use"),
    "address": said(TEXT, "lrn:agents/<id>/environments/<name>: project <id>/<name>"),
    "reference_example_id": GIVEN_ID,
    "name": NAME,
    "run_type": said(NAME, f"usually one of {', '.join(RUN_TYPES)}"),
    "start_time": GIVEN_TIME,
    "end_time": GIVEN_TIME,
    "status": said(words(*STATUSES), "follows from the rest if missing"),
    "error": TEXT,
    "tags": list_of(TEXT, maxItems=TAGS_MAX),
    "inputs": OBJECT,
    "outputs": OBJECT,
    "extra": {"type": "object", "properties": {"metadata": {"type": ["object", "null"]}}},
    "events": list_of(OBJECT),
    "serialized": OBJECT,
}
RESTRICTIONS: Final[dict[str, Schema]] = {
    "session": said(one_or_many(GIVEN_ID), "runs of these projects"),
    "id": said(one_or_many(GIVEN_ID), "these runs; an empty list is no runs"),
    "trace": said(GIVEN_ID, "the whole trace, its root included"),
    "parent_run": said(GIVEN_ID, "direct children"),
    "reference_example": one_or_many(GIVEN_ID),
    "run_type": words(*RUN_TYPES),
    "is_root": FLAG,
    "error": said(FLAG, "whether it has one"),
    "execution_order": {"enum": [1], "description": "the same as is_root"},
    "start_time": said(GIVEN_TIME, "started then or later"),
    "end_time": said(GIVEN_TIME, "ended before"),
    "filter": {**_FILTER, "examples": [_EXAMPLE], "description": "of the run"},
    "trace_filter": said(_FILTER, "of the root of its trace"),
    "tree_filter": said(_FILTER, "of any run of its trace"),
    "search_filter": said(_FILTER, "one more filter of the run"),
    "query": said(_FILTER, "words of full text"),
    "data_source_type": said(ANYTHING, "without effect"),
    "use_experimental_search": said(ANYTHING, "without effect"),
}
PAGING: Final[dict[str, Schema]] = {
    "select": said(list_of(words(*SELECTABLE)), "fields of each run; the default is most"),
    "order": said(words("desc", "asc"), "by start, then id"),
    "limit": {
        "type": "integer",
        "minimum": 1,
        "default": PAGE_RUNS_DEFAULT,
        "description": f"runs per page; served in pages of {PAGE_RUNS_MAX} above that",
    },
    "cursor": {"type": "string", "maxLength": CURSOR_CHARS_MAX},
    "skip_pagination": said(FLAG, "no cursors"),
    "skip_prev_cursor": said(FLAG, "no cursor back"),
}
GROUPING: Final[dict[str, Schema]] = {
    "group_by": given(
        {
            "attribute": words(*GROUPED_BY),
            "path": said(NAME, "the metadata key; needed for metadata"),
            "max_groups": {
                "type": "integer",
                "minimum": 1,
                "description": f"at most {STATS_GROUPS_MAX:,} are answered",
            },
        },
        required=("attribute",),
    ),
    "groups": said(list_of({"type": ["string", "null"]}), "only these; null: without a value"),
    "select": said(list_of(words(*sorted({*STATS_DEFAULT, *BUNDLES}))), "figures; default all"),
}
TAIL: Final[dict[str, Schema]] = {
    "select": PAGING["select"],
    "session_name": said(
        {"anyOf": [TEXT, list_of(TEXT, maxItems=IDS_MAX)]},
        "projects by name, also such as are made later",
    ),
    "cursor": {
        "type": "string",
        "pattern": r"^\d{1,18}(\.\d{1,18})?$",
        "description": "the id of the last event; 0: all runs from the beginning",
    },
}
FEEDBACK: Final[dict[str, Schema]] = {
    "id": said(GIVEN_ID, "given one if missing"),
    "key": NAME,
    "run_id": said(GIVEN_ID, "the run need not have arrived"),
    "trace_id": said(GIVEN_ID, "without run_id: its root"),
    "session_id": said(GIVEN_ID, "without both: feedback on a project"),
    "score": {"type": ["number", "boolean"]},
    "value": {"type": ["string", "number", "boolean", "object"]},
    "comment": TEXT,
    "correction": {"type": ["string", "object"]},
    "feedback_source": given({"type": TEXT, "metadata": OBJECT}),
    "extra": OBJECT,
    "created_at": GIVEN_TIME,
    "modified_at": GIVEN_TIME,
    "comparative_experiment_id": GIVEN_ID,
    "feedback_group_id": GIVEN_ID,
    "error": said(FLAG, "kept in extra"),
    "feedback_config": said(ANYTHING, "kept in extra"),
}
PROJECT: Final[dict[str, Schema]] = {
    "id": said(GIVEN_ID, "given one if missing"),
    "name": NAME,
    "start_time": GIVEN_TIME,
    "end_time": GIVEN_TIME,
    "description": TEXT,
    "extra": OBJECT,
    "default_dataset_id": GIVEN_ID,
    "reference_dataset_id": GIVEN_ID,
    "trace_tier": TEXT,
}
TRACES: Final[dict[str, Schema]] = {
    "trace_ids": list_of(GIVEN_ID, minItems=1, maxItems=TRACES_DELETED_MAX),
    "session_id": said(GIVEN_ID, "only traces that have a run in this project"),
}

# Parameters of URLs. A list is a parameter that may repeat.
_LIMIT = {"type": "integer", "minimum": 1, "default": 100}
_OFFSET = {"type": "integer", "minimum": 0, "default": 0}
_IDS = list_of(GIVEN_ID)
FEEDBACK_PARAMS: Final[dict[str, Schema]] = {
    "run": _IDS,
    "session": _IDS,
    "key": list_of(TEXT),
    "source": list_of(TEXT),
    "has_score": FLAG,
    "has_comment": FLAG,
    "min_created_at": GIVEN_TIME["anyOf"][0],
    "max_created_at": GIVEN_TIME["anyOf"][0],
    "limit": said(_LIMIT, f"at most {feedback.LIST_MAX:,}, whatever is asked"),
    "offset": _OFFSET,
}
PROJECT_PARAMS: Final[dict[str, Schema]] = {
    "id": _IDS,
    "name": TEXT,
    "name_contains": TEXT,
    "metadata": said(TEXT, "a JSON object whose entries must all be there"),
    "reference_free": said(FLAG, "false: experiments only"),
    "reference_dataset": _IDS,
    "include_stats": FLAG,
    "limit": said(_LIMIT, f"at most {projects.LIST_MAX:,}, whatever is asked"),
    "offset": _OFFSET,
    "sort_by": words(*projects.SORTABLE),
    "sort_by_desc": {**FLAG, "default": True},
}
EXCLUDE_SERIALIZED: Final[dict[str, Schema]] = {
    "exclude_serialized": said(FLAG, "leave out serialized and manifest")
}
INCLUDE_STATS: Final[dict[str, Schema]] = {"include_stats": FLAG}
UPSERT: Final[dict[str, Schema]] = {
    "upsert": said(FLAG, "change the project of that name instead of 409")
}
SCOPES: Final = ("session", "id", "parent_run", "trace", "reference_example")


def tail_params() -> dict[str, Schema]:
    """Those of a body, as far as a URL can say them."""
    fields = {**RESTRICTIONS, **TAIL}
    fields["session_name"] = list_of(TEXT)
    for name in ("session", "id", "reference_example"):
        fields[name] = _IDS
    for name in ("start_time", "end_time"):
        fields[name] = GIVEN_TIME["anyOf"][0]
    for name in ("data_source_type", "use_experimental_search"):
        fields[name] = TEXT
    fields["execution_order"] = {"type": "integer", "enum": [1]}
    return fields


def scoped(fields: dict[str, Schema]) -> Schema:
    """A body that has to say where to look, by one of SCOPES at least."""
    some = [
        {"required": [name], "properties": {name: {"not": {"enum": [None, []]}}}} for name in SCOPES
    ]
    return {**given(fields), "anyOf": some}


def changes(fields: dict[str, Schema], names: Iterable[str]) -> Schema:
    return given({name: fields[name] for name in names})


FEEDBACK_TARGET: Final = [
    {"required": [name], "properties": {name: GIVEN_ID}}
    for name in ("run_id", "trace_id", "session_id")
]
# Parts of multipart/form-data, known by their names.
_UUID = "[0-9a-fA-F-]{36}"
_PAYLOAD = "(inputs|outputs|events|extra|error|serialized)"
MULTIPART: Final[Schema] = {
    "type": "object",
    "description": "Parts in any order; others are ignored. Each ends at the boundary.",
    "patternProperties": {
        f"^(post|patch)\\.{_UUID}$": said(TEXT, "JSON of the run"),
        f"^(post|patch)\\.{_UUID}\\.{_PAYLOAD}$": said(TEXT, "JSON of one field of it"),
        f"^attachment\\.{_UUID}\\..+$": {"type": "string", "format": "binary"},
        f"^feedback\\.{_UUID}$": said(TEXT, "JSON of the feedback"),
    },
    "minProperties": 1,
}


def components() -> dict[str, Any]:
    runs = list_of(ref("RunCreate"))
    return {
        "RunCreate": given(RUN, required=("id", "start_time")),
        "RunUpdate": given({name: field for name, field in RUN.items() if name != "id"}),
        "RunBatch": given({"post": runs, "patch": list_of(given(RUN, required=("id",)))}),
        "RunParts": MULTIPART,
        "RunQuery": scoped({**RESTRICTIONS, **PAGING}),
        "StatsQuery": scoped({**RESTRICTIONS, **GROUPING}),
        "Tail": given({**RESTRICTIONS, **TAIL}),
        "Traces": given(TRACES, required=("trace_ids",)),
        "FeedbackCreate": {**given(FEEDBACK, required=("key",)), "anyOf": FEEDBACK_TARGET},
        "FeedbackUpdate": changes(FEEDBACK, ("score", "value", "comment", "correction")),
        "ProjectCreate": given(PROJECT, required=("name",)),
        "ProjectUpdate": changes(PROJECT, (name for name in PROJECT if name not in _FIXED)),
    }


_FIXED = ("id", "start_time")
