"""Runs of a page, made at once or when they are looked at: the same runs, whole."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest
import zstandard

from runstore.engine.sqlite.connections import DATABASE
from runstore.engine.sqlite.engine import SqliteEngine
from runstore.errors import Damaged
from runstore.model.batch import Batch
from runstore.model.ids import id_to_bytes
from runstore.model.query import RunQuery
from runstore.model.run import PAYLOADS, Attachment, JsonText, Run, RunMessage
from runstore.plan.build import build_plan
from runstore.plan.plan import RunPlan
from runstore.sql.sqlite.codec import Codec, train
from tests.model.make import T0, S, create, rid

TEXTS = [b'{"text":"%d said to %d that tea is %d"}' % (n, n * 7, n * n) for n in range(400)]
LONG = JsonText(b'{"text":"' + b"many words are spoken here " * 40 + b'"}')
SHORT = JsonText(b'{"n":1}')


def message(number: int, **said: Any) -> RunMessage:
    return create(1, number, start_us=T0 + number * S, **said) if number > 1 else create(1, **said)


def world() -> list[RunMessage]:
    usage = {"usage_metadata": {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}}
    messages = [
        message(1, tags=("a", "b"), end_us=T0 + S),
        message(2, run_type="llm", outputs=usage, tags=("a", "b")),
        message(3, run_type="llm", outputs=usage, error="it broke", reference_example_id=rid(99)),
        message(4, extra={"metadata": {"thread_id": "t"}}, events=[{"name": "start"}]),
        message(5, attachments=(_file("x"), _file("b"))),
        message(6, attachments=(_file("x"),), serialized={"id": ["y"]}),
    ]
    messages[1].inputs, messages[2].inputs = LONG, SHORT
    return messages


def _file(name: str) -> Attachment:
    return Attachment(name, name * 64, "text/plain", 3)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[SqliteEngine]:
    engine = SqliteEngine(tmp_path / "runs")
    assert engine.write([Batch([one]) for one in world()], T0) == [[] for _ in world()]
    yield engine
    engine.close()


def plan(**asked: Any) -> RunPlan:
    fields = frozenset(Run.__struct_fields__)
    select = fields | {"feedback_stats", "child_run_ids"}
    return build_plan(RunQuery(**{"limit": 1_000, "select": select, **asked}))


@pytest.mark.parametrize("asked", [{}, {"descending": False}, {"limit": 2}, {"backward": True}])
def test_runs_made_later_are_those_made_at_once(
    engine: SqliteEngine, asked: dict[str, Any]
) -> None:
    at_once = engine.fetch_runs(plan(**asked))
    later = engine.fetch_runs(replace(plan(**asked), deferred=True))
    assert list(later.runs) == at_once.runs
    assert [later.runs[at] for at in range(len(later.runs))] == at_once.runs
    assert later.runs[1:2] == at_once.runs[1:2]
    assert later.runs[-1] == at_once.runs[-1]
    assert (later.has_next, later.has_previous) == (at_once.has_next, at_once.has_previous)
    assert later.child_ids == at_once.child_ids
    count = len(at_once.runs)
    for name in PAYLOADS:
        assert later.payloads(name, 0, count) == [getattr(run, name) for run in at_once.runs]
    for run, whole in zip(later.bare(1, count), at_once.runs[1:], strict=True):
        assert run == msgspec.structs.replace(whole, **dict.fromkeys(PAYLOADS))
    assert later.descendant_ids == at_once.descendant_ids


def test_a_run_that_was_read_lacks_nothing(engine: SqliteEngine) -> None:
    """Each field is set by hand: see run_from_row."""
    for run in engine.fetch_runs(plan()).runs:
        for name in Run.__struct_fields__:
            getattr(run, name)


def test_each_run_has_its_own_files_and_payloads(engine: SqliteEngine) -> None:
    runs = {run.id: run for run in engine.fetch_runs(plan()).runs}
    assert runs[rid(5)].attachments == (_file("b"), _file("x"))
    assert runs[rid(6)].attachments == (_file("x"),)
    assert runs[rid(4)].attachments == ()
    assert (runs[rid(2)].inputs, runs[rid(3)].inputs, runs[rid(4)].inputs) == (LONG, SHORT, None)
    assert runs[rid(2)].totals == runs[rid(3)].totals
    assert runs[rid(1)].totals["total_tokens"] == (14, 2)


def test_runs_are_made_in_any_thread_also_when_the_engine_is_closed(tmp_path: Path) -> None:
    engine = SqliteEngine(tmp_path / "runs")
    engine.write([Batch(world())], T0)
    expected = engine.fetch_runs(plan()).runs
    later = engine.fetch_runs(replace(plan(), deferred=True)).runs
    engine.close()
    made: list[Run] = []
    thread = threading.Thread(target=lambda: made.extend(later))
    thread.start()
    thread.join()
    assert made == expected


@pytest.mark.parametrize("deferred", [False, True])
def test_a_page_is_cut_before_the_run_that_is_too_much(
    engine: SqliteEngine, deferred: bool
) -> None:
    asked = replace(plan(descending=False), deferred=deferred)
    whole = engine.fetch_runs(asked)
    cut = engine.fetch_runs(replace(asked, bytes_max=2_000))
    assert (len(whole.runs), whole.has_next) == (6, False)
    assert (len(cut.runs), cut.has_next) == (1, True)  # the second has about 1,100 bytes
    assert list(cut.runs) == list(whole.runs)[:1]


@pytest.mark.parametrize("deferred", [False, True])
def test_a_damaged_payload_is_said_to_be_one(tmp_path: Path, deferred: bool) -> None:
    engine = SqliteEngine(tmp_path / "runs")
    engine.write([Batch(world())], T0)
    engine.close()
    database = apsw.Connection(str(tmp_path / "runs" / DATABASE))
    database.execute(
        "UPDATE payloads SET inputs = cast(substr(inputs, 1, 12) AS BLOB)"
        " WHERE rid = (SELECT rid FROM runs WHERE id = ?)",
        (id_to_bytes(rid(2)),),
    )
    database.close()
    engine = SqliteEngine(tmp_path / "runs", read_only=True)
    with pytest.raises(Damaged, match=f"inputs of run {rid(2)} are damaged"):
        page = engine.fetch_runs(replace(plan(), deferred=deferred))
        assert len(page.bare(0, 6)) == 6
        assert page.payloads("outputs", 0, 6)
        page.payloads("inputs", 0, 6)
    engine.close()


def test_frames_with_and_without_a_dictionary_are_unpacked_together() -> None:
    codec = Codec()
    before = codec.pack(LONG)
    codec.learn(train([text * 3 for text in TEXTS], 4_096))
    after = codec.pack(LONG)
    assert len(after) != len(before)
    assert codec.unpack_all([before, after, before]) == [LONG] * 3
    assert codec.unpack_all([after]) == [LONG]
    assert codec.unpack_all([]) == []
    other = Codec()
    with pytest.raises(KeyError):
        other.unpack_all([before, after])
    with pytest.raises(zstandard.ZstdError):
        codec.unpack_all([after, before[:-3]])


def test_frames_of_two_dictionaries_are_unpacked_together() -> None:
    codec = Codec()
    packed = []
    for share in (TEXTS[:200], TEXTS[200:]):
        codec.learn(train([text * 3 for text in share], 2_048))
        packed.append(codec.pack(LONG))
    assert codec.dictionaries == 2
    assert codec.unpack_all(packed) == [LONG, LONG]
