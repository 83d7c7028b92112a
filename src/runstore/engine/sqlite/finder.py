"""RunScope -> the keys of a page's runs: chooses where rows come from, and reads them.

A condition that few runs meet is read first (its runs are listed, tested and sorted). Where every
condition is common, a walk in the order asked for, or in order of arrival through the inverted
index, stops as soon as the page is full. Which one is decided by asking each index for at most
CANDIDATES_MAX rows, not by statistics that may be stale. `steps` tells what was decided and why.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from runstore.engine.sqlite.arrival import Zones, walk
from runstore.engine.sqlite.connections import Connection
from runstore.filter.tree import And, Compare, Constant, Entries, Node, OneOf
from runstore.limits import (
    CANDIDATES_MAX,
    FEW_CANDIDATES,
    LOOKUP_TERMS_MAX,
    TRACE_CANDIDATES_MAX,
    WORD_FORMS_MAX,
)
from runstore.model.ids import id_to_bytes
from runstore.plan.plan import RunScope
from runstore.sql.sqlite import select
from runstore.sql.sqlite.lookup import (
    All,
    Any_,
    Except,
    Expression,
    Prefix,
    Term,
    lookup,
    match_text,
    parts_of,
)
from runstore.sql.sqlite.predicate import Conditions, Params
from runstore.sql.sqlite.select import KeyKind, Statement, Window


class Key(NamedTuple):
    """Where a run stands in the order, and its row."""

    start_us: int
    id: bytes
    rid: int


@dataclass(slots=True)
class Candidates:
    """All runs that can be wanted: keys of one kind, none twice."""

    kind: KeyKind
    keys: list[int] | list[bytes]
    settles: tuple[Node, ...] = ()  # terms of `where` that hold for all of them


@dataclass(slots=True)
class Finder:
    """One query on one connection, inside a snapshot. `pids` None: all projects, and runs
    without one."""

    connection: Connection
    scope: RunScope
    pids: list[int] | None
    all_pids: list[int]
    steps: list[str] = field(default_factory=list)
    _resolved: dict[Expression, Expression | None] = field(default_factory=dict)
    _met: dict[str, list[bytes]] = field(default_factory=dict)  # by which traces a filter is met

    def keys(self, window: Window) -> list[Key]:
        """At most window.limit keys past window.after, in the window's order."""
        if self.pids == [] or window.limit == 0:
            self.steps.append("no such project: nothing to read")
            return []
        found = self._named() or self._looked_up() or self._by_feedback() or self._by_traces()
        if found is not None:
            return self._listed(found, window)
        expression = self._expression()
        if expression is not None:
            keys = self._by_arrival(expression, window)
            if keys is not None:
                return keys
        return self._by_time(window)

    def all_rows(self, columns: str) -> Statement | None:
        """Reads `columns` of every run in the scope, in no order; None: there is none."""
        if self.pids == []:
            return None
        found = self._named() or self._looked_up() or self._by_feedback() or self._by_traces()
        params = Params()
        conditions = self._wanted(
            params, CANDIDATES_MAX if found is None else len(found.keys), found
        )
        if self.pids is not None:
            conditions.append(select.in_projects(self.pids, params))
        listed = None if found is None else (found.kind, found.keys)
        return select.all_rows(columns, conditions, params, listed)

    def terms(self) -> tuple[Node, ...]:
        where = self.scope.where
        if where is None:
            return ()
        return where.terms if isinstance(where, And) else (where,)

    # Candidates.

    def _named(self) -> Candidates | None:
        """Runs or traces named outright."""
        named: tuple[tuple[str, KeyKind], ...] = (("id", "id"), ("trace_id", "trace_id"))
        for attribute, kind in named:
            for term in self.terms():
                values: Sequence[object] = ()
                if isinstance(term, OneOf) and term.attribute == attribute:
                    values = term.values
                elif isinstance(term, Compare) and (term.attribute, term.op) == (attribute, "eq"):
                    values = (term.value,)
                if values:
                    keys = [id_to_bytes(str(value)) for value in dict.fromkeys(values)]
                    self.steps.append(f"read the {len(keys)} named by {attribute}")
                    return Candidates(kind, keys, (term,))
        if any(term == Constant(False) for term in self.terms()):
            self.steps.append("the filter can hold for no run")
            return Candidates("rid", [])
        return None

    def _expression(self) -> Expression | None:
        """What the inverted index knows of `where`; None: nothing."""
        known = None if self.scope.where is None else lookup(self.scope.where)
        if known is None or _size(known.expression) > LOOKUP_TERMS_MAX:
            return None
        return known.expression

    def _looked_up(self) -> Candidates | None:
        expression = self._expression()
        if expression is None:
            return None
        rids = self._probe(expression)
        if rids is None:
            self.steps.append(f"the inverted index finds more than {CANDIDATES_MAX} runs")
            return None
        self.steps.append(f"the inverted index finds {len(rids)} runs: read these")
        return Candidates("rid", rids, self._settled())

    def _settled(self) -> tuple[Node, ...]:
        """The terms of `where` that hold for all the inverted index finds."""
        whole = None if self.scope.where is None else lookup(self.scope.where)
        if whole is not None and whole.exact:
            return self.terms()
        return tuple(
            term for term in self.terms() if (known := lookup(term)) is not None and known.exact
        )

    def _probe(self, expression: Expression) -> list[int] | None:
        """Every rid the index finds; None if they are more than CANDIDATES_MAX."""
        resolved = self.resolve(self._in_projects(expression))
        if resolved is None:
            return []
        rows = self.connection.all(select.probe(match_text(resolved), CANDIDATES_MAX + 1))
        return None if len(rows) > CANDIDATES_MAX else [int(row[0]) for row in rows]

    def _in_projects(self, expression: Expression) -> Expression:
        if self.pids is None or set(self.pids) == set(self.all_pids):
            return expression
        projects = tuple(Term(f"@j{pid}") for pid in self.pids)
        return All((expression, projects[0] if len(projects) == 1 else Any_(projects)))

    def _by_feedback(self) -> Candidates | None:
        ids = self._feedback_runs(self.terms())
        if ids is None:
            return None
        self.steps.append(f"{len(ids)} runs have such feedback: read these")
        return Candidates("id", ids)

    def _feedback_runs(self, terms: Sequence[Node]) -> list[bytes] | None:
        """Ids of all runs with the feedback some term asks for, if they are few."""
        for term in terms:
            if not isinstance(term, Entries) or term.family != "feedback":
                continue
            some, _ = parts_of(term)
            for part in some:
                params = Params()
                tests = Conditions(params, self._text).feedback_tests(part)
                statement = select.feedback_runs(tests, params, CANDIDATES_MAX + 1)
                ids = [row[0] for row in self.connection.all(statement)]
                if len(ids) <= CANDIDATES_MAX:
                    return ids
        return None

    def _by_traces(self) -> Candidates | None:
        for scope_name, node in self._trace_nodes().items():
            traces = self._traces_where(node, of_root=scope_name == "trace_filter")
            if traces is not None:
                self.steps.append(f"{len(traces)} traces meet the {scope_name}")
                self._met[scope_name] = traces
        fewest = min(self._met.values(), key=len, default=None)
        if fewest is None or len(fewest) > TRACE_CANDIDATES_MAX:
            return None
        return Candidates("trace_id", fewest)

    def _trace_nodes(self) -> dict[str, Node]:
        nodes = {"trace_filter": self.scope.root_where, "tree_filter": self.scope.tree_where}
        return {name: node for name, node in nodes.items() if node is not None}

    def _traces_where(self, node: Node, of_root: bool) -> list[bytes] | None:
        terms = node.terms if isinstance(node, And) else (node,)
        known = lookup(node)
        kind: KeyKind = "rid"
        keys: Sequence[int | bytes] | None = None
        if known is not None and _size(known.expression) <= LOOKUP_TERMS_MAX:
            resolved = self.resolve(known.expression)
            statement = (
                None if resolved is None else select.probe(match_text(resolved), CANDIDATES_MAX + 1)
            )
            keys = (
                [] if statement is None else [int(row[0]) for row in self.connection.all(statement)]
            )
        if keys is None or len(keys) > CANDIDATES_MAX:
            kind, keys = "id", self._feedback_runs(terms)
        if keys is None:
            return None
        params = Params()
        conditions = [self._conditions(params, len(keys)).condition(node)]
        if of_root:
            conditions.append("r.is_root = 1")
        rows = self.connection.all(
            select.traces_of(kind, keys, conditions, params, CANDIDATES_MAX + 1)
        )
        return [row[0] for row in rows]

    # Reading.

    def _listed(self, found: Candidates, window: Window) -> list[Key]:
        params = Params()
        conditions = self._wanted(params, len(found.keys), found)
        if self.pids is not None:
            conditions.append(select.in_projects(self.pids, params))
        return self._keys(select.by_keys(found.kind, found.keys, conditions, window, params))

    def _by_time(self, window: Window) -> list[Key]:
        roots = Compare("is_root", "eq", True) in self.terms()
        self.steps.append(
            f"walk the {'roots' if roots else 'runs'} in order of start until the page is full"
        )
        keys: list[Key] = []
        for pid in self.all_pids if self.pids is None else self.pids:
            params = Params()
            conditions = self._wanted(params, CANDIDATES_MAX)
            keys += self._keys(select.by_time(conditions, window, params, pid=pid, roots=roots))
        keys.sort(reverse=window.descending)
        return keys[: window.limit]

    def _by_arrival(self, expression: Expression, window: Window) -> list[Key] | None:
        resolved = self.resolve(self._in_projects(expression))
        if resolved is None:
            return []
        known = lookup(self.scope.where) if self.scope.where is not None else None
        settled = (
            self.terms()
            if known is not None and known.exact
            else tuple(
                term for term in self.terms() if (one := lookup(term)) is not None and one.exact
            )
        )
        params = Params()
        conditions = self._wanted(params, 0, Candidates("rid", [], settled))
        if self.pids is not None and set(self.pids) != set(self.all_pids):
            conditions.append(select.in_projects(self.pids, params))
        zones = Zones.read(self.connection)
        statement = select.by_arrival(
            match_text(resolved),
            conditions,
            window,
            params,
            rid_bound=zones.rid_bound(window),
        )
        found = walk(self.connection.rows(statement), zones, window, self.terms())
        if found is None:
            self.steps.append("a walk in order of arrival found too little: given up")
            return None
        self.steps.append("walk what the inverted index finds in order of arrival")
        return [Key(*key) for key in found]

    def _wanted(self, params: Params, rows: int, found: Candidates | None = None) -> list[str]:
        """All conditions that `found` does not settle."""
        compile_ = self._conditions(params, rows)
        settles = () if found is None else found.settles
        conditions = [compile_.condition(term) for term in self.terms() if term not in settles]
        for name, node in self._trace_nodes().items():
            if name in self._met:
                conditions.append(select.in_traces(self._met[name], params))
            elif name == "trace_filter":
                conditions.append(select.root_condition(compile_.condition(node, "root")))
            else:
                conditions.append(select.tree_condition(compile_.condition(node, "w")))
        return conditions

    def _keys(self, statement: Statement) -> list[Key]:
        return [
            Key(start_us, run_id, rid) for rid, start_us, run_id in self.connection.rows(statement)
        ]

    # The inverted index.

    def _conditions(self, params: Params, rows: int) -> Conditions:
        """Where few rows are tested, payloads are opened; else the index is asked for all."""
        return Conditions(params, self._no_text if rows <= FEW_CANDIDATES else self._text)

    def _no_text(self, expression: Expression) -> str | None:
        return None

    def _text(self, expression: Expression) -> str | None:
        if _size(expression) > LOOKUP_TERMS_MAX:
            return None
        resolved = self.resolve(expression)
        return NOTHING if resolved is None else match_text(resolved)

    def resolve(self, expression: Expression) -> Expression | None:
        """The expression with prefixes replaced by the words they stand for, which the index can
        walk; None if nothing can be found."""
        if expression not in self._resolved:
            self._resolved[expression] = _resolve(expression, self.connection.words)
        return self._resolved[expression]


NOTHING = '"@"'  # no run has this term: every mark is followed by a text


def _resolve(expression: Expression, words: Callable[[str, int], list[str]]) -> Expression | None:
    match expression:
        case Term():
            return expression
        case Prefix(text, column):
            forms = words(text, WORD_FORMS_MAX + 1)
            if len(forms) > WORD_FORMS_MAX:
                return expression
            return _any([Term(form, column) for form in forms])
        case All(parts):
            known = [_resolve(part, words) for part in parts]
            sure = [part for part in known if part is not None]
            return All(tuple(sure)) if len(sure) == len(known) else None
        case Any_(parts):
            return _any([part for one in parts if (part := _resolve(one, words)) is not None])
        case Except(what, without):
            kept, gone = _resolve(what, words), _resolve(without, words)
            return kept if kept is None or gone is None else Except(kept, gone)


def _any(parts: Sequence[Expression]) -> Expression | None:
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else Any_(tuple(parts))


def _size(expression: Expression) -> int:
    match expression:
        case All(parts) | Any_(parts):
            return sum(_size(part) for part in parts)
        case Except(what, without):
            return _size(what) + _size(without)
        case _:
            return 1
