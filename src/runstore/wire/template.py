"""Runs -> columns of pieces of their JSON, to be joined row by row.

A template is made once for all runs of one `select`: what runs share is its text, what differs is
put between, and payload bytes pass unread. Column by column, because a page has a thousand runs
and few names. Ids, dotted orders and times need no escapes. Source: docs/wire.md#run.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import repeat
from operator import attrgetter
from typing import Any, TypeVar

import orjson

from runstore.model.aggregate import feedback_stats
from runstore.model.dotted_order import SEGMENT_CHARS, START_CHARS
from runstore.model.entries import flatten
from runstore.model.jsontext import decode
from runstore.model.query import Page
from runstore.model.run import Attachment, JsonText, Run
from runstore.model.times import ZONE, text_from_us
from runstore.model.usage import Sums, usd_text
from runstore.model.words import leaf_text
from runstore.wire.feedback import feedback_stats_json
from runstore.wire.names import ALWAYS, DEFAULT, SELECTABLE, TENANT_ID

AttachmentUrl = Callable[[str, Attachment], str]
"""(run id, attachment) -> where it can be fetched, for a while, relative to the API's base."""

PREVIEW_CHARS = 200
_PREVIEW_READ_BYTES = 16_384  # larger payloads are shown as raw JSON: a preview must stay cheap

V = TypeVar("V", bound=Hashable)
_Column = Callable[[Sequence[Run]], list[str]]


class RunTemplate:
    """Of one page: what it knows of its runs besides them (feedback, children) is shown too."""

    def __init__(
        self, select: frozenset[str], page: Page, attachment_url: AttachmentUrl | None
    ) -> None:
        self._page, self._attachment_url = page, attachment_url
        # Text and names of columns by turns, beginning and ending with text; the payload behind.
        self._stretches: list[tuple[tuple[str, ...], str | None]] = []
        self._stretch = [""]  # that is being made
        self._usage_names: list[str] = []
        self._make(select | ALWAYS, is_whole=select >= DEFAULT)
        self._stretch[-1] += "}"
        self._end_stretch(None)

    def columns(self, runs: Sequence[Run]) -> list[list[bytes]]:
        """One row a run; the pieces of a row are its JSON."""
        known: dict[str, list[str]] = {}
        columns: list[list[bytes]] = []
        for (first, *rest), payload in self._stretches:
            if rest:
                parts: list[Iterable[str]] = [repeat(first)]
                for name, text in zip(rest[::2], rest[1::2], strict=True):
                    parts += (self._column(name, runs, known), repeat(text))
                columns.append(list(map(str.encode, map("".join, zip(*parts, strict=False)))))
            else:
                columns.append([first.encode()] * len(runs))
            if payload is not None:
                read = attrgetter(payload)
                columns.append([read(run) or b"null" for run in runs])
        return columns

    def _column(self, name: str, runs: Sequence[Run], known: dict[str, list[str]]) -> list[str]:
        column = known.get(name)
        if column is None:
            make = _COLUMNS.get(name) or self._of_page(name)
            column = known[name] = make(runs)
        return column

    def _of_page(self, name: str) -> _Column:
        """Columns that need more than the runs."""
        return {
            "usage": self._usage,
            "feedback": self._feedback,
            "descendants": self._descendants,
            "children": self._children,
            "trace_first": lambda runs: self._trace_starts(runs, 0),
            "trace_last": lambda runs: self._trace_starts(runs, 1),
            "files": self._files,
        }[name]

    def _make(self, names: frozenset[str], *, is_whole: bool) -> None:
        for name, (form, *columns) in _FIELDS.items():
            if name not in names:
                continue
            if form == _PAYLOAD:
                self._key(name, "")
                self._end_stretch(columns[0])
            else:
                self._key(name, form, *columns)
        if "trace_min_max_start_time" in names:
            self._key("trace_min_start_time", "%s", "trace_first")
            self._key("trace_max_start_time", "%s", "trace_last")
        if is_whole:
            self._key("execution_order", "1")
        self._usage_names = [name for name in _USAGE if name in names]
        if self._usage_names:
            self._stretch[-1] += ","
            self._stretch += ("usage", "")
        if "feedback_stats" in names:
            self._key("feedback_stats", "%s", "feedback")
        if "child_run_ids" in names:
            self._key("child_run_ids", "%s", "descendants")
            self._key("direct_child_run_ids", "%s", "children")
        if "s3_urls" in names:
            self._key("s3_urls", "%s", "files")

    def _key(self, name: str, form: str, *columns: str) -> None:
        comma = "," if self._stretches or len(self._stretch) > 1 or self._stretch[0] else "{"
        before, *behind = form.split("%s")
        self._stretch[-1] += f'{comma}"{name}":{before}'
        for column, text in zip(columns, behind, strict=True):
            self._stretch += (column, text)

    def _end_stretch(self, payload: str | None) -> None:
        self._stretches.append((tuple(self._stretch), payload))
        self._stretch = [""]

    def _usage(self, runs: Sequence[Run]) -> list[str]:
        """Over tokens of 0 and costs of null; costs are decimal strings so that none is rounded."""
        names = self._usage_names
        form = ",".join(f'"{name}":%s' for name in names)
        unused = ["0" if name in _COUNTS else "null" for name in names]
        counters = _Counters(names)
        # A chain that only calls a model has its totals; an engine may give both the same object.
        known: dict[int, str] = {}
        column = []
        for run in runs:
            key = id(run.totals) if run.totals else 0
            text = known.get(key)
            if text is None:
                shown = _shown(run.totals, unused.copy(), counters)
                text = known[key] = form % tuple(shown)
            column.append(text)
        return column

    def _feedback(self, runs: Sequence[Run]) -> list[str]:
        feedback = self._page.feedback
        return [
            _json(feedback_stats_json(feedback_stats(feedback[run.id])))
            if feedback.get(run.id)
            else "{}"
            for run in runs
        ]

    def _descendants(self, runs: Sequence[Run]) -> list[str]:
        return [_json(self._page.descendant_ids.get(run.id, [])) for run in runs]

    def _children(self, runs: Sequence[Run]) -> list[str]:
        return [_json(self._page.child_ids.get(run.id, [])) for run in runs]

    def _trace_starts(self, runs: Sequence[Run], end: int) -> list[str]:
        starts = self._page.trace_starts
        return [
            _time(starts[run.trace_id][end] if run.trace_id in starts else None) for run in runs
        ]

    def _files(self, runs: Sequence[Run]) -> list[str]:
        return [files_json(run, self._attachment_url) for run in runs]


