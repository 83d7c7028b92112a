"""Runs and pages -> answer bytes. Knows LangSmith's JSON of a run; payload bytes pass unread.

Source: docs/wire.md#run.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import orjson

from runstore.model.aggregate import feedback_stats
from runstore.model.entries import flatten
from runstore.model.feedback import Feedback
from runstore.model.jsontext import decode
from runstore.model.query import Page, Position
from runstore.model.run import Attachment, JsonText, Run
from runstore.model.times import text_from_us
from runstore.model.usage import Sums, usd_text
from runstore.model.words import leaf_text
from runstore.wire.cursor import Place, encode_cursor
from runstore.wire.feedback import feedback_stats_json
from runstore.wire.names import ALWAYS, DEFAULT, SELECTABLE, TENANT_ID
from runstore.wire.query import RunQueryBody

AttachmentUrl = Callable[[str, Attachment], str]
"""(run id, attachment) -> where it can be fetched, for a while, relative to the API's base."""

PREVIEW_CHARS = 200
_APP = f"/o/{TENANT_ID}/projects/p/"
_PREVIEW_READ_BYTES = 16_384  # larger payloads are shown as raw JSON: a preview must stay cheap


def encode_run(
    run: Run,
    select: frozenset[str] = DEFAULT,
    *,
    feedback: Sequence[Feedback] = (),
    attachment_url: AttachmentUrl | None = None,
) -> bytes:
    """GET /runs/{id}."""
    page = Page(runs=[run], feedback={run.id: list(feedback)})
    return orjson.dumps(_Encoder(select, page, attachment_url).run(run))


def encode_runs(
    page: Page, select: frozenset[str], *, attachment_url: AttachmentUrl | None = None
) -> list[bytes]:
    """Each run of a page by itself."""
    encoder = _Encoder(select, page, attachment_url)
    return [orjson.dumps(encoder.run(run)) for run in page.runs]


def encode_page(
    page: Page, asked: RunQueryBody, *, attachment_url: AttachmentUrl | None = None
) -> bytes:
    """{"runs": [...], "cursors": {"next", "prev"}, "search_cursors": null, "parsed_query"}"""
    encoder = _Encoder(asked.select, page, attachment_url)
    return orjson.dumps(
        {
            "runs": [encoder.run(run) for run in page.runs],
            "cursors": _cursors(page, asked),
            "search_cursors": None,
            "parsed_query": _parsed_query(asked.query.query),
        }
    )


def _cursors(page: Page, asked: RunQueryBody) -> dict[str, str | None]:
    following = previous = None
    if page.runs:
        first, last = page.runs[0], page.runs[-1]
        if page.has_next and asked.with_next:
            place = Place(Position(last.start_us, last.id), False)
            following = encode_cursor(place, asked.query_hash)
        if page.has_previous and asked.with_previous:
            place = Place(Position(first.start_us, first.id), True)
            previous = encode_cursor(place, asked.query_hash)
    return {"next": following, "prev": previous}


def _parsed_query(words: str | None) -> str | None:
    """The filter that `query` became."""
    return None if words is None else f"search({orjson.dumps(words).decode()})"


class _Encoder:
    """One `select`, looked up once for all runs of a page."""

    def __init__(
        self, select: frozenset[str], page: Page, attachment_url: AttachmentUrl | None
    ) -> None:
        names = select | ALWAYS
        self._simple = [(name, read) for name, read in _SIMPLE.items() if name in names]
        self._nulls: dict[str, Any] = {
            name: value for name, value in _FIXED.items() if name in names
        }
        if "trace_min_max_start_time" in names:
            self._nulls.update(trace_min_start_time=None, trace_max_start_time=None)
        if select == DEFAULT:
            self._nulls["execution_order"] = 1
        self._unused: dict[str, Any] = {  # usage without any
            **{name: 0 for name in _COUNTS if name in names},
            **{name: None for name in (*_COSTS, *_DETAILS) if name in names},
        }
        self._with_feedback = "feedback_stats" in names
        self._with_children = "child_run_ids" in names
        self._with_files = "s3_urls" in names
        self._page, self._attachment_url = page, attachment_url

    def run(self, run: Run) -> dict[str, Any]:
        """For orjson.dumps."""
        fields = {name: read(run) for name, read in self._simple}
        fields.update(self._nulls)
        if self._unused:
            fields.update(self._unused)
            if run.totals:
                self._add_usage(fields, run.totals)
        if self._with_feedback:
            records = self._page.feedback.get(run.id)
            fields["feedback_stats"] = (
                feedback_stats_json(feedback_stats(records)) if records else {}
            )
        if self._with_children:
            fields["child_run_ids"] = self._page.descendant_ids.get(run.id, [])
            fields["direct_child_run_ids"] = self._page.child_ids.get(run.id, [])
        if self._with_files:
            fields["s3_urls"] = self._files(run)
        return fields

    def _add_usage(self, fields: dict[str, Any], totals: Sums) -> None:
        """Over tokens of 0 and costs of null; costs are decimal strings so that none is rounded."""
        for counter, (value, _) in totals.items():
            name, point, key = counter.partition(".")
            if name in self._unused:
                shown = usd_text(value) if "cost" in name else value
                if point:
                    fields[name] = {**(fields[name] or {}), key: shown}
                else:
                    fields[name] = shown

    def _files(self, run: Run) -> dict[str, Any] | None:
        url = self._attachment_url
        if url is None or not run.attachments:
            return None
        return {
            f"attachment.{file.name}": {
                "presigned_url": url(run.id, file),
                "mime_type": file.mime_type,
            }
            for file in run.attachments
        }


