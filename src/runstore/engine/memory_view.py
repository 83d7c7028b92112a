"""Plain lists of runs, projects and feedback -> answers to plans: everything from scratch, so that
it is plain to see that it is right. Reads only; the memory engine makes a new view after a change.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import msgspec

from runstore.engine.memory_group import groups_of
from runstore.filter.match import matches
from runstore.filter.tree import Entries, Node, leaves_of
from runstore.model.aggregate import RunFigures, largest_groups, newest_first
from runstore.model.facts import Facts
from runstore.model.feedback import Feedback, FeedbackQuery
from runstore.model.jsontext import decode
from runstore.model.project import Project
from runstore.model.query import Page, Position
from runstore.model.run import Run
from runstore.model.stats import RunStats
from runstore.model.usage import Sums, add, as_sums
from runstore.plan.budget import FIGURE_BYTES, GROUP_BYTES, ID_BYTES, Account, record_bytes
from runstore.plan.build import only_roots
from runstore.plan.plan import PAYLOAD_FIELDS, RunPlan, RunScope, StatsPlan

ALWAYS = frozenset(
    {"id", "trace_id", "dotted_order", "start_us", "status", "name", "run_type", "project_id"}
)
_OF_PAYLOADS = {"inputs", "outputs", "extra", "metadata"}  # families of Entries
RUN_BYTES = 500  # about what a run takes in an answer beside its payloads


class View:
    """One state of the store. `runs` are as merged and derived, without their totals."""

    def __init__(
        self,
        runs: Mapping[str, Run],
        projects: Mapping[str, Project],
        feedback: Iterable[Feedback],
    ) -> None:
        totals = _totals(runs.values())
        self.runs = {
            run.id: msgspec.structs.replace(run, totals=totals[run.id]) for run in runs.values()
        }
        self.feedback = [_adopted(record, runs.get(record.run_id or "")) for record in feedback]
        records: dict[str, list[Feedback]] = {}
        for record in newest_first(self.feedback):
            if record.run_id is not None:
                records.setdefault(record.run_id, []).append(record)
        self.feedback_of = records
        self._facts: dict[str, Facts] = {}
        self._traces: dict[str, list[Facts]] = {}
        for run in self.runs.values():
            project = projects.get(run.project_id or "")
            facts = Facts(run, records.get(run.id, ()), project.name if project else None)
            self._facts[run.id] = facts
            self._traces.setdefault(run.trace_id, []).append(facts)

    # Runs.

    def in_scope(self, scope: RunScope, account: Account) -> Iterator[Run]:
        witnessed: dict[str, bool] = {}
        opened = _payloads_tested(scope)
        for run_id, facts in self._facts.items():
            account.rows += 1
            account.check()
            run = facts.run
            account.opened += sum(len(getattr(run, name) or b"") for name in opened)
            if scope.project_ids is not None and run.project_id not in scope.project_ids:
                continue
            if scope.where is not None and not matches(scope.where, facts):
                continue
            if scope.root_where is not None and not self._root_matches(run, scope.root_where):
                continue
            if scope.tree_where is not None:
                if run.trace_id not in witnessed:
                    witnessed[run.trace_id] = self._trace_matches(run, scope.tree_where)
                if not witnessed[run.trace_id]:
                    continue
            yield self.runs[run_id]

    def _root_matches(self, run: Run, node: Node) -> bool:
        root = self._facts.get(run.trace_id)
        return root is not None and root.run.is_root and matches(node, root)

    def _trace_matches(self, run: Run, node: Node) -> bool:
        return any(matches(node, facts) for facts in self._traces[run.trace_id])

    def page(self, plan: RunPlan, account: Account) -> Page:
        found = sorted(self.in_scope(plan.scope, account), key=_order_key, reverse=plan.descending)
        low, high = _window(found, plan)
        low, high = _within_bytes(found, low, high, plan)
        page = Page(
            runs=[_selected(run, plan.select) for run in found[low:high]],
            has_next=high < len(found),
            has_previous=low > 0,
        )
        account.hold(sum(_run_bytes(run, plan) for run in page.runs))
        for run in page.runs:
            if "feedback_stats" in plan.select and run.id in self.feedback_of:
                page.feedback[run.id] = list(self.feedback_of[run.id])
                account.hold(sum(map(record_bytes, page.feedback[run.id])))
            if "child_run_ids" in plan.select:
                page.child_ids[run.id] = self._children(run)
                page.descendant_ids[run.id] = self._descendants(run)
                account.hold(ID_BYTES * len(page.descendant_ids[run.id]))
            if "trace_starts" in plan.select:
                starts = [facts.run.start_us for facts in self._traces[run.trace_id]]
                page.trace_starts[run.trace_id] = min(starts), max(starts)
        return page

    def _children(self, run: Run) -> list[str]:
        children = [
            facts.run for facts in self._traces[run.trace_id] if facts.run.parent_run_id == run.id
        ]
        return [child.id for child in sorted(children, key=_order_key)]

    def _descendants(self, run: Run) -> list[str]:
        below = [
            facts.run for facts in self._traces[run.trace_id] if run.id in facts.run.ancestor_ids
        ]
        return [one.id for one in sorted(below, key=lambda one: (one.dotted_order, one.id))]

    def stats(self, plan: StatsPlan, account: Account) -> dict[str, RunStats]:
        whole_trace = only_roots(plan.scope)
        figures: dict[str, RunFigures] = {} if plan.group_by else {"": RunFigures()}
        feedback: dict[str, list[Feedback]] = {}
        for run in self.in_scope(plan.scope, account):
            facts = self._facts[run.id]
            account.hold(FIGURE_BYTES * (1 + plan.percentiles))
            for key in groups_of(facts, plan.group_by, plan.group_path):
                account.hold(0 if key in figures else GROUP_BYTES)
                figures.setdefault(key, RunFigures()).add_run(
                    run, whole_trace=whole_trace, percentiles=plan.percentiles
                )
                feedback.setdefault(key, []).extend(self.feedback_of.get(run.id, ()))
        kept = [""]
        if plan.group_by:
            kept = largest_groups(figures, plan.groups_max, plan.groups)
        return {key: figures[key].stats(feedback.get(key, ())) for key in kept}

    # Feedback.

    def list_feedback(self, query: FeedbackQuery) -> list[Feedback]:
        found = newest_first(record for record in self.feedback if _asked_for(record, query))
        return found[query.offset : query.offset + query.limit]


def _payloads_tested(scope: RunScope) -> set[str]:
    """Payloads that the conditions look into."""
    families = {
        node.family
        for node in leaves_of(scope.where, scope.root_where, scope.tree_where)
        if isinstance(node, Entries)
    }
    return {"extra" if family == "metadata" else family for family in families & _OF_PAYLOADS}


def _totals(runs: Iterable[Run]) -> dict[str, Sums]:
    """Own usage, and that of every run that names a run among its ancestors, arrived or not."""
    runs = list(runs)
    totals: dict[str, Sums] = {run.id: {} for run in runs}
    for run in runs:
        for run_id in (*run.ancestor_ids, run.id):
            if run_id in totals:
                add(totals[run_id], as_sums(run.usage))
    return totals


def _adopted(record: Feedback, run: Run | None) -> Feedback:
    """What the record does not say of its project and trace, as its run has it."""
    if run is None:
        return record
    return replace(
        record,
        project_id=record.project_id or run.project_id,
        trace_id=record.trace_id or run.trace_id,
    )


def _order_key(run: Run) -> tuple[int, str]:
    return run.start_us, run.id


def _window(found: list[Run], plan: RunPlan) -> tuple[int, int]:
    """Which of `found`, in the order asked for, make the page: [low, high)."""
    if plan.after is None:
        if plan.backward:
            return max(0, len(found) - plan.limit), len(found)
        return 0, min(len(found), plan.limit)
    if plan.backward:
        high = sum(_is_before(run, plan.after, plan.descending) for run in found)
        return max(0, high - plan.limit), high
    low = sum(not _is_past(run, plan.after, plan.descending) for run in found)
    return low, min(len(found), low + plan.limit)


def _is_past(run: Run, at: Position, descending: bool) -> bool:
    key, place = _order_key(run), (at.start_us, at.run_id)
    return key < place if descending else key > place


def _is_before(run: Run, at: Position, descending: bool) -> bool:
    return _is_past(run, at, not descending)


def _within_bytes(found: list[Run], low: int, high: int, plan: RunPlan) -> tuple[int, int]:
    """The same page, without the runs far from where it starts that are too much for it."""
    if not PAYLOAD_FIELDS & plan.select:
        return low, high
    size = 0
    for taken, at in enumerate(range(high - 1, low - 1, -1) if plan.backward else range(low, high)):
        size += _run_bytes(found[at], plan)
        if size > plan.bytes_max and taken:
            return (at + 1, high) if plan.backward else (low, at)
    return low, high


def _run_bytes(run: Run, plan: RunPlan) -> int:
    """Nothing without payloads: a page has few runs."""
    payloads = PAYLOAD_FIELDS & plan.select
    return RUN_BYTES + sum(len(getattr(run, name) or b"") for name in payloads) if payloads else 0


def _selected(run: Run, select: frozenset[str]) -> Run:
    names = [name for name in Run.__struct_fields__ if name in ALWAYS or name in select]
    return Run(**{name: getattr(run, name) for name in names})


def _asked_for(record: Feedback, query: FeedbackQuery) -> bool:
    for wanted, have in (
        (query.ids, record.id),
        (query.run_ids, record.run_id),
        (query.project_ids, record.project_id),
        (query.keys, record.key),
        (query.source_types, _source_type(record)),
    ):
        if wanted is not None and have not in wanted:
            return False
    low, high = query.created_min_us, query.created_max_us
    if (low is not None and record.created_us < low) or (
        high is not None and record.created_us >= high
    ):
        return False
    if query.has_score is not None and query.has_score != (record.score is not None):
        return False
    return query.has_comment is None or query.has_comment == bool(record.comment)


def _source_type(record: Feedback) -> object:
    source = None if record.source is None else decode(record.source)
    return source.get("type") if isinstance(source, dict) else None
