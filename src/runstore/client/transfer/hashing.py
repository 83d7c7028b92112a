"""Bundles -> one hash of all, whatever their order: equal where two places hold the same runs."""

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

from runstore.client.transfer.bundle import Bundle, digest

_BITS = 256


class ContentHash(NamedTuple):
    """Of the content of `runs` runs: see bundle.py. `hex`: 64 digits."""

    runs: int
    hex: str

    def __str__(self) -> str:
        return f"{self.hex} ({self.runs:,} runs)"


def hash_bundles(bundles: Iterable[Bundle], *, attachments: bool = False) -> ContentHash:
    """The sum of the runs' SHA-256: unlike an exclusive or, it sees a run that is there twice.

    `attachments`: with their bytes, which are read for it; else by their names and types.
    """
    total = count = 0
    for bundle in bundles:
        content = bundle.content()
        if attachments and bundle.attachments:
            files = {one.name: hashlib.sha256(one.read()).hexdigest() for one in bundle.attachments}
            content = {**content, "files": files}
        total += int.from_bytes(digest(content))
        count += 1
    return ContentHash(count, f"{total % (1 << _BITS):064x}")
