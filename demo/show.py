"""Runs -> what a terminal shows of them."""

from collections.abc import Iterable, Sequence
from typing import Any

from langsmith.schemas import Run
from rich.console import Console
from rich.table import Table
from rich.tree import Tree

ROWS_MAX = 6
_STATUS_STYLES = {"success": "green", "error": "red", "pending": "yellow"}


def show_answer(console: Console, arguments: dict[str, Any], runs: Sequence[Run]) -> None:
    for name, value in arguments.items():
        console.print(f"   [dim]{name:<12}[/dim] {value}", highlight=False, soft_wrap=True)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for heading in ("   name", "type", "status"):
        table.add_column(heading)
    for heading in ("latency", "tokens", "cost"):
        table.add_column(heading, justify="right")
    for run in runs[:ROWS_MAX]:
        table.add_row(f"   {run.name}", run.run_type, _status(run), *_figures(run))
    console.print(table)
    if len(runs) > ROWS_MAX:
        console.print(f"   [dim]and {len(runs) - ROWS_MAX} more[/dim]")
    console.print()


def show_tree(console: Console, root: Run) -> None:
    """The trace under a run read with load_child_runs=True."""
    tree = Tree(_line(root), guide_style="dim")
    _grow(tree, root.child_runs or [])
    console.print(tree)


def _grow(tree: Tree, runs: Iterable[Run]) -> None:
    for run in runs:
        _grow(tree.add(_line(run)), run.child_runs or [])


def _line(run: Run) -> str:
    latency, tokens, cost = _figures(run)
    figures = "  ".join(filter(None, (latency, tokens and f"{tokens} tokens", cost)))
    return f"{run.name} [dim]{run.run_type}[/dim]  {_status(run)}  [dim]{figures}[/dim]"


def _status(run: Run) -> str:
    status = run.status or ""
    return f"[{_STATUS_STYLES.get(status, 'white')}]{status}[/]"


def _figures(run: Run) -> tuple[str, str, str]:
    """Latency, tokens, cost; "" for what the run does not have."""
    return (
        f"{run.latency:.3f} s" if run.end_time is not None and run.latency is not None else "",
        f"{run.total_tokens:,}" if run.total_tokens else "",
        f"${run.total_cost:.6f}" if run.total_cost else "",
    )
