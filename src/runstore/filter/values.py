"""Literals -> values in the domain of what they are compared with. Knows kinds and units; knows
no entry, no logic.

Whole-number domains: microseconds for times and latency, tokens, picodollars for costs. A bound
that falls between two whole numbers, or past 64 bits, becomes the test that means the same there:

    gt, gte 2.5 -> gt 2        lt, lte 2.5 -> lte 2       past the end -> always or never
    eq 2.5 -> never            neq 2.5 -> the attribute is there
"""

import re
from decimal import ROUND_FLOOR, Context, Decimal

import re2

from runstore.filter.errors import FilterError, Source
from runstore.filter.fields import ORDER, TEXTUAL, Field, Kind
from runstore.filter.like import without_wildcard
from runstore.filter.syntax import Literal
from runstore.filter.tokens import NUMBER, number_value
from runstore.filter.tree import Compare, Constant, Node, Not, OneOf, Present, Value
from runstore.limits import PATTERN_CHARS_MAX
from runstore.model.ids import canonical_id
from runstore.model.times import US_PER_S, us_from_text
from runstore.model.usage import PICO_PER_USD

US_BY_UNIT = {"ms": 1_000, "s": US_PER_S, "m": 60 * US_PER_S, "h": 3_600 * US_PER_S}
INT_MIN, INT_MAX = -(2**63), 2**63 - 1
_NUMBER = re.compile(rf"\s*({NUMBER})\s*")
_DURATION = re.compile(r"(.*?)(ms|s|m|h)?\s*", re.DOTALL)


def compare(op: str, row: Field, attribute: str, literal: Literal, source: Source) -> Node:
    """One comparison of a single-valued attribute. Raises FilterError."""
    if literal.value is None:
        return null_test(op, Present(attribute), literal, source)
    if op in TEXTUAL:
        return Compare(attribute, op, pattern(op, literal, source))
    if attribute == "error" and isinstance(literal.value, bool) and op in ("eq", "neq"):
        there = literal.value == (op == "eq")
        return Present("error") if there else Not(Present("error"))
    if row.kind is Kind.UUID:
        return _compare_id(op, attribute, literal, source)
    if row.kind is Kind.TEXT:
        return Compare(attribute, op, text(row, literal, source))
    if row.kind is Kind.BOOL:
        return Compare(attribute, op, _boolean(row, literal, source))
    return _compare_whole(op, attribute, _whole(row, literal, source))


def one_of(row: Field, attribute: str, literals: list[Literal], source: Source) -> Node:
    """`in` for a single-valued attribute; the literals are not null."""
    values: list[Value] = []
    for literal in literals:
        if row.kind is Kind.UUID:
            values += _id(literal, source)
        elif row.kind is Kind.TEXT:
            values.append(text(row, literal, source))
        else:
            exact = _whole(row, literal, source)
            if INT_MIN <= exact <= INT_MAX and exact == _floor(exact):
                values.append(int(exact))
    return OneOf(attribute, tuple(dict.fromkeys(values))) if values else Constant(False)


def null_test(op: str, present: Node, literal: Literal, source: Source) -> Node:
    if op == "neq":
        return present
    if op == "eq":
        return Not(present)
    raise source.error(
        f"{op} does not apply to null", literal.at, "eq(field, null) or neq(field, null)"
    )


def text(row: Field, literal: Literal, source: Source) -> str:
    if not isinstance(literal.value, str):
        raise source.error(
            f"{row.name} is text, {literal.text} is not",
            literal.at,
            f'in quotes: "{literal.text}"',
        )
    return literal.value


def number(name: str, literal: Literal, source: Source) -> int | float:
    """A number, or one in quotes."""
    exact = _exact(literal)
    if exact is None:
        raise source.error(
            f"{name} is compared with numbers, {_shown(literal)} is none",
            literal.at,
            "a number, such as 0.5",
        )
    if isinstance(literal.value, str):
        return number_value(literal.value.strip())
    assert literal.value is not None
    return literal.value


def pattern(op: str, literal: Literal, source: Source) -> str:
    """A like pattern with a wildcard in it, or a regex RE2 takes."""
    value = literal.value
    if not isinstance(value, str):
        raise source.error(f"{op} needs a text, not {literal.text}", literal.at, "in quotes")
    if len(value) > PATTERN_CHARS_MAX:
        raise source.error(
            f"the pattern has {len(value)} characters, at most {PATTERN_CHARS_MAX} are allowed",
            literal.at,
        )
    if op == "regex":
        _check_regex(value, literal, source)
        return value
    return without_wildcard(value) or value


