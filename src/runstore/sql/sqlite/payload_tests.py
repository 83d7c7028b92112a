"""Tests on stored bytes that SQL cannot make: built from `filter/match.py`, so they cannot differ.

Each function here makes one test: a function of one SQL value, never NULL for texts, NULL for a
payload that is not there.
"""

from collections.abc import Callable
from typing import Any

from runstore.filter.match import matches, test_value
from runstore.filter.match import path_present as _path_present
from runstore.filter.tree import Node, Test
from runstore.model.entries import Entry, flatten
from runstore.model.facts import Facts
from runstore.model.feedback import Feedback
from runstore.model.jsontext import decode, encode
from runstore.model.run import JsonText, Run
from runstore.model.words import has_all_words, leaf_text, tokens

SqlValue = str | int | float | bytes | None
PayloadTest = Callable[[SqlValue], bool]
NOBODY = Run(id="", trace_id="", dotted_order="", start_us=0)


def text(test: Test) -> PayloadTest:
    return lambda value: test_value(test, value)


def json_value(test: Test) -> PayloadTest:
    """On a JSON text, such as a feedback's value."""

    def holds(value: SqlValue) -> bool:
        return isinstance(value, (bytes, str)) and test_value(test, decode(_bytes(value)))

    return holds


def some_entry(family: str, tests: tuple[Test, ...]) -> PayloadTest:
    """Some entry meets all tests. The value is the payload that holds the family, as JSON."""

    def holds(value: SqlValue) -> bool:
        return any(
            all(test_value(test, entry[test.part == "value"]) for test in tests)
            for entry in entries_of(family, value)
        )

    return holds


def records(node: Node) -> PayloadTest:
    """What a filter says of feedback alone. The value is all records of a run, as JSON:
    [[key, score as SQL writes it, value as JSON, comment, type of its source], ...]."""

    def holds(value: SqlValue) -> bool:
        return matches(node, Facts(NOBODY, [_record(row) for row in _listed(value)]))

    return holds


def _record(row: list[Any]) -> Feedback:
    key, score, value, comment, source_type = row
    return Feedback(
        id="",
        key=key,
        score=None if score == "NULL" else float(score),
        value=None if value is None else JsonText(value.encode()),
        comment=comment,
        source=None if source_type is None else encode({"type": source_type}),
    )


def _listed(value: SqlValue) -> list[Any]:
    assert isinstance(value, (bytes, str))
    found: list[Any] = decode(_bytes(value))
    return found


def path_present(family: str, path: str) -> PayloadTest:
    return lambda value: _path_present(path, entries_of(family, value))


def word(wanted: str) -> PayloadTest:
    """A token begins with `wanted`: in plain text, or in the leaves of a JSON payload."""

    def holds(value: SqlValue) -> bool:
        if isinstance(value, str):
            return has_all_words((wanted,), tokens(value))
        leaves = [leaf for _, leaf in flatten(_value(value))]
        return has_all_words((wanted,), tokens(leaf_text(leaves)))

    return holds


def entries_of(family: str, payload: SqlValue) -> list[Entry]:
    value = _value(payload)
    if family == "metadata":
        value = value.get("metadata") if isinstance(value, dict) else None
    return flatten(value)


def metadata_text(payload: SqlValue) -> str | None:
    """`extra` as JSON -> the leaf texts of its metadata, for word tests."""
    entries = entries_of("metadata", payload)
    return leaf_text(leaf for _, leaf in entries) if entries else None


def tags_text(tags: SqlValue) -> str | None:
    """A JSON array of tags -> their texts, for word tests."""
    return "\n".join(decode(_bytes(tags))) if isinstance(tags, (bytes, str)) else None


def _value(payload: SqlValue) -> Any:
    return decode(payload) if isinstance(payload, bytes) else None


def _bytes(value: bytes | str) -> bytes:
    return value if isinstance(value, bytes) else value.encode()
