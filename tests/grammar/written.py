"""Seed -> filter text: written by the guide's grammar with arbitrary words, or an edited one.

Edits are data, so that hypothesis can choose and shrink them and `make grammar` can draw them fast.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Literal, get_args

from runstore.limits import FILTER_CHARS_MAX
from tests.corpus.filters import CHECK_ERROR, SYNTAX_ERROR, VALID

_WILD = Path(__file__).parents[1] / "corpus" / "wild.jsonl"
CORPUS = tuple(
    dict.fromkeys(
        (
            *VALID.values(),
            *(refusal[0] for refusal in (*SYNTAX_ERROR.values(), *CHECK_ERROR.values())),
            *(json.loads(line)["filter"] for line in _WILD.read_text().splitlines()),
        )
    )
)

# What an edit puts in: what the language is made of, and what it is not.
# fmt: off
PIECES = (
    "(", ")", "[", "]", ",", ".", '"', "'", "\\", " ", "\n", "\t", "\r", "+", "-", "0", "7", "e",
    "E", "_", "{", "}", ":", "=", "<", "!", "/", "#", ";", "$", "@", "and(", "not(", "eq(name, ",
    'eq("name", ', "())", ",,", "[]", "[[", "[null,]", "()", "..", ".5", "5.", "1.5", "-1", "+1",
    "--1", "1e5", "1E+5", "1e", "1e999", "-1e-999", "0x1f", "1_000", "007", "1s", "Infinity", "NaN",
    "9" * 40, "true", "True", "TRUE", "tRUE", "null", "Null", "None", "false.a", "metadata.",
    'metadata."a b"', "metadata.1", "metadata['k']", "'it''s'", '""', "''", '"\\"', '"\\\\"', "\\n",
    "\\x4", "\\x41", "\\101", "\\400", "\\377", "\\8", "\\0", "\\u00e9", "\\u12", "\\ud83d",
    "\\ud83d\\ude00", "\\ude00\\ud83d", "\\U0001F600", "\\U0000d800", "\\U00110000", "\\U0010ffff",
    "é", "日", "ß", "😀", "٣", "²", "ⅷ", "ª", "ı", "“", "”", "’", "‚", "（", "，", "．",
    "\x00", "\x01", "\x0b", "\x0c", "\x1c", "\x7f", "\x85", "\xa0", "\xad", "\u200b", "\u2028",
    "\u3000", "\u202e", "\ufeff", "\ufffd", "\ud800", "\udc00", "\U0010ffff", "e\u0301",
)
# fmt: on


Kind = Literal["insert", "delete", "replace", "swap", "repeat", "cut", "nest", "fill"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_OFTEN = (6, 5, 5, 3, 3, 1, 0.3, 0.003)  # each of KINDS


# What a text can be full of, between and( and ).
DENSE = (
    "a,", "a(),", "a.b,", '"",', "1,", "-1e5,", "null,", "[],", "[1],", "a.'',", "a(a(a)),",
    "eq(name,'x'),", "eq(latency,1),", "has(metadata,'{}'),", "search('a b'),", "'\\n',",
)  # fmt: skip
DENSE_ONE_IN = 5_000  # each costs as much as a thousand others


@dataclass(frozen=True, slots=True)
class Edit:
    """One change at a place; places are counted around the text's length."""

    kind: Kind
    at: int
    length: int = 1
    piece: str = ""


def edited(text: str, edits: Sequence[Edit]) -> str:
    for edit in edits:
        text = _EDITS[edit.kind](text, edit.at % (len(text) + 1), edit)
    return text


_EDITS: dict[str, Callable[[str, int, Edit], str]] = {
    "insert": lambda text, at, edit: text[:at] + edit.piece + text[at:],
    "delete": lambda text, at, edit: text[:at] + text[at + edit.length :],
    "replace": lambda text, at, edit: text[:at] + edit.piece + text[at + edit.length :],
    "swap": lambda text, at, edit: (
        text[:at]
        + text[at + edit.length : at + 2 * edit.length]
        + text[at : at + edit.length]
        + text[at + 2 * edit.length :]
    ),
    "repeat": lambda text, at, edit: text[: at + edit.length] + text[at:],
    "cut": lambda text, at, edit: text[:at],
    "nest": lambda text, at, edit: f"{'not(' * edit.length}{text}{')' * edit.length}",
    "fill": lambda text, at, edit: text[:at] + _filling(text, edit.piece) + text[at:],
}


