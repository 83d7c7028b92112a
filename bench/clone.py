"""A prepared batch -> the same batch later: other ids and times, other threads, the same words.

What makes ten million runs out of a hundred thousand without making each text anew. Ids are UUIDv7:
their first 48 bits are milliseconds, to which the shift is added. Rows, terms and metadata of a
clone agree with each other, as if it had been sent; events inside payloads keep their times.
"""

from dataclasses import replace

from runstore.engine.sqlite.prepared import PreparedBatch, ReadyRun
from runstore.model.dotted_order import SEGMENT_CHARS, START_CHARS, segment, segment_start_us
from runstore.model.feedback import Feedback
from runstore.model.run import JsonText
from runstore.sql.sqlite.codec import Codec
from runstore.sql.sqlite.terms import Terms

_SEGMENT = SEGMENT_CHARS + 1  # with the dot


def shifted_id(run_id: str, milliseconds: int) -> str:
    later = int(run_id[:8] + run_id[9:13], 16) + milliseconds
    return f"{later >> 16 & 0xFFFFFFFF:08x}-{later & 0xFFFF:04x}{run_id[13:]}"


class Cloner:
    """Of one shift. A trace's dotted orders share their beginnings, so these are kept."""

    def __init__(self, codec: Codec, shift_us: int) -> None:
        assert shift_us % 1_000 == 0, "ids count milliseconds"
        self._codec = codec
        self._us = shift_us
        self._ms = shift_us // 1_000
        self._orders: dict[str, str] = {}

    def clone(self, batch: PreparedBatch) -> PreparedBatch:
        """Changes the batch, which has just been read from its bytes."""
        assert not batch.messages, "a template has whole runs alone"
        if self._us:
            self._orders.clear()
            for ready in batch.ready:
                self._move(ready)
            batch.feedback = [self._moved(one) for one in batch.feedback]
        return batch

    def _move(self, ready: ReadyRun) -> None:
        run, document = ready.run, ready.document
        of_run = document.of_run
        run.dotted_order = self._order(run.dotted_order)
        run.id = run.dotted_order[-SEGMENT_CHARS + START_CHARS :]
        run.trace_id = run.dotted_order[START_CHARS:SEGMENT_CHARS]
        if run.parent_run_id is not None:
            parent = run.dotted_order[-_SEGMENT - SEGMENT_CHARS + START_CHARS : -_SEGMENT]
            of_run = _renamed(of_run, run.parent_run_id, parent)
            run.parent_run_id = parent
        if run.thread_id is not None:
            thread = shifted_id(run.thread_id, self._ms)
            of_run = _renamed(of_run, run.thread_id, thread)
            extra = document.payloads[2]
            assert extra is not None, "the thread stands in the metadata"
            text = self._codec.unpack(extra).replace(run.thread_id.encode(), thread.encode())
            packed = self._codec.pack(JsonText(text))
            document.payloads = (*document.payloads[:2], packed, *document.payloads[3:])
            run.thread_id = thread
        document.of_run = of_run
        run.start_us += self._us
        run.end_us = None if run.end_us is None else run.end_us + self._us
        if run.first_token_us is not None:
            run.first_token_us += self._us

    def _order(self, order: str) -> str:
        found = self._orders.get(order)
        if found is None:
            above = order[:-_SEGMENT]
            start_us = segment_start_us(order) + self._us
            own = segment(start_us, shifted_id(order[START_CHARS - SEGMENT_CHARS :], self._ms))
            found = self._orders[order] = f"{self._order(above)}.{own}" if above else own
        return found

    def _moved(self, feedback: Feedback) -> Feedback:
        run_id, trace_id = feedback.run_id, feedback.trace_id
        return replace(
            feedback,
            id=shifted_id(feedback.id, self._ms),
            run_id=None if run_id is None else shifted_id(run_id, self._ms),
            trace_id=None if trace_id is None else shifted_id(trace_id, self._ms),
            created_us=feedback.created_us + self._us,
            modified_us=feedback.modified_us + self._us,
        )


def _renamed(terms: Terms, old: str, new: str) -> Terms:
    """An id is one term, and five words."""
    words = terms.words.replace(old.replace("-", " "), new.replace("-", " "))
    return Terms(terms.terms.replace(old, new), words)
