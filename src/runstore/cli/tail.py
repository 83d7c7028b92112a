"""`runstore tail`: options of tail -> runs on stdout as they arrive and end, until interrupted."""

import sys
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from runstore.cli.connect import HERE, Connection
from runstore.cli.filters import EVERY_RUN, RunOptions, comma_separated

if TYPE_CHECKING:
    from runstore.client.run import Run


def tail_runs(
    *,
    which: RunOptions = EVERY_RUN,
    select: list[str] | None = None,
    cursor: str | None = None,
    limit: Annotated[int | None, Parameter(name=("--limit", "-n"))] = None,
    output: Annotated[Literal["table", "jsonl"], Parameter(name=("--output", "-o"))] = "table",
    connection: Connection = HERE,
) -> int:
    """Show runs as they arrive, and again when they end.

    Goes on over lost connections and restarts of the server. When it ends it says on stderr how
    to go on without a gap.

    Example: `runstore tail --project default --filter 'eq(status, "error")' -o jsonl`

    Parameters
    ----------
    select
        Fields to show, as id,name,inputs; repeatable.
    cursor
        Go on where an earlier tail stopped; 0: from the first run there is.
    limit
        End after so many.
    output
        table: a line each; jsonl: one object a line.
    """
    from runstore.cli.columns import RUN_SELECT

    names = comma_separated(select)
    wanted = names if names is not None or output == "jsonl" else RUN_SELECT
    with connection.open() as client:
        tail = client.tail(**which.keywords(needs_scope=False), select=wanted, cursor=cursor)
        shown = 0
        try:
            while limit is None or shown < limit:
                _print(next(tail), names, output)
                shown += 1
        except KeyboardInterrupt:
            pass
        finally:
            tail.close()
            if tail.cursor is not None:
                print(f"runstore: to go on from here: --cursor {tail.cursor}", file=sys.stderr)
    return 0


def _print(run: "Run", names: list[str] | None, output: str) -> None:
    from rich.text import Text

    from runstore.cli.columns import LINE_WIDTHS, RUN_COLUMNS, selected
    from runstore.cli.output import console, one_cell, one_line, plain, shown

    if output == "jsonl":
        print(one_line(run.raw_json), flush=True)
        return
    columns = RUN_COLUMNS if names is None else selected(names)
    if not sys.stdout.isatty():
        print("\t".join(one_cell(plain(column.read(run))) for column in columns), flush=True)
        return
    line = Text()
    for column in columns:
        cell = shown(column, run)
        width = LINE_WIDTHS.get(column.name)
        if width is not None:
            cell.truncate(width, overflow="ellipsis")
            cell.align("right" if column.right else "left", width)
        line.append_text(cell).append("  ")
    line.rstrip()
    console().print(line, soft_wrap=True)
