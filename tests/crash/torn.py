"""A write-ahead log that is not as it was written: cut off, changed, with its end missing.

What a killed process leaves is whole, for the log is with the operating system. A loss of power may
leave out any of its pages that were not synced, and the log is synced at checkpoints alone.
Whatever is left, a folder opens with exactly the transactions before the first byte that is not as
it was written, of which the checksum of every frame tells, and with nothing of those behind.
"""

import random
import shutil
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import apsw

from runstore.engine.sqlite.connections import DATABASE, PAGE_BYTES, WAL_PAGES
from runstore.engine.sqlite.engine import SqliteEngine
from runstore.model.batch import Batch
from runstore.model.feedback import Feedback, FeedbackQuery
from runstore.model.query import RunQuery
from runstore.model.run import JsonText, RunMessage
from runstore.plan.build import build_plan
from runstore.store.verify import verify_folder
from tests.crash.requests import START_US

LOG, SHARED = f"{DATABASE}-wal", f"{DATABASE}-shm"
HEADER_BYTES, FRAME_BYTES = 32, PAGE_BYTES + 24
LONG_LOG_BYTES = WAL_PAGES * FRAME_BYTES * 9 // 10
SCORED = str(UUID(int=1, version=4))  # the feedback every transaction changes


@dataclass(frozen=True, slots=True)
class History:
    """A folder as a killed process leaves it. Transaction `n` makes run n, ends run n - 1 and
    gives the score n; the first `kept` are no longer in the log."""

    folder: Path
    kept: int
    ends: tuple[int, ...]  # bytes of the log that hold the transactions up to kept, kept + 1, ...

    def held(self, first_wrong: int) -> int:
        """How many transactions there are when the log is right up to that byte."""
        if first_wrong < HEADER_BYTES:
            return self.kept
        return self.kept + sum(end <= first_wrong for end in self.ends[1:])


def make_history(folder: Path, transactions: int = 36, seed: int = 1) -> History:
    """A third of the transactions is in the database, and the log behind the others holds frames
    of an earlier round, as that of a busy server does."""
    draw = random.Random(f"torn {seed}")
    live = folder / "live"
    engine = SqliteEngine(live)
    kept = transactions // 3
    for number in range(kept):
        _transact(engine, number, draw)
    engine.close()
    engine = SqliteEngine(live)
    for padding in range(1_000_000, 1_000_000 + transactions):  # what the log will end with
        engine.write([Batch([_create(padding, draw)])], START_US)
    engine.delete_traces([_id(number) for number in range(1_000_000, 1_000_000 + transactions)])
    _checkpoint(live)
    ends = []
    for number in range(kept, transactions):
        _transact(engine, number, draw)
        ends.append(_log_bytes(live))
    shutil.copytree(live, folder / "killed")
    engine.close()
    return History(folder / "killed", kept, (HEADER_BYTES, *ends))


def _checkpoint(folder: Path) -> None:
    """All of the log goes into the database; the next transaction writes it from its start."""
    connection = apsw.Connection(str(folder / DATABASE))
    connection.pragma("schema_version")  # only who has read knows of the log
    log, written = connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)
    assert 0 < log == written, "all of the log"
    connection.close()


def _log_bytes(folder: Path) -> int:
    """Up to the end of the last frame that counts. SQLite keeps their number in its index."""
    (frames,) = struct.unpack_from("=I", (folder / SHARED).read_bytes(), 16)
    return HEADER_BYTES + int(frames) * FRAME_BYTES


def _id(number: int) -> str:
    return str(UUID(int=(number + 1) << 64, version=4))


def _create(number: int, draw: random.Random, size_max: int = 2_000) -> RunMessage:
    noise = JsonText(b'{"noise":"%s"}' % draw.randbytes(draw.randrange(size_max)).hex().encode())
    return RunMessage(
        id=_id(number),
        is_patch=False,
        trace_id=_id(number),
        name=f"run {number}",
        run_type="chain",
        start_us=START_US + number,
        inputs=noise,
    )


def _transact(engine: SqliteEngine, number: int, draw: random.Random) -> None:
    messages = [_create(number, draw)]
    if number:
        messages.append(RunMessage(id=_id(number - 1), is_patch=True, end_us=START_US + 10**6))
    score = Feedback(id=SCORED, key="score", run_id=_id(0), score=number, created_us=START_US)
    batch = Batch(messages, feedback=[score])
    assert not any(engine.write([engine.prepare(batch, START_US)], START_US))


