"""RunQuery -> RunPlan: body restrictions and filter texts become one tree each. Knows no SQL."""

from runstore.errors import InvalidRequest, TooLarge
from runstore.filter.check import compile_filter
from runstore.filter.rewrite import rewrite
from runstore.filter.tree import And, Compare, Constant, Node, Not, OneOf, Present, Search
from runstore.limits import IDS_MAX, PAGE_RUNS_MAX, SEARCH_WORDS_MAX
from runstore.model.query import RunQuery
from runstore.model.run import Run
from runstore.model.words import tokens
from runstore.plan.plan import EXTRA_FIELDS, RunPlan, RunScope

RUN_FIELDS = frozenset(Run.__struct_fields__)
SELECT_DEFAULT = RUN_FIELDS - EXTRA_FIELDS | {"feedback_stats"}


def build_plan(query: RunQuery) -> RunPlan:
    """Raises InvalidRequest (FilterError for a filter text) and TooLarge."""
    if query.limit < 1:
        raise InvalidRequest(f"limit must be at least 1, not {query.limit}")
    select = SELECT_DEFAULT if query.select is None else query.select
    if unknown := select - RUN_FIELDS - EXTRA_FIELDS:
        raise InvalidRequest(f"select names unknown fields: {', '.join(sorted(unknown))}")
    return RunPlan(
        scope=build_scope(query),
        descending=query.descending,
        after=query.after,
        backward=query.backward,
        limit=min(query.limit, PAGE_RUNS_MAX),
        select=select,
    )


def build_scope(query: RunQuery) -> RunScope:
    """Raises as `build_plan` does."""
    return RunScope(
        project_ids=query.project_ids,
        where=_where(query),
        root_where=compile_filter(query.trace_filter, "trace_filter"),
        tree_where=compile_filter(query.tree_filter, "tree_filter"),
    )


def filter_of(query: RunQuery) -> Node | None:
    """What the filter texts and words say of the run itself. Raises as `build_plan` does."""
    terms = _text_terms(query)
    return rewrite(And(tuple(terms))) if terms else None


def _where(query: RunQuery) -> Node | None:
    terms = _body_terms(query) + _text_terms(query)
    return rewrite(And(tuple(terms))) if terms else None


def _text_terms(query: RunQuery) -> list[Node]:
    terms: list[Node] = []
    for text, where in ((query.filter, "filter"), (query.search_filter, "search_filter")):
        node = compile_filter(text, where)
        if node is not None:
            terms.append(node)
    if query.translation is not None:
        node = compile_filter(query.translation, "query")
        if node is not None:
            terms.append(node)
    elif query.query is not None and query.query.strip():
        terms.append(search_of(query.query))
    return terms


def _body_terms(query: RunQuery) -> list[Node]:
    """The restrictions that are no filter text, the most selective first."""
    terms: list[Node] = []
    for attribute, ids in (
        ("id", query.ids),
        ("reference_example_id", query.reference_example_ids),
    ):
        if ids is not None:
            if len(ids) > IDS_MAX:
                raise TooLarge(f"{len(ids)} ids in one query; at most {IDS_MAX} may be", IDS_MAX)
            terms.append(OneOf(attribute, tuple(dict.fromkeys(ids))) if ids else Constant(False))
    for attribute, value in (
        ("trace_id", query.trace_id),
        ("parent_run_id", query.parent_run_id),
        ("run_type", query.run_type),
        ("is_root", query.is_root),
    ):
        if value is not None:
            terms.append(Compare(attribute, "eq", value))
    if query.has_error is not None:
        terms.append(Present("error") if query.has_error else Not(Present("error")))
    if query.start_min_us is not None:
        terms.append(Compare("start_time", "gte", query.start_min_us))
    if query.end_max_us is not None:
        terms.append(Compare("end_time", "lt", query.end_max_us))
    return terms


def only_roots(scope: RunScope) -> bool:
    """Whether the scope asks for root runs and no others: figures are then of whole traces."""
    roots = Compare("is_root", "eq", True)
    where = scope.where
    return where == roots or (isinstance(where, And) and roots in where.terms)


def search_of(text: str) -> Search:
    """Words a person typed, as the full text search they mean. Raises InvalidRequest, TooLarge."""
    words = tuple(dict.fromkeys(tokens(text)))
    if not words:
        raise InvalidRequest(f"query {text[:80]!r} has no letter or digit to search for")
    if len(words) > SEARCH_WORDS_MAX:
        raise TooLarge(
            f"query has {len(words)} words; at most {SEARCH_WORDS_MAX} may be", SEARCH_WORDS_MAX
        )
    return Search("all", words)
