"""`python -m bench.scale`: the query classes at millions of runs, and what growing costs.

Runs are written straight to the engine: a template of TEMPLATE_RUNS is decoded and prepared once,
and each later clone of it (bench/clone.py) is made by processes of their own while one thread
writes. All lie in the same DAYS, so that a store ten times as large is ten times as dense. Then
every class is asked at the engine, and bodies are sent over HTTP to a server on the folder, and to
one on an empty folder, in the same run. One JSON file a size; the document shows all there are.
"""

import argparse
import json
import multiprocessing
import pickle
import random
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import apsw

from bench.clone import Cloner, shifted_id
from bench.load import LoadResult, disk_usage, load
from bench.queries import QueryResult, at_engine
from bench.scale_report import show, write_docs
from bench.server import Server
from runstore.benchmark.encode import BOUNDARY, encode_feedback, encode_run, join
from runstore.benchmark.generate import DAYS, END_US, Facts, Place, generate, traces, without_nulls
from runstore.benchmark.hardware import machine, today
from runstore.engine.sqlite.engine import SqliteEngine
from runstore.engine.sqlite.prepared import PreparedBatch
from runstore.model.prices import Prices
from runstore.store.blobs import Blobs
from runstore.wire.ingest import decode_multipart

DOCS = Path("docs/benchmarks.md")
TEMPLATE_RUNS = 100_000
OPERATIONS_PER_BATCH = 100
BATCHES_PER_COMMIT = 40  # as much as a busy server writes at once
BATCHES_AHEAD = 60  # cloned and not yet written
PROCESSES = 2
SLICE_RUNS = 200_000
TIDY_SECONDS_MAX = 60.0  # an idle server merges its index; longer than that it need not
HTTP_RUNS = 80_000  # of which the first slice (bench/load.py) is not counted: it warms up
DAY_US = 86_400_000_000

Json = dict[str, Any]


@dataclass(slots=True)
class Scale:
    """One size. Milliseconds, bytes, seconds."""

    runs: int
    seed: int
    machine: str
    date: str = field(default_factory=today)
    load_s: float = 0.0
    slices: list[float] = field(default_factory=list)  # runs/s of each SLICE_RUNS
    disk: dict[str, int] = field(default_factory=dict)  # bytes by part
    http_runs_per_s_empty: float = 0.0  # over HTTP, on an empty folder
    http_runs_per_s: float = 0.0  # the same bodies, on top: runs that start after all others
    http_runs_per_s_late: float = 0.0  # others, on top: runs that start among all others
    queries: dict[str, Any] = field(default_factory=dict)  # name -> target, p50, p95, p99, runs


class Template:
    """Batches as bytes, and the facts of one clone."""

    def __init__(self, seed: int, runs: int, days: float) -> None:
        self.facts = Facts(seed)
        self._traces = traces(runs, seed, self.facts, Place(days=days))
        self.batches: list[bytes] = []

    def prepare(self, engine: SqliteEngine, folder: Path) -> None:
        """The first batches are written at once, for the dictionary that packs all the others."""
        blobs, first = Blobs(folder), []
        for number, operations in enumerate(self._operations()):
            body = join(operations)
            now_us = self.facts.end_us
            batch = decode_multipart(body, BOUNDARY.encode(), blobs, now_us=now_us)
            if not engine._codec.has_dictionary:
                first.append(body)
                engine.write([engine.prepare(batch, now_us)], now_us)
                time.sleep(0.01)  # the dictionary is trained in a thread
                continue
            if first:
                self._again(engine, blobs, first)
                self.written = number
                first = []
            self.batches.append(pickle.dumps(engine.prepare(batch, now_us)))

    def _again(self, engine: SqliteEngine, blobs: Blobs, bodies: list[bytes]) -> None:
        now_us = self.facts.end_us
        for body in bodies:
            batch = decode_multipart(body, BOUNDARY.encode(), blobs, now_us=now_us)
            self.batches.append(pickle.dumps(engine.prepare(batch, now_us)))

    def _operations(self) -> Iterator[list[bytes]]:
        def each() -> Iterator[bytes]:
            for trace in self._traces:
                yield from (encode_run("post", without_nulls(run)) for run in trace.runs)
                yield from map(encode_feedback, trace.feedback)

        operations = each()
        while batch := list(islice(operations, OPERATIONS_PER_BATCH)):
            yield batch


