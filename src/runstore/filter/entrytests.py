"""Comparisons of what has many values -> tests on entries. Knows families and their parts; knows
no logic above one comparison, but how two of them become one.
"""

from runstore.filter.errors import Source
from runstore.filter.fields import ORDER, TEXTUAL, Field, Kind
from runstore.filter.syntax import Call, Literal
from runstore.filter.tree import (
    NEGATIVE_OPS,
    And,
    Constant,
    Entries,
    Node,
    Not,
    Or,
    PathPresent,
    Present,
    Test,
    Value,
)
from runstore.filter.values import null_test, number, pattern, text
from runstore.model.entries import Entry, flatten
from runstore.model.jsontext import valid_json


def entry_comparison(function: str, row: Field, literals: list[Literal], source: Source) -> Node:
    """metadata_key, feedback_score, ...: one test on a part of an entry."""
    if function in ("in", "nin") and any(literal.value is None for literal in literals):
        null = next(literal for literal in literals if literal.value is None)
        raise source.error(
            f"null in a list does not apply to {row.name}",
            null.at,
            f"or(in({row.name}, [...]), eq({row.name}, null))",
        )
    if function in ("in", "nin") and not literals:
        return Constant(function == "nin")
    test = _test(function, row, row.part, literals, source)
    if row.part == "key":
        return Entries(row.family, keys=(test,))
    return Entries(row.family, values=(test,))


def merged_entries(first: Entries, second: Entries, call: Call, source: Source) -> Entries:
    """Two comparisons under one `and`: both speak about one entry."""
    merged = Entries(first.family, first.keys + second.keys, first.values + second.values)
    if (
        merged.family != "feedback"
        and any(test.op not in NEGATIVE_OPS for test in merged.keys)
        and any(test.op == "absent" for test in merged.values)
    ):
        raise source.error(
            "no entry has a key without a value: nulls give no entry",
            call.at,
            f"eq({merged.family}.key, null) says that the key is absent or null",
        )
    return merged


def tags_comparison(function: str, row: Field, literals: list[Literal], source: Source) -> Node:
    present = Present("tags")
    if function == "exists":
        return present
    if function in ("in", "nin"):
        values = [literal for literal in literals if literal.value is not None]
        test = _test(function, row, "key", values, source)
        if not values:
            among: Node = Constant(function == "nin")
        else:
            among = Entries("tags", keys=(test,))
        if len(values) == len(literals):
            return among
        return Or((Not(present), among)) if function == "in" else And((present, among))
    if literals[0].value is None and function != "has":
        return null_test(function, present, literals[0], source)
    return Entries("tags", keys=(_test(function, row, "key", literals, source),))


def path_comparison(
    function: str, row: Field, path: str, literals: list[Literal], source: Source
) -> Node:
    """metadata.a.b: the values at one key. Absent is not a value."""
    present = PathPresent(row.family, path)
    if function == "exists":
        return present
    key = Test("key", "eq", path)
    if function in ("in", "nin"):
        values = [literal for literal in literals if literal.value is not None]
        if not values:
            among: Node = Constant(False) if function == "in" else Entries(row.family, keys=(key,))
        else:
            among = Entries(row.family, (key,), (_test(function, row, "value", values, source),))
        if len(values) == len(literals) or function == "nin":
            return among
        return Or((Not(present), among))
    if literals[0].value is None:
        return null_test(function, present, literals[0], source)
    return Entries(row.family, (key,), (_test(function, row, "value", literals, source),))


