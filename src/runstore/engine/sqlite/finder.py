"""RunScope -> the keys of a page's runs: chooses where rows come from, and reads them.

A condition that few runs meet is read first (its runs are listed, tested and sorted). Where every
condition is common, a walk in the order asked for, or in order of arrival through the inverted
index, stops as soon as the page is full. Which one is decided by asking each index for at most
CANDIDATES_MAX rows, not by statistics that may be stale. `steps` tells what was decided and why.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from runstore.engine.sqlite.arrival import RID_MAX, Zones, arriving, walk
from runstore.engine.sqlite.candidates import Candidates, Key, Read
from runstore.engine.sqlite.connections import Connection
from runstore.engine.sqlite.merged import first_keys
from runstore.engine.sqlite.sampling import INDEX_STEP, on_runs_time, share_found, share_meeting
from runstore.filter.tree import And, Compare, Constant, Entries, Node, OneOf
from runstore.limits import (
    CANDIDATES_MAX,
    FEW_CANDIDATES,
    FIRST_CANDIDATES,
    LOOKUP_TERMS_MAX,
    TRACE_CANDIDATES_MAX,
    WORD_FORMS_LISTED,
    WORD_FORMS_MAX,
)
from runstore.model.ids import id_to_bytes
from runstore.model.jsontext import decode
from runstore.plan.plan import RunScope
from runstore.sql.sqlite import select
from runstore.sql.sqlite.lookup import (
    All,
    Any_,
    Expression,
    Lookup,
    Term,
    lookup,
    match_text,
    parts_of,
    resolve,
    size,
)
from runstore.sql.sqlite.predicate import Conditions, Params
from runstore.sql.sqlite.select import KeyKind, Statement, Window
from runstore.sql.sqlite.span import Span, is_start_test, span_of, tests_end_before

ROOTS = Compare("is_root", "eq", True)
SURELY_COMMON = 2  # times CANDIDATES_MAX, by an estimate from the newest runs


@dataclass(slots=True)
class Finder:
    """One query on one connection, inside a snapshot. `pids` None: all projects, and runs
    without one."""

    connection: Connection
    scope: RunScope
    pids: list[int] | None
    all_pids: list[int]
    steps: list[str] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)
    estimate: int | None = None  # of the runs wanted in all; None: not sampled
    _resolved: dict[Expression, Expression | None] = field(default_factory=dict)
    _newest: dict[str, list[int]] = field(default_factory=dict)  # by what was asked of the index
    _met: dict[str, list[bytes]] = field(default_factory=dict)  # by which traces a filter is met
    _found: tuple[Candidates | None] | None = None
    _whole: tuple[Lookup | None] | None = None  # of all of `where`
    _span: Span | None = None

    def keys(self, window: Window) -> list[Key]:
        """At most window.limit keys past window.after, in the window's order."""
        if self.pids == [] or window.limit == 0:
            self.steps.append("no such project: nothing to read")
            self.estimate = 0
            return []
        found = self._candidates()
        if found is not None:
            self.estimate = None if found.kind == "trace_id" else len(found.keys)
            return self._listed(found, window)
        expression = self._expression()
        if expression is not None and self._arrival_is_cheaper(expression):
            keys = self._by_arrival(expression, window)
            if keys is not None:
                return keys
        return self._by_time(window)

    def has_keys(self, window: Window, likely_id: str) -> bool:
        """Whether the window has any key; looks first at one run that is likely to be there."""
        if self.pids == [] or window.limit == 0:
            return False
        likely = Candidates("id", [id_to_bytes(likely_id)])
        return bool(self._listed(likely, window) or self.keys(window))

    def all_rows(self, columns: str, among: Candidates | None = None) -> Statement | None:
        """Reads `columns` of every run in the scope, in no order; None: there is none."""
        if self.pids == []:
            return None
        found = among or self._candidates()
        params = Params()
        conditions = self._wanted(
            params, CANDIDATES_MAX if found is None else len(found.keys), found
        )
        if self.pids is not None:
            conditions.append(select.in_projects(self.pids, params))
        conditions += Window(descending=True, after=None, limit=0).condition(params, self.starts())
        listed = None if found is None else (found.kind, found.keys)
        return select.all_rows(columns, conditions, params, listed)

    def terms(self) -> tuple[Node, ...]:
        where = self.scope.where
        if where is None:
            return ()
        return where.terms if isinstance(where, And) else (where,)

    # Candidates.

    def _candidates(self) -> Candidates | None:
        """The runs to read first, if some condition is met by few."""
        if self._found is None:
            self._found = (
                self._named() or self._looked_up() or self._by_feedback() or self._by_traces(),
            )
        return self._found[0]

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
        known = self._known()
        if known is None or size(known.expression) > LOOKUP_TERMS_MAX:
            return None
        return known.expression

    def _known(self) -> Lookup | None:
        if self._whole is None:
            self._whole = (None if self.scope.where is None else lookup(self.scope.where),)
        return self._whole[0]

    def _looked_up(self) -> Candidates | None:
        expression = self._expression()
        if expression is None:
            return None
        rids = self._probe(expression, in_projects=True)
        if rids is None:
            self.steps.append(f"the inverted index finds more than {CANDIDATES_MAX} runs")
            return None
        self.steps.append(f"the inverted index finds {len(rids)} runs: read these")
        return Candidates("rid", rids, self._settled())

    def _settled(self) -> tuple[Node, ...]:
        """The terms of `where` that hold for all the inverted index finds."""
        whole = self._known()
        if whole is not None and whole.exact:
            return self.terms()
        return tuple(
            term for term in self.terms() if (known := lookup(term)) is not None and known.exact
        )

    def _probe(self, expression: Expression, *, in_projects: bool) -> list[int] | None:
        """Every rid the index finds, perhaps of other projects too; None if they are more than
        CANDIDATES_MAX, or seem so by far.

        Wrong by that, a walk in order of arrival still reads no more than the index finds."""
        resolved = self.resolve(expression)
        if resolved is None:
            return []
        # Without the projects first: to intersect with all runs of one costs more than few reads.
        rids = self._rids(match_text(resolved), FIRST_CANDIDATES)
        if len(rids) == FIRST_CANDIDATES:
            if in_projects:
                resolved = self.resolve(self._in_projects(expression)) or resolved
            match = match_text(resolved)
            rids = self._rids(match, FIRST_CANDIDATES, newest=True)
            ((newest,),) = self.connection.all(select.newest_rid())
            if len(rids) == FIRST_CANDIDATES:
                self._newest[match] = rids
            passed = newest - (rids[-1] if rids else newest) + 1
            if in_projects:
                self.estimate = len(rids) * newest // passed
            if len(rids) * newest > SURELY_COMMON * CANDIDATES_MAX * passed:
                return None
            if len(rids) == FIRST_CANDIDATES:
                rids = self._rids(match, CANDIDATES_MAX + 1)
        if len(rids) > CANDIDATES_MAX:
            return None
        # What it found counts where it is read.
        self.reads.append(Read(select.probe(match_text(resolved), CANDIDATES_MAX), 0))
        return rids

    def _rids(self, match: str, limit: int, *, newest: bool = False) -> list[int]:
        ((rids,),) = self.connection.all(select.probe(match, limit, newest=newest))
        found: list[int] = decode(rids)
        return sorted(found, reverse=True) if newest else found

    def _in_projects(self, expression: Expression) -> Expression:
        if self.pids is None or set(self.pids) == set(self.all_pids):
            return expression
        projects = tuple(Term(f"@j{pid}") for pid in self.pids)
        return All((expression, projects[0] if len(projects) == 1 else Any_(projects)))

    def _by_feedback(self) -> Candidates | None:
        found = self._feedback_runs(self.terms())
        if found is not None:
            self.steps.append(f"{len(found.keys)} runs have such feedback: read these")
        return found

    def _feedback_runs(self, terms: Sequence[Node]) -> Candidates | None:
        """All runs with the feedback some term asks for, if they are few."""
        for term in terms:
            if not isinstance(term, Entries) or term.family != "feedback":
                continue
            some, none = parts_of(term)
            for part in some:
                params = Params()
                tests = Conditions(params, self._text).feedback_tests(part)
                statement = select.feedback_runs(tests, params, CANDIDATES_MAX + 1)
                ids = [row[0] for row in self.connection.all(statement)]
                if len(ids) <= CANDIDATES_MAX:
                    self.reads.append(Read(statement, 0))
                    settled = len(some) == 1 and not none
                    return Candidates("id", ids, (term,) if settled else ())
        return None

    def _by_traces(self) -> Candidates | None:
        for scope_name, node in self._trace_nodes().items():
            traces = self._traces_where(node, of_root=scope_name == "trace_filter")
            if traces is not None:
                self.steps.append(f"{len(traces)} traces meet the {scope_name}")
                self._met[scope_name] = traces
        fewest = min(self._met.values(), key=len, default=None)
        if fewest is None:
            return None
        if ROOTS in self.terms():
            return Candidates("id", fewest, (ROOTS,))  # a root's id is its trace's
        return Candidates("trace_id", fewest) if len(fewest) <= TRACE_CANDIDATES_MAX else None

    def _trace_nodes(self) -> dict[str, Node]:
        nodes = {"trace_filter": self.scope.root_where, "tree_filter": self.scope.tree_where}
        return {name: node for name, node in nodes.items() if node is not None}

    def _traces_where(self, node: Node, of_root: bool) -> list[bytes] | None:
        terms = node.terms if isinstance(node, And) else (node,)
        known = lookup(node)
        found: Candidates | None = None
        if known is not None and size(known.expression) <= LOOKUP_TERMS_MAX:
            rids = self._probe(known.expression, in_projects=False)
            if rids is not None:
                found = Candidates("rid", rids, terms if known.exact else ())
        if found is None:
            found = self._feedback_runs(terms)
        if found is None:
            return None
        params = Params()
        compiler = self._conditions(params, len(found.keys))
        conditions = [compiler.condition(term) for term in terms if term not in found.settles]
        if of_root:
            conditions.append("r.is_root = 1")
        statement = select.traces_of(found.kind, found.keys, conditions, params, CANDIDATES_MAX + 1)
        return [row[0] for row in self.connection.all(statement)]

    # Reading.

    def _listed(self, found: Candidates, window: Window) -> list[Key]:
        params = Params()
        conditions = self._wanted(params, len(found.keys), found)
        if self.pids is not None:
            conditions.append(select.in_projects(self.pids, params))
        span = self.starts()
        statement = select.by_keys(found.kind, found.keys, conditions, window, span, params)
        counted = partial(select.all_rows, "count(*)", [], Params(), (found.kind, found.keys))
        self.reads.append(Read(statement, counted))
        return self._keys(statement)

    def _by_time(self, window: Window) -> list[Key]:
        roots = ROOTS in self.terms()
        self.steps.append(
            f"walk the {'roots' if roots else 'runs'} in order of start until the page is full"
        )
        span, statements = self.starts(), []
        for pid in self.each_pid():
            params = Params()
            conditions = self._wanted(params, CANDIDATES_MAX)
            one = select.by_time(conditions, window, span, params, pid=pid, roots=roots)
            statements.append(one)
        keys, lasts = first_keys(self.connection, statements, window)
        for pid, statement, last in zip(self.each_pid(), statements, lasts, strict=True):
            walked = partial(select.walked, window, span, last, pid=pid, roots=roots)
            self.reads.append(Read(statement, walked))
        return keys

    def _by_arrival(self, expression: Expression, window: Window) -> list[Key] | None:
        resolved = self.resolve(self._in_projects(expression))
        if resolved is None:
            return []
        params = Params()
        conditions = self._wanted(params, 0, Candidates("rid", [], self._settled()))
        if self.pids is not None and set(self.pids) != set(self.all_pids):
            conditions.append(select.in_projects(self.pids, params))
        zones, span = Zones(self.connection), self.starts()
        match = match_text(resolved)
        first, last = zones.rids(span.up_to(window.after, descending=window.descending))
        newest = None
        if window.descending and last == RID_MAX and match in self._newest:
            rids = [rid for rid in self._newest[match] if rid >= first]
            newest = select.by_rids(rids, conditions, window, span, params)
            last = self._newest[match][-1] - 1
        statement = select.by_arrival(match, conditions, window, span, params, rids=(first, last))
        found, visited = walk(arriving(self.connection, newest, statement), zones, window)
        self.reads.append(Read(statement, visited))
        if found is None:
            self.steps.append("runs arrived too far out of order to walk them so: given up")
            return None
        self.steps.append("walk what the inverted index finds in order of arrival")
        return [Key(*key) for key in found]

    def _arrival_is_cheaper(self, expression: Expression) -> bool:
        """A walk in order of start tests some terms on its index alone, and reads only the runs
        that meet these; a walk in order of arrival reads all the inverted index finds."""
        terms = [term for term in self.terms() if on_runs_time(term)]
        resolved = self.resolve(self._in_projects(expression))
        if not terms or resolved is None:
            return True
        share = share_meeting(self.connection, terms, self.each_pid(), self.starts())
        return share_found(self.connection, match_text(resolved)) <= share + INDEX_STEP

    def each_pid(self) -> list[int]:
        return self.all_pids if self.pids is None else self.pids

    def starts(self) -> Span:
        """Where all runs wanted start."""
        if self._span is None:
            terms, shortest = self.terms(), 0
            if tests_end_before(terms):
                statement = select.shortest_latency(self.pids)
                shortest = min(self.connection.all(statement)[0][0] or 0, 0)
            self._span = span_of(terms, shortest)
        return self._span

    def _wanted(self, params: Params, rows: int, found: Candidates | None = None) -> list[str]:
        """All conditions that `found` does not settle."""
        compile_ = self._conditions(params, rows)
        settles = () if found is None else found.settles
        conditions = [
            compile_.condition(term)
            for term in self.terms()
            if term not in settles and not is_start_test(term)
        ]
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
            Key(start_us, run_id, rid) for rid, start_us, run_id in self.connection.all(statement)
        ]

    # The inverted index.

    def _conditions(self, params: Params, rows: int) -> Conditions:
        """Where few rows are tested, payloads are opened; else the index is asked for all."""
        return Conditions(params, (lambda _: None) if rows <= FEW_CANDIDATES else self._text)

    def _text(self, expression: Expression) -> str | None:
        if size(expression) > LOOKUP_TERMS_MAX:
            return None
        resolved = resolve(expression, self.connection.words, WORD_FORMS_LISTED)
        return NOTHING if resolved is None else match_text(resolved)

    def resolve(self, expression: Expression) -> Expression | None:
        """The expression with its prefixes spelt out; None if nothing can be found."""
        if expression not in self._resolved:
            self._resolved[expression] = resolve(expression, self.connection.words, WORD_FORMS_MAX)
        return self._resolved[expression]


NOTHING = '"@"'  # no run has this term: every mark is followed by a text
