"""Checked filter -> one SQL condition on a row of runs. Values are bound, never written in.

What SQL cannot say (patterns, what lies inside a payload) becomes `holds(slot, value)`: a Python
test, kept in `Statement.tests`, that the engine registers as a function.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from runstore.errors import TooLarge
from runstore.filter.tree import (
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
from runstore.limits import FEEDBACK_TESTS_MAX, SQL_VALUES_MAX
from runstore.model.ids import id_to_bytes
from runstore.sql.sqlite import payload_tests
from runstore.sql.sqlite.columns import (
    COLUMNS,
    DETAIL_PREFIXES,
    PAYLOAD,
    PRESENT_BITS,
    Column,
)
from runstore.sql.sqlite.lookup import Expression, SomeEntry, lookup, parts_of, some_entry

SqlValue = str | int | float | bytes | None
PayloadTest = Callable[[SqlValue], bool]
SIGNS = {"eq": "=", "neq": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
FOUND = "{r}.rid IN (SELECT rowid FROM inverted WHERE inverted MATCH {text})"
DETAIL = "(SELECT value ->> 0 FROM json_each({{r}}.totals) WHERE key = {key})"
TAG = "EXISTS (SELECT 1 FROM json_each({r}.tags) AS tag WHERE {test})"
FEEDBACK = (
    "EXISTS (SELECT 1 FROM feedback AS f INDEXED BY feedback_run"
    " WHERE f.run_id = {r}.id AND {tests})"
)
RECORDS = (  # numbers as SQL writes them, which is exact
    "(SELECT json_group_array(json_array("
    "f.key, quote(f.score), CAST(f.value AS TEXT), f.comment, f.source_type))"
    " FROM feedback AS f INDEXED BY feedback_run WHERE f.run_id = {r}.id)"
)
FEEDBACK_PARTS = {
    "key": "f.key",
    "score": "f.score",
    "value": "f.value",
    "comment": "f.comment",
    "source": "f.source_type",
}


JOINED_PLAINLY = 6  # conditions; more go in halves


def joined(joint: Literal["AND", "OR"], conditions: Sequence[str]) -> str:
    """All the conditions, of thousands too: SQLite takes expressions up to 1,000 deep, and a plain
    chain is as deep as it is long."""
    if len(conditions) <= JOINED_PLAINLY:
        return f" {joint} ".join(conditions)
    half = len(conditions) // 2
    first, second = joined(joint, conditions[:half]), joined(joint, conditions[half:])
    return f"({first}) {joint} ({second})"


def feedback_tests_in(node: Node) -> int:
    """How many it has, if it speaks of feedback alone; else 0."""
    match node:
        case Entries("feedback"):
            return len(node.keys) + len(node.values)
        case Not(term):
            return feedback_tests_in(term)
        case And(terms) | Or(terms):
            tests = [feedback_tests_in(term) for term in terms]
            return sum(tests) if all(tests) else 0
        case _:
            return 0


def gathered(terms: tuple[Node, ...], joint: type[And | Or]) -> tuple[Node, ...]:
    """The same terms, but those on feedback as one if they are many."""
    rated = tuple(term for term in terms if feedback_tests_in(term))
    if sum(map(feedback_tests_in, rated)) <= FEEDBACK_TESTS_MAX:
        return terms
    return (*(term for term in terms if not feedback_tests_in(term)), joint(rated))


@dataclass(slots=True)
class Params:
    """Bound values, named p0, p1, ... in order of appearance: same filter, same text."""

    values: dict[str, SqlValue] = field(default_factory=dict)
    tests: list[PayloadTest] = field(default_factory=list)

    def bind(self, value: SqlValue) -> str:
        """The name it is bound by. Raises TooLarge."""
        if len(self.values) == SQL_VALUES_MAX:
            raise TooLarge(
                f"the filters of one query hold more than {SQL_VALUES_MAX} values; ask for "
                "fewer at a time, or name runs by `id`",
                SQL_VALUES_MAX,
            )
        name = f"p{len(self.values)}"
        self.values[name] = value
        return f":{name}"

    def test(self, test: PayloadTest) -> str:
        self.tests.append(test)
        return self.bind(len(self.tests) - 1)


@dataclass(slots=True)
class Conditions:
    """Compiles filters for one statement. `match` writes an index expression as FTS5 text, or
    gives None where the index should not be asked; rows are then tested one by one."""

    params: Params
    match: Callable[[Expression], str | None]

    def condition(self, node: Node, r: str = "r") -> str:
        """SQL that is true exactly for the runs (alias `r`) the filter holds for; false or NULL
        for the others."""
        if feedback_tests_in(node) > FEEDBACK_TESTS_MAX:
            return f"holds({self.params.test(payload_tests.records(node))}, {RECORDS.format(r=r)})"
        match node:
            case Constant(holds):
                return "TRUE" if holds else "FALSE"
            case And(terms):
                return f"({joined('AND', self.all_of(terms, r))})"
            case Or(terms):
                terms = gathered(terms, Or)
                return f"({joined('OR', [self.condition(term, r) for term in terms])})"
            case Not(term):
                return f"({self.condition(term, r)} IS NOT TRUE)"
            case Compare():
                return self._compare(node, r)
            case OneOf(attribute, values):
                column = self._column(attribute)
                bound = ", ".join(self._bind(column, value) for value in values)
                return f"{column.sql.format(r=r)} IN ({bound})"
            case Present(attribute):
                return self._present(attribute, r)
            case PathPresent(family, path):
                return self._path_present(node, family, path, r)
            case Search():
                return self._search(node, r)
            case Entries():
                return self._entries(node, r)

    def all_of(self, terms: Sequence[Node], r: str = "r") -> list[str]:
        """Conditions that say together that every term holds."""
        return [self.condition(term, r) for term in gathered(tuple(terms), And)]

    def _column(self, attribute: str) -> Column:
        if attribute.startswith(DETAIL_PREFIXES):
            return Column(DETAIL.format(key=self.params.bind(attribute)), "int")
        return COLUMNS[attribute]

    def _bind(self, column: Column, value: Value) -> str:
        if column.kind == "uuid":
            return self.params.bind(id_to_bytes(str(value)))
        if column.kind == "bool":
            return self.params.bind(int(value))
        return self.params.bind(value)

    def _compare(self, node: Compare, r: str) -> str:
        column = self._column(node.attribute)
        expression = column.sql.format(r=r)
        if node.op in SIGNS:
            return f"{expression} {SIGNS[node.op]} {self._bind(column, node.value)}"
        return self._text_test(Test("", node.op, node.value), expression)

    def _text_test(self, test: Test, expression: str) -> str:
        """like, notlike or regex on a text column that may be NULL."""
        if test.op == "notlike":
            slot = self.params.test(payload_tests.text(Test("", "like", test.value)))
            return f"({expression} IS NOT NULL AND NOT holds({slot}, {expression}))"
        slot = self.params.test(payload_tests.text(test))
        return f"({expression} IS NOT NULL AND holds({slot}, {expression}))"

    def _present(self, attribute: str, r: str) -> str:
        if attribute in PRESENT_BITS:
            return f"({r}.present & {PRESENT_BITS[attribute]}) <> 0"
        if attribute == "tags":
            return f"{r}.tags IS NOT NULL"
        return f"{self._column(attribute).sql.format(r=r)} IS NOT NULL"

    def _found(self, node_or_part: Node | SomeEntry, r: str) -> tuple[str | None, bool]:
        """(condition that the index finds the run, whether that is the whole truth)."""
        if isinstance(node_or_part, SomeEntry):
            known = some_entry(node_or_part)
        else:
            known = lookup(node_or_part)
        text = None if known is None else self.match(known.expression)
        if known is None or text is None:
            return None, False
        bound = self.params.bind(text)
        return FOUND.format(r=r, text=bound), known.exact

    def _checked(self, found: str | None, exact: bool, test: Callable[[], str]) -> str:
        if found is None:
            return test()
        return found if exact else f"({found} AND {test()})"

    def _payload(self, family: str, r: str) -> str:
        column = {"metadata": "extra"}.get(family, family)
        return PAYLOAD.format(column=column, r=r)

    def _path_present(self, node: PathPresent, family: str, path: str, r: str) -> str:
        found, exact = self._found(node, r)

        def test() -> str:
            slot = self.params.test(payload_tests.path_present(family, path))
            return f"holds({slot}, {self._payload(family, r)})"

        return self._checked(found, exact, test)

    def _search(self, node: Search, r: str) -> str:
        found, exact = self._found(node, r)
        return self._checked(found, exact, lambda: self._search_test(node, r))

    def _search_test(self, node: Search, r: str) -> str:
        words = []
        for word in node.words:
            slot = self.params.test(payload_tests.word(word))
            sources = [
                f"{source} IS NOT NULL AND holds({slot}, {source})"
                for source in self._sources(node.scope, r)
            ]
            words.append(f"({joined('OR', sources)})")
        return f"({joined('AND', words)})"

    def _sources(self, scope: str, r: str) -> list[str]:
        sources = {
            "name": f"{r}.name",
            "error": f"{r}.error",
            "tags": f"tags_text({r}.tags)",
            "inputs": self._payload("inputs", r),
            "outputs": self._payload("outputs", r),
            "metadata": f"metadata_text({self._payload('extra', r)})",
        }
        if scope == "all":
            return list(sources.values())
        return [sources[scope]]

    def _entries(self, node: Entries, r: str) -> str:
        some, none = parts_of(node)
        # Tags are at hand in the row: to look into them costs less than to ask the index.
        found, exact = (None, False) if node.family == "tags" else self._found(node, r)
        if found is not None and exact:
            return found
        conditions = [self._some(part, r) for part in some]
        conditions += [f"({self._some(part, r)} IS NOT TRUE)" for part in none]
        return f"({joined('AND', conditions)})"

    def _some(self, part: SomeEntry, r: str) -> str:
        if part.family == "feedback":
            return FEEDBACK.format(r=r, tests=self.feedback_tests(part))
        if part.family == "tags":
            tests = joined("AND", [self._test_sql(test, "tag.value") for test in part.tests])
            return TAG.format(r=r, test=tests)
        found, exact = self._found(part, r)

        def test() -> str:
            slot = self.params.test(payload_tests.some_entry(part.family, part.tests))
            return f"holds({slot}, {self._payload(part.family, r)})"

        return self._checked(found, exact, test)

    def feedback_tests(self, part: SomeEntry) -> str:
        """Conditions on one row `f` of feedback."""
        return joined(
            "AND",
            [
                self._json_test(test, FEEDBACK_PARTS[test.part])
                if test.part == "value"
                else self._test_sql(test, FEEDBACK_PARTS[test.part])
                for test in part.tests
            ],
        )

    def _test_sql(self, test: Test, expression: str) -> str:
        match test.op:
            case "present":
                return f"{expression} IS NOT NULL"
            case "in":
                values = test.value if isinstance(test.value, tuple) else ()
                bound = ", ".join(self.params.bind(value) for value in values)
                return f"{expression} IN ({bound})"
            case op if op in SIGNS and not isinstance(test.value, tuple):
                return f"{expression} {SIGNS[op]} {self.params.bind(test.value)}"
            case _:
                return self._text_test(test, expression)

    def _json_test(self, test: Test, expression: str) -> str:
        if test.op == "present":
            return f"{expression} IS NOT NULL"
        slot = self.params.test(payload_tests.json_value(test))
        return f"({expression} IS NOT NULL AND holds({slot}, {expression}))"
