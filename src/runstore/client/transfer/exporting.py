"""Runs of a client -> a file, page by page, so that a killed export goes on where it stopped.

    page -> bundles -> sink -> commit (on disk) -> state (on disk) -> next page

The state never says more than the sink holds, and what the sink holds beyond the state is cut off
before it goes on: no gap, no repeat. The file has its name when it is whole.
"""

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal

from runstore.client.asking import RunAsk, RunFilters, ask_runs
from runstore.client.calls.resolve import resolved
from runstore.client.calls.runs import PageBytes, RunPager, read_attachment, read_bytes
from runstore.client.transfer.formats import Sink, open_sink, read_bundles_of
from runstore.client.transfer.hashing import ContentHash, hash_bundles
from runstore.client.transfer.ledger import Ledger, OnLedger
from runstore.client.transfer.peer import Peer
from runstore.client.transfer.reading import DERIVED, NEEDED, ProjectNames, read_bundles
from runstore.client.transfer.state import SAY_RESTART, ExportState, StateFile
from runstore.errors import Conflict, CursorError, StorageError, storage_error


class RunChoice(RunFilters, total=False):
    """Which runs a transfer takes, of each everything: what list_runs takes but for the rest."""

    limit: int | None
    order: Literal["asc", "desc"] | None


class Exporter:
    """One export into one file. `ledger` is exact after each page and at the end."""

    def __init__(
        self,
        source: Peer,
        destination: str | os.PathLike[str],
        asked: Mapping[str, Any],
        *,
        feedback: bool = True,
        attachments: bool = True,
        verify: bool = False,
        on_ledger: OnLedger | None = None,
    ) -> None:
        """`asked`: RunChoice. Raises what list_runs raises, InvalidArgument."""
        self._verify = verify
        self._source = source
        self._destination = Path(destination)
        self._ask = check_asked(asked, "export_runs")
        self._with = {"with_feedback": feedback, "with_attachments": attachments}
        self._options = {**self._with, "verify": verify}
        self._on_ledger = on_ledger
        self._names = ProjectNames()
        self._file = StateFile(self._destination)
        self.ledger = Ledger()
        open_sink(self._destination, self.ledger)  # raises before anything is asked for

    def run(self, *, overwrite: bool = False, restart: bool = False) -> None:
        """Goes on where an earlier call with the same arguments stopped; `restart`: from the start.

        Raises Conflict when the file is there already (but `overwrite`), when another process
        writes it, or an export of something else was begun; StorageError when it cannot be written.
        Whatever is raised leaves what was written for the next call.
        """
        try:
            self._run(overwrite, restart)
        except OSError as error:
            raise storage_error(f"cannot write {self._destination}", error) from error

    def _run(self, overwrite: bool, restart: bool) -> None:
        with self._file.claimed():
            state = None if restart else self._file.load()
            is_named = state is not None and state.is_read  # the file there is perhaps ours
            if self._destination.exists() and not (overwrite or is_named):
                raise Conflict(
                    f"{self._destination} is there already; say overwrite=True, --overwrite"
                )
            if state is None:
                state = self._begin()
            else:
                self._check_state(state)
                self.ledger = state.ledger_so_far()
            sink = open_sink(self._destination, self.ledger)
            try:
                if not state.is_read:
                    sink.open(state.position)
                    self._read(state, sink)
                sink.finish(state.position)
            finally:
                sink.close()
            if self._verify and self.ledger.is_lossless:
                self._compare(state.hash)
            self._file.remove()

    def _compare(self, want: ContentHash) -> None:
        have = hash_bundles(read_bundles_of(self._destination, Ledger()))
        if have != want:
            raise StorageError(
                f"{self._destination} does not hold what was read: its content hash is {have}, "
                f"not {want}"
            )

    def _begin(self) -> ExportState:
        open_sink(self._destination, self.ledger).discard()  # of an export that was given up
        fields = self._source.run(resolved(self._ask))
        state = ExportState(self._source.name, self._said(), fields)
        self._file.save(state)
        return state

    def _said(self) -> dict[str, Any]:
        ask = asdict(replace(self._ask, select=None, cursor=None))
        return {**ask, "project_names": list(self._ask.project_names), **self._options}

    def _check_state(self, state: ExportState) -> None:
        if (state.source, state.asked) != (self._source.name, self._said()):
            raise Conflict(
                f"{self._file.path} is of an export from {state.source} that asked for other runs; "
                f"finish that one, or {SAY_RESTART}"
            )

    def _read(self, state: ExportState, sink: Sink) -> None:
        with pages_ahead(self._source, self._pager(state)) as pages:
            for page, cursor, is_last in pages:
                if page is not None:
                    self._add(page, sink, state)
                position = sink.commit(is_last=is_last)
                if position is not None:
                    state.cursor, state.position, state.is_read = cursor, position, is_last
                    state.ledger = self.ledger.as_json()
                    self._file.save(state)
                if self._on_ledger:
                    self._on_ledger(self.ledger)

    def _pager(self, state: ExportState) -> RunPager[PageBytes]:
        limit = self._ask.limit
        if limit is not None:
            limit = max(0, limit - self.ledger.runs.read)
        ask = RunAsk(
            restrictions=state.fields or {},
            select=(*NEEDED, *DERIVED),
            limit=limit,
            order=self._ask.order,
            cursor=state.cursor,
            is_empty=state.fields is None or limit == 0,
        )
        return RunPager(ask, self._source.server, read_bytes)

    def _add(self, page: PageBytes, sink: Sink, state: ExportState) -> None:
        bundles = self._source.run(
            read_bundles(page.body, self._names, self._fetch, runs_max=page.runs_max, **self._with)
        )
        self.ledger.runs.read += len(bundles)
        if self._verify:
            for bundle in bundles:
                state.hash = state.hash.plus(bundle)
        sink.write(page.body, bundles)

    def _fetch(self, url: str) -> bytes:
        return self._source.run(read_attachment(url))


Pages = Iterator[tuple[PageBytes | None, str | None, bool]]
"""(page, cursor behind it, whether it is the last). The last may be None: there was no more."""


@contextmanager
def pages_ahead(source: Peer, pager: RunPager[PageBytes]) -> Iterator[Pages]:
    """While one page is written the next is read: one, never more."""
    with ThreadPoolExecutor(1, "runstore-export") as reader:

        def walk() -> Pages:
            coming = reader.submit(source.run, pager.next_page())
            while True:
                try:
                    page = coming.result()
                except CursorError as error:
                    raise CursorError(
                        f"{error}; {SAY_RESTART}, to export from the start"
                    ) from error
                cursor, is_last = pager.cursor, pager.is_done
                if not is_last:
                    coming = reader.submit(source.run, pager.next_page())
                yield page, cursor, is_last
                if is_last:
                    return

        yield walk()


def check_asked(asked: Mapping[str, Any], function: str) -> RunAsk:
    """RunChoice -> RunAsk. Raises what list_runs raises."""
    return ask_runs(asked, function, RunChoice)
