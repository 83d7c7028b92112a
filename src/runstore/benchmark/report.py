"""Figures -> rows for a table, JSON for machines, a section of Markdown for a document."""

from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version
from typing import Any

from runstore.benchmark.hardware import day, machine
from runstore.benchmark.measuring import Figures
from runstore.benchmark.timing import Timing

SECTION = "runstore bench"
MIB = 1024 * 1024
HEADINGS = ("query", "p50", "p95", "p99", "n", "runs", "answer, KiB")
_INTRODUCTION = """\
## By `runstore bench`

Written by `runstore bench --markdown`, which does the same to any server of LangSmith's protocol;
do not edit. {date}: {runs:,} runs of a support agent (seed {seed}) in four projects, asked
for over one connection. Milliseconds until an answer was there whole, payloads in it; what was
waited after an answer of 429 is not counted. The hardware of the client is not the server's unless
they share it.
"""


@dataclass(frozen=True, slots=True)
class Report:
    """Figures, and what they are of. `target`: the server's URL."""

    target: str
    when: datetime
    figures: Figures

    def as_json(self) -> dict[str, Any]:
        figures = self.figures
        made = asdict(figures)
        made["ingest"]["runs_per_s"] = figures.ingest.runs_per_s
        made["export"]["runs_per_s"] = figures.export.runs_per_s
        return {
            "target": self.target,
            "when": self.when.isoformat(timespec="seconds"),
            "client": {"machine": machine(), "runstore": version("runstore")},
            **made,
        }

    def as_markdown(self) -> str:
        figures = self.figures
        introduction = _INTRODUCTION.format(
            date=day(self.when),
            runs=figures.runs,
            seed=figures.seed,
        )
        lines = [
            introduction,
            "| | |",
            "|---|---|",
            *(f"| {name} | {value} |" for name, value in facts(self)),
            "",
            "| " + " | ".join(HEADINGS) + " |",
            "|---|" + "---:|" * (len(HEADINGS) - 1),
            *("| " + " | ".join(map(_cell, row)) + " |" for row in rows(figures)),
        ]
        return "\n".join(lines) + "\n"


def facts(report: Report) -> list[tuple[str, str]]:
    """What is not one of the query classes."""
    figures = report.figures
    ingest, export, alone = figures.ingest, figures.export, figures.alone
    per_run = ingest.bytes_sent / ingest.runs
    counted = "not told" if figures.counted is None else f"{figures.counted:,} of {figures.runs:,}"
    more = "" if export.complete else ", stopped before the end"
    body_ms = ", ".join(f"{value:,.0f}" for value in ingest.body_ms.values())
    said = f"version {figures.server}" if figures.server[:1].isdigit() else figures.server
    return [
        ("server", f"{report.target}, {said}"),
        ("hardware of the client", machine()),
        (
            f"ingest, {ingest.connections} connections, {ingest.form}",
            f"{ingest.runs_per_s:,.0f} runs/s ({ingest.operations / ingest.seconds:,.0f} ops/s)",
        ),
        ("one body", f"{body_ms} ms (p50, p95, p99)"),
        (
            "sent, per run",
            f"{per_run:,.0f} bytes ({ingest.bytes_before_zstd / ingest.runs:,.0f} unpacked)",
        ),
        ("the last runs found, after the last answer", f"{1_000 * figures.visible_s:,.0f} ms"),
        ("runs counted by the server", counted),
        (
            "one run alone, sent until found",
            f"{', '.join(_times(alone))} ms (p50, p95, p99 of {alone.n})",
        ),
        (
            f"export, pages of {export.page_runs}",
            f"{export.runs_per_s:,.0f} runs/s ({export.runs:,} runs{more})",
        ),
        ("answers of 429", f"{figures.busy_answers:,}"),
    ]


def rows(figures: Figures) -> list[tuple[str, ...]]:
    """A row for each of HEADINGS; what was refused says so instead of its times."""
    made: list[tuple[str, ...]] = []
    for asked in figures.queries:
        if asked.timing is None:
            made.append((asked.name, f"refused, {asked.refused}", "", "", "", "", ""))
            continue
        made.append(
            (
                asked.name,
                *_times(asked.timing),
                str(asked.timing.n),
                f"{asked.timing.runs:,.1f}",
                f"{asked.answer_bytes / 1024:,.1f}",
            )
        )
    return made


def _times(timing: Timing) -> tuple[str, str, str]:
    return (_ms(timing.p50), _ms(timing.p95), _ms(timing.p99))


def _ms(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:,.0f}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
