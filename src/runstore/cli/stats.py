"""`runstore stats`: options of get_run_stats -> figures on stdout."""

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from runstore.cli.connect import HERE, Connection
from runstore.cli.filters import EVERY_RUN, RunOptions, comma_separated
from runstore.cli.output import Format

if TYPE_CHECKING:
    from runstore.cli.output import Column

SHOWN = ("run_count", "error_rate", "latency_p50", "latency_p99", "total_tokens", "total_cost")


def show_stats(
    *,
    which: RunOptions = EVERY_RUN,
    group_by: Annotated[str | None, Parameter(name=("--group-by", "-g"))] = None,
    select: list[str] | None = None,
    output: Annotated[Format, Parameter(name=("--output", "-o"))] = "table",
    connection: Connection = HERE,
) -> int:
    """Show figures of runs: how many, errors, latency in seconds, tokens, cost.

    Example: `runstore stats --project default --since 7d --group-by name`

    Parameters
    ----------
    group_by
        name, run_type, tag or metadata.KEY: a row for each value.
    select
        Figures to show, as run_count,latency_p99; repeatable. Default: all; by group the most
        asked for.
    output
        table, json, jsonl or csv.
    """
    import orjson

    from runstore.cli.output import Column, write

    names = comma_separated(select)
    with connection.open() as client:
        found = client.get_run_stats(**which.keywords(), group_by=group_by, select=names)
    if group_by is None:
        rows: list[dict[str, Any]] = [found]
    else:
        rows = [{"group": group, **figures} for group, figures in found.items()]
    if output in ("json", "jsonl"):
        write(rows, [], output, orjson.dumps)
        return 0
    columns: list[Column[dict[str, Any]]]
    if group_by is None:
        figures = [{"figure": name, "value": value} for name, value in found.items()]
        if output == "table":  # people care for what is there
            figures = [one for one in figures if one["value"] not in (None, [], {})]
        columns = [
            Column("figure", lambda row: row["figure"]),
            Column("value", lambda row: row["value"], is_free=True),
        ]
        write(figures, columns, output, orjson.dumps)
        return 0
    columns = [Column("group", lambda row: row["group"], is_free=True)]
    columns += [_figure_column(name) for name in names or SHOWN]
    write(rows, columns, output, orjson.dumps)
    return 0


def _figure_column(name: str) -> "Column[dict[str, Any]]":
    from runstore.cli.output import Column, figure

    def read(row: dict[str, Any]) -> Any:
        return row.get(name)

    return Column(name, read, figure(name), right=True)
