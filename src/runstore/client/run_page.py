"""An answer of POST /runs/query -> its runs and where it leads. Knows the wire; knows no I/O."""

from collections.abc import Callable, Mapping
from functools import partial

import msgspec

from runstore.client.attachments import Fetch
from runstore.client.http import HandedPage
from runstore.client.record import SCAN, End, Page
from runstore.client.run import Run
from runstore.errors import UnexpectedAnswer


class RunPage:
    """What one POST /runs/query answered. A cursor is None where there is nothing further.

    `parsed_query` is the filter that `query` became.
    """

    __slots__ = ("_make", "_runs", "next_cursor", "parsed_query", "prev_cursor")

    def __init__(
        self,
        make: Callable[[], list[Run]],
        cursors: Mapping[str, str | None] | None,
        parsed_query: str | None,
    ) -> None:
        """`make` is called when the runs are looked at: the next page can be asked for before."""
        self._make: Callable[[], list[Run]] | None = make
        self._runs: list[Run] = []
        found = cursors or {}
        self.next_cursor = found.get("next") or None
        self.prev_cursor = found.get("prev") or None
        self.parsed_query = parsed_query

    @property
    def runs(self) -> list[Run]:
        """Raises UnexpectedAnswer when the answer had something else for them."""
        if self._make is not None:
            self._runs, self._make = self._make(), None
        return self._runs


def decode_page(body: bytes, *, host_url: str | None = None, fetch: Fetch | None = None) -> RunPage:
    """An answer of POST /runs/query. Raises UnexpectedAnswer when it is none.

    Runs hold copies of their own JSON, so one that is kept does not keep its page.
    """
    page = _scan(body)
    runs = [Run(bytes(one), host_url=host_url, fetch=fetch) for one in page.runs]
    return RunPage(lambda: runs, page.cursors, page.parsed_query)


def page_later(
    body: bytes, end: End, *, host_url: str | None = None, fetch: Fetch | None = None
) -> RunPage:
    """As `decode_page`, of a body whose end is known; the rest is read when it is wanted."""

    def runs() -> list[Run]:
        return [Run(bytes(one), host_url=host_url, fetch=fetch) for one in _scan(body).runs]

    return RunPage(runs, end.cursors, end.parsed_query)


def _scan(body: bytes) -> Page:
    try:
        return SCAN.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnexpectedAnswer(f"not a page of runs: {error}") from error


def run_page(
    page: HandedPage, *, host_url: str | None = None, fetch: Fetch | None = None
) -> RunPage:
    """Runs that ask for their JSON when they are touched. One that is not keeps its page."""
    json = page.run_json
    runs = [Run(partial(json, at), host_url=host_url, fetch=fetch) for at in range(len(page))]
    return RunPage(lambda: runs, page.cursors, page.parsed_query)
