"""The words of `select` and what each needs of a run. The one table query and answer share.

Source: docs/wire.md#select.
"""

from typing import Final

_USAGE = frozenset({"totals"})
_NOTHING: frozenset[str] = frozenset()


def _of(*fields: str) -> frozenset[str]:
    return frozenset(fields)


# fmt: off
# Wire name -> fields of Run, or extras of RunQuery.select, that the answer is made from.
SELECTABLE: Final[dict[str, frozenset[str]]] = {
    "id":                       _of("id"),
    "name":                     _of("name"),
    "run_type":                 _of("run_type"),
    "start_time":               _of("start_us"),
    "end_time":                 _of("end_us"),
    "status":                   _of("status"),
    "error":                    _of("error"),
    "extra":                    _of("extra"),
    "events":                   _of("events"),
    "inputs":                   _of("inputs"),
    "inputs_preview":           _of("inputs"),
    "inputs_s3_urls":           _NOTHING,
    "inputs_or_signed_url":     _of("inputs"),
    "outputs":                  _of("outputs"),
    "outputs_preview":          _of("outputs"),
    "outputs_s3_urls":          _NOTHING,
    "outputs_or_signed_url":    _of("outputs"),
    "s3_urls":                  _of("attachments"),
    "error_or_signed_url":      _of("error"),
    "events_or_signed_url":     _of("events"),
    "extra_or_signed_url":      _of("extra"),
    "serialized_or_signed_url": _of("serialized"),
    "parent_run_id":            _of("parent_run_id"),
    "manifest_id":              _NOTHING,
    "manifest_s3_id":           _NOTHING,
    "manifest":                 _of("serialized"),
    "session_id":               _of("project_id"),
    "serialized":               _of("serialized"),
    "reference_example_id":     _of("reference_example_id"),
    "reference_dataset_id":     _NOTHING,
    "total_tokens":             _USAGE,
    "prompt_tokens":            _USAGE,
    "prompt_token_details":     _USAGE,
    "completion_tokens":        _USAGE,
    "completion_token_details": _USAGE,
    "total_cost":               _USAGE,
    "prompt_cost":              _USAGE,
    "prompt_cost_details":      _USAGE,
    "completion_cost":          _USAGE,
    "completion_cost_details":  _USAGE,
    "price_model_id":           _NOTHING,
    "first_token_time":         _of("first_token_us"),
    "trace_id":                 _of("trace_id"),
    "dotted_order":             _of("dotted_order"),
    "last_queued_at":           _NOTHING,
    "feedback_stats":           _of("feedback_stats"),
    "child_run_ids":            _of("child_run_ids"),
    "parent_run_ids":           _NOTHING,
    "tags":                     _of("tags"),
    "in_dataset":               _NOTHING,
    "app_path":                 _NOTHING,
    "share_token":              _NOTHING,
    "trace_tier":               _NOTHING,
    "trace_first_received_at":  _of("received_us"),
    "ttl_seconds":              _NOTHING,
    "trace_upgrade":            _NOTHING,
    "thread_id":                _of("thread_id"),
    "trace_min_max_start_time": _of("trace_starts"),
    "messages":                 _NOTHING,
    "inserted_at":              _of("received_us"),
}

NOT_BY_DEFAULT: Final = frozenset({
    "inputs_preview", "inputs_s3_urls", "inputs_or_signed_url",
    "outputs_preview", "outputs_s3_urls", "outputs_or_signed_url",
    "s3_urls", "error_or_signed_url", "events_or_signed_url", "extra_or_signed_url",
    "serialized_or_signed_url", "child_run_ids", "trace_min_max_start_time", "messages",
    "inserted_at",
})
# fmt: on

# The SDK's Run cannot be built without these, whatever is selected.
ALWAYS: Final = frozenset(
    {
        "id",
        "name",
        "run_type",
        "start_time",
        "trace_id",
        "session_id",
        "status",
        "dotted_order",
        "app_path",
    }
)
DEFAULT: Final = frozenset(SELECTABLE) - NOT_BY_DEFAULT
SERIALIZED: Final = frozenset({"serialized", "manifest"})  # two names of one payload

# LangSmith puts a tenant into every project and path. There is one here, and this is its id.
TENANT_ID: Final = "00000000-0000-0000-0000-000000000001"


def domain_select(names: frozenset[str]) -> frozenset[str]:
    """What an engine has to fill for an answer with these names."""
    return frozenset().union(*(SELECTABLE[name] for name in names | ALWAYS))