def fill(folder: Path, scale: Scale) -> Facts:
    """Writes the runs. What queries are drawn from."""
    clones = max(scale.runs // TEMPLATE_RUNS, 1)
    template = Template(scale.seed, min(scale.runs, TEMPLATE_RUNS), DAYS / clones)
    shift_us = DAYS * DAY_US // clones // 1_000 * 1_000
    engine = SqliteEngine(folder, Prices.load())
    try:
        print("Preparing the template", flush=True)
        template.prepare(engine, folder)
        began = time.perf_counter()
        _write(engine, template, clones, shift_us, scale)
        scale.load_s = time.perf_counter() - began
        ends = time.perf_counter() + TIDY_SECONDS_MAX
        while engine.tidy() and time.perf_counter() < ends:
            pass
    finally:
        engine.close()
    return _facts(template.facts, clones, shift_us, scale.runs)


def _write(
    engine: SqliteEngine, template: Template, clones: int, shift_us: int, scale: Scale
) -> None:
    jobs = (
        (clone * shift_us, number)
        for clone in range(clones)
        for number in range(0 if clone else template.written, len(template.batches))
    )
    ahead = threading.Semaphore(BATCHES_AHEAD)

    def admitted() -> Iterator[tuple[int, int]]:
        for job in jobs:
            ahead.acquire()
            yield job

    global _TEMPLATE, _CODEC
    _TEMPLATE, _CODEC = template, engine._codec  # for the processes, which are forked
    now_us = template.facts.end_us
    runs, since, slice_began = 0, 0, time.perf_counter()
    with multiprocessing.get_context("fork").Pool(PROCESSES) as pool:
        cloned = pool.imap(_clone, admitted())
        while raws := list(islice(cloned, BATCHES_PER_COMMIT)):
            batches = [pickle.loads(raw) for raw in raws]
            for _ in raws:
                ahead.release()
            refused = engine.write(batches, now_us)
            assert not any(refused), refused
            runs += sum(len(batch.ready) for batch in batches)
            if runs - since >= SLICE_RUNS:
                took = time.perf_counter() - slice_began
                scale.slices.append((runs - since) / took)
                print(f"  {runs:>12,} runs  {scale.slices[-1]:>8,.0f} runs/s", flush=True)
                since, slice_began = runs, time.perf_counter()


_TEMPLATE: Template
_CODEC: Any
_CLONERS: dict[int, Cloner] = {}


def _clone(job: tuple[int, int]) -> bytes:
    shift_us, number = job
    cloner = _CLONERS.get(shift_us)
    if cloner is None:
        _CLONERS.clear()
        cloner = _CLONERS[shift_us] = Cloner(_CODEC, shift_us)
    batch: PreparedBatch = pickle.loads(_TEMPLATE.batches[number])
    return pickle.dumps(cloner.clone(batch))


def _facts(facts: Facts, clones: int, shift_us: int, runs: int) -> Facts:
    """Of all clones: each sampled id in one of them."""
    draw = random.Random(f"clones {facts.seed}")

    def spread(ids: list[str]) -> list[str]:
        return [shifted_id(one, draw.randrange(clones) * shift_us // 1_000) for one in ids]

    return Facts(
        seed=facts.seed,
        runs=runs,
        traces=facts.traces * clones,
        feedback=facts.feedback * clones,
        run_ids=spread(facts.run_ids),
        trace_ids=spread(facts.trace_ids),
        user_ids=facts.user_ids,
        thread_ids=spread(facts.thread_ids),
        start_us=facts.start_us,
        end_us=facts.end_us,
    )


def parts_of(folder: Path) -> dict[str, int]:
    """Bytes of the database by what they hold: rows and their indexes, payloads, text index."""
    parts = {"rows": 0, "indexes": 0, "payloads": 0, "inverted index": 0, "other": 0}
    database = apsw.Connection(str(folder / "runs.db"), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        rows: Any = database.execute("SELECT name, pgsize FROM dbstat WHERE aggregate = TRUE")
        for name, size in rows:
            part = "other"
            if name == "runs":
                part = "rows"
            elif name.startswith("runs_"):
                part = "indexes"
            elif name == "payloads":
                part = "payloads"
            elif name.startswith("inverted"):
                part = "inverted index"
            parts[part] += size
    finally:
        database.close()
    return parts


def measure(folder: Path, said: argparse.Namespace) -> Scale:
    scale = Scale(said.runs, said.seed, machine())
    data, facts_file = folder / "data", folder / "facts.json"
    if not facts_file.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        print(f"Writing {said.runs:,} runs (seed {said.seed})", flush=True)
        facts = fill(data, scale)
        facts_file.write_text(json.dumps({"facts": asdict(facts), "scale": asdict(scale)}))
    known = json.loads(facts_file.read_text())
    facts = Facts(**known["facts"])
    scale.slices, scale.load_s = known["scale"]["slices"], known["scale"]["load_s"]
    results: dict[str, QueryResult] = {}
    for what in ("to warm up", "to measure"):  # more than memory holds is cold the first time
        print(f"Asking the engine, {what}", flush=True)
        at_engine(data, facts, results, full=False)
    for name, result in results.items():
        assert result.narrow is not None
        scale.queries[name] = asdict(result.narrow) | {"target_ms": result.target_ms}
    try:  # last, for it reads every page
        scale.disk = parts_of(data)
    except apsw.Error as error:
        print(f"no dbstat here: {error}", flush=True)
    scale.disk["all"] = sum(disk_usage(data).values())
    if not said.no_http:
        facts_file.unlink()  # the folder has more now than the facts say
        _send_more(folder, data, scale)
    return scale


def _send_more(folder: Path, data: Path, scale: Scale) -> None:
    days = DAYS * min(HTTP_RUNS / scale.runs, 1.0)  # as dense as those that are there
    after = Place(end_us=END_US + DAYS * DAY_US, days=days)
    new = generate(folder / "new", HTTP_RUNS, scale.seed + 1, place=after)
    late = generate(folder / "late", HTTP_RUNS, scale.seed + 2)
    empty = folder / "empty"
    shutil.rmtree(empty, ignore_errors=True)
    print("Sending more over HTTP: to an empty folder", flush=True)
    with Server(empty) as server:
        scale.http_runs_per_s_empty = _warm_rate(load(server, new))
    with Server(data) as server:
        print("On top: runs that start after all others", flush=True)
        scale.http_runs_per_s = _warm_rate(load(server, new))
        print("On top: runs that start among all others", flush=True)
        scale.http_runs_per_s_late = _warm_rate(load(server, late))
    for made in (empty, new.folder, late.folder):
        shutil.rmtree(made)


def _warm_rate(loaded: LoadResult) -> float:
    """Runs a second, once the server has its caches. All slices where there is but one."""
    slices = loaded.slices[1:] or loaded.slices
    return sum(one.runs for one in slices) / sum(one.seconds for one in slices)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument("--runs", type=int, default=2_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("bench/out"))
    parser.add_argument("--keep", action="store_true", help="keep the data for the next time")
    parser.add_argument("--no-http", action="store_true", help="ask the engine alone")
    parser.add_argument("--write-docs", action="store_true", help=f"write {DOCS}")
    said = parser.parse_args()
    folder = said.out / f"scale-{said.runs}"
    scale = measure(folder, said)
    result = said.out / f"scale-{said.runs}.json"
    result.write_text(json.dumps(asdict(scale), indent=1))
    print(f"Written: {result}")
    if not said.keep:
        shutil.rmtree(folder)
    sizes = [json.loads(path.read_text()) for path in said.out.glob("scale-*.json")]
    sizes.sort(key=lambda one: one["runs"])
    show(sizes)
    if said.write_docs:
        write_docs(sizes, DOCS)
        print(f"Written: {DOCS}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
