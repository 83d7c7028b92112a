"""Tree x facts -> bool: what a filter means. Documentation, the memory engine, and the oracle
every other engine is tested against.

Absent is not a value: a comparison with an absent attribute is false, `neq` included. Sets are no
absent values: a negative test on entries, tags or feedback is "none".
"""

import operator
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

import re2

from runstore.filter.like import like_test
from runstore.filter.tree import (
    NEGATIVE_OPS,
    ORDER_OPS,
    And,
    Compare,
    Constant,
    Entries,
    Node,
    Not,
    OneOf,
    Or,
    PathPresent,
    Present,
    Search,
    Test,
)
from runstore.model.entries import Entry
from runstore.model.facts import Facts, feedback_part
from runstore.model.words import has_all_words

_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}


def matches(node: Node, facts: Facts) -> bool:
    match node:
        case And(terms):
            return all(matches(term, facts) for term in terms)
        case Or(terms):
            return any(matches(term, facts) for term in terms)
        case Not(term):
            return not matches(term, facts)
        case Compare(attribute, op, value):
            return _compare(op, facts.attribute(attribute), value)
        case OneOf(attribute, values):
            have = facts.attribute(attribute)
            return have is not None and have in values
        case Present(attribute):
            return facts.present(attribute)
        case PathPresent(family, path):
            return path_present(path, facts.entries(family))
        case Entries():
            return entries_match(node, _entries(node.family, facts))
        case Search(scope, words):
            return has_all_words(words, facts.tokens(scope))
        case Constant(holds):
            return holds


def _entries(family: str, facts: Facts) -> Iterable[Any]:
    if family == "feedback":
        return facts.feedback
    if family == "tags":
        return facts.tags
    return facts.entries(family)


def _compare(op: str, have: Any, want: Any) -> bool:
    """One single-valued attribute; both sides are of the attribute's own type."""
    if have is None:
        return False
    if op in _ORDER:
        return _ORDER[op](have, want)
    return test_value(Test("value", op, want), have)


def entries_match(node: Entries, entries: Iterable[Any]) -> bool:
    """The three rules of `Entries`, one after the other.

    `entries` are (path, value) of JSON families, the tags themselves, or Feedback records.
    """
    everything = list(entries)
    chosen = [
        entry
        for entry in everything
        if all(_holds(test, node.family, entry) for test in node.keys if not _excludes(test))
    ]
    for test in node.keys:
        if _excludes(test) and any(_is_excluded(test, node.family, entry) for entry in everything):
            return False
    positive = [test for test in node.values if not _excludes(test)]
    is_asked_for = positive or not all(_excludes(test) for test in node.keys)
    if is_asked_for and not any(
        all(_holds(test, node.family, entry) for test in positive) for entry in chosen
    ):
        return False
    return not any(
        _is_excluded(test, node.family, entry)
        for test in node.values
        if _excludes(test)
        for entry in chosen
    )


def _excludes(test: Test) -> bool:
    return test.op in NEGATIVE_OPS


def _holds(test: Test, family: str, entry: Any) -> bool:
    return test_value(test, part_of(entry, family, test.part))


def _is_excluded(test: Test, family: str, entry: Any) -> bool:
    return not _holds(test, family, entry)


def part_of(entry: Any, family: str, part: str) -> Any:
    """The part of an entry a test looks at; None: the entry has none."""
    if family == "feedback":
        return feedback_part(entry, part)
    if family == "tags":
        return entry
    path, value = entry
    return path if part == "key" else value


def test_value(test: Test, have: Any) -> bool:
    """One test on one value. None is no value; of it only negative tests and `absent` hold.

    A test that excludes holds exactly where the test of what it excludes does not.
    """
    op, want = test.op, test.value
    if op in NEGATIVE_OPS:
        return not test_value(Test(test.part, NEGATIVE_OPS[op], want), have)
    if have is None:
        return False
    if op == "present":
        return True
    if op == "in":
        assert isinstance(want, tuple)
        return any(equal(have, one) for one in want)
    if op == "eq":
        return equal(have, want)
    if op in ORDER_OPS:
        return is_number(have) and is_number(want) and _ORDER[op](have, want)
    assert isinstance(want, str)
    if not isinstance(have, str):
        return False
    if op == "like":
        return like_test(want)(have)
    assert op == "regex", op
    return regex_test(want)(have)


test_value.__test__ = False  # type: ignore[attr-defined]  # no pytest test, for all its name


def equal(have: object, want: object) -> bool:
    """1 equals 1.0; true equals neither 1 nor "true"."""
    return isinstance(have, bool) == isinstance(want, bool) and have == want


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def path_present(path: str, entries: Iterable[Entry]) -> bool:
    """Whether some entry lies at the path or below it."""
    below = path + "."
    return any(key == path or key.startswith(below) for key, _ in entries)


@lru_cache(maxsize=1024)
def regex_test(pattern: str) -> Callable[[str], bool]:
    """Whether RE2 finds the pattern somewhere in a text, in time linear in its length."""
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    search = re2.compile(pattern, options).search
    return lambda text: search(text) is not None