@dataclass(frozen=True, slots=True)
class Tear:
    how: str
    first_wrong: int  # byte of the log
    seconds: float  # until the folder was open
    problems: tuple[str, ...]


def tears(history: History, count: int, seed: int, scratch: Path) -> Iterator[Tear]:
    draw = random.Random(f"tears {seed}")
    for _ in range(count):
        copy = scratch / "torn"
        shutil.copytree(history.folder, copy)
        try:
            how, first_wrong = tear(copy, history.ends[-1], draw)
            started = time.monotonic()
            engine = SqliteEngine(copy)
            seconds = time.monotonic() - started
            problems = _problems(engine, history.held(first_wrong))
            _transact(engine, 10**6, draw)  # it goes on
            engine.close()
            problems += damages(copy)
        finally:
            shutil.rmtree(copy)
        yield Tear(how, first_wrong, seconds, tuple(problems))


def tear(folder: Path, end: int, draw: random.Random) -> tuple[str, int]:
    """Damage the log before byte `end`: how, and the first byte that is not as it was written."""
    log = folder / LOG
    raw = bytearray(log.read_bytes())
    # Near its end most of the time, as after a loss of power; anywhere, header included, else.
    lowest = max(0, end - 6 * FRAME_BYTES) if draw.random() < 0.6 else 0
    at = draw.randrange(lowest, end)
    how = draw.choice(("cut", "bit", "zeros", "noise", "swapped"))
    first_wrong = at
    if how == "cut":
        del raw[at:]
    elif how == "bit":
        raw[at] ^= 1 << draw.randrange(8)
    else:
        frame = max(0, at - HEADER_BYTES) // FRAME_BYTES * FRAME_BYTES + HEADER_BYTES
        there, before = slice(frame, frame + FRAME_BYTES), bytes(raw)
        if how == "zeros":
            raw[there] = bytes(FRAME_BYTES)
        elif how == "noise":
            raw[there] = draw.randbytes(FRAME_BYTES)
        else:  # written in another order than ours, and not to the end
            raw[there] = raw[HEADER_BYTES : HEADER_BYTES + FRAME_BYTES]
        first_wrong = next((place for place in range(len(raw)) if raw[place] != before[place]), end)
    log.write_bytes(raw)
    if draw.random() < 0.5:  # memory, as far as SQLite is concerned: a loss of power takes it
        (folder / SHARED).unlink()
        how += ", no -shm"
    return how, first_wrong


def _problems(engine: SqliteEngine, held: int) -> list[str]:
    page = engine.fetch_runs(build_plan(RunQuery(limit=1_000, descending=False)))
    runs = {run.id: run for run in page.runs}
    if list(runs) != [_id(number) for number in range(held)]:
        return [f"there are {len(runs)} runs, and {held} transactions should be there"]
    ended = [number for number in range(held) if runs[_id(number)].end_us is not None]
    if ended != list(range(held - 1)):
        return [f"of {held} runs these have ended: {ended}"]
    scores = [one.score for one in engine.list_feedback(FeedbackQuery())]
    return [] if scores == [held - 1] else [f"the score of transaction {held - 1} is {scores}"]


def long_log(folder: Path) -> Path:
    """A folder as a killed process leaves it at the worst moment: its log is as long as it gets."""
    draw = random.Random("a long log")
    engine = SqliteEngine(folder / "live")
    number = 0
    while (log := folder / "live" / LOG).stat().st_size < LONG_LOG_BYTES:
        batch = Batch([_create(number + more, draw, 100_000) for more in range(50)])
        engine.write([engine.prepare(batch, START_US)], START_US)
        number += 50
    assert log.stat().st_size < WAL_PAGES * FRAME_BYTES, "none of it is in the database yet"
    shutil.copytree(folder / "live", folder / "killed")
    engine.close()
    return folder / "killed"


def seconds_to_open(folder: Path) -> float:
    started = time.monotonic()
    SqliteEngine(folder).close()
    return time.monotonic() - started


def damages(folder: Path) -> list[str]:
    return [f"{found.name}: {one}" for found in verify_folder(folder) for one in found.problems]
