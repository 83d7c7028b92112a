"""`runstore check`: a folder -> a table of what was looked at, and what is wrong with it."""

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from runstore.engine.sqlite.findings import Findings
from runstore.errors import Damaged, RunstoreError
from runstore.store.verify import verify_folder

SOUND, DAMAGED, UNOPENED = 0, 1, 2
_ADVICE = (
    "stop its server, keep a copy of {folder}, then put back a sound one, or save what can be read:"
    " runstore export saved.jsonl --target {folder}, without the runs whose payloads are named:"
    """ --filter 'nin(id, ["...", "..."])'"""
)
_LOST = "so much that nothing can be checked or read: keep a copy of {folder}, put back a sound one"


def check_folder(folder: Path, *, fast: bool, as_json: bool) -> int:
    """The exit code."""
    console = Console(stderr=True)
    checks: list[Findings] = []
    try:
        with console.status("") as status:
            for found in verify_folder(folder.expanduser(), fast=fast):
                checks.append(found)
                status.update(f"{found.name} checked")
    except RunstoreError as error:
        print(f"runstore: {error}", file=sys.stderr)
        if isinstance(error, Damaged):
            print(_LOST.format(folder=folder), file=sys.stderr)
        return UNOPENED
    if as_json:
        print(json.dumps(_as_json(folder, checks)))
    else:
        _show(checks)
    if all(found.is_sound for found in checks):
        return SOUND
    print(_ADVICE.format(folder=folder), file=sys.stderr)
    return DAMAGED


def _as_json(folder: Path, checks: Iterable[Findings]) -> dict[str, object]:
    return {
        "folder": str(folder),
        "sound": all(found.is_sound for found in checks),
        "checks": [asdict(found) for found in checks],
    }


def _show(checks: Iterable[Findings]) -> None:
    table = Table("check", "what must hold", box=None, pad_edge=False)
    for title in ("looked at", "problems", "s"):
        table.add_column(title, justify="right")
    for found in checks:
        table.add_row(
            found.name,
            found.about,
            f"{found.looked_at:,}",
            Text(f"{found.problem_count:,}", "" if found.is_sound else "bold red"),
            f"{found.seconds:.2f}",
        )
    console = Console()
    console.print(table)
    for found in checks:
        for problem in found.problems:
            console.print(Text(f"{found.name}: {problem}"), soft_wrap=True)
        if unsaid := found.problem_count - len(found.problems):
            console.print(Text(f"{found.name}: and {unsaid:,} more"))
    count = sum(found.problem_count for found in checks)
    said = f"{count:,} problem{'' if count == 1 else 's'}"
    console.print("no problems" if count == 0 else Text(said, "bold red"))
