"""Bundles -> a target that has them, and the account of it. Knows no file and no source.

Before it writes it asks the target what it has: what is equal there is left alone, so a second
import writes nothing. What the target has otherwise is updated, which merges: where the merge does
not give the source's content, that run is refused, and the ledger says in what it differs.
"""

import uuid
from collections.abc import Iterable, Iterator
from typing import Any, Literal

import orjson

from runstore.client.calls.bodies import OUT_OF_LINE, AttachedFile, FeedbackWrite, RunWrite, Write
from runstore.client.calls.ingest import RefusedWrite, cut_batch, send_batch
from runstore.client.calls.runs import read_attachment
from runstore.client.transfer.bundle import (
    CONTENT,
    Bundle,
    lacking,
    lacking_feedback,
    text_of,
)
from runstore.client.transfer.ledger import Ledger, OnLedger
from runstore.client.transfer.peer import Peer
from runstore.client.transfer.reading import ProjectNames, feedback_of, read_existing
from runstore.errors import RunstoreError
from runstore.limits import TRANSFER_CHUNK_BYTES, TRANSFER_CHUNK_RUNS

_DEFAULT_MIME_TYPE = "application/octet-stream"


class Importer:
    """Writes bundles into one target; `ledger` is exact after each `add` and at the end."""

    def __init__(
        self,
        target: Peer,
        ledger: Ledger,
        *,
        project: str | None = None,
        verify: bool = False,
        on_ledger: OnLedger | None = None,
    ) -> None:
        """`project`: where all runs go; None: into the one of the name they had.

        `verify`: read back what was written, and refuse what is not equal.
        """
        self._target, self._project, self._verify = target, project, verify
        self._names = ProjectNames()
        self._on_ledger = on_ledger
        self.ledger = ledger

    def add_all(self, bundles: Iterable[Bundle]) -> None:
        for chunk in _chunks(bundles):
            self._add(chunk)
            if self._on_ledger:
                self._on_ledger(self.ledger)

    def _add(self, chunk: list[Bundle]) -> None:
        """Bundles of different runs."""
        for bundle in chunk:
            if self._project is not None:
                bundle.project = self._project
            self.ledger.runs.read += 1
            self.ledger.feedback.read += len(bundle.feedback)
            self.ledger.attachments.read += len(bundle.attachments)
        have = self._read([bundle.id for bundle in chunk])
        outcome = _Outcome(self.ledger)
        updated = []
        for bundle in chunk:
            there = have.get(bundle.id)
            if outcome.plan(bundle, there) and there is not None:
                updated.append(bundle)
        self._send(outcome)
        doubtful = outcome.doubtful | {one.id for one in updated}
        written = [one for one in chunk if one.id in outcome.written_runs]
        self._check([one for one in written if self._verify or one.id in doubtful], outcome)
        self._check_feedback(outcome)
        outcome.settle()

    def _read(self, run_ids: list[str]) -> dict[str, Bundle]:
        target = self._target
        return target.run(read_existing(run_ids, self._names, self._fetch, target.page_runs_max))

    def _fetch(self, url: str) -> bytes:
        return self._target.run(read_attachment(url))

    def _send(self, outcome: "_Outcome") -> None:
        terms = self._target.terms
        waiting: list[Write] = []
        size = 0

        def send(all_of_them: bool) -> None:
            nonlocal waiting, size
            while waiting and (all_of_them or size > terms.bytes_max):
                batch = cut_batch(waiting, terms)
                waiting = waiting[len(batch) :]
                size -= sum(one.size for one in batch)
                boundary = uuid.uuid4().hex
                refused = self._target.run(send_batch(batch, terms, boundary))
                outcome.took(batch, refused)

        for write in outcome.writes():
            waiting.append(write)
            size += write.size
            send(all_of_them=False)
        send(all_of_them=True)

    def _check(self, bundles: list[Bundle], outcome: "_Outcome") -> None:
        """Whether the target now has them as they are here."""
        asked = [one for one in bundles if not outcome.is_refused(one.id)]
        if not asked:
            return
        have = self._read([one.id for one in asked])
        for bundle in asked:
            there = have.get(bundle.id)
            if there is None:
                outcome.refuse(bundle.id, "the target took it, and does not have it")
            elif what := lacking(there, bundle, feedback=False):
                outcome.refuse(bundle.id, f"the target has and keeps another {', '.join(what)}")

    def _check_feedback(self, outcome: "_Outcome") -> None:
        """Which record it was: the server names the run of a refused one alone."""
        doubtful = outcome.feedback_in_doubt(all_of_them=self._verify)
        if not doubtful:
            return
        found = self._target.run(feedback_of(list(doubtful)))
        for run_id, bundle in doubtful.items():
            there = Bundle(run_id, {}, feedback=found.get(run_id, []))
            outcome.refuse_feedback(run_id, lacking_feedback(there, bundle))


