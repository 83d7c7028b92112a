"""A page -> fields, columns and JSON of its runs, made when they are read in this process.

Who walks over the runs of a folder may look at few of them, and then need not wait for the rest.
"""

import threading
from collections.abc import Mapping

from runstore.limits import DEFERRED_RUNS
from runstore.model.query import Page
from runstore.wire.answer import cursors, encode_runs, parsed_query
from runstore.wire.columns import PageColumns
from runstore.wire.query import RunQueryBody
from runstore.wire.template import AttachmentUrl

EXTENSION = "runstore.page"  # of ASGI: the caller takes a message with the page for its body


class DeferredPage:
    """Read from any thread, also when what it was fetched from has been closed."""

    def __init__(
        self, page: Page, asked: RunQueryBody, attachment_url: AttachmentUrl | None
    ) -> None:
        self.cursors: Mapping[str, str | None] = cursors(page, asked)
        self.parsed_query = parsed_query(asked.query)
        self._page = page
        self._select = asked.select
        self._attachment_url = attachment_url
        self._parts: dict[int, PageColumns] = {}  # by DEFERRED_RUNS
        self._made: dict[int, list[bytes]] = {}  # likewise
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._page.runs)

    def columns(self, first: int, last: int) -> PageColumns:
        """Of the runs from `first` to before `last`. Raises StorageError, as its columns do."""
        return PageColumns(self._page, self._select, self._attachment_url, first, last)

    def place(self, number: int) -> tuple[PageColumns, int]:
        """Columns that have this run, with some of its neighbours, and where."""
        part, at = divmod(number, DEFERRED_RUNS)
        columns = self._parts.get(part)
        if columns is None:
            first = part * DEFERRED_RUNS
            columns = self._parts[part] = self.columns(first, first + DEFERRED_RUNS)
        return columns, at

    def run_json(self, number: int) -> bytes:
        """What the answer has of this run. Raises StorageError for payloads that are damaged."""
        part, at = divmod(number, DEFERRED_RUNS)
        with self._lock:
            made = self._made.get(part)
            if made is None:
                made = self._made[part] = self._make(part)
        return made[at]

    def _make(self, part: int) -> list[bytes]:
        first = part * DEFERRED_RUNS
        runs = self._page.runs[first : first + DEFERRED_RUNS]
        return encode_runs(self._page, self._select, attachment_url=self._attachment_url, runs=runs)
