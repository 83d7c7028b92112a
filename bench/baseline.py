"""The same runs in one plain SQLite table of JSON, scanned: what an afternoon's own store does.

The ratio to it says more than milliseconds do on another machine.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from bench.queries import PROJECT
from runstore.benchmark.generate import Facts, traces
from runstore.benchmark.timing import Timing, measure
from runstore.model.times import us_from_text

REPEATS = 5
_NEWEST = """
SELECT run FROM runs WHERE run ->> 'session_name' = ?
ORDER BY run ->> 'start_time' DESC, run ->> 'id' DESC LIMIT 100
"""
_NUMERIC = """
SELECT run FROM runs
WHERE run ->> 'session_name' = ? AND run ->> 'run_type' = 'llm'
  AND run ->> 'latency' > ? AND run ->> 'total_tokens' > ?
ORDER BY run ->> 'start_time' DESC, run ->> 'id' DESC LIMIT 100
"""


def measure_baseline(path: Path, runs: int, seed: int) -> dict[str, Timing]:
    """Makes the table at `path` unless it is there. Same questions as the classes so named."""
    if not path.exists():
        _fill(path, runs, seed)
    connection = sqlite3.connect(path)
    try:
        return {
            "newest page of 100": measure(
                lambda i: _asker(connection, _NEWEST, (PROJECT,)), len, REPEATS
            ),
            "llm, latency > 10, tokens > 5000": measure(
                lambda i: _asker(connection, _NUMERIC, (PROJECT, 10 + i / 50, 5_000 + 10 * i)),
                len,
                REPEATS,
            ),
        }
    finally:
        connection.close()


def _asker(
    connection: sqlite3.Connection, sql: str, parameters: tuple[Any, ...]
) -> Callable[[], list[Any]]:
    return lambda: connection.execute(sql, parameters).fetchall()


def _fill(path: Path, runs: int, seed: int) -> None:
    building = path.with_suffix(".new")
    building.unlink(missing_ok=True)
    connection = sqlite3.connect(building)
    connection.execute("PRAGMA journal_mode = OFF")
    connection.execute("CREATE TABLE runs (run TEXT NOT NULL)")
    connection.executemany(
        "INSERT INTO runs VALUES (?)",
        ((_flat(run).decode(),) for trace in traces(runs, seed, Facts(seed)) for run in trace.runs),
    )
    connection.commit()
    connection.close()
    building.rename(path)


def _flat(run: dict[str, Any]) -> bytes:
    latency_us = us_from_text(run["end_time"]) - us_from_text(run["start_time"])
    tokens = None
    if run["run_type"] == "llm" and run["outputs"]:
        message = run["outputs"]["generations"][0][0]["message"]
        tokens = message["kwargs"]["usage_metadata"]["total_tokens"]
    return orjson.dumps(run | {"latency": latency_us / 1e6, "total_tokens": tokens})
