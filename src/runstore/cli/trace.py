"""`runstore trace`: an id -> its trace as a tree, with latency, tokens, cost and errors."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from runstore.cli.connect import HERE, Connection

if TYPE_CHECKING:
    from runstore.client.run import Run
    from runstore.client.sync import Client

SELECT = ("id", "name", "run_type", "status", "start_time", "end_time", "error", "dotted_order",
          "parent_run_id", "trace_id", "session_id", "total_tokens", "total_cost")  # fmt: skip
ERROR_CHARS = 200  # of an error beside its run


def show_trace(
    id: str,
    /,
    *,
    output: Annotated[Literal["tree", "json"], Parameter(name=("--output", "-o"))] = "tree",
    connection: Connection = HERE,
) -> int:
    """Show the tree of a trace: each run with its latency, tokens, cost and error.

    Example: `runstore trace 0198c0de-0000-7000-8000-000000000001`

    Parameters
    ----------
    id
        Of the trace, or of any run in it.
    output
        tree, or json: the root with `child_runs`, payloads included.
    """
    with connection.open() as client:
        root = _read(client, id, None if output == "json" else SELECT)
        if output == "json":
            import orjson

            print(orjson.dumps(_nested(root), option=orjson.OPT_INDENT_2).decode())
        else:
            _print_tree(root)
    return 0


def _read(client: "Client", run_id: str, select: tuple[str, ...] | None) -> "Run":
    """Raises NotFound."""
    from runstore.errors import NotFound

    try:
        return client.read_trace(run_id, select=select)
    except NotFound as missing:
        try:
            run = client.read_run(run_id)
        except NotFound:
            raise NotFound(f"there is no run or trace {run_id}") from None
        if str(run.trace_id) == str(run.id):
            raise missing
        return client.read_trace(run.trace_id, select=select)


def _print_tree(root: "Run") -> None:
    """With lines and colours where it is a terminal; else indented by two a level."""
    import sys

    if not sys.stdout.isatty():
        for depth, run in _walk(root):
            print("  " * depth + _label(run))
        return
    from rich.text import Text
    from rich.tree import Tree

    from runstore.cli.columns import status_style
    from runstore.cli.output import console

    def text(run: "Run") -> Text:
        return Text.assemble((_label(run), status_style(run) if run.error else ""))

    branches: dict[int, Tree] = {}
    parents: list[Tree] = []
    for depth, run in _walk(root):
        del parents[depth:]
        branch = parents[-1].add(text(run)) if parents else Tree(text(run))
        branches[depth] = branch
        parents.append(branch)
    console().print(branches[0])


def _walk(root: "Run") -> Iterator[tuple[int, "Run"]]:
    """(depth, run) in the order of the trace. No recursion: a trace may be 10,000 deep."""
    waiting = [(0, root)]
    while waiting:
        depth, run = waiting.pop()
        yield depth, run
        waiting += [(depth + 1, child) for child in reversed(run.child_runs or [])]


def _label(run: "Run") -> str:
    from runstore.cli.output import dollars, one_cell, seconds

    parts = [run.name, run.run_type]
    if run.latency is not None:
        parts.append(seconds(run.latency))
    else:  # a run may have its outputs, and so its status, without an end
        parts.append("running" if run.status in (None, "pending") else run.status)
    if run.total_tokens:
        parts.append(f"{run.total_tokens:,} tokens")
    if run.total_cost:
        parts.append(dollars(run.total_cost))
    if run.error:
        error = one_cell(run.error)
        shown = error if len(error) <= ERROR_CHARS else error[:ERROR_CHARS] + "..."
        parts.append(f"error: {shown}")
    return "  ".join(parts)


def _nested(root: "Run") -> dict[str, Any]:
    import orjson

    made: list[dict[str, Any]] = []
    for depth, run in _walk(root):
        fields: dict[str, Any] = orjson.loads(run.raw_json)
        fields["child_runs"] = []
        del made[depth:]
        if made:
            made[-1]["child_runs"].append(fields)
        made.append(fields)
    return made[0]
