"""StatsPlan -> figures: reads the narrow columns of every run in the scope, and counts."""

from typing import Any

from runstore.engine.sqlite.connections import Connection
from runstore.engine.sqlite.feedback import feedback_from_row, select_feedback
from runstore.engine.sqlite.finder import Finder
from runstore.engine.sqlite.reader import Projects, finder
from runstore.engine.sqlite.rows import counters, sums
from runstore.filter.tree import Compare
from runstore.model.aggregate import RunFigures, group_key, largest_groups
from runstore.model.feedback import Feedback
from runstore.model.jsontext import decode
from runstore.model.stats import RunStats
from runstore.model.usage import as_sums
from runstore.plan.plan import StatsPlan
from runstore.sql.sqlite.columns import PAYLOAD
from runstore.sql.sqlite.payload_tests import entries_of

_FIGURES = "r.id, r.start_us, r.end_us, r.status, r.first_token_us, "
_GROUPS = {
    None: "NULL",
    "name": "r.name",
    "run_type": "r.run_type",
    "tag": "r.tags",
    "metadata": PAYLOAD.format(column="extra", r="r"),
}


def run_stats(connection: Connection, plan: StatsPlan) -> dict[str, RunStats]:
    """Inside a snapshot."""
    projects = Projects(connection)
    find = finder(connection, plan.scope, projects)
    whole_trace = Compare("is_root", "eq", True) in find.terms()
    usage_column = "r.totals" if whole_trace else "r.usage"
    statement = find.all_rows(f"{_FIGURES}{usage_column}, {_GROUPS[plan.group_by]}")
    figures: dict[str, RunFigures] = {} if plan.group_by else {"": RunFigures()}
    groups_of: dict[bytes, list[str]] = {}
    for row in () if statement is None else connection.rows(statement):
        run_id, start_us, end_us, status, first_token_us, usage, grouping = row
        groups_of[run_id] = groups = _groups(plan, grouping)
        counted = sums(usage) if whole_trace else as_sums(counters(usage))
        for group in groups:
            figures.setdefault(group, RunFigures()).add(
                start_us=start_us,
                end_us=end_us,
                status=status,
                first_token_us=first_token_us,
                usage=counted,
            )
    kept = largest_groups(figures, plan.groups_max) if plan.group_by else [""]
    feedback = _feedback(find, projects, groups_of)
    return {group: figures[group].stats(feedback.get(group, ())) for group in kept}


def _groups(plan: StatsPlan, grouping: Any) -> list[str]:
    """The groups a run belongs to, none twice."""
    if plan.group_by is None:
        return [""]
    if grouping is None:
        return []
    if plan.group_by == "tag":
        return list(dict.fromkeys(decode(grouping)))
    if plan.group_by == "metadata":
        values = (
            value for path, value in entries_of("metadata", grouping) if path == plan.group_path
        )
        return list(dict.fromkeys(map(group_key, values)))
    return [grouping]


def _feedback(
    find: Finder, projects: Projects, groups_of: dict[bytes, list[str]]
) -> dict[str, list[Feedback]]:
    """The records of the runs counted, by group."""
    by_group: dict[str, list[Feedback]] = {}
    if not groups_of:
        return by_group
    for row in select_feedback(find.connection, list(groups_of)):
        for group in groups_of.get(row[1], ()):
            by_group.setdefault(group, []).append(feedback_from_row(row, projects.id_of))
    return by_group
