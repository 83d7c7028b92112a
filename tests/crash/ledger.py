"""What the server has acknowledged so far, and whether a store holds all of it.

A run is whole when every field its messages gave is there; it is lost when its create or patch was
acknowledged (202) and is not. Runs whose request broke off may be there or not, but never in part.
"""

import threading
from dataclasses import dataclass, field

from bench.http import Connection

from tests.crash.requests import PAGE, Json, query

MARK_KEY = "crash_mark"


@dataclass(slots=True)
class Expected:
    """One run of the generator, and which of its two messages have been acknowledged."""

    run: Json  # complete, with inputs and outputs
    in_one: bool  # a complete post; else a post and a patch
    mark: str  # a word in the run's tags and metadata, one for each round
    score: float | None = None
    created: bool = False
    patched: bool = False
    scored: bool = False


@dataclass(slots=True)
class Ledger:
    runs: dict[str, Expected] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def acknowledged(self) -> int:
        with self.lock:
            return sum(expected.created for expected in self.runs.values())


def problems(port: int, ledger: Ledger, mark: str | None = None) -> list[str]:
    """One line for everything acknowledged that is not there, and everything half there.

    With `mark`, only runs that carry it are looked at.
    """
    runs = {
        run_id: expected
        for run_id, expected in ledger.runs.items()
        if mark in (None, expected.mark)
    }
    with Connection(port) as connection:
        stored = _fetch(connection, list(runs))
        lines = _index_problems(connection, runs, stored)
    for run_id, expected in runs.items():
        lines += run_problems(run_id, expected, stored.get(run_id))
    return lines + total_problems(stored)


def _fetch(connection: Connection, run_ids: list[str]) -> dict[str, Json]:
    stored = {}
    for start in range(0, len(run_ids), PAGE):
        for run in query(connection, {"id": run_ids[start : start + PAGE]}):
            stored[run["id"]] = run
    return stored


def run_problems(run_id: str, expected: Expected, stored: Json | None) -> list[str]:
    if stored is None:
        is_due = expected.created or expected.patched
        return [f"{run_id}: lost, though acknowledged"] if is_due else []
    run = expected.run
    wrong = [
        f"{name} is {str(stored[name])[:80]}, not {str(run[name])[:80]}"
        for name in ("name", "run_type", "trace_id", "dotted_order", "inputs")
        if stored[name] != run[name]
    ]
    wants = {
        "outputs": run["outputs"],
        "error": run["error"],
        "end_time": run["end_time"],
        "events": run["events"],
        "status": "error" if run["error"] else "success",
    }
    is_complete = all(_same(stored[name], value) for name, value in wants.items())
    is_started = not any(stored[name] for name in ("outputs", "error", "end_time"))
    metadata = stored["extra"]["metadata"]
    if any(metadata.get(key) != value for key, value in run["extra"]["metadata"].items()):
        wrong.append("its metadata is not all there")
    if expected.in_one or expected.patched:
        if not is_complete:
            wrong.append("its end is not there, though acknowledged")
    elif not (is_complete or is_started):
        wrong.append("half of its end is there")
    if expected.scored:
        stats = (stored["feedback_stats"] or {}).get("user_score") or {}
        if stats.get("n") != 1 or stats.get("avg") != expected.score:
            wrong.append(f"its feedback is {stats}, not {expected.score}")
    return [f"{run_id}: {what}" for what in wrong]


def _same(stored: object, wanted: object) -> bool:
    return stored == wanted or (not stored and not wanted)


def total_problems(stored: dict[str, Json]) -> list[str]:
    """The root's tokens are the sum over the model calls that are there."""
    sums: dict[str, int] = {}
    for run in stored.values():
        if run["run_type"] == "llm":
            sums[run["trace_id"]] = sums.get(run["trace_id"], 0) + run["total_tokens"]
    return [
        f"{trace_id}: {stored[trace_id]['total_tokens']} tokens at the root, "
        f"{total} at its model calls"
        for trace_id, total in sums.items()
        if trace_id in stored and stored[trace_id]["total_tokens"] != total
    ]


def _index_problems(
    connection: Connection, runs: dict[str, Expected], stored: dict[str, Json]
) -> list[str]:
    """What the indexes find by a mark is what the rows say: no row without hit, no hit without
    row."""
    lines = []
    session = sorted({run["session_id"] for run in stored.values()})
    for mark in sorted({expected.mark for expected in runs.values()}) if session else []:
        wanted = {run_id for run_id in stored if runs[run_id].mark == mark}
        for text in (
            f'search("{mark}")',
            f'has(tags, "{mark}")',
            f'and(eq(metadata_key, "{MARK_KEY}"), eq(metadata_value, "{mark}"))',
        ):
            got = {run["id"] for run in query(connection, {"session": session, "filter": text})}
            if got != wanted:
                lines.append(
                    f"{text}: {len(wanted - got)} runs missing, {len(got - wanted)} too many"
                )
    return lines
