"""Rows of runs -> RunFigures, many rows at a time: a column after the other is cheap in Python."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from runstore.model.aggregate import RANKED_COUNTERS, RunFigures
from runstore.model.jsontext import decode
from runstore.model.usage import Sums, add

COLUMNS = "r.start_us, r.latency_us, r.status, r.first_token_us - r.start_us, {usage}"
"""What `add_rows` reads of a row; more may follow. `usage`: r.usage or r.totals."""

USAGE = 4  # the place of `usage` in them

CHUNK_ROWS = 4_000  # rows held at once

Row = tuple[Any, ...]


def chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    rows = iter(rows)
    while chunk := list(islice(rows, CHUNK_ROWS)):
        yield chunk


def add_usage_values(
    figures: RunFigures, texts: Iterable[str | None], *, whole_trace: bool
) -> None:
    """What percentiles of tokens and costs are made of. `whole_trace`: as `add_rows` has it."""
    for name, values in _columns(texts):
        if name in RANKED_COUNTERS:
            figures.add_usage_values(
                name, (value for value, _ in values) if whole_trace else values
            )


def add_rows(figures: RunFigures, rows: Sequence[Row], *, whole_trace: bool) -> None:
    """`whole_trace`: the usage column holds sums over subtrees, not the runs' own counters."""
    starts, latencies, statuses, first_tokens, usages, *_ = zip(*rows, strict=True)
    figures.run_count += len(rows)
    figures.error_count += statuses.count("error")
    figures.pending_count += statuses.count("pending")
    last_us = max(starts)
    if figures.last_start_us is None or last_us > figures.last_start_us:
        figures.last_start_us = last_us
    figures.latencies_us += [us for us in latencies if us is not None]
    figures.first_tokens_us += [us for us in first_tokens if us is not None]
    add(figures.usage, totals_of(usages) if whole_trace else usage_of(usages))


def usage_of(texts: Iterable[str | None]) -> Sums:
    """The sums of column `usage` of many runs."""
    found: Sums = {}
    for name, values in _columns(texts):
        add(found, {name: (sum(values), len(values))})
    return found


def totals_of(texts: Iterable[str | None]) -> Sums:
    """The sums of column `totals` of many runs."""
    found: Sums = {}
    for name, pairs in _columns(texts):
        values, reporters = zip(*pairs, strict=True)
        add(found, {name: (sum(values), sum(reporters))})
    return found


def _columns(texts: Iterable[str | None]) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Each counter with its values, a name once for every set of counters some runs report: most
    report the same, and to sum up a column is far cheaper than to look each counter up."""
    rows: dict[tuple[str, ...], list[Iterable[Any]]] = {}
    for counters in _decoded(texts):
        rows.setdefault(tuple(counters), []).append(counters.values())
    for names, values in rows.items():
        yield from zip(names, zip(*values, strict=True), strict=True)


def _decoded(texts: Iterable[str | None]) -> list[dict[str, Any]]:
    """All at once, which is half the work."""
    objects: list[dict[str, Any]] = decode(
        f"[{','.join(text for text in texts if text is not None)}]".encode()
    )
    return objects
