"""Walks, each in one order -> the first keys of all of them, in this order.

A page of many projects reads of each about as many runs as it takes of it.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from heapq import merge
from itertools import islice

from runstore.engine.sqlite.candidates import Key
from runstore.engine.sqlite.connections import Connection
from runstore.sql.sqlite.select import Statement, Window

_key: Callable[[tuple[int, bytes, int]], Key] = partial(tuple.__new__, Key)
"""Key._make, three times as fast: a page has a thousand."""


class _Walk:
    """The keys of a statement as they are wanted; where it has come to."""

    def __init__(self, connection: Connection, statement: Statement) -> None:
        self._rows = connection.rows(statement)
        self.last_us: int | None = None
        self.is_over = False

    def __iter__(self) -> Iterator[tuple[int, bytes, int]]:
        for rid, start_us, run_id in self._rows:
            self.last_us = start_us
            yield start_us, run_id, rid
        self.is_over = True

    def close(self) -> None:
        self._rows.close()


def first_keys(
    connection: Connection, statements: Sequence[Statement], window: Window
) -> tuple[list[Key], list[int | None]]:
    """At most window.limit keys, and the start each statement has come to; None: to its end.

    The statements ask for (rid, start_us, id) in the window's order, and make the same tests.
    """
    if len(statements) == 1:
        rows = connection.all(statements[0])
        last_us = rows[-1][1] if len(rows) == window.limit else None
        return [_key((start_us, run_id, rid)) for rid, start_us, run_id in rows], [last_us]
    walks = [_Walk(connection, statement) for statement in statements]
    try:
        merged = merge(*walks, reverse=window.descending)
        keys = list(map(_key, islice(merged, window.limit)))
    finally:
        for walk in walks:
            walk.close()
    return keys, [None if walk.is_over else walk.last_us for walk in walks]
