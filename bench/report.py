"""Measurements -> a table for people, JSON for machines, Markdown for the docs."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.clients import ClientWalk, times_langsmith
from bench.load import LoadResult
from bench.queries import QueryResult
from bench.server import Footprint
from bench.stages import Stages
from runstore.benchmark.asking import Export
from runstore.benchmark.hardware import today
from runstore.benchmark.sections import kept
from runstore.benchmark.timing import Timing

MIB = 1024 * 1024
_INTRODUCTION = """\
# Benchmarks

Written by `python -m bench --write-docs`; do not edit. Every figure is of one run of `make bench`:
{runs:,} runs of a support agent (seed {seed}), loaded over HTTP as the SDK sends them (multipart,
zstd), client and server on one machine. Engine: in process, no server, warm. HTTP: one connection,
answers with payloads, received whole.

{date}. Machine: {machine}.
"""
_TABLE_INTRODUCTION = """
Milliseconds per query. `target` is for the engine's p50 without payloads; `runs` is how many runs
an answer has on average; `plain scan` is the p50 of the same question to one SQLite table of JSON
without indexes.
"""
_CLIENTS = """
All runs of all projects, fetched by clients: what iterating over `list_runs(project_name=[...])`,
`to_arrow()` and `to_parquet()` take, payloads included. Each walk is a process of its own; over
HTTP beside the server, on the folder without one. `x langsmith` compares with LangSmith's own
client on the same server in the same run. Our runs are decoded when they are looked at, LangSmith's
at once; a row where inputs and outputs are read says what that comes to. CPU is the client's; so
is memory, in which the mapped file of a folder counts, and the whole table of `to_arrow`.

