"""An answer of POST /runs/query -> its runs and where it leads. Knows the wire; knows no I/O."""

from collections.abc import Callable, Iterator, Mapping, Sequence
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

    __slots__ = ("_each", "_runs", "known_count", "next_cursor", "parsed_query", "prev_cursor")

    def __init__(
        self,
        each: Callable[[], Iterator[Run]],
        cursors: Mapping[str, str | None] | None,
        parsed_query: str | None,
        known_count: int | None = None,
    ) -> None:
        """`each` is called when the runs are looked at: the next page can be asked for before.

        `known_count`: of the runs; None: they have to be looked at, and there is at least one.
        """
        self._each = each
        self.known_count = known_count
        self._runs: list[Run] | None = None
        found = cursors or {}
        self.next_cursor = found.get("next") or None
        self.prev_cursor = found.get("prev") or None
        self.parsed_query = parsed_query

    @property
    def runs(self) -> list[Run]:
        """Raises UnexpectedAnswer when the answer had something else for them."""
        if self._runs is None:
            self._runs = list(self._each())
            self._each = self._runs.__iter__
        return self._runs

    def pass_by(self) -> Iterator[Run]:
        """As `runs`, each made when its turn comes: for who looks at them once.

        A thousand objects at once would have Python look for garbage, a tenth of a walk's time.
        """
        return self._each()


def decode_page(
    body: bytes,
    *,
    runs_max: int | None = None,
    host_url: str | None = None,
    fetch: Fetch | None = None,
) -> RunPage:
    """An answer of POST /runs/query, of whose runs no more than `runs_max` are wanted.

    Raises UnexpectedAnswer when it is none. Runs hold copies of their own JSON, so one that is
    kept does not keep its page.
    """
    page = _scan(body)
    texts = page.runs[:runs_max]
    each = partial(_each, texts, host_url, fetch)
    return RunPage(each, page.cursors, page.parsed_query, len(texts))


def page_later(
    body: bytes, end: End, *, host_url: str | None = None, fetch: Fetch | None = None
) -> RunPage:
    """As `decode_page`, of a body whose end is known; the rest is read when it is wanted."""
    return RunPage(lambda: _each(_scan(body).runs, host_url, fetch), end.cursors, end.parsed_query)


def run_page(
    page: HandedPage,
    *,
    runs_max: int | None = None,
    host_url: str | None = None,
    fetch: Fetch | None = None,
) -> RunPage:
    """Runs that ask the page for what is touched of them, and keep it."""
    count = len(page) if runs_max is None else min(len(page), runs_max)

    def each() -> Iterator[Run]:
        return (Run(page, host_url, fetch, number) for number in range(count))

    return RunPage(each, page.cursors, page.parsed_query, count)


def _each(texts: Sequence[msgspec.Raw], host_url: str | None, fetch: Fetch | None) -> Iterator[Run]:
    return (Run(bytes(text), host_url, fetch) for text in texts)


def _scan(body: bytes) -> Page:
    try:
        return SCAN.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnexpectedAnswer(f"not a page of runs: {error}") from error
