"""A progress bar on stderr for long exports, with rich if it is installed."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

OnRuns = Callable[[int], None]
"""Called with the number of runs so far."""


@contextmanager
def watch(progress: bool | None, total: int | None) -> Iterator[OnRuns | None]:
    """`progress` None: shown if stderr is a terminal and rich is installed. `total` None: unknown.

    Raises ImportError, which names the extra, when it is insisted on without rich.
    """
    if progress is None:
        progress = sys.stderr is not None and sys.stderr.isatty()
        is_wish = True
    else:
        is_wish = False
    if not progress:
        yield None
        return
    try:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
        from rich.progress import TimeElapsedColumn as Elapsed
    except ImportError as error:
        if not is_wish:
            raise ImportError("a progress bar needs rich: pip install 'runstore[cli]'") from error
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Elapsed())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("runs", total=total)

        def on_runs(count: int) -> None:
            bar.update(task, completed=count)

        yield on_runs