class _Outcome:
    """What becomes of one chunk. Counted when the answers are there."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._to_write: list[tuple[Bundle, Literal["post", "patch"]]] = []
        self._feedback: list[tuple[Bundle, dict[str, Any]]] = []
        self._reasons: dict[str, str] = {}
        self.doubtful: set[str] = set()  # runs of batches of which something was refused
        self._feedback_reasons: dict[str, str] = {}  # by run id
        self._feedback_refused: dict[str, str] = {}  # by its own id

    def plan(self, bundle: Bundle, there: Bundle | None) -> bool:
        """Whether the run has to be written."""
        is_written = there is None or bool(lacking(there, bundle, feedback=False))
        if is_written:
            # A create would yield to what is there. A run without a project must not get one.
            is_update = there is not None or bundle.project is None
            self._to_write.append((bundle, "patch" if is_update else "post"))
        else:
            self._ledger.runs.unchanged += 1
            self._ledger.attachments.unchanged += len(bundle.attachments)
        records = lacking_feedback(there, bundle)
        self._ledger.feedback.unchanged += len(bundle.feedback) - len(records)
        self._feedback += [(bundle, record) for record in records]
        return is_written

    @property
    def written_runs(self) -> set[str]:
        return {bundle.id for bundle, _ in self._to_write}

    def writes(self) -> Iterator[Write]:
        """Attachments are read here, one run at a time."""
        for bundle, operation in self._to_write:
            yield RunWrite(operation, bundle.id, *_message(bundle), self._files(bundle))
        for bundle, record in self._feedback:
            said = {name: value for name, value in record.items() if name != "session_id"}
            said.setdefault("trace_id", text_of(bundle.fields, "trace_id") or bundle.id)
            yield FeedbackWrite(str(record["id"]), bundle.id, orjson.dumps(said))

    def _files(self, bundle: Bundle) -> tuple[AttachedFile, ...]:
        """Those that cannot be read are refused, and no longer looked for at the target."""
        files = []
        kept = []
        for one in bundle.attachments:
            try:
                content = one.read()
            except (RunstoreError, OSError) as error:
                self._ledger.refuse("attachment", f"{bundle.id}/{one.name}", str(error))
            else:
                kept.append(one)
                files.append(AttachedFile(one.name, one.mime_type or _DEFAULT_MIME_TYPE, content))
        bundle.attachments = kept
        return tuple(files)

    def took(self, batch: list[Write], refused: list[RefusedWrite]) -> None:
        """What a server said of a batch. One that refuses many does not name them all."""
        for one in refused:
            self.refuse(one.run_id, one.reason)
        if refused:
            self.doubtful |= {write.run_id for write in batch}

    def refuse(self, run_id: str, reason: str) -> None:
        """As the server names it: a reason about feedback begins with that word."""
        reasons = self._feedback_reasons if reason.startswith("feedback") else self._reasons
        reasons.setdefault(run_id, reason)

    def feedback_in_doubt(self, *, all_of_them: bool) -> dict[str, Bundle]:
        """By run id."""
        return {
            bundle.id: bundle
            for bundle, _ in self._feedback
            if all_of_them or bundle.id in self.doubtful
        }

    def refuse_feedback(self, run_id: str, records: list[dict[str, Any]]) -> None:
        reason = self._feedback_reasons.pop(run_id, "the target took it, and does not have it")
        for record in records:
            self._feedback_refused[str(record["id"])] = reason

    def is_refused(self, run_id: str) -> bool:
        return run_id in self._reasons

    def settle(self) -> None:
        ledger = self._ledger
        for bundle, _ in self._to_write:
            reason = self._reasons.pop(bundle.id, None)
            if reason is None:
                ledger.runs.written += 1
                ledger.attachments.written += len(bundle.attachments)
                continue
            ledger.refuse("run", bundle.id, reason)
            for one in bundle.attachments:
                ledger.refuse("attachment", f"{bundle.id}/{one.name}", "its run was refused")
        for _, record in self._feedback:
            refused = self._feedback_refused.get(str(record["id"]))
            if refused is None:
                ledger.feedback.written += 1
            else:
                ledger.refuse("feedback", str(record["id"]), refused)
        for run_id, reason in self._reasons.items():  # of runs that the answer does not name
            ledger.refuse("run", run_id, reason)


def _message(bundle: Bundle) -> tuple[dict[str, Any], dict[str, bytes]]:
    """In line, out of line. Ids of projects are the source's own; the target has others."""
    said = {name: bundle.fields[name] for name in CONTENT if name in bundle.fields}
    if said.get("status") == b'"pending"':
        del said["status"]  # what it is as long as nobody says when it ended
    if said.get("name") == b'""':
        del said["name"]
    payloads = {name: said.pop(name) for name in OUT_OF_LINE if name in said}
    fields: dict[str, Any] = {name: orjson.Fragment(text) for name, text in said.items()}
    fields["id"] = bundle.id
    if bundle.project is not None:
        fields["session_name"] = bundle.project
    return fields, payloads


def _chunks(bundles: Iterable[Bundle]) -> Iterator[list[Bundle]]:
    """In order; no chunk has a run twice, so that what is said later of it is compared anew."""
    chunk: dict[str, Bundle] = {}
    size = 0
    for bundle in bundles:
        is_full = len(chunk) >= TRANSFER_CHUNK_RUNS or size >= TRANSFER_CHUNK_BYTES
        if is_full or bundle.id in chunk:
            yield list(chunk.values())
            chunk, size = {}, 0
        chunk[bundle.id] = bundle
        size += sum(map(len, bundle.fields.values()))
    if chunk:
        yield list(chunk.values())
