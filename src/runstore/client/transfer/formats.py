"""A path -> what writes or reads it, by how its name ends."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from runstore.client.transfer.bundle import Bundle
from runstore.client.transfer.jsonl import JsonlSink, read_jsonl
from runstore.client.transfer.ledger import Ledger
from runstore.errors import InvalidArgument, StorageError

ENDINGS = (".jsonl", ".jsonl.zst", ".parquet")
ENDINGS_SAID = f"{', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}"


class Sink(Protocol):
    """Collects pages, and becomes the destination when it is finished.

    A position is a number of the sink's own. Everything before the one that `commit` gave is on
    disk, and what comes after it is dropped by `open`.
    """

    def open(self, position: int) -> None:
        """0: from the start. Raises StorageError when what was written before is not there."""

    def write(self, page: bytes, bundles: Sequence[Bundle]) -> None:
        """`page` is the answer the bundles are of; it may have more runs behind them."""

    def commit(self, *, is_last: bool) -> int | None:
        """None: not yet, more is waited for. Never so when it is the last."""

    def finish(self, position: int) -> None:
        """`position`: of the last commit. Harmless when it is finished already."""

    def close(self) -> None: ...

    def discard(self) -> None:
        """Everything written so far goes."""


def open_sink(destination: Path, ledger: Ledger) -> Sink:
    """Raises InvalidArgument for an unknown ending, ImportError when pyarrow is needed."""
    if _ending(destination) == ".parquet":
        from runstore.client.transfer.parquet import ParquetSink

        return ParquetSink(destination, ledger)
    return JsonlSink(destination, ledger)


def read_bundles_of(path: Path, ledger: Ledger) -> Iterator[Bundle]:
    """What is no run is refused in `ledger`. Raises StorageError when the file cannot be read."""
    if not path.exists():
        raise StorageError(f"cannot read {path}: there is no such file")
    if _ending(path) == ".parquet":
        from runstore.client.transfer.parquet import read_parquet

        return read_parquet(path, ledger)
    return read_jsonl(path, ledger)


def _ending(path: Path) -> str:
    for ending in ENDINGS:
        if path.name.endswith(ending):
            return ending
    raise InvalidArgument(f"{path}: the name must end in {ENDINGS_SAID}")
