"""Checked filter -> what the inverted index knows of it: an expression over terms.

Pure. A lookup finds at least every run the filter holds for. If it is `exact` it finds no other;
else each run found must be tested again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from runstore.filter.tree import (
    NEGATIVE_OPS,
    And,
    Compare,
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
from runstore.limits import INDEXED_TOKEN_CHARS_MAX, LOOKUP_DEPTH_MAX
from runstore.model.words import tokens
from runstore.sql.sqlite.terms import (
    FAMILY_MARKS,
    above_term,
    is_whole,
    key_term,
    leaf_key,
    pair_term,
    quoted,
)


@dataclass(frozen=True, slots=True)
class Term:
    """A term, or a word of a column; None: of any."""

    text: str
    column: str | None = None


@dataclass(frozen=True, slots=True)
class Prefix:
    """All words that begin with `text`."""

    text: str
    column: str | None = None


@dataclass(frozen=True, slots=True)
class All:
    """Every one of them. At least one."""

    parts: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Any_:
    """At least one of them. Without parts it finds nothing."""

    parts: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Except:
    """`what`, but not `without`."""

    what: "Expression"
    without: "Expression"


Expression = Term | Prefix | All | Any_ | Except


@dataclass(frozen=True, slots=True)
class Lookup:
    expression: Expression
    exact: bool


TERM_MARKS = {
    "name": "@n",
    "run_type": "@t",
    "status": "@s",
    "thread_id": "@h",
    "parent_run_id": "@p",
    "reference_example_id": "@r",
}
SEARCH_COLUMNS = {"all": None, "inputs": "inputs", "outputs": "outputs"}  # else: others, and test
WORD_COLUMNS = {"inputs": "inputs", "outputs": "outputs", "metadata": "others"}


def lookup(node: Node) -> Lookup | None:
    """None: the index knows nothing of this filter, or cannot be asked so deep a question."""
    found = _lookup(node)
    return None if found is None or _depth(found.expression) > LOOKUP_DEPTH_MAX else found


def _lookup(node: Node) -> Lookup | None:
    match node:
        case Compare(attribute, "eq", value) if attribute in TERM_MARKS:
            return _one_of(attribute, (value,))
        case OneOf(attribute, values) if attribute in TERM_MARKS:
            return _one_of(attribute, values)
        case Present("error"):
            return Lookup(Term("@e"), exact=True)
        case PathPresent(family, path) if family in FAMILY_MARKS:
            terms = (Term(key_term(family, path)), Term(above_term(family, path)))
            return Lookup(Any_(terms), exact=is_whole(quoted(path)))
        case Search():
            return _search(node)
        case Entries():
            return _entries(node)
        case And(terms):
            return _all([_lookup(term) for term in terms], terms)
        case Or(terms):
            return _any([_lookup(term) for term in terms])
        case _:
            return None


def _one_of(attribute: str, values: tuple[Value, ...]) -> Lookup:
    texts = [quoted(str(value)) for value in values]
    mark = TERM_MARKS[attribute]
    exact = all(is_whole(text) for text in texts)
    return Lookup(_either([Term(mark + text) for text in texts]), exact)


def _search(node: Search) -> Lookup:
    column = SEARCH_COLUMNS.get(node.scope, "others")
    every = [Prefix(word[:INDEXED_TOKEN_CHARS_MAX], column) for word in dict.fromkeys(node.words)]
    exact = node.scope in SEARCH_COLUMNS and all(is_whole(word) for word in node.words)
    return Lookup(_each(every), exact)


def _all(found: list[Lookup | None], terms: tuple[Node, ...]) -> Lookup | None:
    known = [one for one in found if one is not None]
    if not known:
        return None
    expression = _each([one.expression for one in known])
    exact = len(known) == len(found) and all(one.exact for one in known)
    without = [
        inner.expression
        for term in terms
        if isinstance(term, Not) and (inner := _lookup(term.term)) is not None and inner.exact
    ]
    if without:
        expression = Except(expression, _either(without))
        exact = len(known) + len(without) == len(found) and all(one.exact for one in known)
    return Lookup(expression, exact)


def _any(found: list[Lookup | None]) -> Lookup | None:
    known = [one for one in found if one is not None]
    if len(known) < len(found):
        return None
    return Lookup(_either([one.expression for one in known]), all(one.exact for one in known))


# Entries: a conjunction of "some entry meets these tests" and "no entry meets these".


@dataclass(frozen=True, slots=True)
class SomeEntry:
    """One entry of `family` meets all of the tests, none of which excludes."""

    family: str
    tests: tuple[Test, ...]


def parts_of(node: Entries) -> tuple[list[SomeEntry], list[SomeEntry]]:
    """(what some entry must meet, what no entry may meet): rules 1 to 3 of Entries."""
    keys = tuple(test for test in node.keys if test.op not in NEGATIVE_OPS)
    wanted = tuple(test for test in node.values if test.op not in NEGATIVE_OPS)
    some = [SomeEntry(node.family, keys + wanted)] if keys or wanted else []
    none = [
        SomeEntry(node.family, (_excluded(test),)) for test in node.keys if test.op in NEGATIVE_OPS
    ]
    none += [
        SomeEntry(node.family, (*keys, _excluded(test)))
        for test in node.values
        if test.op in NEGATIVE_OPS
    ]
    return some, none


def _excluded(test: Test) -> Test:
    return Test(test.part, NEGATIVE_OPS[test.op], test.value)


def _entries(node: Entries) -> Lookup | None:
    some, none = parts_of(node)
    known = [one for part in some if (one := some_entry(part)) is not None]
    if not known:
        return None
    excluded = [some_entry(part) for part in none]
    without = [one.expression for one in excluded if one is not None and one.exact]
    expression = _each([one.expression for one in known])
    if without:
        expression = Except(expression, _either(without))
    exact = all(one.exact for one in known) and len(without) == len(none)
    return Lookup(expression, exact and len(known) == len(some))


def some_entry(part: SomeEntry) -> Lookup | None:
    if part.family == "tags":
        return _tag(part.tests)
    if part.family not in FAMILY_MARKS:
        return None
    keys = [test for test in part.tests if test.part == "key"]
    values = [test for test in part.tests if test.part != "key"]
    paths = _paths(keys)
    if paths is None:
        return _value_words(part.family, values)
    if not values:
        exact = len(keys) == 1 and all(is_whole(quoted(path)) for path in paths)
        return Lookup(_either([Term(key_term(part.family, path)) for path in paths]), exact)
    if part.family == "metadata" and len(values) == 1 and values[0].op in ("eq", "in"):
        return _pairs(paths, values[0], exact=len(keys) == 1)
    key = _either([Term(key_term(part.family, path)) for path in paths])
    words = _value_words(part.family, values)
    return Lookup(key if words is None else _each([key, words.expression]), exact=False)


def _pairs(paths: tuple[str, ...], test: Test, *, exact: bool) -> Lookup:
    values = test.value if isinstance(test.value, tuple) else (test.value,)
    terms = [
        Term(pair_term(path, value)) for path in paths for value in values if value is not None
    ]
    whole = all(is_whole(quoted(path)) for path in paths) and all(
        is_whole(leaf_key(value)) for value in values if value is not None
    )
    return Lookup(_either(terms), exact and whole)


def _tag(tests: tuple[Test, ...]) -> Lookup | None:
    tags = _paths(list(tests))
    if tags is None:
        return None
    texts = [quoted(tag) for tag in tags]
    exact = len(tests) == 1 and all(is_whole(text) for text in texts)
    return Lookup(_either([Term("#" + text) for text in texts]), exact)


def _paths(keys: list[Test]) -> tuple[str, ...] | None:
    """The keys one test names outright; None if no test does."""
    for test in keys:
        if test.op == "eq":
            return (str(test.value),)
        if test.op == "in" and isinstance(test.value, tuple):
            return tuple(str(value) for value in test.value)
    return None


def _value_words(family: str, values: list[Test]) -> Lookup | None:
    """Runs that have all words of a value asked for somewhere in the payload."""
    for test in values:
        if test.op == "eq" and test.value is not None and not isinstance(test.value, bool):
            words = _words_of(test.value)
            if words:
                return Lookup(_each([_word(word, WORD_COLUMNS[family]) for word in words]), False)
    return None


def _word(word: str, column: str) -> Expression:
    if is_whole(word):
        return Term(word, column)
    return Prefix(word[:INDEXED_TOKEN_CHARS_MAX], column)


def _words_of(value: Value | tuple[Value, ...]) -> list[str]:
    """Words that a text equal to `value` surely has. Numbers may be written in several ways."""
    return list(dict.fromkeys(tokens(value))) if isinstance(value, str) else []


def _either(parts: Sequence[Expression]) -> Expression:
    return parts[0] if len(parts) == 1 else Any_(tuple(parts))


def _each(parts: Sequence[Expression]) -> Expression:
    return parts[0] if len(parts) == 1 else All(tuple(parts))


def size(expression: Expression) -> int:
    """How many terms and prefixes."""
    match expression:
        case All(parts) | Any_(parts):
            return sum(size(part) for part in parts)
        case Except(what, without):
            return size(what) + size(without)
        case _:
            return 1


def _depth(expression: Expression) -> int:
    """Brackets inside brackets, in FTS5's language."""
    match expression:
        case All(parts) | Any_(parts):
            return 1 + max(map(_depth, parts), default=0)
        case Except(what, without):
            return 1 + max(_depth(what), _depth(without))
        case _:
            return 0


