"""A plan and how it went -> what would make it cheaper, in sentences. Knows no engine, no wire."""

from collections.abc import Iterator

from runstore.filter.tree import Compare, Entries, leaves_of, terms_of
from runstore.model.explanation import Explanation
from runstore.plan.plan import EXTRA_FIELDS, PAYLOAD_FIELDS, RunPlan, RunScope, StatsPlan

MANY_ROWS = 1_000  # rows looked at for a page, below which nothing need be said
WASTE = 20  # rows looked at a run on the page
_SCANS = {"like", "notlike", "regex"}


def hints(plan: RunPlan, told: Explanation) -> list[str]:
    """Empty when there is nothing to be gained."""
    found = _of_scans(plan.scope)
    if any(step.startswith("walk") for step in told.steps):
        found += _of_walk(plan)
    rows = told.rows_read
    if rows is not None and rows > MANY_ROWS and rows > WASTE * (told.actual_runs + 1):
        found.append(
            f"{rows:,} rows were looked at for {told.actual_runs:,} runs: few met the conditions;"
            " a tag, a metadata pair, a name or a word to search for is looked up instead"
        )
    return found


def advice(plan: RunPlan | StatsPlan) -> list[str]:
    """What to do about a query that would have cost more than it may; at least one thing."""
    scope = plan.scope
    found = _of_scans(scope)
    if scope.project_ids is None:
        found.append("name a project (session)")
    found.append("narrow start_time" if _is_bounded(scope) else "bound it with start_time")
    found.append(
        "add a condition that is looked up: a tag, a metadata pair, a name, a word to search for"
    )
    if isinstance(plan, StatsPlan):
        found += ["group by what has fewer values"] if plan.group_by else []
        return found
    if plan.limit > 1:
        found.append("ask for fewer runs a page (limit)")
    if plan.select & (PAYLOAD_FIELDS | EXTRA_FIELDS):
        found.append("select fewer fields")
    return found


def scans_payloads(scope: RunScope) -> bool:
    """Whether a condition opens the payloads of every run the others leave."""
    return any(True for _ in _payload_scans(scope))


def _of_scans(scope: RunScope) -> list[str]:
    return [
        f"{test} opens the {family} of every run the other conditions leave;"
        f' search({family}, "...") looks words up in the index'
        for test, family in dict.fromkeys(_payload_scans(scope))
    ]


def _of_walk(plan: RunPlan) -> Iterator[str]:
    if plan.scope.project_ids is None:
        yield "no project is named: runs of all projects are read; give session"
    if _is_bounded(plan.scope):
        return
    yield (
        "nothing bounds the start: all pages together read every run there is; give start_time,"
        ' or gte(start_time, "...") in the filter'
    )
    if not plan.descending:
        yield "order asc begins with the oldest run of all; start_time lets it begin later"


def _is_bounded(scope: RunScope) -> bool:
    """Whether only runs that start after some time are wanted."""
    where = scope.where
    terms = () if where is None else terms_of(where)
    return any(
        isinstance(term, Compare)
        and term.attribute == "start_time"
        and term.op in ("eq", "gt", "gte")
        for term in terms
    )


def _payload_scans(scope: RunScope) -> Iterator[tuple[str, str]]:
    """(like or regex, the payload it looks into)"""
    for node in leaves_of(scope.where, scope.root_where, scope.tree_where):
        if isinstance(node, Entries) and node.family in ("inputs", "outputs"):
            yield from ((test.op, node.family) for test in node.values if test.op in _SCANS)
