"""`runstore projects`: list, create, delete."""

import sys
from typing import Annotated

from cyclopts import App, Parameter

from runstore.cli.connect import HERE, Connection
from runstore.cli.output import Format

projects = App(
    name="projects",
    help="List, create and delete projects.\n\nExample: `runstore projects list --stats`",
)


@projects.command(name="list")
def list_projects(
    *,
    name_contains: str | None = None,
    stats: Annotated[bool, Parameter(negative=())] = False,
    limit: Annotated[int | None, Parameter(name=("--limit", "-n"))] = None,
    output: Annotated[Format, Parameter(name=("--output", "-o"))] = "table",
    connection: Connection = HERE,
) -> int:
    """List projects, the newest first.

    Example: `runstore projects list --stats`

    Parameters
    ----------
    name_contains
        Part of the name, in any case.
    stats
        With run counts, latency, tokens, cost and error rate.
    limit
        Default: all.
    output
        table, json, jsonl or csv.
    """
    import msgspec

    from runstore.cli.output import (
        Column,
        dollars,
        local_time,
        percent,
        seconds,
        whole,
        write,
    )
    from runstore.client.project import Project

    # fmt: off
    columns: list[Column[Project]] = [
        Column("id",         lambda one: str(one.id)),
        Column("name",       lambda one: one.name, is_free=True),
        Column("start_time", lambda one: one.start_time, local_time, title="start"),
    ]
    figures: list[Column[Project]] = [
        Column("run_count",    lambda one: one.run_count, whole, right=True, title="traces"),
        Column("error_rate",   lambda one: one.error_rate, percent, right=True, title="errors"),
        Column("latency_p50",  lambda one: one.latency_p50, seconds, right=True, title="p50"),
        Column("latency_p99",  lambda one: one.latency_p99, seconds, right=True, title="p99"),
        Column("total_tokens", lambda one: one.total_tokens, whole, right=True, title="tokens"),
        Column("total_cost",   lambda one: one.total_cost, dollars, right=True, title="cost"),
    ]
    # fmt: on
    shown = columns + figures if stats else columns
    with connection.open() as client:
        found = client.list_projects(name_contains=name_contains, include_stats=stats, limit=limit)
        write(found, shown, output, lambda one: msgspec.json.encode(one.model_dump(mode="json")))
    return 0


@projects.command(name="create")
def create_project(
    name: str,
    /,
    *,
    description: str | None = None,
    connection: Connection = HERE,
) -> int:
    """Create a project, and print its id. Runs make theirs themselves.

    Example: `runstore projects create agent --description "the support agent"`

    Parameters
    ----------
    name
        It is taken once.
    description
        For people.
    """
    with connection.open() as client:
        print(client.create_project(name, description=description).id)
    return 0


@projects.command(name="delete")
def delete_project(
    name_or_id: str,
    /,
    *,
    yes: Annotated[bool, Parameter(name=("--yes", "-y"), negative=())] = False,
    connection: Connection = HERE,
) -> int:
    """Delete a project with all its runs and their feedback, for good.

    Example: `runstore projects delete agent --yes`

    Parameters
    ----------
    name_or_id
        A name that looks like an id is taken for an id.
    yes
        Do not ask. Without it, and without a terminal to ask on, nothing is deleted.
    """
    from uuid import UUID

    try:
        found = {"project_id": str(UUID(name_or_id))}
    except ValueError:
        found = {"project_name": name_or_id}
    with connection.open() as client:
        project = client.read_project(**found)  # type: ignore[arg-type]  # one of two
        if not yes and not _is_sure(f"delete project {project.name!r} with all its runs?"):
            print("runstore: nothing was deleted; say --yes", file=sys.stderr)
            return 1
        client.delete_project(project_id=project.id)
    return 0


def _is_sure(question: str) -> bool:
    if not sys.stdin.isatty():
        return False
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
