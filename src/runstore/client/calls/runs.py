"""The calls of /runs: the walk through pages, one run, a trace, figures, deletion. No I/O.

What makes two clients send equal bytes: everything is decided here, and answered in one place.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Generic, NamedTuple, TypeVar
from urllib.parse import quote

import msgspec
import orjson

from runstore.client.asking import Id, Moment, RunAsk, as_id, as_ids, as_texts, as_time
from runstore.client.attachments import Attachment
from runstore.client.calls.resolve import Server, decode, page_runs_max, resolved
from runstore.client.http import HandedPage, HttpRequest, HttpResponse, Steps
from runstore.client.record import SCAN, end_of
from runstore.client.run import Run, decode_run
from runstore.errors import NotFound, RunstoreError, UnexpectedAnswer
from runstore.limits import EMPTY_PAGES_MAX, LANGSMITH_PAGE_RUNS, TRACES_DELETED_MAX

_NO_SUCH_PATH = (404, 405)
ReadRun = Callable[[bytes], Run]


P = TypeVar("P")


class PageRead(NamedTuple, Generic[P]):
    """What the walk has to know of a page, however it is decoded."""

    page: P
    runs: int  # in it, of those that are wanted; at least 1 of many, where all are
    next_cursor: str | None


ReadPage = Callable[[HttpResponse, int | None], PageRead[P]]
"""An answer, and how many runs of it are wanted at most -> a page. Raises UnexpectedAnswer."""


class PageBytes(NamedTuple):
    """An answer as it came. `runs_max`: no more are wanted of it."""

    body: bytes
    runs_max: int | None


class PageContent(NamedTuple):
    """An answer, or the page handed over for it, for who reads it by columns."""

    content: bytes | HandedPage
    runs_max: int | None


def read_content(answer: HttpResponse, runs_max: int | None) -> PageRead[PageContent]:
    page = answer.page
    if page is None:
        found = read_bytes(answer, runs_max)
        return PageRead(PageContent(*found.page), found.runs, found.next_cursor)
    runs = len(page) if runs_max is None else min(len(page), runs_max)
    return PageRead(PageContent(page, runs_max), runs, page.cursors.get("next") or None)


def read_bytes(answer: HttpResponse, runs_max: int | None) -> PageRead[PageBytes]:
    if runs_max is None and (end := end_of(answer.body)) is not None:
        return PageRead(PageBytes(answer.body, None), 1, (end.cursors or {}).get("next") or None)
    return _counted(answer, runs_max)


def _counted(answer: HttpResponse, runs_max: int | None) -> PageRead[PageBytes]:
    body = answer.body
    try:
        found = SCAN.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnexpectedAnswer(f"not a page of runs: {error}") from error
    runs = len(found.runs) if runs_max is None else min(len(found.runs), runs_max)
    return PageRead(PageBytes(body, runs_max), runs, found.cursor("next"))


class RunPager(Generic[P]):
    """One walk through the pages of a question.

    Goes on past an empty page that leads further, and past a page that is not full. Ends where the
    server names no next page, at the limit, and when every id asked for was found.
    """

    def __init__(
        self, ask: RunAsk, server: Server, read: ReadPage[P], *, takes_pages: bool = False
    ) -> None:
        """`takes_pages`: `read` knows answers that have a page for their body."""
        self._ask = ask
        self._takes_pages = takes_pages
        self._server = server
        self._read = read
        self._fields: dict[str, Any] | None = None
        self._seen: set[str] = set()
        self._empty_pages = 0
        self._remaining = ask.limit
        self.cursor = ask.cursor
        self.is_done = ask.is_empty

    def next_page(self) -> Steps[P | None]:
        """None when there is no further one. Never an empty page."""
        while not self.is_done:
            if self._fields is None:
                yield from self._begin()
                continue
            found = yield from self._ask_page()
            if found.runs:
                return found.page
        return None

    def _begin(self) -> Steps[None]:
        self._fields = yield from resolved(self._ask)
        if self._fields is None:
            self.is_done = True
            return
        ids = self._fields.get("id")
        if ids is not None:
            self._remaining = min(self._remaining or len(ids), len(ids))
        if self._ask.select is not None:
            self._fields["select"] = list(self._ask.select)
        if self._ask.order is not None:
            self._fields["order"] = self._ask.order
        self._fields["skip_prev_cursor"] = True

    def upcoming(self) -> HttpRequest | None:
        """What next_page() will ask first. None: nothing, or that is not known yet."""
        return None if self.is_done else self._request(self.cursor, self._remaining)

    def after(self, head: Mapping[str, str]) -> HttpRequest | None:
        """What comes after the page that is being asked for, by the head of its answer.

        None where that does not say. The page itself may say something else in the end.
        """
        cursor, runs = head.get("runstore-next-cursor"), head.get("runstore-runs", "")
        if not cursor or not (runs.isascii() and runs.isdigit()):
            return None
        remaining = None if self._remaining is None else self._remaining - int(runs)
        return (
            None if remaining is not None and remaining <= 0 else self._request(cursor, remaining)
        )

    def _request(self, cursor: str | None, remaining: int | None) -> HttpRequest | None:
        """None where what has to be known for it is not known yet."""
        size = remaining
        if size is None or size > LANGSMITH_PAGE_RUNS:
            most = self._server.page_runs_max
            if most is None:
                return None
            size = most if size is None else min(size, most)
        if self._fields is None:
            return None
        body = {**self._fields, "limit": size}
        if cursor is not None:
            body["cursor"] = cursor
        return HttpRequest(
            "POST", "/runs/query", body=orjson.dumps(body), takes_page=self._takes_pages
        )

    def _ask_page(self) -> Steps[PageRead[P]]:
        request = self.upcoming()
        if request is None:
            yield from page_runs_max(self._server)
            request = self.upcoming()
        assert request is not None, "all it needs is known by now"
        found = self._read((yield request), self._remaining)
        self._follow(found)
        return found

    def _follow(self, found: PageRead[P]) -> None:
        """Where the walk stands after this page."""
        if self._remaining is not None:
            self._remaining -= found.runs
        self._empty_pages = 0 if found.runs else self._empty_pages + 1
        self.cursor = found.next_cursor
        self.is_done = self.cursor is None or self._remaining == 0
        if self.is_done or self.cursor is None:
            return
        if self.cursor in self._seen:
            raise UnexpectedAnswer("the server's cursor leads back to a page that was read already")
        if self._empty_pages >= EMPTY_PAGES_MAX:
            raise UnexpectedAnswer(f"the server answered {EMPTY_PAGES_MAX} empty pages in a row")
        self._seen.add(self.cursor)


class Explanation(msgspec.Struct, frozen=True):
    """How the server would run a question, and what that was like when it tried."""

    filter: str | None = None  # as the server understood it, in canonical text
    trace_filter: str | None = None
    tree_filter: str | None = None
    steps: list[str] = []
    indexes: list[str] = []
    estimated_runs: float | None = None
    actual_runs: int | None = None
    rows_read: int | None = None  # looked at to find them
    ms: float | None = None
    hints: list[str] = []


def explain_runs(ask: RunAsk) -> Steps[Explanation]:
    """POST /runs/query/explain. Raises NotFound from servers that cannot say, as LangSmith."""
    fields = yield from resolved(ask)
    if fields is None:
        return Explanation(steps=["no run can meet this; the server is not asked"], actual_runs=0)
    for name in ("select", "limit", "order", "cursor"):
        if (value := getattr(ask, name)) is not None:
            fields[name] = value
    try:
        answer = yield HttpRequest("POST", "/runs/query/explain", body=orjson.dumps(fields))
    except RunstoreError as error:
        if error.status not in _NO_SUCH_PATH:
            raise
        raise NotFound("this server does not explain queries; Runstore does") from error
    try:
        return msgspec.json.decode(answer.body, type=Explanation)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnexpectedAnswer(f"not an explanation: {error}") from error


def run_stats(
    ask: RunAsk,
    *,
    select: Iterable[str] | None = None,
    group_by: str | Mapping[str, Any] | None = None,
    groups: str | Iterable[str | None] | None = None,
) -> Steps[dict[str, Any]]:
    """POST /runs/stats, as it answers. {} when no run can be meant."""
    fields = yield from resolved(ask)
    if fields is None:
        return {}
    if select is not None:
        fields["select"] = as_texts("select", select)
    if group_by is not None:
        fields["group_by"] = _grouping(group_by)
    if groups is not None:
        fields["groups"] = [groups] if isinstance(groups, str) else list(groups)
    answer = yield HttpRequest("POST", "/runs/stats", body=orjson.dumps(fields))
    found = decode(answer, "POST /runs/stats")
    if not isinstance(found, dict):
        raise UnexpectedAnswer("POST /runs/stats: not a JSON object")
    return found


def _grouping(group_by: str | Mapping[str, Any]) -> dict[str, Any]:
    """ "name", "run_type", "tag", "metadata.key", or the wire's own object."""
    if not isinstance(group_by, str):
        return dict(group_by)
    attribute, _, path = group_by.partition(".")
    return {"attribute": attribute, "path": path} if path else {"attribute": attribute}


