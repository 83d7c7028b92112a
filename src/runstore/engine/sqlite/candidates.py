"""What finding a page deals in: keys of runs, lists of candidates, a record of what was read."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from runstore.filter.tree import Node
from runstore.sql.sqlite.select import KeyKind, Statement


class Key(NamedTuple):
    """Where a run stands in the order, and its row."""

    start_us: int
    id: bytes
    rid: int


@dataclass(slots=True)
class Candidates:
    """All runs that can be wanted: keys of one kind, none twice."""

    kind: KeyKind
    keys: list[int] | list[bytes]
    settles: tuple[Node, ...] = ()  # terms of `where` that hold for all of them


class Read(NamedTuple):
    """A statement that led to the page, and how many rows it looked at: known, or to be asked."""

    statement: Statement
    rows: int | Callable[[], Statement]