def details(totals: Mapping[str, tuple[int, int]], name: str) -> dict[str, int | str] | None:
    """{"cache_read": 12, ...}: the counters `name`.<k>. None if there is none."""
    prefix = f"{name}."
    is_cost = name.endswith("cost_details")
    found: dict[str, int | str] = {
        counter[len(prefix) :]: usd_text(value) if is_cost else value
        for counter, (value, _) in totals.items()
        if counter.startswith(prefix)
    }
    return found or None


def app_path(run: Run) -> str:
    """Where a user interface would show it; the SDK's run.url is made from it."""
    start = _text(run.start_us)[:-6]  # without +00:00: a plus is a space in a URL
    project = run.project_id or ""
    return f"{_APP}{project}/r/{run.id}?trace_id={run.trace_id}&start_time={start}"


def preview(text: JsonText | None) -> str | None:
    """The beginning of a payload as text: its leaves, a line each."""
    if text is None:
        return None
    if len(text) > _PREVIEW_READ_BYTES:
        return text[: PREVIEW_CHARS * 4].decode("utf-8", "ignore")[:PREVIEW_CHARS]
    return leaf_text(value for _, value in flatten(decode(text)))[:PREVIEW_CHARS]


def _spliced(text: JsonText | None) -> orjson.Fragment | None:
    return None if text is None else orjson.Fragment(text)


# A start is shown twice, and the runs of a batch were received together.
_text = lru_cache(maxsize=4096)(text_from_us)


def _time(us: int | None) -> str | None:
    return None if us is None else _text(us)


# fmt: off
_SIMPLE: dict[str, Callable[[Run], Any]] = {
    "id":                       lambda run: run.id,
    "name":                     lambda run: run.name or "",
    "run_type":                 lambda run: run.run_type or "chain",
    "start_time":               lambda run: _text(run.start_us),
    "end_time":                 lambda run: _time(run.end_us),
    "status":                   lambda run: run.status,
    "error":                    lambda run: run.error,
    "extra":                    lambda run: _spliced(run.extra),
    "events":                   lambda run: _spliced(run.events),
    "inputs":                   lambda run: _spliced(run.inputs),
    "inputs_preview":           lambda run: preview(run.inputs),
    "inputs_or_signed_url":     lambda run: _spliced(run.inputs),
    "outputs":                  lambda run: _spliced(run.outputs),
    "outputs_preview":          lambda run: preview(run.outputs),
    "outputs_or_signed_url":    lambda run: _spliced(run.outputs),
    "error_or_signed_url":      lambda run: run.error,
    "events_or_signed_url":     lambda run: _spliced(run.events),
    "extra_or_signed_url":      lambda run: _spliced(run.extra),
    "serialized_or_signed_url": lambda run: _spliced(run.serialized),
    "parent_run_id":            lambda run: run.parent_run_id,
    "manifest":                 lambda run: _spliced(run.serialized),
    "session_id":               lambda run: run.project_id,
    "serialized":               lambda run: _spliced(run.serialized),
    "reference_example_id":     lambda run: run.reference_example_id,
    "first_token_time":         lambda run: _time(run.first_token_us),
    "trace_id":                 lambda run: run.trace_id,
    "dotted_order":             lambda run: run.dotted_order,
    "parent_run_ids":           lambda run: run.ancestor_ids,
    "tags":                     lambda run: run.tags,
    "app_path":                 app_path,
    "trace_first_received_at":  lambda run: _text(run.received_us),
    "thread_id":                lambda run: run.thread_id,
    "inserted_at":              lambda run: _text(run.received_us),
}
# What Runstore has no such thing of: payloads lie in one place, nothing expires or is shared.
_FIXED: dict[str, Any] = {
    "inputs_s3_urls":       None,
    "outputs_s3_urls":      None,
    "manifest_id":          None,
    "manifest_s3_id":       None,
    "reference_dataset_id": None,
    "price_model_id":       None,
    "last_queued_at":       None,
    "in_dataset":           False,
    "share_token":          None,
    "trace_tier":           None,
    "ttl_seconds":          None,
    "trace_upgrade":        False,
    "messages":             None,
}
# fmt: on
_COUNTS = ("total_tokens", "prompt_tokens", "completion_tokens")
_COSTS = ("total_cost", "prompt_cost", "completion_cost")
_DETAILS = (
    "prompt_token_details",
    "completion_token_details",
    "prompt_cost_details",
    "completion_cost_details",
)
_OTHER = {"feedback_stats", "child_run_ids", "s3_urls", "trace_min_max_start_time"}
assert {*_SIMPLE, *_FIXED, *_COUNTS, *_COSTS, *_DETAILS, *_OTHER} == set(SELECTABLE)