def count_runs(ask: RunAsk, server: Server) -> Steps[int]:
    """How many runs a listing would give. Counted by the server, unless it starts at a cursor."""
    if ask.is_empty:
        return 0
    if ask.cursor is not None:
        return (yield from _count_by_walking(ask, server))
    found = yield from run_stats(ask, select=["run_count"])
    count = found.get("run_count") if found else 0
    if not isinstance(count, int):
        raise UnexpectedAnswer(f"POST /runs/stats: run_count is {count!r}")
    return count if ask.limit is None else min(count, ask.limit)


def _count_by_walking(ask: RunAsk, server: Server) -> Steps[int]:
    count = 0

    def read(answer: HttpResponse, runs_max: int | None) -> PageRead[PageBytes]:
        nonlocal count
        found = _counted(answer, runs_max)
        count += found.runs
        return found

    pager = RunPager(replace(ask, select=("id",)), server, read)
    while (yield from pager.next_page()) is not None:
        pass
    return count


def read_run(
    run_id: Id,
    read: ReadRun = decode_run,
    *,
    project_id: Id | None = None,
    start_time: Moment | None = None,
) -> Steps[Run]:
    """GET /runs/{id}. The project and the start help LangSmith to find it. Raises NotFound."""
    where: list[tuple[str, str]] = []
    if project_id is not None:
        where.append(("session_id", as_id("project_id", project_id)))
    if start_time is not None:
        where.append(("start_time", as_time("start_time", start_time)))
    answer = yield HttpRequest("GET", f"/runs/{as_id('run_id', run_id)}", tuple(where))
    return read(answer.body)


