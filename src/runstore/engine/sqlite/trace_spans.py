"""Runs written -> the table long_traces: the few traces whose runs start far apart.

Of all others it is known that their runs start within TRACE_SPAN_US of each other. So whoever has
found a run of a trace need not look for its others anywhere else: engine/sqlite/by_trace.py.
"""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

import apsw

from runstore.limits import TRACE_SPAN_SECONDS, TRACE_SPANS_KNOWN_MAX
from runstore.model.ids import id_to_bytes
from runstore.model.times import US_PER_S

TRACE_SPAN_US = TRACE_SPAN_SECONDS * US_PER_S
"""Schema 3 says the same number."""

_READ = "SELECT min(start_us), max(start_us) FROM runs INDEXED BY runs_trace WHERE trace_id = ?"
_WIDEN = (
    "INSERT INTO long_traces (trace_id, first_us, last_us) VALUES (?, ?, ?)"
    " ON CONFLICT DO UPDATE SET first_us = min(first_us, excluded.first_us),"
    " last_us = max(last_us, excluded.last_us)"
)

_FORGET = (
    "DELETE FROM long_traces WHERE trace_id = ?1"
    " AND NOT EXISTS (SELECT 1 FROM runs WHERE trace_id = ?1)"
)

_Span = tuple[int, int]


class TraceSpans:
    """What the writer remembers of traces it wrote lately. Spans never shrink: some
    of their runs may be gone."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._known: OrderedDict[str, _Span] = OrderedDict()

    def note(self, starts: Iterable[tuple[str, int]]) -> None:
        """(trace, start) of runs that were written."""
        spans: dict[str, _Span] = {}
        for trace_id, start_us in starts:
            first, last = spans.get(trace_id, (start_us, start_us))
            spans[trace_id] = (min(first, start_us), max(last, start_us))
        for trace_id, (first, last) in spans.items():
            before = self._known.pop(trace_id, None)
            known = before or self._read(trace_id)
            whole = (min(first, known[0]), max(last, known[1]))
            self._known[trace_id] = whole
            if whole[1] - whole[0] > TRACE_SPAN_US and whole != before:
                self._connection.execute(_WIDEN, (id_to_bytes(trace_id), *whole))
        while len(self._known) > TRACE_SPANS_KNOWN_MAX:
            self._known.popitem(last=False)

    def forget(self, trace_ids: Iterable[str]) -> None:
        """Traces of which runs went."""
        for trace_id in trace_ids:
            self._known.pop(trace_id, None)
            self._connection.execute(_FORGET, (id_to_bytes(trace_id),))

    def _read(self, trace_id: str) -> _Span:
        row: Any = self._connection.execute(_READ, (id_to_bytes(trace_id),)).fetchone()
        return int(row[0]), int(row[1])
