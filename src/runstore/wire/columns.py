"""A page -> columns of values: what the JSON of its runs says, without writing and reading it.

Names are the answer's. Texts, numbers and lists are those of the JSON; a time is whole microseconds
since 1970, a cost its text, and what may be any JSON (payloads, details) is JSON. None: null, or
not in the answer. tests/client/test_handed.py compares
every one with the answer.
"""

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

import orjson

from runstore.model.aggregate import feedback_stats
from runstore.model.query import Page
from runstore.model.run import PAYLOADS, Run
from runstore.model.times import ZONE, text_from_us
from runstore.model.usage import Sums, usd_text
from runstore.wire.answer import details
from runstore.wire.feedback import feedback_stats_json
from runstore.wire.names import ALWAYS, TENANT_ID
from runstore.wire.template import AttachmentUrl, files_json, preview

_Column = Callable[[Sequence[Run]], list[Any]]
_NO_SUM = (0, 0)


class PageColumns:
    """Of the runs from `first` to before `last`. Each column is made when it is first asked for."""

    def __init__(
        self,
        page: Page,
        select: frozenset[str],
        attachment_url: AttachmentUrl | None,
        first: int,
        last: int,
    ) -> None:
        """Raises StorageError for runs that are damaged."""
        self._page, self._attachment_url = page, attachment_url
        self._names = select | ALWAYS
        self._first, self._last = first, last
        self._runs = page.bare(first, last)
        self._made: dict[str, list[Any]] = {}
        self._found_details: list[dict[str, bytes]] | None = None

    def values(self, name: str) -> list[Any]:
        """One a run. Raises StorageError for payloads that are damaged."""
        made = self._made.get(name)
        if made is None:
            made = self._made[name] = self._make(name)
        return made

    def _make(self, name: str) -> list[Any]:
        if _ASKED_AS.get(name, name) not in self._names:
            return [None] * len(self._runs)
        if name in PAYLOADS:
            return [text or b"null" for text in self._payload(name)]
        if name in _DETAILS:
            return [one.get(name, b"null") for one in self._details()]
        make = _COLUMNS.get(name) or self._of_page(name)
        return make(self._runs) if make else [None] * len(self._runs)

    def _payload(self, name: str) -> list[Any]:
        return self._page.payloads(name, self._first, self._last)

    def _of_page(self, name: str) -> _Column | None:
        """Columns that need more than the runs; None: we have nothing of that name."""
        page = self._page
        makers: dict[str, _Column] = {
            "inputs_preview": lambda _: list(map(preview, self._payload("inputs"))),
            "outputs_preview": lambda _: list(map(preview, self._payload("outputs"))),
            "feedback_stats": self._feedback,
            "child_run_ids": lambda runs: [page.descendant_ids.get(run.id, []) for run in runs],
            "direct_child_run_ids": lambda runs: [page.child_ids.get(run.id, []) for run in runs],
            "trace_min_start_time": lambda runs: self._trace_starts(runs, 0),
            "trace_max_start_time": lambda runs: self._trace_starts(runs, 1),
            "s3_urls": lambda runs: [
                files_json(run, self._attachment_url).encode() for run in runs
            ],
        }
        return makers.get(name)

    def _details(self) -> list[dict[str, bytes]]:
        if self._found_details is None:
            # Many runs have the same totals, as one object: see RunTemplate.
            each = {id(run.totals): run.totals for run in self._runs}
            known = {key: _details_of(totals) for key, totals in each.items()}
            self._found_details = [known[id(run.totals)] for run in self._runs]
        return self._found_details

    def _feedback(self, runs: Sequence[Run]) -> list[bytes]:
        feedback = self._page.feedback
        return [
            orjson.dumps(feedback_stats_json(feedback_stats(feedback[run.id])))
            if feedback.get(run.id)
            else b"{}"
            for run in runs
        ]

    def _trace_starts(self, runs: Sequence[Run], end: int) -> list[int | None]:
        starts = self._page.trace_starts
        return [starts[run.trace_id][end] if run.trace_id in starts else None for run in runs]


def _app_path(run: Run) -> str:
    start = text_from_us(run.start_us)[: -len(ZONE)]
    place = f"/o/{TENANT_ID}/projects/p/{run.project_id or ''}/r/{run.id}"
    return f"{place}?trace_id={run.trace_id}&start_time={start}"


def _count(name: str) -> _Column:
    return lambda runs: [run.totals.get(name, _NO_SUM)[0] for run in runs]


def _cost(name: str) -> _Column:
    def column(runs: Sequence[Run]) -> list[str | None]:
        found = [run.totals.get(name) for run in runs]
        return [None if one is None else usd_text(one[0]) for one in found]

    return column


def _details_of(totals: Sums) -> dict[str, bytes]:
    """{"prompt_token_details": ...}: what there is of the four, as JSON."""
    each = {name: details(totals, name) for name in _DETAILS}
    return {name: orjson.dumps(one) for name, one in each.items() if one is not None}


def _of(attribute: str) -> _Column:
    read = attrgetter(attribute)
    return lambda runs: list(map(read, runs))


# fmt: off
_ASKED_AS = {  # a name of the answer that `select` has another name for
    "direct_child_run_ids": "child_run_ids",
    "trace_min_start_time": "trace_min_max_start_time",
    "trace_max_start_time": "trace_min_max_start_time",
}
_DETAILS = {
    *("prompt_token_details", "completion_token_details"),
    *("prompt_cost_details", "completion_cost_details"),
}
_COLUMNS: dict[str, _Column] = {
    "id":                       _of("id"),
    "name":                     lambda runs: [run.name or "" for run in runs],
    "run_type":                 lambda runs: [run.run_type or "chain" for run in runs],
    "start_time":               _of("start_us"),
    "end_time":                 _of("end_us"),
    "status":                   _of("status"),
    "error":                    _of("error"),
    "parent_run_id":            _of("parent_run_id"),
    "session_id":               _of("project_id"),
    "reference_example_id":     _of("reference_example_id"),
    "first_token_time":         _of("first_token_us"),
    "trace_id":                 _of("trace_id"),
    "dotted_order":             _of("dotted_order"),
    "parent_run_ids":           lambda runs: [list(run.ancestor_ids) for run in runs],
    "tags":                     lambda runs: [list(run.tags) for run in runs],
    "app_path":                 lambda runs: [_app_path(run) for run in runs],
    "trace_first_received_at":  _of("received_us"),
    "thread_id":                _of("thread_id"),
    "inserted_at":              _of("received_us"),
    "in_dataset":               lambda runs: [False] * len(runs),
    "trace_upgrade":            lambda runs: [False] * len(runs),
    "total_tokens":             _count("total_tokens"),
    "prompt_tokens":            _count("prompt_tokens"),
    "completion_tokens":        _count("completion_tokens"),
    "total_cost":               _cost("total_cost"),
    "prompt_cost":              _cost("prompt_cost"),
    "completion_cost":          _cost("completion_cost"),
}
# fmt: on
