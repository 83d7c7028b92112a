"""Seed and size -> a folder of ready request bodies and the facts queries are drawn from.

    bodies.bin   the bodies one after the other
    bodies.json  {"form": ..., "facts": ...,
                  "bodies": [[path, offset, bytes, bytes before zstd, operations, runs], ...]}

70 % of the runs go out as one complete post, 30 % as a post and, in a later body, a patch: what
the SDK does to runs that outlive its batching. Made once and kept, so that making them is never
part of a measurement.
"""

import json
import random
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, astuple, dataclass, field
from pathlib import Path
from typing import Any

from runstore.benchmark.agents import Agent, Trace
from runstore.benchmark.encode import Form, Operation, encode
from runstore.benchmark.messages import Conversation
from runstore.benchmark.vocabulary import vocabulary
from runstore.model.times import us_from_text

END_US = us_from_text("2026-11-01T00:00:00Z")
DAYS = 30  # the runs' start times lie in the 30 days before END_US
RUNS_PER_TRACE = 8.3  # mean, for spreading the traces over the days
OPERATIONS_PER_BODY = 100
PATCHED_SHARE = 0.3
CONCURRENT_TRACES = 6  # traces whose operations are mixed in one body
SAMPLES = 2_000  # ids of each kind kept as facts
LAST_IDS = 100  # of the runs that start last
_PATCH_ONLY = ("outputs", "end_time", "error")

Json = dict[str, Any]


@dataclass(slots=True)
class Facts:
    """What is in the store once all bodies are; queries draw their parameters from it."""

    seed: int
    runs: int = 0
    traces: int = 0
    feedback: int = 0
    run_ids: list[str] = field(default_factory=list)
    trace_ids: list[str] = field(default_factory=list)
    user_ids: list[str] = field(default_factory=list)
    thread_ids: list[str] = field(default_factory=list)
    last_ids: list[str] = field(default_factory=list)
    start_us: int = END_US
    end_us: int = END_US


@dataclass(frozen=True, slots=True)
class Place:
    """What may differ while the workload is the same: where its runs are, and when they were."""

    projects: str = ""  # what the names of the projects begin with
    ids: str = ""  # ids of runs are drawn from this too: other text, other ids
    end_us: int = END_US
    days: float = DAYS  # they start in the first of the DAYS before the end


HERE = Place()


@dataclass(frozen=True, slots=True)
class Body:
    path: str
    offset: int
    size: int
    size_before: int
    operations: int  # creates, patches and feedback
    runs: int  # the creates among them


@dataclass(slots=True)
class Bodies:
    """A generated folder, opened."""

    folder: Path
    form: Form
    facts: Facts
    bodies: list[Body]

    def read(self, body: Body) -> bytes:
        with (self.folder / "bodies.bin").open("rb") as file:
            file.seek(body.offset)
            return file.read(body.size)


def open_bodies(folder: Path) -> Bodies:
    index = json.loads((folder / "bodies.json").read_text())
    bodies = [Body(*row) for row in index["bodies"]]
    return Bodies(folder, Form(index["form"]), Facts(**index["facts"]), bodies)


def generate(
    folder: Path,
    runs: int,
    seed: int,
    *,
    form: Form = Form.ZSTD,
    operations_max: int = OPERATIONS_PER_BODY,
    place: Place = HERE,
) -> Bodies:
    """Writes the folder, or opens the one an earlier call with the same arguments wrote."""
    if (folder / "bodies.json").exists():
        return open_bodies(folder)
    folder.mkdir(parents=True, exist_ok=True)
    facts = Facts(seed)
    index: list[Body] = []
    offset = 0
    with (folder / "bodies.bin").open("wb") as file:
        for operations in batches(runs, seed, facts, operations_max, place):
            for one in encode(operations, form):
                size = file.write(one.content)
                body = Body(one.path, offset, size, one.size_before, one.operations, one.runs)
                index.append(body)
                offset += size
    rows = [list(astuple(body)) for body in index]
    written = folder / "bodies.json.new"
    known = {"form": form.value, "facts": asdict(facts), "bodies": rows}
    written.write_text(json.dumps(known))
    written.rename(folder / "bodies.json")
    return Bodies(folder, form, facts, index)