def score_comparison(
    function: str, row: Field, key: str, literals: list[Literal], source: Source
) -> Node:
    """feedback.<key>: the scores of the records with that key. Absent is not a value."""
    keys = (Test("key", "eq", key),)
    scored = Test("score", "present")
    present = Entries("feedback", keys, (scored,))
    if function == "exists":
        return present
    if function in ("in", "nin"):
        values = [literal for literal in literals if literal.value is not None]
        if not values:
            among: Node = Constant(False) if function == "in" else present
        else:
            test = _test(function, row, "score", values, source)
            among = Entries("feedback", keys, (scored, test) if function == "nin" else (test,))
        if len(values) == len(literals) or function == "nin":
            return among
        return Or((Not(present), among))
    if literals[0].value is None:
        return null_test(function, present, literals[0], source)
    test = _test(function, row, "score", literals, source)
    return Entries("feedback", keys, (scored, test) if test.op in NEGATIVE_OPS else (test,))


def payload_comparison(function: str, row: Field, literals: list[Literal], source: Source) -> Node:
    """inputs, outputs, metadata, extra as a whole."""
    if function in ("eq", "neq"):
        return null_test(function, Present(row.family), literals[0], source)
    if not literals:  # exists(metadata)
        return Present(row.family)
    literal = literals[0]
    if function in TEXTUAL:
        return Entries(row.family, values=(_test(function, row, "value", literals, source),))
    if not isinstance(literal.value, str):
        raise source.error(
            f"{function}({row.name}, ...) needs a key or a JSON object, in quotes",
            literal.at,
            f'{function}({row.name}, "key")',
        )
    if function == "has" and literal.value.lstrip().startswith("{"):
        return _has_object(row, literal, literal.value, source)
    return PathPresent(row.family, literal.value)


def _has_object(row: Field, literal: Literal, said: str, source: Source) -> Node:
    """Every leaf of the object is among the entries."""
    try:
        _, value = valid_json(said.encode())
    except ValueError as error:
        raise source.error(
            f"not a JSON object: {said if len(said) <= 60 else said[:57] + '...'}",
            literal.at,
            f'has({row.name}, \'{{"key": "value"}}\'), or has({row.name}, "key")',
        ) from error
    leaves: list[Entry] = flatten(value)
    if _has_nothing(value):
        raise source.error(
            "a null, an empty list or an empty object is no value",
            literal.at,
            f'has({row.name}, "key") asks for a key with any value',
        )
    return And(
        tuple(
            Entries(row.family, (Test("key", "eq", path),), (Test("value", "eq", leaf),))
            for path, leaf in leaves
        )
    )


def _has_nothing(value: object) -> bool:
    """Whether some part of it gives no entry."""
    level: list[object] = [value]
    while level:
        item = level.pop()
        if item is None or item in ({}, []):
            return True
        if isinstance(item, dict):
            level += item.values()
        elif isinstance(item, list):
            level += item
    return False


def _test(function: str, row: Field, part: str, literals: list[Literal], source: Source) -> Test:
    """One test; in lists no null is left."""
    if function == "exists":
        return Test(part, "present")
    if function in ("in", "nin"):
        values: dict[tuple[bool, Value], Value] = {}
        for literal in literals:
            value = _value("eq", row, literal, source)
            values.setdefault((isinstance(value, bool), value), value)
        return Test(part, function, tuple(values.values()))
    op, literal = "eq" if function == "has" else function, literals[0]
    if literal.value is None and function != "has":
        if op not in ("eq", "neq"):
            null_test(op, Present(row.name), literal, source)  # raises
        return Test(part, "absent" if op == "eq" else "present")
    if op in TEXTUAL:
        return Test(part, op, pattern(op, literal, source))
    return Test(part, op, _value(op, row, literal, source))


def _value(op: str, row: Field, literal: Literal, source: Source) -> Value:
    if row.kind in (Kind.ENTRY_SCORE, Kind.KEY_SCORE):
        if isinstance(literal.value, bool) and op not in ORDER:
            return int(literal.value)  # true is 1, false is 0
        return number(row.name, literal, source)
    if op in ORDER:
        return number(row.name, literal, source)
    if row.kind in (Kind.PATH, Kind.ENTRY_VALUE):
        assert literal.value is not None
        return literal.value
    return text(row, literal, source)
