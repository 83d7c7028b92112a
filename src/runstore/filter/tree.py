"""The checked filter: what every engine runs. `check` makes it, `match` says what it means.

No sugar is left: names are known, values have the type and unit of what they are compared with,
the direct children of one `and` that speak about one entry are one `Entries` node. Equality
ignores nothing: two texts with the same tree mean the same.

    text                                     tree
    eq(name, "x")                            Compare("name", "eq", "x")
    gt(latency, "2.5s")                      Compare("latency", "gt", 2_500_000)
    neq(error, null), eq(error, true)        Present("error")
    eq(error, null)                          Not(Present("error"))
    nin(name, ["a"])                         And(Present("name"), Not(OneOf("name", ("a",))))
    has(tags, "x"), neq(tags, "x")           Entries("tags", keys=(Test("key", "eq"|"neq", "x"),))
    and(eq(metadata_key, "k"), eq(metadata_value, 1))
                                             Entries("metadata", keys=(...), values=(...))
    neq(metadata.k, "v")                     as and(eq(metadata_key, "k"), neq(metadata_value, "v"))
    like(inputs, "%x%")                      Entries("inputs", values=(Test("value", "like", ...),))
    exists(metadata.a)                       PathPresent("metadata", "a")
    search("two words")                      Search("all", ("two", "words"))
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

Value = str | int | float | bool

ORDER_OPS = ("gt", "gte", "lt", "lte")
COMPARE_OPS = ("eq", "neq", *ORDER_OPS, "like", "notlike", "regex")
NEGATIVE_OPS = {"neq": "eq", "notlike": "like", "nin": "in", "absent": "present"}
"""A test that excludes -> the test of what it excludes."""

JSON_FAMILIES = ("metadata", "inputs", "outputs", "extra")
FAMILIES = (*JSON_FAMILIES, "feedback", "tags")
SEARCH_SCOPES = ("all", "inputs", "outputs", "error", "name", "tags", "metadata")


@dataclass(frozen=True, slots=True)
class Constant:
    """Holds for every run, or for none: what is left of a comparison that cannot be otherwise."""

    holds: bool


@dataclass(frozen=True, slots=True)
class Compare:
    """One single-valued attribute with one value. False where the attribute is absent.

    `value` is in the attribute's own domain: text; canonical UUID text; bool; whole microseconds
    for times and latency; whole tokens; whole picodollars for costs. Whole numbers fit 64 bits.
    `like` patterns keep their wildcards; one without any has been wrapped in %...%.
    """

    attribute: str
    op: str  # of COMPARE_OPS
    value: Value


@dataclass(frozen=True, slots=True)
class OneOf:
    """`in`: the attribute has one of the values. False where it is absent. Never empty."""

    attribute: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Present:
    """The attribute is there. `inputs`, `outputs`, `metadata`, `tags`, `extra`: and not empty."""

    attribute: str


@dataclass(frozen=True, slots=True)
class PathPresent:
    """Some entry's key is `path` or lies below it (`path.` ...)."""

    family: str  # of JSON_FAMILIES
    path: str


@dataclass(frozen=True, slots=True)
class Test:
    """One test on one part of an entry.

    part    "key" and "value" of JSON entries; "key" of tags (the tag itself);
            "key", "score", "value", "comment", "source" (its type) of feedback
    op      COMPARE_OPS, "in", "nin", "present", "absent"
    value   typed: "1", 1 and true are three values; order ops have a number and match numbers
            only; None for present and absent; a tuple for in and nin
    """

    __test__: ClassVar[bool] = False  # to pytest a class called Test is a suite

    part: str
    op: str
    value: Value | tuple[Value, ...] | None = None


@dataclass(frozen=True, slots=True)
class Entries:
    """Tests on the entries of one family. With E = the entries all positive key tests hold on:

    1. no entry at all meets what a negative key test excludes;
    2. if there is any positive test: some entry of E meets all positive value tests;
    3. no entry of E meets what a negative value test excludes.
    """

    family: str  # of FAMILIES
    keys: tuple[Test, ...] = ()
    values: tuple[Test, ...] = ()


@dataclass(frozen=True, slots=True)
class Search:
    """Every word is the beginning of some token of the scope. Words are tokens themselves."""

    scope: str  # of SEARCH_SCOPES
    words: tuple[str, ...]  # at least one


@dataclass(frozen=True, slots=True)
class And:
    terms: tuple["Node", ...]  # at least one


@dataclass(frozen=True, slots=True)
class Or:
    terms: tuple["Node", ...]  # at least one


@dataclass(frozen=True, slots=True)
class Not:
    """The plain complement: holds exactly where `term` does not."""

    term: "Node"


Node = Constant | Compare | OneOf | Present | PathPresent | Entries | Search | And | Or | Not


def leaves_of(*nodes: Node | None) -> Iterator[Node]:
    """What is below every and, or and not, in no order."""
    waiting = [node for node in nodes if node is not None]
    while waiting:
        node = waiting.pop()
        match node:
            case And(terms) | Or(terms):
                waiting += terms
            case Not(term):
                waiting.append(term)
            case _:
                yield node


def terms_of(node: Node) -> tuple[Node, ...]:
    """What must hold together."""
    return node.terms if isinstance(node, And) else (node,)
