"""like patterns: % any text, _ one character, backslash before either: the character itself.

Case does not matter: pattern and text are case-folded first, and _ stands for one code point of
the folded text. A backslash before any other character, or at the end, is that character
(the backslash itself at the end). Patterns match the whole text; newlines are characters.
"""

import re
from collections.abc import Callable
from functools import lru_cache

import re2

_PIECE = re.compile(r"\\(?P<escaped>.)|(?P<wild>[%_])|(?P<plain>\\\Z|[^\\%_]+)", re.DOTALL)
_WILD = {"%": ".*", "_": "."}


def pieces(pattern: str) -> list[tuple[bool, str]]:
    """(is a wildcard, text) in order; neighbouring literal texts joined."""
    found: list[tuple[bool, str]] = []
    for piece in _PIECE.finditer(pattern):
        if piece["wild"]:
            found.append((True, piece["wild"]))
            continue
        text = piece["escaped"] or piece["plain"]
        if found and not found[-1][0]:
            text = found.pop()[1] + text
        found.append((False, text))
    return found


def without_wildcard(pattern: str) -> str | None:
    """The pattern that means "contains", for one that has no wildcard; None if it has one."""
    found = pieces(pattern)
    if any(wild for wild, _ in found):
        return None
    # A backslash at the very end would escape the % put behind it.
    dangling = len(pattern) - len(pattern.rstrip("\\"))
    return f"%{pattern}\\%" if dangling % 2 else f"%{pattern}%"


def like_regex(pattern: str) -> str:
    """The pattern in RE2 syntax, to match the whole case-folded text with."""
    return "(?s)" + "".join(
        _WILD[text] if is_wild else re2.escape(text.casefold()) for is_wild, text in pieces(pattern)
    )


@lru_cache(maxsize=1024)
def like_test(pattern: str) -> Callable[[str], bool]:
    """Whether a text matches, in time linear in its length."""
    found = pieces(pattern)
    if (True, "_") not in found:
        return _stretches(found)
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    fullmatch = re2.compile(like_regex(pattern), options).fullmatch
    return lambda text: fullmatch(text.casefold()) is not None


def _stretches(found: list[tuple[bool, str]]) -> Callable[[str], bool]:
    """Without _ : the stretches of text between % in order, each at the first place it can be."""
    texts = [""]
    for is_wild, text in found:
        if is_wild:
            texts.append("")
        else:
            texts[-1] = text.casefold()
    if len(texts) == 1:
        return lambda text: text.casefold() == texts[0]
    first, *between, last = texts

    def matches(text: str) -> bool:
        folded = text.casefold()
        place, end = len(first), len(folded) - len(last)
        if place > end or not folded.startswith(first) or not folded.endswith(last):
            return False
        for stretch in between:
            place = folded.find(stretch, place, end)
            if place < 0:
                return False
            place += len(stretch)
        return True

    return matches
