r"""Filter text -> syntax. Knows the grammar; knows no field, no comparator.

    filter   = call end
    call     = WORD "(" [ arg { "," arg } [","] ] ")"
    arg      = call | name | literal | list
    name     = WORD { "." (WORD | STRING) }
    list     = "[" [ literal { "," literal } [","] ] "]"
    literal  = STRING | NUMBER | "true" | "false" | "null"

One token ahead, never back. Space is free between tokens. `true` and `false` may also be written
True, TRUE, False, FALSE.
"""

import math

from runstore.filter.errors import At, FilterError
from runstore.filter.syntax import Arg, Call, List, Literal, Name
from runstore.filter.tokens import Token, number_value, string_value, tokens
from runstore.limits import FILTER_CHARS_MAX, FILTER_DEPTH_MAX, FILTER_LIST_ITEMS_MAX

WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    "null": None,
}
INFIX = {"=": "eq", "==": "eq", ":": "eq", "!=": "neq", ">": "gt", ">=": "gte", "<": "lt",
         "<=": "lte", "~": "like"}  # fmt: skip
JOINTS = {"and": "and", "or": "or", "&&": "and", "||": "or", "&": "and", "|": "or"}


def parse(text: str, where: str = "filter") -> Call:
    """The call the text consists of. Raises FilterError."""
    if len(text) > FILTER_CHARS_MAX:
        raise FilterError(
            f"the filter has {len(text)} characters, at most {FILTER_CHARS_MAX} are allowed",
            text,
            At(FILTER_CHARS_MAX, len(text)),
            hint="long lists of run ids go into the query's `id`",
            where=where,
        )
    return _Parser(text, where).filter()


class _Parser:
    def __init__(self, text: str, where: str) -> None:
        self.text, self.where = text, where
        self.next = tokens(text, where).__next__
        self.token = self.next()

    def filter(self) -> Call:
        first = self.take()
        if first.kind == "end":
            raise self.error("the filter is empty", first.at, 'such as eq(name, "my chain")')
        if first.kind != "name" or self.token.text != "(":
            raise self.not_a_call(first)
        call = self.call(first, 1)
        if self.token.kind != "end":
            raise self.error(
                "the filter goes on after its end", self.token.at, self.joining_hint(call)
            )
        return call

    def call(self, function: Token, depth: int) -> Call:
        """From the opening bracket on."""
        if depth > FILTER_DEPTH_MAX:
            raise self.error(
                f"nested deeper than {FILTER_DEPTH_MAX} calls",
                function.at,
                "and(...) and or(...) take any number of conditions",
            )
        self.take()
        args: list[Arg] = []
        while self.token.text != ")":
            args.append(self.arg(depth))
            if self.token.text == ",":
                self.token = self.next()
            elif self.token.text != ")":
                raise self.no_separator(")", args[-1])
        end = self.take().end
        return Call(function.text, tuple(args), function.at, At(function.start, end))

    def arg(self, depth: int) -> Arg:
        token, self.token = self.token, self.next()
        kind, text, _ = token
        if kind == "name":
            after = self.token.text
            if after == "(":
                return self.call(token, depth + 1)
            if after == ".":
                return self.name(token)
            if text not in WORDS:
                return Name((text,), token.at)
        elif text == "[":
            return self.list(token)
        return self.literal(token)

    def name(self, first: Token) -> Name:
        parts, end = [first.text], first.end
        while self.token.text == ".":
            self.take()
            part = self.take()
            if part.kind == "string":
                parts.append(string_value(part, self.text, self.where))
            elif part.kind == "name":
                parts.append(part.text)
            else:
                raise self.error(
                    "a key must follow the dot",
                    part.at,
                    "positions in a list are left out: inputs.messages.content; a key that is no "
                    'plain word goes in quotes: metadata."my-key"',
                )
            end = part.end
        return Name(tuple(parts), At(first.start, end))

    def list(self, bracket: Token) -> List:
        items: list[Literal] = []
        while self.token.text != "]":
            token, self.token = self.token, self.next()
            items.append(self.literal(token))
            if len(items) > FILTER_LIST_ITEMS_MAX:
                raise self.error(f"a list holds at most {FILTER_LIST_ITEMS_MAX} values", token.at)
            if self.token.text == ",":
                self.token = self.next()
            elif self.token.text != "]":
                raise self.no_separator("]", items[-1])
        return List(tuple(items), At(bracket.start, self.take().end))

    def literal(self, token: Token) -> Literal:
        kind, text, _ = token
        if kind == "string":
            return Literal(string_value(token, self.text, self.where), text, token.at)
        if kind == "number":
            return Literal(self.number(token), text, token.at)
        if kind == "name" and text in WORDS:
            return Literal(WORDS[text], text, token.at)
        if token.kind == "end":
            raise self.error("the filter stops too early", token.at, "a value or ) is missing")
        if token.kind == "name":
            raise self.error(f"{token.text} is no value", token.at, f'text: "{token.text}"')
        raise self.error(
            f"unexpected {token.text}", token.at, 'a value, or a call such as eq(name, "x")'
        )

    def number(self, token: Token) -> int | float:
        value = number_value(token.text)
        if math.isinf(value):
            raise self.error("this number is too large", token.at, "at most 1.7e308")
        return value

    def take(self) -> Token:
        token, self.token = self.token, self.next()
        return token

    def no_separator(self, closing: str, before: Arg) -> FilterError:
        """Neither a comma nor the closing bracket."""
        token = self.token
        if token.kind == "end":
            return self.error("the filter stops too early", token.at, f"{closing} is missing")
        return self.error(
            f"expected , or {closing}, not {token.text[:40]}", token.at, self.joining_hint(before)
        )

    def not_a_call(self, first: Token) -> FilterError:
        """Text that does not start with `word(`."""
        hint = 'a filter is one call, such as eq(name, "my chain")'
        if first.kind == "name" and self.token.kind in ("operator", "punct", "name"):
            name = self.name(first)
            if self.token.text in INFIX or self.token.text == "[":
                hint = self.joining_hint(name)
        return self.error("a filter starts with a function and (", first.at, hint)

    def joining_hint(self, before: Arg) -> str:
        """What to write where something stands between or behind two arguments."""
        said = self.text[before.at.start : before.at.end]
        said = said if len(said) <= 60 else said[:57] + "..."
        token = self.token
        if token.text in JOINTS:
            return f"{JOINTS[token.text]} comes first: {JOINTS[token.text]}({said}, ...)"
        if isinstance(before, Name) and token.text in INFIX:
            return f"the comparison comes first: {INFIX[token.text]}({said}, ...)"
        if isinstance(before, Name) and token.text == "[":
            return f'a key goes behind a dot: {said}.key or {said}."my key"'
        if token.text == "," and isinstance(before, Call):
            return f"several conditions go into one and: and({said}, ...)"
        if isinstance(before, Name):
            return 'text goes in quotes: "..."'
        return ""

    def error(self, problem: str, at: At, hint: str = "") -> FilterError:
        return FilterError(problem, self.text, at, hint, where=self.where)
