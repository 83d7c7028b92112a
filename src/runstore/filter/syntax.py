"""The filter as written: calls, names, literals and lists, each with its place.

`parse` makes it, `check` turns it into the tree that is run. Equality ignores places. Nobody
changes a node; that they are not frozen makes them in a third of the time.
"""

import dataclasses
from dataclasses import dataclass

from runstore.filter.errors import At

NOWHERE = At(0, 0)


@dataclass(slots=True)
class Name:
    """An attribute as written: `name`, `metadata.a.b`, `metadata."my key"`."""

    parts: tuple[str, ...]
    at: At = dataclasses.field(compare=False, repr=False, default=NOWHERE)


@dataclass(slots=True)
class Literal:
    """A string, number, boolean or null.

    Whole numbers that fit 64 bits are int, others float, as JSON decoding gives them. `text` is
    the literal as written: numbers are compared in its exact decimal value.
    """

    value: str | int | float | bool | None
    text: str = dataclasses.field(compare=False, default="")
    at: At = dataclasses.field(compare=False, repr=False, default=NOWHERE)


@dataclass(slots=True)
class List:
    items: tuple[Literal, ...]
    at: At = dataclasses.field(compare=False, repr=False, default=NOWHERE)


@dataclass(slots=True)
class Call:
    """`function(args...)`. `at` runs from the function's name to the closing bracket."""

    function: str
    args: tuple["Arg", ...]
    function_at: At = dataclasses.field(compare=False, repr=False, default=NOWHERE)
    at: At = dataclasses.field(compare=False, repr=False, default=NOWHERE)


Arg = Call | Name | Literal | List
