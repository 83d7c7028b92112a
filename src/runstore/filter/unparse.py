"""Tree -> canonical filter text, with compile_filter(unparse(tree)) == tree for rewritten trees.

For people (explain, validate, a parsed query) and for tests. A text within two levels of
FILTER_DEPTH_MAX may come out too deep to be read again.
"""

import json
import re
from decimal import Decimal

from runstore.filter.fields import FIELDS, ROWS, Kind, find
from runstore.filter.tree import (
    JSON_FAMILIES,
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
    Value,
)
from runstore.model.times import US_PER_S, text_from_us
from runstore.model.usage import usd_text

_WORD = re.compile(r"[^\W\d]\w*")
_NAMES = {row.in_tree: row.name for row in FIELDS.values()}
_PARTS = {(row.family, row.part): row.name for row in ROWS if row.part and row.family != "tags"}


def unparse(node: Node) -> str:
    match node:
        case And(terms):
            return f"and({', '.join(_and_term(term, node) for term in terms)})"
        case Or(terms):
            return f"or({', '.join(unparse(term) for term in terms)})"
        case Not(Present(attribute)):
            return f"eq({_attribute(attribute)}, null)"
        case Not(PathPresent(family, path)):
            return f"eq({_dotted(family, path)}, null)"
        case Not(term):
            return f"not({unparse(term)})"
        case Compare(attribute, op, value):
            return f"{op}({_attribute(attribute)}, {_operand(attribute, value)})"
        case OneOf(attribute, values):
            listed = ", ".join(_operand(attribute, value) for value in values)
            return f"in({_attribute(attribute)}, [{listed}])"
        case Present(attribute):
            return f"exists({_attribute(attribute)})"
        case PathPresent(family, path):
            return f"exists({_dotted(family, path)})"
        case Entries():
            return _entries(node)
        case Search(scope, words):
            said = literal(" ".join(words))
            return f"search({said})" if scope == "all" else f"search({scope}, {said})"
        case Constant(holds):
            return "nin(tags, [])" if holds else "in(tags, [])"


def _and_term(term: Node, parent: And) -> str:
    """Two Entries of one family side by side would be read as one: each gets its own `and`."""
    text = unparse(term)
    if isinstance(term, Entries) and not text.startswith("and("):
        siblings = [one for one in parent.terms if isinstance(one, Entries)]
        if sum(one.family == term.family for one in siblings) > 1 and _is_grouped(term):
            return f"and({text})"
    return text


def _is_grouped(node: Entries) -> bool:
    return node.family not in ("tags", "extra") and not _is_path(node)


def _is_path(node: Entries) -> bool:
    """Whether it can be written with a dotted name."""
    return (
        node.family in JSON_FAMILIES
        and len(node.keys) == 1
        and node.keys[0].op == "eq"
        and len(node.values) == 1
        and node.values[0].op not in ("present", "absent")
    )


def _entries(node: Entries) -> str:
    if _is_path(node):
        path = node.keys[0].value
        assert isinstance(path, str)
        return _test(node.values[0], _dotted(node.family, path))
    if node.family == "extra":
        return _extra(node)
    tests = [
        _test(test, _PARTS.get((node.family, test.part), node.family))
        for test in node.keys + node.values
    ]
    return tests[0] if len(tests) == 1 else f"and({', '.join(tests)})"


def _extra(node: Entries) -> str:
    """It has no names for key and value: like(extra, ...), or nin(extra.k, [])."""
    if not node.keys:
        return _test(node.values[0], "extra")
    path = node.keys[0].value
    assert isinstance(path, str)
    return f"nin({_dotted('extra', path)}, [])"


def _test(test: Test, name: str) -> str:
    if test.op == "present":
        return f"exists({name})"
    if test.op == "absent":
        return f"eq({name}, null)"
    if isinstance(test.value, tuple):
        return f"{test.op}({name}, [{', '.join(literal(value) for value in test.value)}])"
    assert test.value is not None
    return f"{test.op}({name}, {literal(test.value)})"


def _attribute(attribute: str) -> str:
    if attribute in _NAMES:
        return _NAMES[attribute]
    base, _, key = attribute.partition(".")
    return _dotted(base, key)


def _dotted(base: str, path: str) -> str:
    parts = path.split(".")
    if all(_WORD.fullmatch(part) for part in parts):
        return f"{base}.{path}"
    return f"{base}.{literal(path)}"


def _operand(attribute: str, value: Value) -> str:
    """The value in the unit the filter says it in."""
    found = find(tuple(_attribute(attribute).split("."))[:2])
    assert found is not None, attribute
    kind = found[0].kind
    if kind is Kind.TIME and isinstance(value, int):
        return literal(text_from_us(value))
    if kind is Kind.DURATION and isinstance(value, int):
        return f"{Decimal(value) / US_PER_S:f}"
    if kind is Kind.COST and isinstance(value, int):
        return usd_text(value)
    return literal(value)


def literal(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return repr(value)
