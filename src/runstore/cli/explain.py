"""`runstore explain`: options of list_runs -> how the server runs them, and what costs less."""

from typing import Annotated, Literal

from cyclopts import Parameter

from runstore.cli.connect import HERE, Connection
from runstore.cli.filters import EVERY_RUN, RunOptions


def explain_runs(
    *,
    which: RunOptions = EVERY_RUN,
    limit: Annotated[int | None, Parameter(name=("--limit", "-n"))] = None,
    order: Literal["asc", "desc"] | None = None,
    output: Annotated[Literal["text", "json"], Parameter(name=("--output", "-o"))] = "text",
    connection: Connection = HERE,
) -> int:
    """Show how the server runs a listing: its filter, what it read, how long it took, hints.

    The first page is read to find out.

    Example: `runstore explain --project default --filter 'search("refund")'`

    Parameters
    ----------
    limit
        Runs on the page.
    order
        asc: the oldest first.
    output
        text or json.
    """
    with connection.open() as client:
        told = client.list_runs(**which.keywords(), limit=limit, order=order).explain()
    if output == "json":
        import msgspec

        print(msgspec.json.format(msgspec.json.encode(told), indent=2).decode())
        return 0
    for name in ("filter", "trace_filter", "tree_filter"):
        if (text := getattr(told, name)) is not None:
            print(f"{name:<14}{text}")
    for step in told.steps:
        print(f"{'step':<14}{step}")
    print(f"{'indexes':<14}{', '.join(told.indexes) or 'none'}")
    figures = (
        ("estimated", told.estimated_runs, "runs in all"),
        ("on the page", told.actual_runs, "runs"),
        ("rows read", told.rows_read, ""),
        ("took", told.ms, "ms"),
    )
    for name, value, unit in figures:
        print(f"{name:<14}{_number(value)} {unit}".rstrip())
    for hint in told.hints:
        print(f"{'hint':<14}{hint}")
    return 0


def _number(value: float | None) -> str:
    if value is None:
        return "unknown"
    return f"{int(value):,}" if float(value).is_integer() else f"{value:,.3f}"
