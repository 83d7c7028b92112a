"""A run -> the groups it counts in, for figures by group. A run without the value is in none."""

from runstore.model.aggregate import group_key
from runstore.model.facts import Facts


def groups_of(facts: Facts, group_by: str | None, group_path: str | None) -> list[str]:
    """Distinct, for a run may have several tags and several values at one path."""
    run = facts.run
    if group_by is None:
        return [""]
    if group_by == "name":
        return [] if run.name is None else [run.name]
    if group_by == "run_type":
        return [] if run.run_type is None else [run.run_type]
    if group_by == "tag":
        return list(dict.fromkeys(run.tags))
    assert group_by == "metadata", group_by
    values = [value for path, value in facts.entries("metadata") if path == group_path]
    return list(dict.fromkeys(map(group_key, values)))
