"""StatsPlan -> figures: from rollups where they know enough, else from every run in the scope."""

from collections.abc import Iterable, Sequence
from typing import Any

from runstore.engine.sqlite.connections import Connection
from runstore.engine.sqlite.figures import COLUMNS, USAGE, add_rows, add_usage_values, chunks
from runstore.engine.sqlite.finder import Finder
from runstore.engine.sqlite.reader import Projects, finder
from runstore.engine.sqlite.rollup_stats import RollupStats, asked_of
from runstore.limits import CANDIDATES_MAX
from runstore.model.aggregate import RunFigures, group_key, largest_groups
from runstore.model.feedback import Feedback
from runstore.model.jsontext import decode
from runstore.model.stats import RunStats
from runstore.plan.budget import (
    FIGURE_BYTES,
    GROUP_BYTES,
    GROUPED_BYTES,
    Account,
    record_bytes,
)
from runstore.plan.build import only_roots
from runstore.plan.plan import StatsPlan
from runstore.sql.sqlite.columns import PAYLOAD
from runstore.sql.sqlite.payload_tests import entries_of
from runstore.sql.sqlite.select import key_list

_GROUPS = {
    None: "NULL",
    "name": "r.name",
    "run_type": "r.run_type",
    "tag": "r.tags",
    "metadata": PAYLOAD.format(column="extra", r="r"),
}
# Times and ids only order the records, so the figures need nothing more of them.
_FEEDBACK = "f.id, f.key, f.score, f.value, f.comment, f.source, f.extra, f.created_us"
_FEEDBACK_OF = (
    f"SELECT f.run_id, {_FEEDBACK} FROM feedback AS f"
    " WHERE f.run_id IN (SELECT unhex(value) FROM json_each(?))"
)
_FEEDBACK_AROUND = (
    f"SELECT f.run_id, {_FEEDBACK} FROM feedback AS f INDEXED BY feedback_place"
    " WHERE f.run_pid IN (SELECT value FROM json_each(?)) AND f.run_start_us BETWEEN ? AND ?"
)
_ANY_FEEDBACK = "SELECT 1 FROM feedback LIMIT 1"


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
    return {group: rolled.stats(group) for group in _kept(plan, figures)}


def _kept(plan: StatsPlan, figures: dict[str, RunFigures]) -> list[str]:
    return largest_groups(figures, plan.groups_max, plan.groups) if plan.group_by else [""]


def _counted(connection: Connection, plan: StatsPlan, projects: Projects) -> dict[str, RunStats]:
    find = finder(connection, plan.scope, projects)
    whole_trace = only_roots(plan.scope)
    columns = COLUMNS.format(usage="r.totals" if whole_trace else "r.usage")
    statement = find.all_rows(f"{columns}, r.id, {_GROUPS[plan.group_by]}")
    figures: dict[str, RunFigures] = {} if plan.group_by else {"": RunFigures()}
    groups_of: dict[bytes, Sequence[str]] = {}  # of runs, if any of them may have feedback
    with_feedback = connection.raw.execute(_ANY_FEEDBACK).fetchone() is not None
    for chunk in chunks(() if statement is None else connection.rows(statement)):
        by_group: dict[str, list[tuple[Any, ...]]] = {}
        connection.account.hold(len(chunk) * (GROUPED_BYTES if with_feedback else FIGURE_BYTES))
        for row in chunk:
            groups = _groups(plan, row[-1])
            for group in groups:
                by_group.setdefault(group, []).append(row)
            if with_feedback and groups:
                groups_of[row[-2]] = groups
        connection.account.hold(GROUP_BYTES * len(by_group.keys() - figures.keys()))
        for group, rows in by_group.items():
            counted = figures.setdefault(group, RunFigures())
            add_rows(counted, rows, whole_trace=whole_trace)
            if plan.percentiles:
                connection.account.hold(len(rows) * FIGURE_BYTES)
                usages = (row[USAGE] for row in rows)
                add_usage_values(counted, usages, whole_trace=whole_trace)
    feedback = _feedback_of(connection, find, groups_of)
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


def _feedback_of(
    connection: Connection, find: Finder, groups_of: dict[bytes, Sequence[str]]
) -> ByGroup:
    """The records of these runs, which `find` found."""
    if not groups_of:
        return {}
    if len(groups_of) > CANDIDATES_MAX:
        place = key_list(find.asked.each_pid()), *find.asked.starts()
        found = connection.raw.execute(_FEEDBACK_AROUND, place)
    else:
        found = connection.raw.execute(_FEEDBACK_OF, (key_list(list(groups_of)),))
    each = ((group, row) for run_id, *row in found for group in groups_of.get(run_id, ()))
    return _by_group(each, connection.account)


def _by_group(found: Iterable[tuple[str, Sequence[Any]]], account: Account) -> ByGroup:
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
        account.hold(record_bytes(record))
        by_group.setdefault(group, []).append(record)
    return by_group