def _check_regex(value: str, literal: Literal, source: Source) -> None:
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(value, options)
    except re2.error as error:
        raw = error.args[0] if error.args else b""
        said = raw.decode(errors="replace") if isinstance(raw, bytes) else str(raw)
        raise source.error(
            f"not a pattern: {said}",
            literal.at,
            "RE2 syntax: no look-around, no back-references",
        ) from error


def _compare_id(op: str, attribute: str, literal: Literal, source: Source) -> Node:
    ids = _id(literal, source)
    if ids:
        return Compare(attribute, op, ids[0])
    return Constant(False) if op == "eq" else Present(attribute)


def _id(literal: Literal, source: Source) -> list[str]:
    """The canonical id; none for a text that is no id and so equals none."""
    if not isinstance(literal.value, str):
        raise source.error(
            "an id is text", literal.at, 'such as "0190a1b2-c3d4-7ef0-a5b6-6ea3a82e9328"'
        )
    try:
        return [canonical_id(literal.value.strip())]
    except ValueError:
        return []


def _boolean(row: Field, literal: Literal, source: Source) -> bool:
    said = {"true": True, "false": False}.get(str(literal.value).lower(), literal.value)
    if isinstance(said, int) and said in (0, 1):
        return bool(said)
    raise source.error(f"{row.name} is true or false", literal.at, f"eq({row.name}, true)")


def _whole(row: Field, literal: Literal, source: Source) -> Decimal:
    """The literal in the attribute's whole-number unit, exact; it may have a fraction."""
    if row.kind is Kind.TIME:
        return Decimal(_time(row, literal, source))
    if row.kind is Kind.DURATION:
        return _duration(row, literal, source)
    exact = _exact(literal)
    if exact is None:
        raise source.error(
            f"{row.name} is a number of {row.unit}, {_shown(literal)} is none", literal.at
        )
    return _times(exact, PICO_PER_USD) if row.kind is Kind.COST else exact


def _time(row: Field, literal: Literal, source: Source) -> int:
    """Microseconds since 1970; digits past the microsecond are cut off, as in a run's times."""
    try:
        if isinstance(literal.value, str):
            return us_from_text(literal.value)
    except ValueError:
        pass
    raise source.error(
        f"{row.name} is a time, {_shown(literal)} is none",
        literal.at,
        'a date or time in ISO-8601, UTC without a zone: "2026-01-31T12:00:00Z", "2026-01-31"',
    )


def _duration(row: Field, literal: Literal, source: Source) -> Decimal:
    """Microseconds. A bare number is seconds."""
    exact, unit = _exact(literal), "s"
    if exact is None and isinstance(literal.value, str):
        found = _DURATION.fullmatch(literal.value)
        if found is not None and found[2]:
            exact, unit = _exact_text(found[1]), found[2]
    if exact is None:
        raise _no_duration(row, literal, source)
    return _times(exact, US_BY_UNIT[unit])


def _no_duration(row: Field, literal: Literal, source: Source) -> FilterError:
    return source.error(
        f"{row.name} is a duration, {_shown(literal)} is none",
        literal.at,
        'seconds, or a text with a unit: 2.5, "2.5s", "500ms", "2m", "1h"',
    )


def _exact(literal: Literal) -> Decimal | None:
    """The decimal a number, or a number in quotes, says; None for everything else."""
    if literal.value is None or isinstance(literal.value, bool):
        return None
    return _exact_text(literal.value if isinstance(literal.value, str) else literal.text)


def _exact_text(said: str) -> Decimal | None:
    found = _NUMBER.fullmatch(said)
    if found is None:
        return None
    rough = float(found[1])
    if rough == 0 or rough in (float("inf"), float("-inf")):
        # 1e-999 is 0 and 1e999 no number, as JSON decoding would have them.
        return Decimal(0) if rough == 0 else None
    return Decimal(found[1])


def _times(exact: Decimal, unit: int) -> Decimal:
    return Context(prec=len(exact.as_tuple().digits) + 20).multiply(exact, Decimal(unit))


def _floor(exact: Decimal) -> Decimal:
    return exact.to_integral_value(rounding=ROUND_FLOOR)


def _compare_whole(op: str, attribute: str, exact: Decimal) -> Node:
    if not INT_MIN <= exact <= INT_MAX:
        above = exact > 0
        holds = op == "neq" or op in (("lt", "lte") if above else ("gt", "gte"))
        return Present(attribute) if holds else Constant(False)
    floor = _floor(exact)
    if exact != floor:
        if op not in ORDER:
            return Present(attribute) if op == "neq" else Constant(False)
        op = "gt" if op in ("gt", "gte") else "lte"
    return Compare(attribute, op, int(floor))


def _shown(literal: Literal) -> str:
    return literal.text if len(literal.text) <= 40 else literal.text[:37] + "..."
