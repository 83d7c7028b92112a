"""Runs and pages -> answer bytes. Knows LangSmith's JSON of a page; a run's is in template.py.

Source: docs/wire.md#run.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

import orjson

from runstore.limits import DEFERRED_RUNS
from runstore.model.feedback import Feedback
from runstore.model.query import Page, Position, RunQuery
from runstore.model.run import Run
from runstore.model.usage import usd_text
from runstore.wire.cursor import Place, encode_cursor
from runstore.wire.names import DEFAULT
from runstore.wire.query import RunQueryBody
from runstore.wire.template import AttachmentUrl, RunTemplate

__all__ = [
    "AttachmentUrl",
    "cursors",
    "details",
    "encode_page",
    "encode_run",
    "encode_runs",
    "page_headers",
    "page_parts",
    "parsed_query",
]


def encode_run(
    run: Run,
    select: frozenset[str] = DEFAULT,
    *,
    feedback: Sequence[Feedback] = (),
    attachment_url: AttachmentUrl | None = None,
) -> bytes:
    """GET /runs/{id}."""
    page = Page(runs=[run], feedback={run.id: list(feedback)})
    [encoded] = encode_runs(page, select, attachment_url=attachment_url)
    return encoded


def encode_runs(
    page: Page,
    select: frozenset[str],
    *,
    attachment_url: AttachmentUrl | None = None,
    runs: Sequence[Run] | None = None,
) -> list[bytes]:
    """Each run of a page by itself, or each of these `runs` of it."""
    columns = RunTemplate(select, page, attachment_url).columns(page.runs if runs is None else runs)
    return [b"".join(pieces) for pieces in zip(*columns, strict=True)]


def encode_page(
    page: Page, asked: RunQueryBody, *, attachment_url: AttachmentUrl | None = None
) -> bytes:
    """{"runs": [...], "cursors": {"next", "prev"}, "search_cursors": null, "parsed_query"}"""
    return b"".join(page_parts(page, asked, attachment_url=attachment_url))


def page_parts(
    page: Page, asked: RunQueryBody, *, attachment_url: AttachmentUrl | None = None
) -> Iterator[bytes]:
    """`encode_page`, DEFERRED_RUNS at a time; a page whose runs are deferred makes them so."""
    rest = {
        "cursors": cursors(page, asked),
        "search_cursors": None,
        "parsed_query": parsed_query(asked.query),
    }
    template = RunTemplate(asked.select, page, attachment_url)
    pieces = [b'{"runs":[']
    for first in range(0, len(page.runs), DEFERRED_RUNS):
        if first:
            yield b"".join(pieces)
            pieces = [b","]
        runs = page.runs[first : first + DEFERRED_RUNS]
        columns = [*template.columns(runs), [b","] * len(runs)]
        pieces += chain.from_iterable(zip(*columns, strict=True))
        pieces.pop()  # the last comma
    yield b"".join((*pieces, b"],", orjson.dumps(rest)[1:]))


def page_headers(page: Page, asked: RunQueryBody) -> dict[str, str]:
    """What tells where a page leads before it has come: the next one can be asked for meanwhile."""
    following = cursors(page, asked)["next"]
    headers = {"Runstore-Runs": str(len(page.runs))}
    return headers if following is None else headers | {"Runstore-Next-Cursor": following}


def cursors(page: Page, asked: RunQueryBody) -> dict[str, str | None]:
    """{"next", "prev"}: what leads on from a page."""
    following = previous = None
    if page.runs:
        [first], [last] = page.bare(0, 1), page.bare(len(page.runs) - 1, len(page.runs))
        if page.has_next and asked.with_next:
            place = Place(Position(last.start_us, last.id), False)
            following = encode_cursor(place, asked.query_hash, asked.query.translation)
        if page.has_previous and asked.with_previous:
            place = Place(Position(first.start_us, first.id), True)
            previous = encode_cursor(place, asked.query_hash, asked.query.translation)
    return {"next": following, "prev": previous}


def parsed_query(query: RunQuery) -> str | None:
    """The filter that `query` became."""
    words = query.query
    if query.translation is not None:
        return query.translation
    return None if words is None else f"search({orjson.dumps(words).decode()})"


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