def preview(text: JsonText | None) -> str | None:
    """The beginning of a payload as text: its leaves, a line each."""
    if text is None:
        return None
    if len(text) > _PREVIEW_READ_BYTES:
        return text[: PREVIEW_CHARS * 4].decode("utf-8", "ignore")[:PREVIEW_CHARS]
    return leaf_text(value for _, value in flatten(decode(text)))[:PREVIEW_CHARS]


def files_json(run: Run, url: AttachmentUrl | None) -> str:
    if url is None or not run.attachments:
        return "null"
    return _json(
        {
            f"attachment.{file.name}": {
                "presigned_url": url(run.id, file),
                "mime_type": file.mime_type,
            }
            for file in run.attachments
        }
    )


class _Counters(dict[str, tuple[int, str, bool]]):
    """Counter -> its place among the names, its key there as JSON, whether it counts costs.

    Place -1: not asked for. Key "": it is the name's own.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    def __missing__(self, counter: str) -> tuple[int, str, bool]:
        name, point, key = counter.partition(".")
        place = self._names.index(name) if name in self._names else -1
        found = self[counter] = (place, _json(key) if point else "", "cost" in name)
        return found


def _shown(totals: Sums, shown: list[str], counters: _Counters) -> list[str]:
    """`shown`, JSON by place, with what there is."""
    for counter, (value, _) in totals.items():
        place, key, is_cost = counters[counter]
        if place < 0:
            continue
        text = f'"{usd_text(value)}"' if is_cost else str(value)
        if not key:
            shown[place] = text
        elif shown[place] == "null":
            shown[place] = f"{{{key}:{text}}}"
        else:
            shown[place] = f"{shown[place][:-1]},{key}:{text}}}"
    return shown


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _id(value: str | None) -> str:
    return "null" if value is None else f'"{value}"'


def _distinct(values: list[V], text: Callable[[V], str] = _json) -> list[str]:
    """`text` of each, called once for equal ones: runs of a page have much in common."""
    texts = {value: text(value) for value in set(values)}
    return [texts[value] for value in values]


def _time(us: int | None) -> str:
    return "null" if us is None else f'"{text_from_us(us)}"'


def _ancestors(path: str) -> str:
    """The ids in a dotted order without its last segment; it ends in a dot."""
    if not path:
        return "[]"
    return '["' + '","'.join([part[START_CHARS:] for part in path[:-1].split(".")]) + '"]'


# fmt: off
_COLUMNS: dict[str, _Column] = {
    "id":              lambda runs: [run.id for run in runs],
    "trace_id":        lambda runs: [run.trace_id for run in runs],
    "parent_run_id":   lambda runs: [_id(run.parent_run_id) for run in runs],
    "parent_run_ids":  lambda runs: _distinct(
        [run.dotted_order[:-SEGMENT_CHARS] for run in runs], _ancestors),
    "dotted_order":    lambda runs: [run.dotted_order for run in runs],
    "project_id":      lambda runs: _distinct([run.project_id for run in runs], _id),
    "project":         lambda runs: [run.project_id or "" for run in runs],
    "example_id":      lambda runs: [_id(run.reference_example_id) for run in runs],
    "thread_id":       lambda runs: _distinct([run.thread_id for run in runs]),
    "name":            lambda runs: _distinct([run.name or "" for run in runs]),
    "run_type":        lambda runs: _distinct([run.run_type or "chain" for run in runs]),
    "status":          lambda runs: _distinct([run.status for run in runs]),
    "error":           lambda runs: _distinct([run.error for run in runs]),
    "tags":            lambda runs: _distinct([run.tags for run in runs]),
    "start":           lambda runs: [text_from_us(run.start_us)[:-len(ZONE)] for run in runs],
    "end":             lambda runs: [_time(run.end_us) for run in runs],
    "first_token":     lambda runs: [_time(run.first_token_us) for run in runs],
    "received":        lambda runs: _distinct([run.received_us for run in runs], _time),
    "inputs_preview":  lambda runs: [_json(preview(run.inputs)) for run in runs],
    "outputs_preview": lambda runs: [_json(preview(run.outputs)) for run in runs],
}
_PAYLOAD = "payload"
# In the order in which a run is told: a form, and the columns that fill it; or a payload. What is
# filled in between quotes needs no escapes. The time in app_path has no zone: a plus is a space.
_FIELDS: dict[str, tuple[str, ...]] = {
    "id":                       ('"%s"', "id"),
    "name":                     ("%s", "name"),
    "run_type":                 ("%s", "run_type"),
    "start_time":               (f'"%s{ZONE}"', "start"),
    "end_time":                 ("%s", "end"),
    "status":                   ("%s", "status"),
    "error":                    ("%s", "error"),
    "extra":                    (_PAYLOAD, "extra"),
    "events":                   (_PAYLOAD, "events"),
    "inputs":                   (_PAYLOAD, "inputs"),
    "inputs_preview":           ("%s", "inputs_preview"),
    "inputs_or_signed_url":     (_PAYLOAD, "inputs"),
    "outputs":                  (_PAYLOAD, "outputs"),
    "outputs_preview":          ("%s", "outputs_preview"),
    "outputs_or_signed_url":    (_PAYLOAD, "outputs"),
    "error_or_signed_url":      ("%s", "error"),
    "events_or_signed_url":     (_PAYLOAD, "events"),
    "extra_or_signed_url":      (_PAYLOAD, "extra"),
    "serialized_or_signed_url": (_PAYLOAD, "serialized"),
    "parent_run_id":            ("%s", "parent_run_id"),
    "manifest":                 (_PAYLOAD, "serialized"),
    "session_id":               ("%s", "project_id"),
    "serialized":               (_PAYLOAD, "serialized"),
    "reference_example_id":     ("%s", "example_id"),
    "first_token_time":         ("%s", "first_token"),
    "trace_id":                 ('"%s"', "trace_id"),
    "dotted_order":             ('"%s"', "dotted_order"),
    "parent_run_ids":           ("%s", "parent_run_ids"),
    "tags":                     ("%s", "tags"),
    "app_path":                 (f'"/o/{TENANT_ID}/projects/p/%s/r/%s?trace_id=%s&start_time=%s"',
                                 "project", "id", "trace_id", "start"),
    "trace_first_received_at":  ("%s", "received"),
    "thread_id":                ("%s", "thread_id"),
    "inserted_at":              ("%s", "received"),
    # What Runstore has no such thing of: payloads lie in one place, nothing expires or is shared.
    "inputs_s3_urls":           ("null",),
    "outputs_s3_urls":          ("null",),
    "manifest_id":              ("null",),
    "manifest_s3_id":           ("null",),
    "reference_dataset_id":     ("null",),
    "price_model_id":           ("null",),
    "last_queued_at":           ("null",),
    "in_dataset":               ("false",),
    "share_token":              ("null",),
    "trace_tier":               ("null",),
    "ttl_seconds":              ("null",),
    "trace_upgrade":            ("false",),
    "messages":                 ("null",),
}
# fmt: on
_COUNTS = ("total_tokens", "prompt_tokens", "completion_tokens")
_USAGE = (
    *_COUNTS,
    *("total_cost", "prompt_cost", "completion_cost"),
    *("prompt_token_details", "completion_token_details"),
    *("prompt_cost_details", "completion_cost_details"),
)
_OTHER = {"feedback_stats", "child_run_ids", "s3_urls", "trace_min_max_start_time"}
assert {*_FIELDS, *_USAGE, *_OTHER} == set(SELECTABLE)
