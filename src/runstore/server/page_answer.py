"""A page -> the answer to POST /runs/query, in parts. The same in every process."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from runstore.limits import PAGE_PAUSE_SECONDS
from runstore.model.query import Page
from runstore.wire.answer import AttachmentUrl, page_headers, page_parts
from runstore.wire.query import RunQueryBody


@dataclass(frozen=True, slots=True)
class PageAnswer:
    parts: list[bytes]
    headers: dict[str, str]


def answering(asked: RunQueryBody, url: AttachmentUrl) -> Callable[[Page], PageAnswer]:
    """For the thread that fetched the page; between two parts it makes way for others."""

    def answer(page: Page) -> PageAnswer:
        parts: list[bytes] = []
        for part in page_parts(page, asked, attachment_url=url):
            if parts:
                time.sleep(PAGE_PAUSE_SECONDS)
            parts.append(part)
        return PageAnswer(parts, page_headers(page, asked))

    return answer
