"""Rows of runs -> RunFigures, many rows at a time: a column after the other is cheap in Python."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from runstore.model.aggregate import RunFigures
from runstore.model.jsontext import decode
from runstore.model.usage import add

COLUMNS = "r.start_us, r.latency_us, r.status, r.first_token_us - r.start_us, {usage}"
"""What `add_rows` reads of a row; more may follow. `usage`: r.usage or r.totals."""

CHUNK_ROWS = 4_000  # rows held at once

Row = tuple[Any, ...]


def chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    rows = iter(rows)
    while chunk := list(islice(rows, CHUNK_ROWS)):
        yield chunk


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
    texts = [text for text in usages if text is not None]
    if texts:
        decoded = decode(f"[{','.join(texts)}]".encode())
        add(figures.usage, _added_up(decoded, whole_trace=whole_trace))


def _added_up(usages: Iterable[Mapping[str, Any]], *, whole_trace: bool) -> dict[str, Any]:
    values: Counter[str] = Counter()
    reporters: Counter[str] = Counter()
    if whole_trace:
        for usage in usages:
            for name, (value, count) in usage.items():
                values[name] += value
                reporters[name] += count
    else:
        for usage in usages:
            for name, value in usage.items():
                values[name] += value
            reporters.update(usage.keys())
    return {name: (value, reporters[name]) for name, value in values.items()}
