"""Checked tree -> a smaller tree of the same meaning. Knows logic; knows no field.

The passes, in order, bottom up. Flattening is safe here, after `check` has grouped the tests that
speak about one entry, and only here.
"""

from runstore.filter.tree import And, Compare, Constant, Node, Not, OneOf, Or, Value


def rewrite(node: Node) -> Node:
    """Idempotent: rewrite(rewrite(x)) == rewrite(x)."""
    if isinstance(node, Not):
        return negated(rewrite(node.term))
    if not isinstance(node, And | Or):
        return node
    is_and = isinstance(node, And)
    terms = flattened([rewrite(term) for term in node.terms], is_and)
    terms = without_constants(terms, is_and)
    if not is_and:
        terms = with_lists(terms)
    if not terms:
        return Constant(is_and)
    if len(terms) == 1:
        return terms[0]
    return And(tuple(terms)) if is_and else Or(tuple(terms))


def negated(node: Node) -> Node:
    """Double negation and negated constants vanish."""
    if isinstance(node, Not):
        return node.term
    if isinstance(node, Constant):
        return Constant(not node.holds)
    return Not(node)


def flattened(terms: list[Node], is_and: bool) -> list[Node]:
    """And in And, Or in Or: one level."""
    flat: list[Node] = []
    for term in terms:
        if (isinstance(term, And) and is_and) or (isinstance(term, Or) and not is_and):
            flat += term.terms
        else:
            flat.append(term)
    return flat


def without_constants(terms: list[Node], is_and: bool) -> list[Node]:
    """True in And and False in Or vanish; the others decide the whole."""
    if Constant(not is_and) in terms:
        return [Constant(not is_and)]
    return [term for term in terms if not isinstance(term, Constant)]


def with_lists(terms: list[Node]) -> list[Node]:
    """In an Or: equality of one attribute with several values is one list, where the first was."""
    values: dict[str, dict[Value, None]] = {}
    merged: list[Node] = []
    for term in terms:
        found = _equal_to(term)
        if found is None:
            merged.append(term)
        elif found[0] in values:
            values[found[0]].update(dict.fromkeys(found[1]))
        else:
            values[found[0]] = dict.fromkeys(found[1])
            merged.append(term)
    return [_listed(term, values) for term in merged]


def _equal_to(term: Node) -> tuple[str, tuple[Value, ...]] | None:
    if isinstance(term, OneOf):
        return term.attribute, term.values
    if isinstance(term, Compare) and term.op == "eq" and not isinstance(term.value, bool):
        return term.attribute, (term.value,)
    return None


def _listed(term: Node, values: dict[str, dict[Value, None]]) -> Node:
    found = _equal_to(term)
    if found is None or len(values[found[0]]) == len(found[1]):
        return term
    return OneOf(found[0], tuple(values[found[0]]))