def batches(
    runs: int,
    seed: int,
    facts: Facts,
    operations_max: int = OPERATIONS_PER_BODY,
    place: Place = HERE,
) -> Iterator[list[Operation]]:
    """Operations, a body's worth at a time. Fills `facts` as it goes."""
    draw = random.Random(f"batches {seed}")
    late: deque[tuple[int, Operation]] = deque()  # (first body it may be in, patch)
    number = 0
    body: list[Operation] = []
    for operation, patch in _mixed(traces(runs, seed, facts, place), draw):
        body.append(operation)
        if patch is not None:
            late.append((number + draw.randrange(1, 4), patch))
        if len(body) >= operations_max:
            yield body
            number += 1
            body = []
            while late and late[0][0] <= number and len(body) < operations_max // 2:
                body.append(late.popleft()[1])
    if body:
        yield body
    patches = [patch for _, patch in late]
    for start in range(0, len(patches), operations_max):
        yield patches[start : start + operations_max]


def traces(runs: int, seed: int, facts: Facts, place: Place = HERE) -> Iterator[Trace]:
    """Traces in the order they start; exactly `runs` runs, the last trace cut short."""
    draw = random.Random(f"traces {seed}")
    agent = Agent(seed, vocabulary(seed), projects=place.projects, ids=place.ids)
    gap_us = place.days * 86_400_000_000 / max(runs / RUNS_PER_TRACE, 1)
    clock_us = place.end_us - DAYS * 86_400_000_000
    facts.start_us, facts.end_us = clock_us, place.end_us
    open_talks: list[Conversation] = []
    while facts.runs < runs:
        clock_us += int(draw.expovariate(1 / gap_us))
        if len(open_talks) < 50:
            open_talks.append(agent.new_conversation())
        talk = draw.choice(open_talks)
        trace = agent.turn(talk, clock_us)
        talk.turns -= 1
        if talk.turns == 0:
            open_talks.remove(talk)
        del trace.runs[runs - facts.runs :]
        _note(facts, trace, talk, draw)
        yield trace


def _note(facts: Facts, trace: Trace, talk: Conversation, draw: random.Random) -> None:
    """Counts the trace, and keeps an even sample of ids (reservoir sampling)."""
    root_id = trace.runs[0]["id"]
    run_id = draw.choice(trace.runs)["id"]
    slot = facts.traces if facts.traces < SAMPLES else draw.randrange(facts.traces + 1)
    for sample, value in (
        (facts.trace_ids, root_id),
        (facts.run_ids, run_id),
        (facts.user_ids, talk.user_id),
        (facts.thread_ids, talk.thread_id),
    ):
        if facts.traces < SAMPLES:
            sample.append(value)
        elif slot < SAMPLES:
            sample[slot] = value
    facts.traces += 1
    facts.runs += len(trace.runs)
    facts.feedback += len(trace.feedback)
    facts.last_ids = [*facts.last_ids, *(run["id"] for run in trace.runs)][-LAST_IDS:]


_Sent = tuple[Operation, Operation | None]
"""An operation, and the patch that follows in a later body."""


def _mixed(traces: Iterator[Trace], draw: random.Random) -> Iterator[_Sent]:
    """Of several traces, interleaved."""
    running: list[Iterator[_Sent]] = []
    for trace in traces:
        running.append(_operations(trace, draw))
        while len(running) >= CONCURRENT_TRACES:
            yield from _step(running, draw)
    while running:
        yield from _step(running, draw)


def _step(running: list[Iterator[_Sent]], draw: random.Random) -> Iterator[_Sent]:
    chosen = draw.choice(running)
    operation = next(chosen, None)
    if operation is None:
        running.remove(chosen)
    else:
        yield operation


def _operations(trace: Trace, draw: random.Random) -> Iterator[_Sent]:
    for run in trace.runs:
        if draw.random() < PATCHED_SHARE:
            yield Operation("post", as_started(run)), Operation("patch", as_patched(run))
        else:
            yield Operation("post", without_nulls(run)), None
    for feedback in trace.feedback:
        yield Operation("feedback", feedback), None


def as_started(run: Json) -> Json:
    started = {key: value for key, value in run.items() if key not in _PATCH_ONLY}
    return without_nulls(started | {"outputs": {}, "events": run["events"][:1]})


def as_patched(run: Json) -> Json:
    """LangChain's tracer repeats everything it knows in the patch."""
    return {key: value for key, value in run.items() if key != "serialized"} | {"session_id": None}


def without_nulls(run: Json) -> Json:
    return {key: value for key, value in run.items() if value is not None}
