"""Filter text -> tokens. Knows characters; knows no field, no comparator.

A string's escapes, the same in both kinds of quotes: those of JSON and of Go's %q.

    \\" \\' \\\\ \\/   the character itself        \\b \\f \\n \\r \\t \\a \\v   control characters
    \\xHH  \\ooo    a code point below 256      \\uXXXX  \\UXXXXXXXX       any code point
"""

import re
from collections.abc import Iterator
from itertools import chain, islice, repeat
from typing import NamedTuple

from runstore.filter.errors import At, FilterError
from runstore.limits import FILTER_TOKENS_MAX

NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]+|\.(?!\w))?|(?<!\w)\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
TOKEN = re.compile(
    rf"""\s* (?:
    (?P<name>     [^\W\d]\w*)
  | (?P<number>   (?>{NUMBER}) (?![\w:+-]))
  | (?P<string>   "(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*')
  | (?P<punct>    [(),.\[\]])
  | (?P<operator> [=!<>]=? | && | \|\| | [:&|~])   # of other languages, to say so
  | (?P<end>      \Z)
  | (?P<bad>      .+))                             # and all that follows it
    """,
    re.VERBOSE | re.DOTALL,
)
_NO_NUMBER = re.compile(r"[+-]?\.?[0-9][\w:.+-]*[\w:+-]")  # 1s, 2024-01-01
_ESCAPE = re.compile(
    r"""\\(?: x(?P<x>[0-9a-fA-F]{2}) | u(?P<u>[0-9a-fA-F]{4}) | U(?P<U>[0-9a-fA-F]{8})
        | (?P<octal>[0-3][0-7]{2}) | . )""",
    re.VERBOSE | re.DOTALL,
)
_CHARS = {
    "\\b": "\b", "\\f": "\f", "\\n": "\n", "\\r": "\r", "\\t": "\t", "\\a": "\a", "\\v": "\v",
    '\\"': '"', "\\'": "'", "\\\\": "\\", "\\/": "/",
}  # fmt: skip
_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_LONE = re.compile("[\ud800-\udfff]")
_CODE_POINT_MAX = 0x10FFFF
INT_DIGITS_MAX = 20  # of 2**64 - 1


class Token(NamedTuple):
    kind: str  # a group of TOKEN, but "bad"
    text: str
    end: int

    @property
    def start(self) -> int:
        return self.end - len(self.text)

    @property
    def at(self) -> At:
        return At(self.end - len(self.text), self.end)


def tokens(text: str, where: str = "filter") -> Iterator[Token]:
    """Every token, then "end" for ever. Raises FilterError where it comes to what is none."""
    new, few = tuple.__new__, FILTER_TOKENS_MAX  # a third of the time of Token(...)
    found = [
        new(Token, (kind, match[kind], match.end(kind)))
        for match in islice(TOKEN.finditer(text), few + 1)
        if (kind := match.lastgroup)
    ]
    last = found.pop()
    if last.kind == "end":
        if not found or found[-1].kind != "bad":
            return chain(found, repeat(last))
        last = found.pop()
    return chain(found, _refused(last, len(found) == few, text, where))


def _refused(token: Token, is_late: bool, text: str, where: str) -> Iterator[Token]:
    """Raises what is wrong with a token when it is asked for."""
    if is_late:
        raise FilterError(
            f"the filter has more than {FILTER_TOKENS_MAX} words, values and marks",
            text,
            token.at,
            hint="long lists of run ids go into the query's `id`",
            where=where,
        )
    number = _NO_NUMBER.match(token.text)
    if number is None:
        raise _unexpected(text, token.start, where)
    raise FilterError(
        f"{number[0][:40]} is no number",
        text,
        At(token.start, token.start + number.end()),
        hint=f'durations, times and ids go in quotes: "{number[0][:40]}"',
        where=where,
    )
    yield token


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

    def unescaped(found: re.Match[str]) -> str:
        char = _CHARS.get(found[0]) or _code_point(found)
        if char is None:
            start = token.start + 1 + found.start()
            escape = inner[found.start() : found.start() + 2]
            raise FilterError(
                f"unknown escape {escape}",
                text,
                At(start, start + 2),
                hint=f"a backslash is written twice: \\{escape}",
                where=where,
            )
        return char

    return _mended(_ESCAPE.sub(unescaped, inner))


def _code_point(found: re.Match[str]) -> str | None:
    if found["octal"]:
        return chr(int(found["octal"], 8))
    hexadecimal = found["x"] or found["u"] or found["U"]
    code = int(hexadecimal, 16) if hexadecimal else _CODE_POINT_MAX + 1
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
        return _LONE.sub("\ufffd", _PAIR.sub(_joined, value))
    return value


def _joined(pair: re.Match[str]) -> str:
    return pair[0].encode("utf-16", "surrogatepass").decode("utf-16")
