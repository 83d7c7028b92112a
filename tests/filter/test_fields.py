"""The field table agrees with the tree, the facts and the functions."""

import pytest

from runstore.filter.check import compile_filter
from runstore.filter.fields import ENTRY_KINDS, FIELDS, FUNCTIONS_OF, REFUSED, ROWS, Field, Kind
from runstore.filter.functions import FUNCTION_NAMES, UNKNOWN_FUNCTIONS
from runstore.filter.match import matches
from runstore.filter.tree import FAMILIES, SEARCH_SCOPES, Compare, Present
from runstore.model.facts import ATTRIBUTES
from tests.filter.runs import make

SINGLE = [row for row in ROWS if not row.family]
OPERANDS = {
    Kind.TEXT: '"x"',
    Kind.UUID: '"0190a1b2-c3d4-7ef0-a5b6-6ea3a82e9328"',
    Kind.BOOL: "true",
    Kind.TIME: '"2026-01-01"',
    Kind.DURATION: "1",
    Kind.TOKENS: "1",
    Kind.COST: "1",
}


def test_every_kind_has_functions() -> None:
    assert set(FUNCTIONS_OF) == set(Kind)
    assert {name for names in FUNCTIONS_OF.values() for name in names} <= set(FUNCTION_NAMES)


def test_every_attribute_of_a_run_has_a_field() -> None:
    assert {row.in_tree for row in SINGLE if not row.is_dotted} == set(ATTRIBUTES)


def test_families_and_parts_are_those_of_the_tree() -> None:
    assert {row.family for row in ROWS if row.family} == set(FAMILIES)
    assert all(row.part for row in ROWS if row.kind in ENTRY_KINDS)
    assert {row.name for row in ROWS if row.searched} | {"all"} == set(SEARCH_SCOPES)


def test_no_name_is_both_allowed_and_refused() -> None:
    assert not set(FIELDS) & set(REFUSED)
    assert not set(FUNCTION_NAMES) & set(UNKNOWN_FUNCTIONS)


@pytest.mark.parametrize("row", SINGLE, ids=lambda row: row.name)
def test_every_attribute_can_be_asked_for(row: Field) -> None:
    name = row.name.replace("<k>", "detail")
    node = compile_filter(f"eq({name}, {OPERANDS[row.kind]})")
    assert isinstance(node, Compare)
    assert node.attribute == row.in_tree + (".detail" if row.is_dotted else "")
    assert matches(Present(node.attribute), make()) == (row.in_tree in PRESENT)


PRESENT = {
    "id", "status", "start_time", "is_root", "trace_id", "dotted_order", "total_tokens",
    "prompt_tokens", "completion_tokens",
}  # fmt: skip
