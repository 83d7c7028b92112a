"""Answers -> runs that know where they came from: their url, and how their attachments are read."""

from dataclasses import dataclass

from runstore.client.attachments import Fetch
from runstore.client.calls.runs import PageRead
from runstore.client.http import HttpResponse
from runstore.client.record import end_of
from runstore.client.run import Run, decode_run
from runstore.client.run_page import RunPage, decode_page, page_later, run_page


@dataclass(frozen=True, slots=True)
class RunReader:
    """`host_url` is the user interface's, None for a folder; `fetch` None: no blocking reads."""

    host_url: str | None = None
    fetch: Fetch | None = None

    def run(self, body: bytes) -> Run:
        return decode_run(body, host_url=self.host_url, fetch=self.fetch)

    def page(self, answer: HttpResponse, runs_max: int | None) -> PageRead[RunPage]:
        if answer.page is not None:
            page = run_page(
                answer.page, runs_max=runs_max, host_url=self.host_url, fetch=self.fetch
            )
        elif runs_max is None and (end := end_of(answer.body)) is not None:
            page = page_later(answer.body, end, host_url=self.host_url, fetch=self.fetch)
        else:
            page = decode_page(
                answer.body, runs_max=runs_max, host_url=self.host_url, fetch=self.fetch
            )
        count = 1 if page.known_count is None else page.known_count
        return PageRead(page, count, page.next_cursor)
