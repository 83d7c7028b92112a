"""A database whose bytes have changed on the disk: what Runstore notices, and what it says.

SQLite keeps no checksums of its pages, packed payloads do. So a page that makes no sense is noticed
when it is read, a changed payload always, a changed letter in a name by `runstore check` at most.
What is noticed is said as `damaged`; never as an error without a name, and no process ends of it.
"""

import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from runstore.benchmark.agents import Agent
from runstore.benchmark.encode import encode_feedback, encode_run, headers, join
from runstore.benchmark.generate import without_nulls
from runstore.benchmark.vocabulary import Vocabulary
from runstore.engine.sqlite.connections import DATABASE, PAGE_BYTES
from runstore.engine.sqlite.engine import SqliteEngine
from runstore.errors import Damaged, RunstoreError
from runstore.model.batch import Batch
from runstore.model.feedback import FeedbackQuery
from runstore.model.project import ProjectQuery
from runstore.model.query import RunQuery
from runstore.model.run import RunMessage
from runstore.plan.build import build_plan, build_scope
from runstore.plan.plan import StatsPlan
from runstore.store.blobs import Blobs
from runstore.store.verify import verify_folder
from runstore.wire.ingest import IngestDecoder
from runstore.wire.multipart import boundary_of
from tests.crash.requests import START_US

RUNS = 900
PAGE = 100
FILTERS = (
    'search("refund")',
    'eq(run_type, "llm")',
    "gt(latency, 1)",
    'like(inputs.text, "%a%")',
    'regex(outputs, "[ab]c")',
    'eq(feedback_key, "user_score")',
)
_BITS_FLIPPED = 12


@dataclass(slots=True)
class Trial:
    """What became of one damaged folder."""

    how: str
    said: Counter[str] = field(default_factory=Counter)  # codes of errors
    wrong: list[str] = field(default_factory=list)  # errors without a name
    is_changed: bool = False  # some answer is another one, without a word
    is_found: bool = False  # by `runstore check`


def make_folder(folder: Path, seed: int = 1) -> list[str]:
    """A closed folder with RUNS runs and feedback; their ids."""
    agent, parts, ids = Agent(seed, Vocabulary(seed)), list[bytes](), list[str]()
    while len(ids) < RUNS:
        trace = agent.turn(agent.new_conversation(), START_US + len(ids) * 10**6)
        parts += [encode_run("post", without_nulls(run)) for run in trace.runs]
        parts += [encode_feedback(feedback) for feedback in trace.feedback]
        ids += [run["id"] for run in trace.runs]
    body = join(parts)
    boundary = boundary_of(headers(0, 0)["Content-Type"])
    engine = SqliteEngine(folder)
    decoder = IngestDecoder(boundary, Blobs(folder), now_us=START_US)
    decoder.feed(body)
    assert not any(engine.write([engine.prepare(decoder.finish(), START_US)], START_US))
    engine.close()
    return ids


def damaged(folder: Path, into: Path, draw: random.Random) -> str:
    """A copy with one page of its database damaged; how."""
    shutil.copytree(folder, into)
    raw = bytearray((into / DATABASE).read_bytes())
    page = draw.randrange(len(raw) // PAGE_BYTES)
    start, how = page * PAGE_BYTES, draw.choice(("noise", "zeros", "bits", "another page", "short"))
    there = slice(start, start + PAGE_BYTES)
    if how == "noise":
        raw[there] = draw.randbytes(PAGE_BYTES)
    elif how == "zeros":
        raw[there] = bytes(PAGE_BYTES)
    elif how == "another page":
        other = draw.randrange(len(raw) // PAGE_BYTES) * PAGE_BYTES
        raw[there] = raw[other : other + PAGE_BYTES]
    elif how == "short":
        del raw[max(start, PAGE_BYTES) :]  # of nothing at all a new folder is made
    else:
        for _ in range(_BITS_FLIPPED):
            raw[start + draw.randrange(PAGE_BYTES)] ^= 1 << draw.randrange(8)
    (into / DATABASE).write_bytes(raw)
    return f"{how} in page {page + 1}"


def trials(folder: Path, ids: list[str], count: int, seed: int, scratch: Path) -> Iterator[Trial]:
    whole = dict(_answers(folder, ids, Trial("none")))
    draw = random.Random(f"damage {seed}")
    for _ in range(count):
        copy = scratch / "copy"
        trial = Trial(damaged(folder, copy, draw))
        try:
            for name, answer in _answers(copy, ids, trial):
                trial.is_changed = trial.is_changed or answer != whole[name]
            trial.is_found = _is_found(copy)
            _write(copy, ids, trial)
        finally:
            shutil.rmtree(copy)
        yield trial


def _is_found(folder: Path) -> bool:
    try:
        return any(not found.is_sound for found in verify_folder(folder))
    except RunstoreError:
        return True


def _answers(folder: Path, ids: list[str], trial: Trial) -> Iterator[tuple[str, Any]]:
    """What a folder answers; an error is no answer, and is the trial's."""
    engine = SqliteEngine(folder, read_only=True)
    pages = [ids[start : start + PAGE] for start in range(0, len(ids), PAGE)]
    queries = {f"page {number}": RunQuery(ids=tuple(page)) for number, page in enumerate(pages)}
    queries |= {text: RunQuery(filter=text) for text in FILTERS}
    asked: dict[str, Callable[[], Any]] = {
        name: _fetching(engine, query) for name, query in queries.items()
    }
    asked["stats"] = lambda: engine.stats(StatsPlan(scope=build_scope(RunQuery())))
    asked["feedback"] = lambda: engine.list_feedback(FeedbackQuery(limit=1_000))
    asked["projects"] = lambda: engine.list_projects(ProjectQuery())
    for name, ask in asked.items():
        answer = _noted(trial, name, ask)
        if answer is not None:
            yield name, answer
    engine.close()


def _fetching(engine: SqliteEngine, query: RunQuery) -> Callable[[], Any]:
    def fetch() -> Any:
        page = engine.fetch_runs(build_plan(query))
        return list(page.runs), page.feedback

    return fetch


def _write(folder: Path, ids: list[str], trial: Trial) -> None:
    def write() -> bool:
        engine = SqliteEngine(folder)
        try:
            for run_id in ids[::40]:
                patch = Batch([RunMessage(id=run_id, is_patch=True, error="late")])
                _noted(trial, "patch", partial(engine.write, [patch], START_US))
            _noted(trial, "count", lambda: engine.count_runs(build_scope(RunQuery())))
            _noted(trial, "deletion", lambda: engine.delete_traces(ids[:20]) >= 0)
            _noted(trial, "tidying", engine.tidy)
        finally:
            engine.close()
        return True

    _noted(trial, "opening", write)


def _noted(trial: Trial, what: str, call: Callable[[], Any]) -> Any:
    try:
        return call()
    except RunstoreError as error:
        trial.said[error.code] += 1
        if not isinstance(error, Damaged):
            trial.wrong.append(f"{trial.how}: {what}: {error.code}: {error}")
    except Exception as error:
        trial.wrong.append(f"{trial.how}: {what}: {type(error).__name__}: {error}")
    return None
