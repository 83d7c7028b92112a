"""What holds for every filter and every run."""

from hypothesis import given
from hypothesis import strategies as st

from runstore.filter.check import check, compile_filter
from runstore.filter.match import matches
from runstore.filter.parse import parse
from runstore.filter.rewrite import rewrite
from runstore.filter.tree import And, Node, Not, Or
from runstore.filter.unparse import unparse
from runstore.model.facts import Facts
from tests.filter.strategies import facts, nodes, texts


def written(node: Node) -> str:
    """Equality of trees, with 1, 1.0 and true kept apart."""
    return repr(node)


@given(nodes())
def test_a_printed_filter_reads_as_the_same_tree(node: Node) -> None:
    again = compile_filter(unparse(node))
    assert again is not None
    assert written(again) == written(node), unparse(node)


@given(texts(), st.lists(facts(), min_size=1, max_size=3))
def test_rewriting_keeps_the_meaning(text: str, runs: list[Facts]) -> None:
    node = check(parse(text), text)
    smaller = rewrite(node)
    for run in runs:
        assert matches(smaller, run) == matches(node, run), text


@given(texts())
def test_rewriting_twice_changes_nothing_more(text: str) -> None:
    once = rewrite(check(parse(text), text))
    assert written(rewrite(once)) == written(once)


@given(nodes(3), nodes(3), facts())
def test_logic_is_two_valued(one: Node, other: Node, run: Facts) -> None:
    left, right = matches(one, run), matches(other, run)
    assert matches(Not(one), run) == (not left)
    assert matches(And((one, other)), run) == (left and right)
    assert matches(Or((one, other)), run) == (left or right)
