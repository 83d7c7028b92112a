"""`runstore list`: options of list_runs -> runs on stdout."""

from typing import Annotated, Literal

from cyclopts import Parameter

from runstore.cli.connect import HERE, Connection
from runstore.cli.filters import EVERY_RUN, RunOptions, comma_separated
from runstore.cli.output import Format

LIMIT = 100


def list_runs(
    *,
    which: RunOptions = EVERY_RUN,
    select: list[str] | None = None,
    limit: Annotated[int | Literal["all"], Parameter(name=("--limit", "-n"))] = LIMIT,
    order: Literal["asc", "desc"] | None = None,
    cursor: str | None = None,
    output: Annotated[Format, Parameter(name=("--output", "-o"))] = "table",
    count: Annotated[bool, Parameter(negative=())] = False,
    connection: Connection = HERE,
) -> int:
    """List runs, the newest first.

    Example: `runstore list --project default --since 2h --filter 'gt(latency, "5s")' -o jsonl`

    Parameters
    ----------
    select
        Fields to show, as id,name,inputs; repeatable. Default: what fits a table; of json and
        jsonl all that the server gives.
    limit
        Runs in all, or `all`.
    order
        asc: the oldest first.
    cursor
        Go on where an earlier listing with the same options stopped.
    output
        table, json, jsonl or csv. A table in a pipe is a line each with tabs between.
    count
        Only say how many there are.
    """
    from runstore.cli.columns import RUN_COLUMNS, RUN_SELECT, selected
    from runstore.cli.output import write

    names = comma_separated(select)
    columns = RUN_COLUMNS if names is None else selected(names)
    wanted = names if names is not None or output in ("json", "jsonl") else RUN_SELECT
    with connection.open() as client:
        found = client.list_runs(
            **which.keywords(),
            select=wanted,
            limit=None if limit == "all" else limit,
            order=order,
            cursor=cursor,
        )
        if count:
            print(found.count())
            return 0
        write(found, columns, output, lambda run: run.raw_json)
    return 0
