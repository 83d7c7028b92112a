"""Text -> the tokens of full-text search: runs of Unicode letters and digits, case-folded."""

import re
from collections.abc import Iterable

from runstore.model.entries import Entry

_TOKEN = re.compile(r"[^\W_]+")
# For ASCII text, the same rule as one table: letters and digits stay, in lower case. Of bytes, for
# which it is three times as fast as for text.
_ASCII = bytes(
    ord(chr(code).lower()) if code < 128 and chr(code).isalnum() else ord(" ")
    for code in range(256)
)


def tokens(text: str) -> list[str]:
    """In order, repeats kept."""
    if text.isascii():
        return _in_lower_case(text).split()
    return _TOKEN.findall(text.casefold())


def blank_separated(text: str) -> str:
    """The tokens of a text with blanks between: for an index that splits at blanks."""
    return _in_lower_case(text) if text.isascii() else " ".join(tokens(text))


def _in_lower_case(text: str) -> str:
    return text.encode().translate(_ASCII).decode("ascii")


def leaf_text(values: Iterable[object]) -> str:
    """What search sees of leaves: strings, and numbers as Python writes them; not booleans."""
    return "\n".join(
        value if value.__class__ is str else str(value)
        for value in values
        if value.__class__ is not bool
    )


def entry_tokens(entries: Iterable[Entry]) -> set[str]:
    return set(tokens(leaf_text(value for _, value in entries)))


def has_all_words(words: Iterable[str], have: Iterable[str]) -> bool:
    """Whether every word is the beginning of some token."""
    known = have if isinstance(have, (set, frozenset)) else set(have)
    return all(word in known or any(token.startswith(word) for token in known) for word in words)
