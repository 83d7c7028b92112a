"""Figures of several sizes -> a table for people, and a section of docs/benchmarks.md on growth."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from runstore.benchmark.sections import replaced

Json = dict[str, Any]

SECTION = "scale"
# Milliseconds at the engine, p50 and p95, at ten million runs. Classes not named: the last ones.
# fmt: off
TARGETS: dict[str, tuple[int, int] | None] = {
    "newest page of 100":         (1, 5),
    "newest 100 roots":           (1, 5),
    "cursor page of 50":          (1, 5),
    "20 runs by id":              (2, 10),
    "one trace":                  (2, 10),
    "thread":                     (5, 25),
    "metadata pair, rare":        (5, 25),
    "metadata pair, common":      (5, 25),
    "text, rare word":            (5, 25),
    "stats, project":             (100, 300),
    "stats, 7 days":              (100, 300),
    "stats, 7 days and a filter": None,  # as many runs as meet it, read one by one
}
# fmt: on
OTHERS = (20, 100)
_INTRODUCTION = """
## Growth

Written by `python -m bench.scale --write-docs`, one size at a time; do not edit. Runs lie in the
same 30 days, so a store ten times as large is ten times as dense: what a query has to pass over
grows, what it answers does not. Milliseconds at the engine, warm (every question was asked once
before), without payloads: p50 / p95.
Ingest over HTTP is of 60,000 runs, after 20,000 that warm the server up; they start after all
others, as runs do when they arrive, or lie among those of all 30 days, as when imported late.
`target` is for 10 million runs. `growth` is the p50 of the largest size over that of the smallest.

{date}. Machine: {machine}.

"""


def show(sizes: list[Json]) -> None:
    table = Table(title="Milliseconds at the engine, p50 / p95")
    for heading in _headings(sizes):
        table.add_column(heading, justify="left" if heading == "query" else "right")
    for row in _rows(sizes):
        table.add_row(*row)
    console = Console(width=150)
    console.print(table)
    for name, *values in _facts(sizes):
        console.print(f"  {name:<44}" + "   ".join(values), highlight=False)


def write_docs(sizes: list[Json], path: Path) -> None:
    headings = _headings(sizes)
    lines = [
        _INTRODUCTION.format(date=sizes[-1]["date"], machine=sizes[-1]["machine"]),
        "| " + " | ".join(headings) + " |",
        "|---|" + "---:|" * (len(headings) - 1),
        *("| " + " | ".join(row) + " |" for row in _rows(sizes)),
        "",
        "| | " + " | ".join(_size(one) for one in sizes) + " |",
        "|---|" + "---:|" * len(sizes),
        *("| " + " | ".join(row) + " |" for row in _facts(sizes)),
    ]
    path.write_text(replaced(path.read_text(), SECTION, "\n".join(lines)))


def _headings(sizes: list[Json]) -> list[str]:
    return ["query", "target", *map(_size, sizes), "growth"]


def _size(one: Json) -> str:
    runs = one["runs"]
    return f"{runs // 1_000_000} M" if runs >= 1_000_000 else f"{runs // 1_000} k"


def _rows(sizes: list[Json]) -> list[list[str]]:
    rows = []
    for name in sizes[-1]["queries"]:
        target = TARGETS.get(name, OTHERS)
        found = [one["queries"].get(name) for one in sizes]
        first, last = found[0], found[-1]
        growth = f"{last['p50'] / first['p50']:.1f}" if first and first["p50"] else ""
        shown = [f"{one['p50']:.2f} / {one['p95']:.2f}" if one else "" for one in found]
        wanted = f"{target[0]} / {target[1]}" if target else ""
        rows.append([name, wanted, *shown, growth])
    return rows


def _facts(sizes: list[Json]) -> list[list[str]]:
    def per_run(one: Json, part: str) -> str:
        size = one["disk"].get(part)
        return "" if size is None else f"{size / one['runs']:,.0f} bytes"

    rates: dict[str, Callable[[Json], float]] = {
        "written straight to the engine": lambda one: one["runs"] / (one["load_s"] or 1),
        "its last 200 k": lambda one: (one["slices"] or [0])[-1],
        "over HTTP, on an empty folder": lambda one: one["http_runs_per_s_empty"],
        "over HTTP, on top, as runs arrive": lambda one: one["http_runs_per_s"],
        "over HTTP, on top, from all 30 days": lambda one: one.get("http_runs_per_s_late", 0.0),
    }
    rows = [[name, *(_runs_per_s(rate(one)) for one in sizes)] for name, rate in rates.items()]
    parts = ("rows", "indexes", "payloads", "inverted index", "other")
    rows += [[f"disk per run: {part}", *(per_run(one, part) for one in sizes)] for part in parts]
    return rows


def _runs_per_s(rate: float) -> str:
    return f"{rate:,.0f} runs/s" if rate else ""
