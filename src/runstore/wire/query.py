"""POST /runs/query body -> RunQuery. Knows LangSmith's field names; knows no filter, no plan.

Types are as lenient as pydantic's, which the hosted API is built on: 1 and "true" are booleans.
Source: docs/wire.md#query.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from runstore.errors import InvalidRequest, SchemaError, TooLarge
from runstore.limits import (
    FILTER_CHARS_MAX,
    IDS_MAX,
    PAGE_RUNS_DEFAULT,
    PAGE_RUNS_MAX,
    QUERY_BODY_BYTES_MAX,
)
from runstore.model.query import RunQuery
from runstore.model.run import RUN_TYPES
from runstore.wire.body import decode_object
from runstore.wire.cursor import decode_cursor, query_hash, translation_in
from runstore.wire.names import DEFAULT, SELECTABLE, domain_select
from runstore.wire.values import shown, to_bool, to_id, to_ids, to_int, to_text, to_us, to_word

T = TypeVar("T")

SCOPE_PROBLEM = (
    "At least one of 'session', 'id', 'parent_run', 'trace' or 'reference_example'"
    " must be specified"
)
_FILTERS = ("filter", "trace_filter", "tree_filter", "search_filter", "query")
# Known to the hosted API, and without meaning where there is one store and one kind of search.
_WITHOUT_EFFECT = frozenset({"data_source_type", "use_experimental_search"})
RESTRICTIONS = _WITHOUT_EFFECT | {
    *("id", "trace", "parent_run", "run_type", "session", "reference_example"),
    *("execution_order", "start_time", "end_time", "error", "is_root"),
    *_FILTERS,
}
"""Fields `decode_restrictions` reads."""
_READ = RESTRICTIONS | {
    *("cursor", "limit", "select", "order", "skip_pagination", "skip_prev_cursor"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunQueryBody:
    """A decoded body: what is asked, and what the answer has to look like."""

    query: RunQuery
    select: frozenset[str]  # wire names
    ignored: tuple[str, ...]  # unknown fields, for the Runstore-Ignored header
    query_hash: bytes  # what cursors of this query carry
    with_next: bool  # whether the answer carries cursors
    with_previous: bool


class Fields:
    """A body's fields, read with the error the hosted API would give: 422 with the place."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self.fields = fields

    def get(self, name: str, read: Callable[[Any], T]) -> T | None:
        value = self.fields.get(name)
        if value is None:
            return None
        try:
            return read(value)
        except ValueError as error:
            raise SchemaError((("body", name), str(error))) from None

    def flag(self, name: str) -> bool:
        return self.get(name, to_bool) or False

    def ids(self, name: str) -> tuple[str, ...] | None:
        """One id or a list. Raises TooLarge."""
        value = self.fields.get(name)
        if value.__class__ is list and len(value) > IDS_MAX:
            raise TooLarge(f"{name} has {len(value)} ids, at most {IDS_MAX} are allowed", IDS_MAX)
        return self.get(name, to_ids)

    def text(self, name: str) -> str | None:
        """None for text of spaces only, too."""
        text = self.get(name, to_text)
        return text if text and not text.isspace() else None

    def unknown(self, known: Collection[str]) -> tuple[str, ...]:
        return tuple(name for name in self.fields if name not in known)


def decode_run_query(body: bytes) -> RunQueryBody:
    """Raises SchemaError, InvalidRequest (no scope), CursorError, TooLarge."""
    fields = Fields(decode_object(body, bytes_max=QUERY_BODY_BYTES_MAX))
    select = decode_select(fields)
    query = replace(
        decode_restrictions(fields),
        select=domain_select(select),
        limit=_limit(fields),
        descending=fields.get("order", _order) != "asc",
    )
    cursor = fields.text("cursor")
    if cursor is not None:
        query.translation = translation_in(cursor)
    bound = query_hash(query)
    if cursor is not None:
        query.after, query.backward = decode_cursor(cursor, bound)
    with_next = not fields.flag("skip_pagination")
    return RunQueryBody(
        query=query,
        select=select,
        ignored=fields.unknown(_READ),
        query_hash=bound,
        with_next=with_next,
        with_previous=with_next and not fields.flag("skip_prev_cursor"),
    )


def with_translation(asked: RunQueryBody, translation: str) -> RunQueryBody:
    """Asked for without a cursor: those of its pages have the translation in them."""
    query = replace(asked.query, translation=translation)
    return replace(asked, query=query, query_hash=query_hash(query))


def decode_restrictions(fields: Fields, *, needs_scope: bool = True) -> RunQuery:
    """What says which runs; queries, stats and tails share it.

    Raises SchemaError; InvalidRequest without a scope, if it needs one.
    """
    ids = fields.ids("id")
    projects = fields.ids("session") or None
    trace = fields.get("trace", to_id)
    parent = fields.get("parent_run", to_id)
    examples = fields.ids("reference_example")
    if needs_scope and not (projects or ids or trace or parent or examples):
        raise InvalidRequest(SCOPE_PROBLEM)
    is_root = fields.get("is_root", to_bool)
    if fields.get("execution_order", _execution_order) is not None and is_root is None:
        is_root = True
    return RunQuery(
        project_ids=projects,
        ids=ids,
        trace_id=trace,
        parent_run_id=parent,
        run_type=fields.get("run_type", lambda value: to_word(value, RUN_TYPES)),
        reference_example_ids=examples,
        is_root=is_root,
        has_error=fields.get("error", to_bool),
        start_min_us=fields.get("start_time", to_us),
        end_max_us=fields.get("end_time", to_us),
        filter=fields.text("filter"),
        trace_filter=fields.text("trace_filter"),
        tree_filter=fields.text("tree_filter"),
        search_filter=fields.text("search_filter"),
        query=_words(fields),
    )


def decode_select(fields: Fields) -> frozenset[str]:
    """Wire names; the default of 45 when none is given. An unknown one is a SchemaError."""
    given = fields.fields.get("select")
    if given is None:
        return DEFAULT
    names = given if given.__class__ is list else [given]
    for index, name in enumerate(names):
        if name.__class__ is not str or name not in SELECTABLE:
            at = ("body", "select", index)
            raise SchemaError((at, f"{shown(name)} is none of {', '.join(SELECTABLE)}"))
    return frozenset(names)


def _limit(fields: Fields) -> int:
    """Above the page maximum it is served page by page: on the wire, limit is a page size."""
    limit = fields.get("limit", to_int)
    if limit is None:
        return PAGE_RUNS_DEFAULT
    if limit < 1:
        raise SchemaError((("body", "limit"), f"{limit} is less than 1"))
    return min(limit, PAGE_RUNS_MAX)


def _order(value: Any) -> str:
    return to_word(value, ("asc", "desc"))


def _execution_order(value: Any) -> int:
    if (order := to_int(value)) != 1:
        raise ValueError(f"{order} is not 1, the roots; no other is known")
    return order


def _words(fields: Fields) -> str | None:
    text = fields.text("query")
    if text is not None and len(text) > FILTER_CHARS_MAX:
        message = f"query has {len(text)} characters, at most {FILTER_CHARS_MAX} are allowed"
        raise TooLarge(message, FILTER_CHARS_MAX)
    return text
