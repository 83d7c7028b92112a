"""A folder as an older version of the schema left it."""

from contextlib import closing
from pathlib import Path

import apsw

from runstore.engine.sqlite.connections import DATABASE
from runstore.engine.sqlite.migrate import schema_version

UNDONE = {
    5: "DROP INDEX feedback_place; CREATE INDEX feedback_place ON feedback (run_pid, run_start_us)"
    " WHERE run_pid IS NOT NULL;",
    4: "".join(
        f"ALTER TABLE zones DROP COLUMN {name};"
        for name in ("latency_max_us", "tokens_max", "cost_max")
    ),
    3: "DROP TABLE long_traces;",
    2: "DROP TABLE changes;",
}
"""By the version that made it."""


def make_older(folder: Path, version: int) -> None:
    with closing(apsw.Connection(str(folder / DATABASE))) as database:
        for newer in range(schema_version(), version, -1):
            database.execute(UNDONE[newer])
        database.pragma("user_version", version)
