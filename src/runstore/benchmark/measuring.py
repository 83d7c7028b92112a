"""A server -> figures: projects of our own are made, filled, asked, exported and deleted again.

Nothing that was there is touched: the projects are new, and go by their ids.
"""

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from pathlib import Path

import orjson

from runstore.benchmark.agents import PROJECTS
from runstore.benchmark.asking import Asked, Export, ask_class, export_project
from runstore.benchmark.encode import Form, Operation, encode, headers
from runstore.benchmark.generate import (
    OPERATIONS_PER_BODY,
    Bodies,
    Body,
    Facts,
    Place,
    generate,
    traces,
    without_nulls,
)
from runstore.benchmark.questions import QUERY_CLASSES, QueryClass, Source
from runstore.benchmark.sender import TimedTransport, post
from runstore.benchmark.sending import send_bodies, send_body
from runstore.benchmark.timing import REPEATS, Timing, measure, percentile
from runstore.benchmark.vocabulary import vocabulary
from runstore.client.calls.ingest import IngestTerms, read_terms
from runstore.client.drive import drive
from runstore.client.sync import Client
from runstore.errors import (
    Conflict,
    InvalidRequest,
    NotFound,
    RunstoreError,
    UnexpectedAnswer,
)

RUNS = 20_000
CONNECTIONS = 8
ASKED_PROJECT = "support-agent"  # the largest; the questions are about it
OPERATION_BYTES = 20_000  # hardly one is larger, before zstd
ALONE_REPEATS = 10  # runs sent one by one
VISIBLE_SECONDS_MAX = 300.0  # what is not found by then is taken for lost
POLL_SECONDS = 0.05  # between two looks for what is not there yet
_NO_SUCH_ROUTE = (404, 405, 501)

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`project`: what the names of the projects begin with; `token`: new ids of runs."""

    project: str
    token: str
    runs: int = RUNS
    seed: int = 1
    connections: int = CONNECTIONS
    repeats: int = REPEATS
    classes: tuple[QueryClass, ...] = QUERY_CLASSES
    keep: bool = False


@dataclass(slots=True)
class Ingest:
    """From the first body to the last answer."""

    form: str
    connections: int
    runs: int = 0
    operations: int = 0
    seconds: float = 0.0
    bytes_sent: int = 0
    bytes_before_zstd: int = 0
    body_ms: dict[str, float] = field(default_factory=dict)

    @property
    def runs_per_s(self) -> float:
        return self.runs / self.seconds


@dataclass(slots=True)
class Figures:
    """`visible_s`: after the last answer of ingest. `counted`: runs the server's stats count."""

    runs: int
    seed: int
    server: str
    ingest: Ingest
    visible_s: float
    counted: int | None
    alone: Timing
    queries: list[Asked]
    export: Export
    busy_answers: int  # of 429, in all


def measure_server(
    client: Client, transport: TimedTransport, plan: Plan, now: datetime, tell: Tell
) -> Figures:
    """`client` sends through `transport`. Raises Conflict when a project is there already."""
    server = _version(client)
    terms = drive(read_terms(), transport)
    with _projects(client, plan) as projects, tempfile.TemporaryDirectory() as folder:
        place = Place(plan.project + "-", plan.token, int(now.timestamp()) * 1_000_000)
        bodies, ingest = _ingest(transport, plan, place, terms, Path(folder), tell)
        tell("Waiting until the last runs can be found")
        visible_s = _until_found(transport, bodies.facts.last_ids)
        counted = _counted(transport, list(projects.values()))
        alone = _one_by_one(transport, plan, place, bodies.form)
        tell("Asking")
        source = Source(projects[ASKED_PROJECT], bodies.facts, vocabulary(plan.seed))
        queries = []
        for query_class in plan.classes:
            queries.append(ask_class(transport, query_class, source, plan.repeats))
            tell(f"  {query_class.name}")
        tell("Exporting")
        export = export_project(transport, source.project_id)
    return Figures(
        runs=plan.runs,
        seed=plan.seed,
        server=server,
        ingest=ingest,
        visible_s=visible_s,
        counted=counted,
        alone=alone,
        queries=queries,
        export=export,
        busy_answers=transport.busy_answers,
    )


def _version(client: Client) -> str:
    try:
        return str(client.server_info().get("version") or "says no version")
    except (NotFound, InvalidRequest, UnexpectedAnswer):
        return "has no GET /info"


@contextmanager
def _projects(client: Client, plan: Plan) -> Iterator[dict[str, str]]:
    """Name in the workload -> id. Deleted at the end, whatever that is."""
    made: dict[str, str] = {}
    try:
        for name, _ in PROJECTS:
            full = f"{plan.project}-{name}"
            try:
                made[name] = str(client.create_project(full).id)
            except Conflict:
                raise Conflict(
                    f"there is a project {full!r} already, which is left alone: name another"
                ) from None
        yield made
    finally:
        if not plan.keep:
            _delete(client, plan, made)


