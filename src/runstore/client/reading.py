"""Answers -> runs that know where they came from: their url, and how their attachments are read."""

from dataclasses import dataclass, replace

from runstore.client.attachments import Fetch
from runstore.client.calls.runs import PageRead
from runstore.client.run import Run, RunPage, decode_page, decode_run


@dataclass(frozen=True, slots=True)
class RunReader:
    """`host_url` is the user interface's, None for a folder; `fetch` None: no blocking reads."""

    host_url: str | None = None
    fetch: Fetch | None = None

    def run(self, body: bytes) -> Run:
        return decode_run(body, host_url=self.host_url, fetch=self.fetch)

    def page(self, body: bytes, runs_max: int | None) -> PageRead[RunPage]:
        page = decode_page(body, host_url=self.host_url, fetch=self.fetch)
        if runs_max is not None and len(page.runs) > runs_max:
            page = replace(page, runs=page.runs[:runs_max])
        return PageRead(page, len(page.runs), page.next_cursor)
