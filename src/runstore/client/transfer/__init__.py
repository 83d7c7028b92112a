"""Moving runs: from a server or folder into a file, from either into a server or folder.

export_runs    runs of a client -> .jsonl, .jsonl.zst or .parquet; a killed one goes on
import_runs    such a file, or the runs of another client -> a client; again: nothing changes
content_hash   what a client, or a file, holds, as one hash: to compare two places
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

from runstore.client.calls.runs import RunPager, read_attachment, read_bytes
from runstore.client.sync import Client
from runstore.client.transfer.bundle import Bundle
from runstore.client.transfer.exporting import Exporter, RunChoice, check_asked, pages_ahead
from runstore.client.transfer.formats import read_bundles_of
from runstore.client.transfer.hashing import ContentHash, hash_bundles
from runstore.client.transfer.importing import Importer
from runstore.client.transfer.ledger import Count, Ledger, OnLedger, Refused
from runstore.client.transfer.peer import Peer
from runstore.client.transfer.reading import NEEDED, ProjectNames, read_bundles
from runstore.errors import InvalidArgument, StorageError

__all__ = [
    "ContentHash",
    "Count",
    "Ledger",
    "Refused",
    "content_hash",
    "export_runs",
    "import_runs",
]

Place = str | os.PathLike[str]


def export_runs(
    source: Client,
    destination: Place,
    *,
    overwrite: bool = False,
    restart: bool = False,
    feedback: bool = True,
    attachments: bool = True,
    requests_per_10s: int | None = None,
    on_ledger: OnLedger | None = None,
    **asked: Unpack[RunChoice],
) -> Ledger:
    """Writes the runs list_runs(**asked) would give into one file, with all they have.

    `destination` ends in .jsonl, .jsonl.zst or .parquet; attachments lie in a folder beside it,
    named as the file with .attachments behind. Called again after it was interrupted, with the same
    arguments, it goes on where it stopped; `restart`: from the start.

    Raises what list_runs raises; Conflict when the file is there already and not to be overwritten,
    is being written, or is begun with other arguments; StorageError when it cannot be written.
    """
    exporter = Exporter(
        Peer(source, requests_per_10s),
        destination,
        asked,
        feedback=feedback,
        attachments=attachments,
        on_ledger=on_ledger,
    )
    exporter.run(overwrite=overwrite, restart=restart)
    return exporter.ledger


def import_runs(
    source: Client | Place,
    target: Client,
    *,
    project: str | None = None,
    verify: bool = False,
    requests_per_10s: int | None = None,
    on_ledger: OnLedger | None = None,
    **asked: Unpack[RunChoice],
) -> Ledger:
    """Writes runs into `target`: those of a file, or those list_runs(**asked) gives of a client.

    Ids, times, places in the trace, projects' names, feedback and attachments stay as they are.
    What the target has already, equal, is left alone: a second import writes nothing, and one that
    was interrupted is simply made again. `project`: all into this one. `verify`: what was written
    is read back and compared. `requests_per_10s`: to the source and to the target, each.

    The ledger that comes back says what became of each run, feedback and attachment; nothing is
    lost silently. Raises errors of the clients, InvalidArgument, StorageError.
    """
    ledger = Ledger()
    importer = Importer(
        Peer(target, requests_per_10s), ledger, project=project, verify=verify, on_ledger=on_ledger
    )
    importer.add_all(_bundles(source, ledger, asked, "import_runs", requests_per_10s))
    return ledger


def content_hash(
    source: Client | Place, *, attachments: bool = False, **asked: Unpack[RunChoice]
) -> ContentHash:
    """Of the runs of a client that list_runs(**asked) gives, or of an exported file.

    Equal for equal runs in any order: ids, times, payloads, projects' names, feedback, names and
    types of attachments; `attachments`: and their bytes. Not in it: what servers derive, and ids of
    projects, which differ between places. Raises StorageError for a file with lines that are none.
    """
    ledger = Ledger()
    bundles = _bundles(source, ledger, asked, "content_hash", None)
    found = hash_bundles(bundles, attachments=attachments)
    if ledger.refusals:
        raise StorageError(f"{source}: {ledger.refusals[0].id}: {ledger.refusals[0].reason}")
    return found


def _bundles(
    source: Client | Place,
    ledger: Ledger,
    asked: Mapping[str, Any],
    function: str,
    requests_per_10s: int | None,
) -> Iterator[Bundle]:
    if isinstance(source, Client):
        return _listed(Peer(source, requests_per_10s), asked, function)
    if asked:
        raise InvalidArgument(f"{', '.join(asked)}: a file is taken as a whole")
    return read_bundles_of(Path(source), ledger)


def _listed(source: Peer, asked: Mapping[str, Any], function: str) -> Iterator[Bundle]:
    ask = replace(check_asked(asked, function), select=NEEDED)

    def fetch(url: str) -> bytes:
        return source.run(read_attachment(url))

    def walk() -> Iterator[Bundle]:
        names = ProjectNames()
        with pages_ahead(source, RunPager(ask, source.server, read_bytes)) as pages:
            for page, _, _ in pages:
                if page is not None:
                    steps = read_bundles(page.body, names, fetch, runs_max=page.runs_max)
                    yield from source.run(steps)

    return walk()
