"""StatsPlan -> figures: from rollups where they know enough, else from every run in the scope."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from runstore.engine.sqlite.connections import Connection
from runstore.engine.sqlite.figures import COLUMNS, add_rows, chunks
from runstore.engine.sqlite.reader import Projects, finder
from runstore.engine.sqlite.rollup_stats import RollupStats, asked_of
from runstore.limits import CANDIDATES_MAX
from runstore.model.aggregate import RunFigures, feedback_stats, group_key, largest_groups
from runstore.model.feedback import Feedback
from runstore.model.jsontext import decode
from runstore.model.stats import RunStats
from runstore.plan.build import only_roots
from runstore.plan.plan import RunScope, StatsPlan
from runstore.sql.sqlite.columns import PAYLOAD
from runstore.sql.sqlite.payload_tests import entries_of
from runstore.sql.sqlite.predicate import Conditions, Params
from runstore.sql.sqlite.select import Statement, in_projects, key_list

_GROUPS = {
    None: "NULL",
    "name": "r.name",
    "run_type": "r.run_type",
    "tag": "r.tags",
    "metadata": PAYLOAD.format(column="extra", r="r"),
}
# Times and ids only order the records, so the figures need nothing more of them.
_FEEDBACK = "f.id, f.key, f.score, f.value, f.comment, f.source, f.extra, f.created_us"
_FEEDBACK_OF = {
    "all": f"SELECT f.run_id, {_FEEDBACK} FROM feedback AS f",
    "listed": f"SELECT f.run_id, {_FEEDBACK} FROM feedback AS f"
    " WHERE f.run_id IN (SELECT unhex(value) FROM json_each(?))",
}
_FEEDBACK_FIRST = (
    "feedback AS f NOT INDEXED CROSS JOIN runs AS r INDEXED BY runs_id ON r.id = f.run_id"
)
_RUNS_FIRST = "runs AS r CROSS JOIN feedback AS f INDEXED BY feedback_run ON f.run_id = r.id"
_HAS_MORE = "SELECT 1 FROM feedback LIMIT 1 OFFSET ?"


def run_stats(connection: Connection, plan: StatsPlan) -> dict[str, RunStats]:
    """Inside a snapshot."""
    projects = Projects(connection)
    asked = asked_of(plan.scope) if plan.group_by in (None, "run_type") else None
    if asked is None:
        return _counted(connection, plan, projects)
    pids = projects.pids(plan.scope.project_ids)
    pids = projects.all_pids() if pids is None else pids
    rolled = RollupStats(connection, plan, asked, pids)
    figures = rolled.gather()
    kept = _kept(plan, figures)
    feedback = _feedback_in(connection, plan, pids, sum(one.run_count for one in figures.values()))
    stats = {group: rolled.stats(group) for group in kept}
    for group, one in stats.items():
        one.feedback = feedback_stats(feedback.get(group, ()))
    return stats


def _kept(plan: StatsPlan, figures: dict[str, RunFigures]) -> list[str]:
    return largest_groups(figures, plan.groups_max) if plan.group_by else [""]


def _counted(connection: Connection, plan: StatsPlan, projects: Projects) -> dict[str, RunStats]:
    find = finder(connection, plan.scope, projects)
    whole_trace = only_roots(plan.scope)
    columns = COLUMNS.format(usage="r.totals" if whole_trace else "r.usage")
    statement = find.all_rows(f"{columns}, r.id, {_GROUPS[plan.group_by]}")
    figures: dict[str, RunFigures] = {} if plan.group_by else {"": RunFigures()}
    groups_of: dict[bytes, Sequence[str]] = {}  # of runs, if any of them may have feedback
    with_feedback = _has_more_feedback(connection, 0)
    for chunk in chunks(() if statement is None else connection.rows(statement)):
        by_group: dict[str, list[tuple[Any, ...]]] = {}
        for row in chunk:
            groups = _groups(plan, row[-1])
            for group in groups:
                by_group.setdefault(group, []).append(row)
            if with_feedback and groups:
                groups_of[row[-2]] = groups
        for group, rows in by_group.items():
            add_rows(figures.setdefault(group, RunFigures()), rows, whole_trace=whole_trace)
    feedback = _feedback_of(connection, groups_of)
    return {group: figures[group].stats(feedback.get(group, ())) for group in _kept(plan, figures)}


_ALL = ("",)


def _groups(plan: StatsPlan, grouping: Any) -> Sequence[str]:
    """The groups a run belongs to, none twice."""
    if plan.group_by is None:
        return _ALL
    if grouping is None:
        return ()
    if plan.group_by == "tag":
        return list(dict.fromkeys(decode(grouping)))
    if plan.group_by == "metadata":
        values = (
            value for path, value in entries_of("metadata", grouping) if path == plan.group_path
        )
        return list(dict.fromkeys(map(group_key, values)))
    return (grouping,)


# Feedback.

ByGroup = dict[str, list[Feedback]]


def _feedback_of(connection: Connection, groups_of: dict[bytes, Sequence[str]]) -> ByGroup:
    """The records of these runs."""
    if not groups_of:
        return {}
    if len(groups_of) > CANDIDATES_MAX:
        found = connection.raw.execute(_FEEDBACK_OF["all"])
    else:
        found = connection.raw.execute(_FEEDBACK_OF["listed"], (key_list(list(groups_of)),))
    return _by_group((group, row) for run_id, *row in found for group in groups_of.get(run_id, ()))


def _feedback_in(
    connection: Connection, plan: StatsPlan, pids: Sequence[int], runs: int
) -> ByGroup:
    """The records of all runs in a scope that rollups answer, `runs` of them."""
    if not runs:
        return {}
    params = Params()
    conditions = [in_projects(pids, params), *_where(plan.scope, params)]
    # Of runs and records, those that are fewer lead to the others.
    source = _RUNS_FIRST if _has_more_feedback(connection, runs) else _FEEDBACK_FIRST
    text = (
        f"SELECT {_GROUPS[plan.group_by]}, {_FEEDBACK} FROM {source}"
        f" WHERE {' AND '.join(conditions)}"
    )
    found = connection.rows(Statement.of(text, params))
    grouped = plan.group_by is not None
    return _by_group(
        (group if grouped else "", row) for group, *row in found if group is not None or not grouped
    )


def _where(scope: RunScope, params: Params) -> Iterator[str]:
    if scope.where is not None:
        yield Conditions(params, lambda _: None).condition(scope.where)


def _has_more_feedback(connection: Connection, than: int) -> bool:
    return connection.raw.execute(_HAS_MORE, (than,)).fetchone() is not None


def _by_group(found: Iterable[tuple[str, Sequence[Any]]]) -> ByGroup:
    by_group: ByGroup = {}
    for group, (record_id, key, score, value, comment, source, extra, created_us) in found:
        record = Feedback(
            id=record_id.hex(),  # in the same order as the ids themselves
            key=key,
            score=score,
            value=value,
            comment=comment,
            source=source,
            extra=extra,
            created_us=created_us,
        )
        by_group.setdefault(group, []).append(record)
    return by_group
