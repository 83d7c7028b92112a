"""Filter text -> its shape, by the second grammar. Knows filter.lark; knows no filter/parse.

A shape is plain data, equal where two texts say the same:
    call      ("call", function, (shape, ...))
    name      ("name", (part, ...))
    list      ("list", (shape, ...))
    text      ("text", str)        number  ("number", Decimal)        keyword  True, False or None
"""

import itertools
import math
import re
import sys
import unicodedata
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedInput, VisitError

from runstore.filter.syntax import Arg, Call, List, Literal, Name
from runstore.limits import (
    FILTER_CHARS_MAX,
    FILTER_DEPTH_MAX,
    FILTER_LIST_ITEMS_MAX,
    FILTER_TOKENS_MAX,
)

Shape = Any

_ESCAPE = re.compile(r"\\(?:x(..)|([0-7]{3})|U(.{8})|u(....)|(.))")
_SURROGATES = re.compile("([\ud800-\udbff])([\udc00-\udfff])|[\ud800-\udfff]")
_LETTERS = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_KEYWORDS = {"true": True, "false": False, "null": None}


class Refused(Exception):
    """Of the grammar, and yet past a limit."""


def read(text: str) -> Shape | None:
    """None where the text is not of the language."""
    if len(text) > FILTER_CHARS_MAX:
        return None
    try:
        shape = _LARK.parse(text)
    except (UnexpectedInput, Refused):
        return None
    except VisitError as error:
        if isinstance(error.orig_exc, Refused):
            return None
        raise
    few = len(text) <= FILTER_TOKENS_MAX or sum(1 for _ in _LARK.lex(text)) <= FILTER_TOKENS_MAX
    return shape if few and _depth(shape) <= FILTER_DEPTH_MAX else None


def shape_of(node: Arg) -> Shape:
    """The shape of what filter/parse made."""
    match node:
        case Call():
            return ("call", node.function, tuple(shape_of(arg) for arg in node.args))
        case Name():
            return ("name", node.parts)
        case List():
            return ("list", tuple(shape_of(item) for item in node.items))
        case Literal(value=str()):
            return ("text", node.value)
        case Literal(value=bool() | None):
            return node.value
        case Literal():
            return ("number", _exact(node.text))


class _Shapes(Transformer[Token, Shape]):
    def start(self, children: list[Shape]) -> Shape:
        return children[0]

    def call(self, children: list[Shape]) -> Shape:
        return ("call", children[0], tuple(children[1:]))

    def name(self, children: list[Shape]) -> Shape:
        return ("name", tuple(str(part) for part in children))

    def part(self, children: list[str]) -> str:
        return children[0]

    def word(self, children: list[Token]) -> str:
        return str(children[0])

    def quoted(self, children: list[Token]) -> str:
        return _unescaped(children[0])

    def text(self, children: list[Token]) -> Shape:
        return ("text", _unescaped(children[0]))

    def number(self, children: list[Token]) -> Shape:
        if not math.isfinite(float(children[0])):
            raise Refused
        return ("number", _exact(children[0]))

    def keyword(self, children: list[Token]) -> bool | None:
        return _KEYWORDS[children[0].lower()]

    def list(self, children: list[Shape]) -> Shape:
        if len(children) > FILTER_LIST_ITEMS_MAX:
            raise Refused
        return ("list", tuple(children))


def grammar() -> str:
    """filter.lark with its characters."""
    ranges: dict[str, str] = {}
    points = range(sys.maxunicode + 1)
    for kind, group in itertools.groupby(points, lambda point: _kind(chr(point))):
        first, *rest = group
        ranges[kind] = f"{ranges.get(kind, '')}\\U{first:08x}-\\U{(rest or [first])[-1]:08x}"
    sets = [f"{kind}: /[{ranges[kind]}]/" for kind in ("LETTER", "NUMERAL", "DIGIT", "SPACE")]
    word = ranges["LETTER"] + ranges["NUMERAL"] + ranges["DIGIT"]
    written = (Path(__file__).parent / "filter.lark").read_text()
    return "\n".join((written, *sets, f"WORD_ENDS: /(?![{word}_])/", ""))


def _kind(char: str) -> str:
    category = unicodedata.category(char)
    if category[0] == "L":
        return "LETTER"
    if category[0] == "N":
        return "DIGIT" if category == "Nd" else "NUMERAL"
    if category[0] == "Z" or char in "\t\n\v\f\r\x1c\x1d\x1e\x1f\x85":
        return "SPACE"
    return ""


_LARK = Lark(grammar(), parser="lalr", maybe_placeholders=False, transformer=_Shapes())


def _unescaped(token: str) -> str:
    return _SURROGATES.sub(_paired, _ESCAPE.sub(_character, token[1:-1]))


def _character(match: re.Match[str]) -> str:
    code, octal, long, short, letter = match.groups()
    if letter is not None:
        return _LETTERS.get(letter, letter)
    if octal is not None:
        return chr(int(octal, 8))
    return chr(int(code or long or short, 16))


def _paired(match: re.Match[str]) -> str:
    """Half a pair is no character."""
    high, low = match.groups()
    if high is None:
        return "\ufffd"
    return chr(0x10000 + ((ord(high) - 0xD800) << 10) + ord(low) - 0xDC00)


def _exact(number: str) -> Decimal | str:
    """As written where the exponent is past what a Decimal has: such a number is 0."""
    try:
        return Decimal(number)
    except InvalidOperation:
        return str(number)


def _depth(shape: Shape) -> int:
    """Calls inside calls, without Python's own stack."""
    deepest, waiting = 0, [(shape, 1)]
    while waiting:
        node, depth = waiting.pop()
        if isinstance(node, tuple) and node[0] == "call":
            deepest = max(deepest, depth)
            waiting += [(inner, depth + 1) for inner in node[2]]
    return deepest
