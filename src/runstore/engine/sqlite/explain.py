"""A page that was found -> how: steps, indexes, rows. Asks SQLite for its own plan."""

import re

from runstore.engine.sqlite.asked import Asked
from runstore.engine.sqlite.candidates import Read
from runstore.engine.sqlite.connections import Connection
from runstore.engine.sqlite.rollup import SPANS, rolled_up_to
from runstore.engine.sqlite.sampling import on_runs_time, share_meeting
from runstore.sql.sqlite.span import Span

_INDEX = re.compile(r"USING (?:COVERING )?INDEX (\w+)")
_ROLLED_UP = "SELECT ifnull(sum(runs), 0) FROM rollups WHERE pid = ? AND span = ?"
_SINCE = "SELECT count(*) FROM runs WHERE rid > ? AND pid = ?"


def indexes_of(connection: Connection, reads: list[Read]) -> list[str]:
    """Indexes these statements use, in order of first use; "rid" for rows read by their number."""
    found: dict[str, None] = {}
    for read in reads:
        rows = connection.raw.execute(
            f"EXPLAIN QUERY PLAN {read.statement.text}", read.statement.values
        )
        for *_, line in rows:
            text = str(line)
            if "inverted VIRTUAL TABLE" in text:
                found["inverted"] = None
            elif "INTEGER PRIMARY KEY" in text:
                found["rid"] = None
            else:
                found.update(dict.fromkeys(_INDEX.findall(text)))
    return list(found)


def rows_read(connection: Connection, reads: list[Read]) -> int:
    """Rows or index entries all of them looked at."""
    return sum(
        read.rows if isinstance(read.rows, int) else connection.all(read.rows())[0][0]
        for read in reads
    )


def estimated_runs(asked: Asked) -> int | None:
    """How many runs meet the query in all, from samples of the newest; None: nothing tells."""
    if asked.estimate is not None:
        return asked.estimate
    connection, scope, terms = asked.connection, asked.scope, asked.terms()
    if scope.root_where is not None or scope.tree_where is not None:
        return None
    if asked.starts() != Span() or not all(on_runs_time(term) for term in terms):
        return None
    pids = asked.each_pid()
    share = share_meeting(connection, terms, pids, Span()) if terms else 1.0
    return round(share * sum(_runs_in(connection, pid) for pid in pids))


def _runs_in(connection: Connection, pid: int) -> int:
    """All runs of a project: those in rollups, and the tail that is in none yet."""
    rolled = connection.raw.execute(_ROLLED_UP, (pid, SPANS[-1])).fetchone()
    since = connection.raw.execute(_SINCE, (rolled_up_to(connection.raw), pid)).fetchone()
    assert rolled is not None and since is not None
    return int(rolled[0]) + int(since[0])