| client | runs/s | x langsmith | runs | CPU, us per run | memory, at most |
|---|---:|---:|---:|---:|---:|
"""
_CLIENT_HEADINGS = ("runs/s", "x langsmith", "runs", "CPU, us per run", "memory, at most")
_TABLE_HEAD = (
    "| query | target | engine p50 | p95 | p99 | with payloads p50 | p95 | p99 "
    "| HTTP p50 | p95 | p99 | n | runs | plain scan |"
)


@dataclass(slots=True)
class Report:
    runs: int
    seed: int
    machine: str
    date: str = field(default_factory=today)
    cold_start_s: float | None = None
    stages: Stages | None = None
    load: LoadResult | None = None
    after_queries: Footprint | None = None
    queries: list[QueryResult] = field(default_factory=list)
    exports: dict[str, Export] = field(default_factory=dict)  # "engine", "http"
    clients: list[ClientWalk] = field(default_factory=list)
    baseline: dict[str, Timing] = field(default_factory=dict)  # class name -> plain table scan


def show(report: Report, console: Console) -> None:
    console.print()
    for name, value in facts(report):
        console.print(f"  {name:<34}{value}", highlight=False)
    table = Table(title="Milliseconds per query")
    table.add_column("query")
    for heading in ("target", "engine p50", "p95", "p99", "with payloads p50", "p95", "p99"):
        table.add_column(heading, justify="right")
    for heading in ("HTTP p50", "p95", "p99", "n", "runs", "plain scan"):
        table.add_column(heading, justify="right")
    for cells in rows(report):
        table.add_row(*cells)
    console.print(table)
    if report.clients:
        clients = Table("client", title="All runs, by clients")
        for heading in _CLIENT_HEADINGS:
            clients.add_column(heading, justify="right")
        for row in client_rows(report):
            clients.add_row(*row)
        console.print(clients)


def write_json(report: Report, path: Path) -> None:
    path.write_text(json.dumps(asdict(report), indent=2) + "\n")


def write_docs(report: Report, path: Path) -> None:
    """docs/benchmarks.md: measured figures only, with what they were measured on."""
    lines = [
        _INTRODUCTION.format(
            runs=report.runs, seed=report.seed, date=report.date, machine=report.machine
        ),
        "| | |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in facts(report)),
        _TABLE_INTRODUCTION,
        _TABLE_HEAD,
        "|---|" + "---:|" * 13,
        *("| " + " | ".join(cells) + " |" for cells in rows(report)),
        "",
    ]
    text = "\n".join(lines)
    if report.clients:
        text += _CLIENTS + "".join(f"| {' | '.join(cells)} |\n" for cells in client_rows(report))
    sections = kept(path.read_text()) if path.exists() else ""
    path.write_text(f"{text}\n{sections}" if sections else text)


def facts(report: Report) -> list[tuple[str, str]]:
    found = []
    if report.cold_start_s is not None:
        found.append(("cold start on this folder", f"{report.cold_start_s:.2f} s"))
    if report.stages is not None:
        parts = ", ".join(f"{name} {us:,.0f}" for name, us in asdict(report.stages).items())
        found.append(("one thread, us per run", f"{parts}: {report.stages.runs_per_s:,.0f} runs/s"))
    if report.load is not None:
        found += _load_facts(report.load)
    if report.after_queries is not None:
        found.append(("memory after the queries", _memory(report.after_queries)))
    for where, export in report.exports.items():
        extent = "all" if export.complete else "stopped after"
        found.append(
            (
                f"export, {where}, pages of {export.page_runs:,}",
                f"{export.runs_per_s:,.0f} runs/s ({extent} {export.runs:,} runs)",
            )
        )
    return found


def rows(report: Report) -> list[tuple[str, ...]]:
    made = []
    for query in report.queries:
        timings = [query.narrow, query.full, query.http]
        counted = query.http or query.narrow
        baseline = report.baseline.get(query.name)
        made.append(
            (
                query.name,
                f"{query.target_ms:.0f}",
                *(cell for timing in timings for cell in _cells(timing)),
                str(counted.n) if counted else "",
                f"{counted.runs:,.1f}" if counted else "",
                _ms(baseline.p50) if baseline else "",
            )
        )
    return made


def client_rows(report: Report) -> list[tuple[str, ...]]:
    made: list[tuple[str, ...]] = []
    for walk in report.clients:
        walked, times = walk.walked, times_langsmith(report.clients, walk)
        made.append(
            (
                walk.title,
                f"{walk.runs_per_s:,.0f}",
                "" if times is None else f"{times:.1f}",
                f"{walked.runs:,}" + ("" if walked.complete else " (stopped)"),
                f"{1e6 * walked.cpu_s / walked.runs:,.0f}",
                f"{walked.rss_max / MIB:,.0f} MiB",
            )
        )
    return made


def _load_facts(load: LoadResult) -> list[tuple[str, str]]:
    rates = [piece.runs / piece.seconds for piece in load.slices]
    return [
        ("ingest", f"{load.runs_per_s:,.0f} runs/s ({load.operations / load.seconds:,.0f} ops/s)"),
        ("slowest and fastest slice", f"{min(rates):,.0f} and {max(rates):,.0f} runs/s"),
        ("server CPU while loading", f"{load.server_cpu_s:.1f} s of {load.seconds:.1f} s"),
        ("client CPU while loading", f"{load.client_cpu_s:.1f} s"),
        ("one body (100 operations)", f"{_three(load.request_ms)} ms (p50, p95, p99)"),
        ("answers of 429", f"{load.retries}"),
        ("sent, per run", f"{load.body_bytes_before_zstd / load.runs:,.0f} bytes of multipart"),
        ("memory after loading", _memory(load.after)),
        (
            "disk, per run",
            f"{sum(load.disk.values()) / load.runs:,.0f} bytes ("
            + ", ".join(f"{name} {size / load.runs:,.0f}" for name, size in load.disk.items())
            + ")",
        ),
    ]


def _memory(footprint: Footprint) -> str:
    return (
        f"{footprint.anonymous / MIB:,.0f} MiB own, "
        f"{footprint.file_mapped / MIB:,.0f} MiB mapped files"
    )


def _three(percentiles: dict[str, float]) -> str:
    return ", ".join(f"{value:.0f}" for value in percentiles.values())


def _cells(timing: Timing | None) -> tuple[str, str, str]:
    if timing is None:
        return ("", "", "")
    return (_ms(timing.p50), _ms(timing.p95), _ms(timing.p99))


def _ms(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:,.0f}"
