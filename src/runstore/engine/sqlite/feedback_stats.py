"""Scope of whole kinds and times -> figures of its runs' feedback, exact.

Counts come from tallies for whole hours and from the records one by one at both ends of the
window; comments and sources are the newest by index.
"""

import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from runstore.engine.sqlite.connections import Connection
from runstore.engine.sqlite.feedback_tally import kind_from_text
from runstore.engine.sqlite.rollup import Kind
from runstore.limits import FEEDBACK_SAMPLE_MAX
from runstore.model.aggregate import FeedbackFigures, Said, said_of, told_once
from runstore.model.jsontext import decode, encode
from runstore.model.stats import FeedbackStats
from runstore.sql.sqlite.select import key_list

Tile = tuple[int, int, int]
"""span, first hour, last hour exclusive"""

_TALLIES = (
    # One row for all tallies of a key and kind in a span: to read them one by one costs far more.
    "SELECT pid, key, kind, '[' || group_concat('[' || said || ',' || records || ']') || ']'"
    " FROM feedback_tallies WHERE pid IN (SELECT value FROM json_each(:pids))"
    " AND span = :span AND hour >= :first AND hour < :last GROUP BY pid, hour, key, kind"
)
_RECORDS = (
    "SELECT f.run_pid, f.key, f.run_kind, f.score, f.value, f.extra"
    " FROM feedback AS f INDEXED BY feedback_place"
    " WHERE f.run_pid IN (SELECT value FROM json_each(:pids))"
    " AND f.run_start_us >= :low AND f.run_start_us < :high"
)
_NEWEST = (
    "SELECT f.created_us, f.id, f.{column} FROM feedback AS f INDEXED BY {index}"
    " WHERE f.run_pid = :pid AND f.key = :key AND {is_there}"
    " AND f.run_kind IN (SELECT value FROM json_each(:kinds))"
    " AND f.run_start_us >= :low AND f.run_start_us < :high"
    " ORDER BY f.created_us DESC, f.id DESC LIMIT :limit"
)
_COMMENTS = _NEWEST.format(column="comment", index="feedback_comments", is_there="f.comment <> ''")
_SOURCES = _NEWEST.format(
    column="source", index="feedback_sources", is_there="f.source IS NOT NULL"
)


@dataclass(slots=True)
class _Key:
    """One key's figures in one group, and where its records are."""

    figures: FeedbackFigures = field(default_factory=FeedbackFigures)
    kinds: dict[int, set[str]] = field(default_factory=dict)  # by project


class FeedbackReader:
    """One question, inside a snapshot: runs of these projects that started in [low_us, high_us).
    `group_of` names the group of a kind; None: not asked for."""

    def __init__(
        self,
        connection: Connection,
        pids: Sequence[int],
        window: tuple[int, int],
        group_of: Callable[[Kind], str | None],
    ) -> None:
        self._connection = connection
        self._pids = key_list(list(pids))
        self._low_us, self._high_us = window
        self._group_of = group_of
        self._groups: dict[str, str | None] = {}  # by text of kind
        self._found: dict[str, dict[str, _Key]] = {}  # by group, by key

    def add_tile(self, tile: Tile) -> None:
        span, first, last = tile
        values = {"pids": self._pids, "span": span, "first": first, "last": last}
        for pid, key, kind, counted in self._connection.raw.execute(_TALLIES, values):
            self._add(pid, key, kind, decode(counted))

    def add_records(self, low_us: int, high_us: int) -> None:
        """Of runs that started in [low_us, high_us)."""
        values = {"pids": self._pids, "low": low_us, "high": high_us}
        for pid, key, kind, *counted in self._connection.raw.execute(_RECORDS, values):
            self._add(pid, key, kind, [(said_of(*counted), 1)])

    def _add(self, pid: int, key: str, kind: str, counted: Iterable[tuple[Said, int]]) -> None:
        if kind not in self._groups:
            self._groups[kind] = self._group_of(kind_from_text(kind))
        group = self._groups[kind]
        if group is not None:
            found = self._found.setdefault(group, {}).setdefault(key, _Key())
            found.figures.add(counted)
            found.kinds.setdefault(pid, set()).add(kind)

    def stats(self, group: str) -> dict[str, FeedbackStats]:
        """By key, keys in order of the alphabet."""
        stats: dict[str, FeedbackStats] = {}
        for key, found in sorted(self._found.get(group, {}).items()):
            stats[key] = found.figures.stats()
            stats[key].comments = self._newest(_COMMENTS, key, found)
            stats[key].sources = told_once(self._newest(_SOURCES, key, found))
        return stats

    def _newest(self, sql: str, key: str, found: _Key) -> list[Any]:
        rows: list[Any] = []
        for pid, kinds in found.kinds.items():
            values = {
                "pid": pid,
                "key": key,
                "kinds": encode(sorted(kinds)).decode(),
                "low": self._low_us,
                "high": self._high_us,
                "limit": FEEDBACK_SAMPLE_MAX,
            }
            rows += self._connection.raw.execute(sql, values)
        return [said for _, _, said in heapq.nlargest(FEEDBACK_SAMPLE_MAX, rows)]