def resolve(
    expression: Expression, words: Callable[[str, int], list[str]], forms_max: int
) -> Expression | None:
    """The expression with prefixes replaced by the words they stand for, which the index can
    walk; None if nothing can be found. `words(prefix, n)` gives up to n of them; a prefix with
    more than forms_max stays."""
    match expression:
        case Term():
            return expression
        case Prefix(text, column):
            forms = words(text, forms_max + 1)
            if len(forms) > forms_max:
                return expression
            return _either([Term(form, column) for form in forms]) if forms else None
        case All(parts):
            known = [resolve(part, words, forms_max) for part in parts]
            sure = [part for part in known if part is not None]
            return All(tuple(sure)) if len(sure) == len(known) else None
        case Any_(parts):
            found = [resolve(part, words, forms_max) for part in parts]
            sure = [part for part in found if part is not None]
            return _either(sure) if sure else None
        case Except(what, without):
            kept = resolve(what, words, forms_max)
            gone = resolve(without, words, forms_max)
            return kept if kept is None or gone is None else Except(kept, gone)


def match_text(expression: Expression) -> str:
    """The expression in FTS5's own language. `Any_(())` must have been dealt with before."""
    match expression:
        case Term(text, column):
            return _in(column) + _string(text)
        case Prefix(text, column):
            return _in(column) + _string(text) + " *"
        case All(parts):
            return "(" + " AND ".join(match_text(part) for part in parts) + ")"
        case Any_(parts):
            return "(" + " OR ".join(match_text(part) for part in parts) + ")"
        case Except(what, without):
            return f"({match_text(what)} NOT {match_text(without)})"


def _in(column: str | None) -> str:
    return "" if column is None else f"{column} : "


def _string(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
