"""One query on one connection, inside a snapshot: what is wanted, and what was read for it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from runstore.engine.sqlite.candidates import Candidates, Key, Read
from runstore.engine.sqlite.connections import Connection
from runstore.engine.sqlite.probing import Probing
from runstore.filter.tree import Compare, Node, terms_of
from runstore.limits import CANDIDATES_MAX, FEW_CANDIDATES, LOOKUP_TERMS_MAX
from runstore.plan.plan import RunScope
from runstore.sql.sqlite import select
from runstore.sql.sqlite.lookup import Expression, Lookup, lookup, size
from runstore.sql.sqlite.predicate import Conditions, Params
from runstore.sql.sqlite.select import Statement, Window
from runstore.sql.sqlite.span import Span, is_start_test, span_of, tests_end_before

ROOTS = Compare("is_root", "eq", True)
TRACE_FILTER, TREE_FILTER = "trace_filter", "tree_filter"


@dataclass(slots=True)
class Asked:
    """`pids` None: all projects, and runs without one."""

    connection: Connection
    scope: RunScope
    pids: list[int] | None
    all_pids: list[int]
    steps: list[str] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)
    estimate: int | None = None  # of the runs wanted in all; None: not sampled
    share_read: float | None = None  # what walks.share_read found
    met: dict[str, list[bytes]] = field(default_factory=dict)  # by which traces a filter is met
    probing: Probing = field(init=False)
    _known: tuple[Lookup | None] | None = None
    _span: Span | None = None

    def __post_init__(self) -> None:
        self.probing = Probing(self.connection, self.pids, self.all_pids, self.reads)

    # What is wanted.

    def terms(self) -> tuple[Node, ...]:
        return () if self.scope.where is None else terms_of(self.scope.where)

    def wants_roots(self) -> bool:
        return ROOTS in self.terms()

    def trace_nodes(self) -> dict[str, Node]:
        nodes = {TRACE_FILTER: self.scope.root_where, TREE_FILTER: self.scope.tree_where}
        return {name: node for name, node in nodes.items() if node is not None}

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

    # What the inverted index knows of it.

    def known(self) -> Lookup | None:
        if self._known is None:
            self._known = (None if self.scope.where is None else lookup(self.scope.where),)
        return self._known[0]

    def expression(self) -> Expression | None:
        """Of `where`; None: the index knows nothing of it."""
        known = self.known()
        if known is None or size(known.expression) > LOOKUP_TERMS_MAX:
            return None
        return known.expression

    def settled(self) -> tuple[Node, ...]:
        """The terms of `where` that hold for all the inverted index finds."""
        whole = self.known()
        if whole is not None and whole.exact:
            return self.terms()
        return tuple(
            term for term in self.terms() if (known := lookup(term)) is not None and known.exact
        )

    # As conditions.

    def conditions(self, params: Params, rows: int) -> Conditions:
        """Where few rows are tested, payloads are opened; else the index is asked for all."""
        few = rows <= FEW_CANDIDATES
        return Conditions(params, (lambda _: None) if few else self.probing.text)

    def wanted(
        self, params: Params, rows: int, settles: Sequence[Node] = (), met: str = ""
    ) -> list[str]:
        """All conditions but the project, and but what is settled: these terms, the filter of
        traces named `met`."""
        compile_ = self.conditions(params, rows)
        conditions = compile_.all_of(
            [term for term in self.terms() if term not in settles and not is_start_test(term)]
        )
        for name, node in self.trace_nodes().items():
            if name == met:
                continue
            if name in self.met:
                conditions.append(select.in_traces(self.met[name], params))
            elif name == TRACE_FILTER:
                conditions.append(select.root_condition(compile_.condition(node, "root")))
            else:
                conditions.append(select.tree_condition(compile_.condition(node, "w")))
        return conditions

    def wanted_here(
        self, params: Params, rows: int, settles: Sequence[Node] = (), met: str = ""
    ) -> list[str]:
        """`wanted`, and the project."""
        conditions = self.wanted(params, rows, settles, met)
        if self.pids is not None:
            conditions.append(select.in_projects(self.pids, params))
        return conditions

    # Reading.

    def listed(self, found: Candidates, window: Window, met: str = "") -> list[Key]:
        """A page of the runs of a list, all of which are read; `met` as in `wanted`."""
        params = Params()
        conditions = self.wanted_here(params, len(found.keys), found.settles, met)
        span = self.starts()
        statement = select.by_keys(found.kind, found.keys, conditions, window, span, params)
        counted = partial(select.all_rows, "count(*)", [], Params(), (found.kind, found.keys))
        self.reads.append(Read(statement, counted))
        return [
            Key(start_us, run_id, rid) for rid, start_us, run_id in self.connection.all(statement)
        ]

    def all_rows(self, columns: str, found: Candidates | None) -> Statement:
        """Reads `columns` of every run that is wanted, in no order; only of `found`, if known."""
        params = Params()
        if found is None:
            conditions = self.wanted_here(params, CANDIDATES_MAX)
        else:
            conditions = self.wanted_here(params, len(found.keys), found.settles)
        conditions += Window(descending=True, after=None, limit=0).condition(params, self.starts())
        listed = None if found is None else (found.kind, found.keys)
        return select.all_rows(columns, conditions, params, listed)