def _filling(text: str, piece: str) -> str:
    """As many as a filter may have characters, about."""
    return piece * ((FILTER_CHARS_MAX - len(text)) // max(1, len(piece)))


class Writer:
    """Writes texts by the grammar, and edits them."""

    def __init__(self, random: Random) -> None:
        self.random = random

    def mutant(self) -> str:
        """Half of them from the corpus; some without an edit, most with one or two."""
        random = self.random
        if random.randrange(DENSE_ONE_IN) == 0:
            return self._dense()
        text = random.choice(CORPUS) if random.random() < 0.5 else self.filter()
        edits = [self._edit(text) for _ in range(random.choice((0, 1, 1, 1, 2, 2, 3, 5)))]
        return edited(text, edits)

    def _dense(self) -> str:
        piece = self.random.choice(DENSE)
        count = self.random.randrange((FILTER_CHARS_MAX - len("and()")) // len(piece)) + 1
        head, tail = self.random.choice((("and(", ")"), ("in(name,[", "])"), ("not(", "")))
        return f"{head}{piece * count}{tail}"

    def _edit(self, text: str) -> Edit:
        random = self.random
        kind = random.choices(KINDS, _OFTEN)[0]
        length = random.choice((1, 1, 1, 2, 3, 5, 8))
        if kind == "nest":
            length = random.choice((1, 2, 98, 99, 100, 101, 500))
        piece = random.choice(PIECES)
        if random.random() < 0.2:
            start = random.randrange(len(text) + 1)  # a part of the text itself
            piece = text[start : start + random.randint(1, 12)]
        return Edit(kind, random.randrange(len(text) + 1), length, piece)

    def filter(self) -> str:
        """A text of the language, as the guide defines it; seldom one past a limit."""
        return self._space() + self._call(0) + self._space()

    def _call(self, depth: int) -> str:
        count = self.random.choice((0, 1, 1, 2, 2, 2, 3))
        return self._joined(self._word(), "()", [self._arg(depth + 1) for _ in range(count)])

    def _joined(self, head: str, brackets: str, items: list[str]) -> str:
        space = self._space
        if not items:
            return f"{head}{space()}{brackets[0]}{space()}{brackets[1]}"
        inner = f"{space()},{space()}".join(items)
        comma = f"{space()}," if self.random.random() < 0.1 else ""
        return f"{head}{space()}{brackets[0]}{space()}{inner}{comma}{space()}{brackets[1]}"

    def _arg(self, depth: int) -> str:
        roll = self.random.random()
        if roll < 0.3 and depth < 5:
            return self._call(depth)
        if roll < 0.6:
            return self._name()
        if roll < 0.7:
            items = [self._literal() for _ in range(self.random.choice((0, 1, 2, 3)))]
            return self._joined("", "[]", items).lstrip(" \t\r\n")
        return self._literal()

    def _space(self) -> str:
        choices = ("", "", "", "", " ", "  ", "\n", "\t", " \r\n ")
        return self.random.choice(choices)

    def _word(self) -> str:
        random = self.random
        if random.random() < 0.7:
            return random.choice(
                ("eq", "and", "or", "not", "in", "name", "metadata", "a", "_", "null", "True", "e5")
            )
        letters = "abcXYZ_"
        return random.choice(letters) + "".join(
            random.choices(letters + "0189", k=random.randint(0, 4))
        )

    def _name(self) -> str:
        parts = [self._word()]
        more = self.random.choice((0, 0, 0, 1, 2))
        parts += [
            self._string() if self.random.random() < 0.3 else self._word() for _ in range(more)
        ]
        return ".".join(parts)

    def _literal(self) -> str:
        roll = self.random.random()
        if roll < 0.5:
            return self._string()
        if roll < 0.8:
            return self._number()
        return self.random.choice(("true", "True", "TRUE", "false", "False", "FALSE", "null"))

    def _number(self) -> str:
        random = self.random
        sign, digits = random.choice(("", "", "+", "-")), "0123456789"
        text = sign + "".join(random.choices(digits, k=random.choice((1, 1, 2, 5, 20))))
        if random.random() < 0.4:
            text += "." + "".join(random.choices(digits, k=random.randint(1, 4)))
        if random.random() < 0.2:
            text += f"{random.choice('eE')}{random.choice(('', '+', '-'))}{random.randint(0, 320)}"
        return text

    def _string(self) -> str:
        quote = self.random.choice(('"', '"', "'"))
        inner = "".join(self._character(quote) for _ in range(self.random.choice((0, 1, 3, 6))))
        return f"{quote}{inner}{quote}"

    def _character(self, quote: str) -> str:
        random = self.random
        roll = random.random()
        if roll < 0.6:
            return random.choice("abc %_.,()[]0é日😀\n\x00\u2028")
        if roll < 0.7:
            return "'" if quote == '"' else '"'
        if roll < 0.9:
            return "\\" + random.choice("\"'\\/abfnrtv")
        return random.choice(
            (
                f"\\x{random.randrange(256):02x}",
                f"\\{random.randrange(256):03o}",
                f"\\u{random.randrange(0x10000):04X}",
                f"\\U{random.randrange(0x110000):08x}",
                "\\ud83d\\ude00",
            )
        )
