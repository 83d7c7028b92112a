"""Asked -> the few runs that can be wanted, if some condition is met by few: these are read first.

The inverted index is asked for at most LISTED_MAX rows, that of feedback for CANDIDATES_MAX.
"""

from collections.abc import Sequence

from runstore.engine.sqlite.asked import TRACE_FILTER, Asked
from runstore.engine.sqlite.candidates import Candidates, Read
from runstore.filter.tree import Compare, Constant, Entries, Node, OneOf, terms_of
from runstore.limits import CANDIDATES_MAX, LISTED_MAX, LOOKUP_TERMS_MAX, TRACE_CANDIDATES_MAX
from runstore.model.ids import id_to_bytes
from runstore.sql.sqlite import select
from runstore.sql.sqlite.lookup import lookup, parts_of, size
from runstore.sql.sqlite.predicate import Conditions, Params
from runstore.sql.sqlite.select import KeyKind


def few_candidates(asked: Asked) -> Candidates | None:
    """None: every condition is common."""
    return _named(asked) or _looked_up(asked) or _by_feedback(asked) or _by_traces(asked)


def _named(asked: Asked) -> Candidates | None:
    """Runs or traces named outright."""
    named: tuple[tuple[str, KeyKind], ...] = (("id", "id"), ("trace_id", "trace_id"))
    for attribute, kind in named:
        for term in asked.terms():
            values: Sequence[object] = ()
            if isinstance(term, OneOf) and term.attribute == attribute:
                values = term.values
            elif isinstance(term, Compare) and (term.attribute, term.op) == (attribute, "eq"):
                values = (term.value,)
            if values:
                keys = [id_to_bytes(str(value)) for value in dict.fromkeys(values)]
                asked.steps.append(f"read the {len(keys)} named by {attribute}")
                return Candidates(kind, keys, (term,))
    if any(term == Constant(False) for term in asked.terms()):
        asked.steps.append("the filter can hold for no run")
        return Candidates("rid", [])
    return None


def _looked_up(asked: Asked) -> Candidates | None:
    expression = asked.expression()
    if expression is None:
        return None
    # Where the index proves all, a page reads few of a list.
    settled = asked.settled()
    is_settled = not asked.trace_nodes() and set(asked.terms()) <= set(settled)
    limit = LISTED_MAX if is_settled else CANDIDATES_MAX
    rids = asked.probing.few(expression, limit, in_projects=True)
    share = asked.probing.shares.get(expression)
    if share is not None:
        here = asked.probing.share_here(expression)
        asked.estimate = round(share * here * asked.probing.newest_rid())
    if rids is None:
        asked.steps.append(f"the inverted index finds more than {limit} runs")
        return None
    asked.steps.append(f"the inverted index finds {len(rids)} runs: read these")
    return Candidates("rid", rids, settled)


def _by_feedback(asked: Asked) -> Candidates | None:
    found = _feedback_runs(asked, asked.terms())
    if found is not None:
        asked.steps.append(f"{len(found.keys)} runs have such feedback: read these")
    return found


def _feedback_runs(asked: Asked, terms: Sequence[Node]) -> Candidates | None:
    """All runs with the feedback some term asks for, if they are few."""
    for term in terms:
        if not isinstance(term, Entries) or term.family != "feedback":
            continue
        some, none = parts_of(term)
        for part in some:
            params = Params()
            tests = Conditions(params, asked.probing.text).feedback_tests(part)
            statement = select.feedback_runs(tests, params, CANDIDATES_MAX + 1)
            ids = [row[0] for row in asked.connection.all(statement)]
            if len(ids) <= CANDIDATES_MAX:
                asked.reads.append(Read(statement, 0))
                settled = len(some) == 1 and not none
                return Candidates("id", ids, (term,) if settled else ())
    return None


def _by_traces(asked: Asked) -> Candidates | None:
    for name, node in asked.trace_nodes().items():
        traces = _traces_where(asked, node, of_root=name == TRACE_FILTER)
        if traces is not None:
            asked.steps.append(f"{len(traces)} traces meet the {name}")
            asked.met[name] = traces
    fewest = min(asked.met.values(), key=len, default=None)
    if fewest is None:
        return None
    if asked.wants_roots():
        return Candidates("id", fewest)  # a root's id is its trace's
    return Candidates("trace_id", fewest) if len(fewest) <= TRACE_CANDIDATES_MAX else None


def _traces_where(asked: Asked, node: Node, of_root: bool) -> list[bytes] | None:
    """All traces that meet the filter, if they are few."""
    terms = terms_of(node)
    known = lookup(node)
    found: Candidates | None = None
    if known is not None and size(known.expression) <= LOOKUP_TERMS_MAX:
        rids = asked.probing.few(known.expression, CANDIDATES_MAX, in_projects=False)
        if rids is not None:
            found = Candidates("rid", rids, terms if known.exact else ())
    if found is None:
        found = _feedback_runs(asked, terms)
    if found is None:
        return None
    params = Params()
    compiler = asked.conditions(params, len(found.keys))
    conditions = compiler.all_of([term for term in terms if term not in found.settles])
    if of_root:
        conditions.append("r.is_root = 1")
    statement = select.traces_of(found.kind, found.keys, conditions, params, len(found.keys))
    return [row[0] for row in asked.connection.all(statement)]
