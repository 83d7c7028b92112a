"""What must hold between the answers of one engine, whatever a filter means. No oracle needed.

Each law raises AssertionError where it is broken. `query` is any; its filter is another matter.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from runstore.engine.base import Engine
from runstore.limits import PAGE_RUNS_MAX
from runstore.model.batch import Batch
from runstore.model.query import Position, RunQuery
from runstore.model.run import Run
from runstore.model.usage import Sums, add, as_sums
from runstore.plan.build import SELECT_DEFAULT, build_plan
from tests.oracle.compare import NOW_US

HOLDS = "exists(id)"  # of every run there is
PAGES_MAX = 40  # followed of one query
IDS_ONLY = frozenset({"id", "trace_id"})


def walked(engine: Engine, query: RunQuery, pages: int | None = None) -> Iterator[Run]:
    """Its runs over all pages, or so many."""
    while pages is None or pages > 0:
        page = engine.fetch_runs(build_plan(query))
        yield from page.runs
        if not page.has_next:
            return
        assert page.runs, f"an empty page promises more: {query}"
        last = page.runs[-1]
        query = replace(query, after=Position(last.start_us, last.id))
        pages = None if pages is None else pages - 1


def found(engine: Engine, query: RunQuery) -> set[str]:
    ids = [run.id for run in _all(engine, query)]
    assert len(ids) == len(set(ids)), f"a run came twice: {query}"
    return set(ids)


def filter_parts(engine: Engine, query: RunQuery, text: str) -> None:
    """A filter and its complement split the runs."""
    _parts(
        found(engine, replace(query, filter=text)),
        found(engine, replace(query, filter=f"not({text})")),
        found(engine, replace(query, filter=None)),
        f"filter {text} of {query}",
    )


def trace_filter_parts(engine: Engine, query: RunQuery, text: str) -> None:
    """They split the runs whose root has arrived, as the filter splits the roots."""
    holds = found(engine, replace(query, trace_filter=text))
    _parts(
        holds,
        found(engine, replace(query, trace_filter=f"not({text})")),
        found(engine, replace(query, trace_filter=HOLDS)),
        f"trace_filter {text} of {query}",
    )
    roots = found(engine, RunQuery(is_root=True, filter=text))
    everywhere = _all(engine, replace(query, trace_filter=None))
    wanted = {run.id for run in everywhere if run.trace_id in roots}
    assert holds == wanted, f"trace_filter {text} of {query}: {_told(holds, wanted)}"


def tree_filter_parts(engine: Engine, query: RunQuery, text: str) -> None:
    """A run is in the traces a filter finds some run of, or in those it finds none of."""
    traces = {run.trace_id for run in _all(engine, RunQuery(filter=text))}
    everywhere = _all(engine, replace(query, tree_filter=None))
    wanted = {run.id for run in everywhere if run.trace_id in traces}
    got = found(engine, replace(query, tree_filter=text))
    assert got == wanted, f"tree_filter {text} of {query}: {_told(got, wanted)}"
    others = found(engine, replace(query, tree_filter=f"not({text})"))
    missed = {run.id for run in everywhere} - got - others
    assert not missed, f"neither tree_filter {text} nor its complement finds {missed}: {query}"


def select_is_no_filter(engine: Engine, query: RunQuery, select: frozenset[str]) -> None:
    """Whatever is selected, the same runs come, with the same values in what was selected."""
    whole = engine.fetch_runs(build_plan(replace(query, select=SELECT_DEFAULT)))
    part = engine.fetch_runs(build_plan(replace(query, select=select)))
    size = min(len(part.runs), len(whole.runs))  # the larger payloads, the shorter a page may be
    ids = [run.id for run in part.runs]
    assert ids[:size] == [run.id for run in whole.runs][:size], f"{select}: {query}"
    for page in (part, whole):
        assert len(page.runs) == max(len(part.runs), len(whole.runs)) or page.has_next, query
    assert size == 0 or part.has_previous == whole.has_previous, query
    for one, other in zip(part.runs, whole.runs, strict=False):
        for name in select & SELECT_DEFAULT - {"feedback_stats"}:
            a, b = getattr(one, name), getattr(other, name)
            assert a == b, f"{name} of {one.id} is {a!r} where {sorted(select)} is asked, not {b!r}"


def pages_are_one(engine: Engine, query: RunQuery) -> None:
    """Pages of any size, in either order, forth and back, are the one large page cut up."""
    query = replace(query, after=None, backward=False, select=IDS_ONLY | {"start_us"})
    runs = list(walked(engine, replace(query, limit=PAGE_RUNS_MAX)))
    large = [run.id for run in runs]
    got = [run.id for run in walked(engine, query, PAGES_MAX)]
    assert got == large[: query.limit * PAGES_MAX], f"pages of {query.limit}: {query}"
    turned = replace(query, descending=not query.descending, limit=PAGE_RUNS_MAX)
    assert [run.id for run in walked(engine, turned)] == large[::-1], f"turned round: {query}"
    if runs:
        _back(engine, query, runs)


def _back(engine: Engine, query: RunQuery, runs: Sequence[Run]) -> None:
    """From the last run to the first, a page at a time."""
    here, got = runs[-1], [runs[-1].id]
    for _ in range(PAGES_MAX):
        position = Position(here.start_us, here.id)
        page = engine.fetch_runs(build_plan(replace(query, after=position, backward=True)))
        assert page.has_next or not page.runs, f"the run one came from is next: {query}"
        got = [run.id for run in page.runs] + got
        if not page.has_previous:
            assert len(got) == len(runs), f"going back ends too early: {query}"
            break
        assert page.runs, f"an empty page promises more: {query}"
        here = page.runs[0]
    assert got == [run.id for run in runs][-len(got) :], f"going back: {query}"


def inserts_move_nothing(engine: Engine, query: RunQuery, inserts: Sequence[Batch]) -> None:
    """Runs that arrive while pages are read make no run come twice, and none be left out that is
    there before and after. `inserts` tell of new runs only."""
    query = replace(query, after=None, backward=False, select=IDS_ONLY | {"start_us"})
    before, waiting, got, here = found(engine, query), list(inserts), list[str](), query
    while True:
        page = engine.fetch_runs(build_plan(here))
        got += [run.id for run in page.runs]
        if not page.has_next:
            break
        assert page.runs, f"an empty page promises more: {query}"
        if waiting:
            engine.write([waiting.pop()], NOW_US)
        last = page.runs[-1]
        here = replace(query, after=Position(last.start_us, last.id))
    after = found(engine, query)
    assert len(got) == len(set(got)), f"a run came twice: {query}"
    left_out = before & after - set(got)
    assert not left_out, f"left out: {left_out}: {query}"


def totals_are_sums(engine: Engine) -> None:
    """The totals of a run are its own usage and that of all that name it as an ancestor."""
    select = frozenset({"id", "dotted_order", "usage", "totals"})
    runs = list(walked(engine, RunQuery(select=select, limit=PAGE_RUNS_MAX)))
    sums: dict[str, Sums] = {}
    for run in runs:
        for run_id in {run.id, *run.ancestor_ids}:
            add(sums.setdefault(run_id, {}), as_sums(run.usage))
    for run in runs:
        assert run.totals == sums[run.id], f"{run.id}: {run.totals}, not {sums[run.id]}"


def _all(engine: Engine, query: RunQuery) -> list[Run]:
    return list(walked(engine, replace(query, select=IDS_ONLY, limit=PAGE_RUNS_MAX)))


def _parts(holds: set[str], holds_not: set[str], whole: set[str], story: str) -> None:
    assert not holds & holds_not, f"in both parts {holds & holds_not}: {story}"
    assert holds | holds_not == whole, f"{_told(holds | holds_not, whole)}: {story}"


def _told(got: set[str], wanted: set[str]) -> str:
    return f"not found {wanted - got}, found without reason {got - wanted}"