def _delete(client: Client, plan: Plan, made: dict[str, str]) -> None:
    """All that can be; then raises what was wrong with one that could not."""
    failure: RunstoreError | None = None
    for name, project_id in made.items():
        try:
            client.delete_project(project_id=project_id)
        except RunstoreError as error:
            error.add_note(f"project {plan.project}-{name} is still there")
            failure = error
    if failure is not None:
        raise failure


def _ingest(
    transport: TimedTransport,
    plan: Plan,
    place: Place,
    terms: IngestTerms,
    folder: Path,
    tell: Tell,
) -> tuple[Bodies, Ingest]:
    tell(f"Generating {plan.runs:,} runs (seed {plan.seed})")
    form = Form.JSON
    if terms.takes_multipart:
        form = Form.ZSTD if terms.takes_zstd else Form.MULTIPART
    bodies = _generated(folder / "first", plan, place, terms, form)
    began = time.perf_counter()
    try:
        send_body(transport, bodies, bodies.bodies[0])
    except RunstoreError as error:
        if form is Form.JSON or error.status not in _NO_SUCH_ROUTE:
            raise
        bodies = _generated(folder / "json", plan, place, terms, Form.JSON)
        began = time.perf_counter()
        send_body(transport, bodies, bodies.bodies[0])
    tell(f"Sending them as {bodies.form.value} over {plan.connections} connections")
    ingest = Ingest(bodies.form.value, plan.connections)
    took = [time.perf_counter() - began]
    lock = threading.Lock()

    def on_sent(body: Body, seconds: float) -> None:
        with lock:
            took.append(seconds)

    rest = bodies.bodies[1:]
    send_bodies(bodies, rest, plan.connections, lambda: nullcontext(transport), on_sent)
    ingest.seconds = time.perf_counter() - began
    for body in bodies.bodies:
        ingest.runs += body.runs
        ingest.operations += body.operations
        ingest.bytes_sent += body.size
        ingest.bytes_before_zstd += body.size_before
    ingest.body_ms = {f"p{share}": 1_000 * percentile(took, share) for share in (50, 95, 99)}
    return bodies, ingest


def _generated(folder: Path, plan: Plan, place: Place, terms: IngestTerms, form: Form) -> Bodies:
    most = min(OPERATIONS_PER_BODY, terms.operations_max, terms.bytes_max // OPERATION_BYTES)
    return generate(
        folder, plan.runs, plan.seed, form=form, operations_max=max(1, most), place=place
    )


def _until_found(transport: TimedTransport, run_ids: list[str]) -> float:
    """Seconds until all of them are there, ended. Raises UnexpectedAnswer."""
    body = orjson.dumps({"id": run_ids, "select": ["id", "end_time"], "limit": len(run_ids)})
    began = time.perf_counter()
    while True:
        found = orjson.loads(post(transport, "/runs/query", body))["runs"]
        spent = time.perf_counter() - began
        whole = sum(run.get("end_time") is not None for run in found)
        if whole == len(run_ids):
            return spent
        if spent > VISIBLE_SECONDS_MAX:
            raise UnexpectedAnswer(
                f"of the last {len(run_ids)} runs that were accepted, {whole} can be found "
                f"{spent:.0f} s later"
            )
        time.sleep(POLL_SECONDS)


def _counted(transport: TimedTransport, project_ids: list[str]) -> int | None:
    """None: the server does not count."""
    try:
        answer = post(transport, "/runs/stats", orjson.dumps({"session": project_ids}))
        return int(orjson.loads(answer)["run_count"])
    except (NotFound, InvalidRequest, KeyError, TypeError, ValueError):
        return None


def _one_by_one(transport: TimedTransport, plan: Plan, place: Place, form: Form) -> Timing:
    """A run alone, from before it is sent until it is found."""
    other = replace(place, ids=f"{place.ids} alone")
    made = traces(RUNS, plan.seed, Facts(plan.seed), other)
    runs = [trace.runs[0] for trace in islice(made, ALONE_REPEATS + 1)]

    def ask(number: int) -> Callable[[], float]:
        run = without_nulls(runs[number])
        (body,) = encode([Operation("post", run)], form)
        fields = headers(body.size_before, len(body.content), form)

        def send_and_find() -> float:
            post(transport, body.path, body.content, fields)
            return _until_found(transport, [run["id"]])

        return send_and_find

    return measure(ask, lambda _: 1, ALONE_REPEATS)
