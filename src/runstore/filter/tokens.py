"""Filter text -> tokens. Knows characters; knows no field, no comparator.

A string's escapes, the same in both kinds of quotes: those of JSON and of Go's %q.

    \\" \\' \\\\ \\/   the character itself        \\b \\f \\n \\r \\t \\a \\v   control characters
    \\xHH  \\ooo    a code point below 256      \\uXXXX  \\UXXXXXXXX       any code point
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from runstore.filter.errors import At, FilterError
from runstore.limits import FILTER_TOKENS_MAX

TOKEN = re.compile(
    r"""
    (?P<space>    \s+)
  | (?P<name>     [^\W\d]\w*)
  | (?P<number>   [+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)
  | (?P<string>   "(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*')
  | (?P<punct>    [(),.\[\]])
  | (?P<operator> [=!<>]=? | && | \|\| | [:&|~])   # of other languages, to say so
  | (?P<unknown>  .)
    """,
    re.VERBOSE | re.DOTALL,
)
_JUNK = re.compile(r"[\w:.+-]*[\w:+-]")  # what follows a number that is none: 1s, 2024-01-01
_ESCAPE = re.compile(
    r"""\\(?: (?P<char>["'\\/bfnrtav]) | x(?P<x>[0-9a-fA-F]{2}) | u(?P<u>[0-9a-fA-F]{4})
        | U(?P<U>[0-9a-fA-F]{8}) | (?P<octal>[0-3][0-7]{2}) )""",
    re.VERBOSE,
)
_CHARS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "a": "\a", "v": "\v"}
_CODE_POINT_MAX = 0x10FFFF
INT_DIGITS_MAX = 20  # of 2**64 - 1


class Token(NamedTuple):
    kind: str  # a group of TOKEN, or "end"
    text: str
    start: int
    end: int

    @property
    def at(self) -> At:
        return At(self.start, self.end)


def tokens(text: str, where: str = "filter") -> Iterator[Token]:
    """Yield every token but spaces, then one "end" token of width 0. Raises FilterError."""
    left, new = FILTER_TOKENS_MAX, tuple.__new__  # a third of the time of Token(...)
    for found in TOKEN.finditer(text):
        kind = found.lastgroup or ""
        if kind == "space":
            continue
        start, end = found.span()
        if not left:
            raise FilterError(
                f"the filter has more than {FILTER_TOKENS_MAX} words, values and marks",
                text,
                At(start, end),
                hint="long lists of run ids go into the query's `id`",
                where=where,
            )
        left -= 1
        if kind == "unknown":
            raise _unexpected(text, start, where)
        if kind == "number" and (junk := _JUNK.match(text, end)) and text[end] != ".":
            raise FilterError(
                f"{text[start : junk.end()][:40]} is no number",
                text,
                At(start, junk.end()),
                hint=f'durations, times and ids go in quotes: "{text[start : junk.end()][:40]}"',
                where=where,
            )
        yield new(Token, (kind, found[0], start, end))
    yield Token("end", "", len(text), len(text))


def _unexpected(text: str, start: int, where: str) -> FilterError:
    char = text[start]
    if char in "\"'":
        return FilterError(
            "this string is not closed",
            text,
            At(start, len(text)),
            hint=f"it needs a closing {char}; inside a string write \\{char}",
            where=where,
        )
    hint = ""
    if char in "“”„‘’`´":
        hint = "write straight quotes: \" or '"
    elif char == "-":
        hint = 'a key that is no plain word goes in quotes: metadata."my-key"'
    elif char in "{}$":
        hint = 'an object is written as JSON in quotes: has(metadata, \'{"k": "v"}\')'
    return FilterError(f"unexpected {char!r}", text, At(start, start + 1), hint, where=where)


def string_value(token: Token, text: str, where: str) -> str:
    """What a string token says: quotes off, escapes read. Raises FilterError at a bad escape.

    A lone surrogate becomes U+FFFD, as in every payload (model/jsontext.py).
    """
    inner = token.text[1:-1]
    if "\\" not in inner:
        return _mended(inner)
    pieces, place = [], 0
    while (slash := inner.find("\\", place)) >= 0:
        pieces.append(inner[place:slash])
        found = _ESCAPE.match(inner, slash)
        code = _code_point(found) if found else None
        if found is None or code is None:
            start = token.start + 1 + slash
            raise FilterError(
                f"unknown escape {inner[slash : slash + 2]}",
                text,
                At(start, start + 2),
                hint=f"a backslash is written twice: \\{inner[slash : slash + 2]}",
                where=where,
            )
        pieces.append(code)
        place = found.end()
    pieces.append(inner[place:])
    return _mended("".join(pieces))


def _code_point(found: re.Match[str]) -> str | None:
    if found["char"]:
        return _CHARS.get(found["char"], found["char"])
    if found["octal"]:
        return chr(int(found["octal"], 8))
    code = int(found["x"] or found["u"] or found["U"], 16)
    return chr(code) if code <= _CODE_POINT_MAX else None


def number_value(text: str) -> int | float:
    """Int if it is a whole number that fits 64 bits, else float, as JSON decoding has it.

    May be infinite.
    """
    if len(text) < INT_DIGITS_MAX - 1 and text.isdecimal():  # nearly all
        return int(text)
    digits = text.lstrip("+-").lstrip("0") or "0"
    if digits.isdigit() and len(digits) <= INT_DIGITS_MAX:
        whole = -int(digits) if text[0] == "-" else int(digits)
        if -(2**63) <= whole < 2**64:
            return whole
    return float(text)


def _mended(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:  # surrogates: join pairs, replace lone ones
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return value
