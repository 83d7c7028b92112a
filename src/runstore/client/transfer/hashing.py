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

    def plus(self, bundle: Bundle, *, attachments: bool = False) -> "ContentHash":
        """With one more run. The sum of SHA-256s: unlike their exclusive or, it sees one twice.

        `attachments`: with their bytes, which are read for it; else by their names and types.
        """
        content = bundle.content()
        if attachments and bundle.attachments:
            files = {one.name: hashlib.sha256(one.read()).hexdigest() for one in bundle.attachments}
            content = {**content, "files": files}
        total = int(self.hex, 16) + int.from_bytes(digest(content))
        return ContentHash(self.runs + 1, f"{total % (1 << _BITS):064x}")


NOTHING = ContentHash(0, "0" * (_BITS // 4))


def hash_bundles(bundles: Iterable[Bundle], *, attachments: bool = False) -> ContentHash:
    total = NOTHING
    for bundle in bundles:
        total = total.plus(bundle, attachments=attachments)
    return total
