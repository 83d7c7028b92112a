"""Several requests' messages -> the rows one transaction writes. Used by the writer alone.

Every run touched has one State, from the first message on it until the group is written; so a
run that is posted and patched in one group is written once.
"""

from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import apsw
import zstandard

from runstore.engine.sqlite.document import Document, Payloads, document_of, document_of_changed
from runstore.engine.sqlite.feedback import feedback_row, upsert
from runstore.engine.sqlite.feedback_tally import Tallies, has_moved
from runstore.engine.sqlite.page_runs import attachments_of
from runstore.engine.sqlite.prepared import (
    PreparedBatch,
    ReadyRun,
    message_of,
    messages_by_run,
    restore_texts,
)
from runstore.engine.sqlite.rows import (
    INSERT_RUN,
    PAYLOAD_COLUMNS,
    RUN_COLUMNS,
    SELECT_RUN,
    UPDATE_PLACE,
    UPDATE_RUN,
    run_from_row,
    run_row,
)
from runstore.engine.sqlite.shelf import KnownTerms, Shelf
from runstore.engine.sqlite.totals import Deltas, apply, note_change
from runstore.engine.sqlite.zone_notes import ZoneRow, note_zones
from runstore.errors import Damaged
from runstore.model.batch import Batch
from runstore.model.identity import resettle, settle
from runstore.model.ids import id_from_bytes, id_to_bytes
from runstore.model.merge import merge
from runstore.model.run import JsonText, Refusal, Run, RunMessage
from runstore.model.usage import add, as_sums
from runstore.sql.sqlite.terms import NO_TERMS, Terms, project_term

_BY_ID = SELECT_RUN + " WHERE id = ?"
_PROVISIONAL_CHILDREN = "SELECT id FROM runs WHERE provisional = 1 AND parent_id = ?"
_PAYLOADS = "SELECT inputs, outputs, extra, events, serialized FROM payloads WHERE rid = ?"
_PUT_ATTACHMENT = (
    "INSERT OR REPLACE INTO attachments (run_id, name, sha256, mime_type, size)"
    " VALUES (?, ?, ?, ?, ?)"
)
_PUT_PAYLOADS = (
    "INSERT OR REPLACE INTO payloads (rid, inputs, outputs, extra, events, serialized)"
    " VALUES (?, ?, ?, ?, ?, ?)"
)
_PUT_TERMS = "INSERT INTO inverted (rowid, terms, inputs, outputs, others) VALUES (?, ?, ?, ?, ?)"
_REPLACE_TERMS = _PUT_TERMS.replace("INSERT", "INSERT OR REPLACE")


@dataclass(slots=True)
class State:
    """A run as the group has it. `old` is how it is stored; None: not yet."""

    run: Run
    rid: int
    old: Run | None
    document: Document | None  # None: to be made from the run
    was: tuple[Run, Terms] | None = None  # before messages changed it, with the terms of that run


