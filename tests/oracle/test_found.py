"""Differences `python -m tests.oracle` has found, as the tests it printed."""

from pathlib import Path

from runstore.model.query import RunQuery
from tests.oracle import laws
from tests.oracle.compare import load, same_walk
from tests.oracle.forests import PROJECT_IDS
from tests.oracle.shapes import shaped


def test_children_do_not_depend_on_what_else_is_on_the_page(tmp_path: Path) -> None:
    """A run that nobody has placed yet, and one of another trace that calls it its parent."""
    kept = ("0e5983f5-d2e0-804f-8b07-c7da193575f6", "3754c635-18e2-38e5-fcb9-ee269f7911e0")
    pair = load(shaped("huge", 108, 2_000).of(*kept), tmp_path)
    laws.totals_are_sums(pair.other)
    select = frozenset({"child_run_ids", "attachments"})
    same_walk(pair, RunQuery(project_ids=PROJECT_IDS, select=select, limit=7))
    pair.close()
