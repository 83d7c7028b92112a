"""A folder's database -> what is wrong with it, check by check. Reads alone.

Each check has a snapshot of its own, so that a server may go on writing meanwhile without its log
growing for as long as all of them take.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from runstore.engine.sqlite.connections import DATABASE, Connection
from runstore.engine.sqlite.findings import Findings
from runstore.engine.sqlite.guests import GuestReaders
from runstore.engine.sqlite.verify_payloads import check_dictionaries, check_payloads
from runstore.engine.sqlite.verify_rows import (
    check_changes,
    check_database,
    check_database_quickly,
    check_long_traces,
    check_places,
    check_rows,
    check_schema,
    check_zones,
)
from runstore.engine.sqlite.verify_sums import check_rollups, check_tallies, check_totals
from runstore.sql.sqlite.codec import Codec


class Check(NamedTuple):
    """`run_fast` None: left out when it has to be fast."""

    name: str
    about: str
    run: Callable[[Connection, Findings], None]
    run_fast: Callable[[Connection, Findings], None] | None


# fmt: off
CHECKS = (
    Check("database", "SQLite's own check of its pages and indexes, the inverted one included",
          check_database, check_database_quickly),
    Check("schema", "all tables and indexes are there, as this version makes them",
          check_schema, check_schema),
    Check("rows", "every run has its payloads and its index entry; nothing else has any",
          check_rows, check_rows),
    Check("places", "every run's dotted order names its trace, its parent and itself",
          check_places, check_places),
    Check("zones", "every run is within the bounds of its zone",
          check_zones, check_zones),
    Check("long traces", "every trace whose runs start more than an hour apart is listed",
          check_long_traces, check_long_traces),
    Check("totals", "subtree totals are what the runs below add up to",
          check_totals, check_totals),
    Check("rollups", "rollups are what the runs add up to",
          check_rollups, check_rollups),
    Check("feedback", "feedback is counted where its runs stand, all of it once",
          check_tallies, check_tallies),
    Check("changes", "the log of changes can be read on from any place",
          check_changes, check_changes),
    Check("dictionaries", "every dictionary can be loaded",
          check_dictionaries, check_dictionaries),
    Check("payloads", "every payload unpacks and is JSON",
          check_payloads, None),
)
# fmt: on


def verify_database(folder: Path, *, fast: bool = False) -> Iterator[Findings]:
    """One after the other, as they are done. `fast`: what takes long is left out.

    Raises FolderNotFound, StorageError for what cannot be opened at all.
    """
    readers = GuestReaders(folder / DATABASE, Codec())
    readers.get()  # raises here, not in the midst
    try:
        for check in CHECKS:
            run = check.run_fast if fast else check.run
            if run is not None:
                yield Findings(check.name, check.about).take(_in_snapshot(readers, run))
    finally:
        readers.close()


def _in_snapshot(
    readers: GuestReaders, run: Callable[[Connection, Findings], None]
) -> Callable[[Findings], None]:
    def check(findings: Findings) -> None:
        with readers.get().snapshot() as connection:
            run(connection, findings)
        readers.confirm()

    return check