class Group:
    """Takes batches, then writes; the shelf knows what outlives the group."""

    def __init__(self, connection: apsw.Connection, shelf: Shelf, now_us: int) -> None:
        self._connection = connection
        self._shelf = shelf
        self._now_us = now_us
        self._states: dict[str, State] = {}
        self._feedback: list[tuple[Any, ...]] = []
        self._payloads = Payloads(shelf.codec)

    def take(self, batch: Batch) -> list[Refusal]:
        """Merge one request's messages; its refusals."""
        refusals: list[Refusal] = []
        if isinstance(batch, PreparedBatch):
            self._take_ready(batch.ready, refusals)
            for one in batch.payloads:
                text = getattr(batch.messages[one.message], one.column)
                self._payloads.know(text, one.packed, one.terms)
        for run_id, messages in messages_by_run(batch.messages).items():
            state = self._state(run_id)
            if state is not None and any(message.attachments for message in messages):
                self._load_attachments(state)
            self._merge(state, messages, refusals)
        for feedback in batch.feedback:
            pid = self._shelf.pid_of(feedback.project_id)
            self._feedback.append(feedback_row(feedback, pid))
        return refusals

    def _take_ready(self, runs: Sequence[ReadyRun], refusals: list[Refusal]) -> None:
        """Those that are new come as they are; the others' messages are merged."""
        stored = self._stored([ready.run.id for ready in runs])
        shelf = self._shelf
        for ready in runs:
            run = ready.run
            if run.id in self._states or run.id in stored:
                self._merge(self._state(run.id), [message_of(ready, self._payloads)], refusals)
                continue
            project_id = shelf.project_of(run.id, run.project_id, ready.project_name, run.start_us)
            if isinstance(project_id, Refusal):
                refusals.append(project_id)
                continue
            run.project_id = project_id
            self._add(run, ready.document)

    def _stored(self, run_ids: Sequence[str]) -> set[str]:
        """Which of these runs the folder has."""
        if not run_ids:
            return set()
        places = ", ".join("?" * len(run_ids))
        found = self._connection.execute(
            f"SELECT id FROM runs WHERE id IN ({places})", tuple(map(id_to_bytes, run_ids))
        )
        return {id_from_bytes(raw) for (raw,) in found}

    def _merge(
        self, state: State | None, messages: Sequence[RunMessage], refusals: list[Refusal]
    ) -> None:
        for message in messages:
            if state is not None and state.document is not None:
                restore_texts(state.run, state.document, self._payloads, message)
            known = len(self._shelf.project_ids)
            project_id = self._project_of(message)
            if isinstance(project_id, Refusal):
                refusals.append(project_id)
                continue
            try:
                run = merge(None if state is None else state.run, message, self._now_us, project_id)
            except ValueError as error:
                refusals.append(Refusal(message.id, str(error)))
                if len(self._shelf.project_ids) > known and project_id is not None:
                    self._shelf.forget_project(project_id)
                continue
            if state is None:
                state = self._add(run, None)
            else:
                moved = run.dotted_order != state.run.dotted_order
                document = state.document
                if state.was is None and document is not None and document is not UNCHANGED:
                    state.was = state.run, document.of_run
                state.run, state.document = run, None
                self._settle(run, moved)

    def _project_of(self, message: RunMessage) -> str | None | Refusal:
        name = message.project_name
        if message.project_id is None and name is None and message.is_patch:
            return None
        start_us = self._now_us if message.start_us is None else message.start_us
        return self._shelf.project_of(message.id, message.project_id, name, start_us)

    def _add(self, run: Run, document: Document | None) -> State:
        state = State(run, self._shelf.next_rid(), None, document)
        self._states[run.id] = state
        self._settle(run, moved=True)
        return state

    def _settle(self, run: Run, moved: bool) -> None:
        """Places of provisional runs follow from their parents': this one's, and those below."""
        if run.provisional and run.parent_run_id is not None:
            self._shelf.provisional_parents.add(run.parent_run_id)
            parent = self._known(run.parent_run_id)
            if settle(run, parent):
                moved = True
                self._states[run.id].document = None
        if moved and run.id in self._shelf.provisional_parents:
            for child in resettle(run, self._provisional_children):
                self._states[child.id].document = None

    def _known(self, run_id: str) -> Run | None:
        state = self._state(run_id)
        return None if state is None else state.run

    def _provisional_children(self, run_id: str) -> Iterable[Run]:
        children: Any = self._connection.execute(_PROVISIONAL_CHILDREN, (id_to_bytes(run_id),))
        for (raw,) in children.fetchall():
            self._load(raw)
        return [
            state.run
            for state in self._states.values()
            if state.run.provisional and state.run.parent_run_id == run_id
        ]

    def _state(self, run_id: str) -> State | None:
        return self._states.get(run_id) or self._load(id_to_bytes(run_id))

    def _load(self, raw_id: bytes) -> State | None:
        """A stored run with its payloads; None if it is not there."""
        row: Any = self._connection.execute(_BY_ID, (raw_id,)).fetchone()
        if row is None:
            return None
        pid = row[-1]
        rid, run = run_from_row(row, self._shelf.project_ids.get(pid))
        if run.id in self._states:
            return self._states[run.id]
        known = self._shelf.recent.get(rid)
        stored: Any = self._connection.execute(_PAYLOADS, (rid,)).fetchone() or ()
        for column, payload in zip(PAYLOAD_COLUMNS, stored, strict=False):
            if payload is not None:
                text = self._unpacked(payload, column, run.id)
                setattr(run, column, text)
                of_inputs = known.of_inputs if known is not None and column == "inputs" else None
                self._payloads.know(text, payload, of_inputs)
        was = None if known is None else (run, known.of_run)
        state = State(copy(run), rid, run, UNCHANGED, was)
        self._states[run.id] = state
        return state

    def _unpacked(self, payload: bytes, column: str, run_id: str) -> JsonText:
        try:
            return self._shelf.codec.unpack(payload)
        except zstandard.ZstdError as error:
            raise Damaged(
                f"run {run_id} cannot be changed: its {column} are damaged in the data folder"
                f" ({error})"
            ) from error

    def _load_attachments(self, state: State) -> None:
        """Read only when more come: most runs have none."""
        if state.old is not None and not state.run.attachments:
            known = attachments_of(self._connection, id_to_bytes(state.run.id))
            state.run.attachments = state.old.attachments = known

    # Writing.

    def write(self) -> None:
        changed = [state for state in self._states.values() if state.document is not UNCHANGED]
        deltas: Deltas = {}
        for state in changed:
            if state.document is None:
                state.document = self._document(state)
            self._total(state)
            note_change(deltas, state.old, state.run)
        for state in changed:  # ancestors in this very group
            delta = deltas.pop(state.run.id, None)
            if delta is not None:
                add(state.run.totals, delta)
        changed = [state for state in changed if state.run != state.old]
        # FTS5 gathers rows in memory only as long as their rowids ascend: known runs come first.
        changed.sort(key=lambda state: state.rid)
        self._write_known([state for state in changed if state.old is not None])
        self._write_new([state for state in changed if state.old is None])
        note_zones(self._connection, (_zone_row(state) for state in changed))
        self._shelf.trace_spans.note((state.run.trace_id, state.run.start_us) for state in changed)
        self._roll_up(changed)
        shelf = self._shelf
        others = apply(self._connection, shelf.awaited_totals, shelf.rollups, deltas.items())
        shelf.changes.note([*(state.rid for state in changed), *others])
        self._shelf.rollups.write()
        self._follow(changed)
        if self._feedback:
            upsert(self._connection, self._feedback)
            shelf.changes.note_runs([row[1] for row in self._feedback if row[1] is not None])

    def _document(self, state: State) -> Document:
        run, prices, payloads = state.run, self._shelf.prices, self._payloads
        document = None
        if state.was is not None:
            document = document_of_changed(run, *state.was, prices, payloads)
        return document or document_of(run, prices, payloads)

    def _follow(self, states: Sequence[State]) -> None:
        """Feedback already there goes with its runs."""
        moved = [
            state.run.id
            for state in states
            if state.old is not None and has_moved(state.old, state.run)
        ]
        new = (state.rid for state in states if state.old is None)  # rids ascend
        tallies = Tallies(self._connection)
        tallies.follow(moved, next(new, None))
        tallies.write()

    def _roll_up(self, states: Sequence[State]) -> None:
        shelf = self._shelf
        for state in states:
            if state.old is not None:
                pid = shelf.pid_of(state.old.project_id) or 0
                shelf.rollups.note(pid, state.rid, state.old, -1)
            pid = shelf.pid_of(state.run.project_id) or 0
            shelf.rollups.note(pid, state.rid, state.run, 1)

    def _total(self, state: State) -> None:
        """The run's own part in its total: new usage for old."""
        if state.old is None:
            totals = self._shelf.awaited_totals.take(state.run.id)
        else:
            totals = add(dict(state.old.totals), as_sums(state.old.usage), -1)
        state.run.totals = add(totals, as_sums(state.run.usage))

    def _write_new(self, states: Sequence[State]) -> None:
        self._shelf.trainer.offer(text for state in states for text in self._samples(state))
        runs, payloads, terms = self._rows(states)
        self._connection.executemany(
            INSERT_RUN, ((state.rid, *row) for state, row in zip(states, runs, strict=True))
        )
        self._connection.executemany(_PUT_PAYLOADS, payloads)
        self._connection.executemany(_PUT_TERMS, terms)
        self._write_attachments(states)

    def _samples(self, state: State) -> Iterator[JsonText]:
        """The run's inputs, outputs and extra; of runs prepared elsewhere only packs have come."""
        assert state.document is not None
        for column, packed in zip(PAYLOAD_COLUMNS[:3], state.document.payloads, strict=False):
            if packed is not None:
                yield getattr(state.run, column) or self._shelf.codec.unpack(packed)

    def _write_known(self, states: Sequence[State]) -> None:
        runs, payloads, terms = self._rows(states)
        for state, row in zip(states, runs, strict=True):
            values = dict(zip(RUN_COLUMNS, row, strict=True), rid=state.rid)
            self._connection.execute(UPDATE_RUN, values)
            if _place(state.run) != _place(state.old):
                self._connection.execute(UPDATE_PLACE, values)
        self._connection.executemany(_PUT_PAYLOADS, payloads)
        self._connection.executemany(_REPLACE_TERMS, terms)
        self._write_attachments(states)

    def _rows(self, states: Sequence[State]) -> tuple[list[Any], list[Any], list[Any]]:
        runs, payloads, terms = [], [], []
        for state in states:
            document = state.document
            assert document is not None
            pid = self._shelf.pid_of(state.run.project_id) or 0
            runs.append(run_row(state.run, pid, document.present))
            payloads.append((state.rid, *document.payloads))
            terms.append((state.rid, *document.index(project_term(pid))))
            self._shelf.recent.put(state.rid, KnownTerms(document.of_inputs, document.of_run))
        return runs, payloads, terms

    def _write_attachments(self, states: Sequence[State]) -> None:
        self._connection.executemany(
            _PUT_ATTACHMENT,
            [
                (id_to_bytes(state.run.id), one.name, one.sha256, one.mime_type, one.size)
                for state in states
                for one in state.run.attachments
            ],
        )


def _zone_row(state: State) -> ZoneRow:
    run = state.run
    latency_us = None if run.end_us is None else run.end_us - run.start_us
    tokens, _ = run.totals.get("total_tokens", (0, 0))
    cost, _ = run.totals.get("total_cost", (None, 0))
    return ZoneRow(state.rid, run.start_us, latency_us, tokens, cost)


def _place(run: Run | None) -> object:
    """What UPDATE_PLACE writes."""
    assert run is not None
    return run.dotted_order, run.parent_run_id, run.start_us, run.project_id, run.provisional


UNCHANGED = Document((None,) * len(PAYLOAD_COLUMNS), NO_TERMS, NO_TERMS, NO_TERMS, 0)
"""Stands in a State loaded but not touched."""