def read_attachment(attachment: Attachment | str) -> Steps[bytes]:
    """Its content. Raises NotFound when the link is no longer good."""
    url = attachment if isinstance(attachment, str) else attachment.presigned_url
    path = url if url.startswith(("http://", "https://", "/")) else f"/{quote(url, safe='/%?=&')}"
    return (yield HttpRequest("GET", path)).body


def delete_traces(trace_ids: Id | Iterable[Id], project_id: Id | None = None) -> Steps[int | None]:
    """POST /runs/delete, so many at a time as a server takes.

    How many runs went; None where the server does not say. LangSmith needs the project.
    """
    ids = as_ids("trace_ids", trace_ids)
    project = None if project_id is None else as_id("project_id", project_id)
    deleted: int | None = 0
    for first in range(0, len(ids), TRACES_DELETED_MAX):
        fields: dict[str, Any] = {"trace_ids": ids[first : first + TRACES_DELETED_MAX]}
        if project is not None:
            fields["session_id"] = project
        answer = yield HttpRequest("POST", "/runs/delete", body=orjson.dumps(fields))
        said = decode(answer, "POST /runs/delete") if answer.body else None
        count = said.get("deleted") if isinstance(said, dict) else None
        deleted = deleted + count if isinstance(count, int) and deleted is not None else None
    return deleted
