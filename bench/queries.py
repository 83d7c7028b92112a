"""Query classes -> their times, at the engine in this process and over HTTP."""

import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from bench.http import Connection
from bench.server import Server
from runstore.benchmark.generate import Facts
from runstore.benchmark.questions import QUERY_CLASSES, QueryClass, Source
from runstore.benchmark.timing import Timing, measure
from runstore.benchmark.vocabulary import Vocabulary
from runstore.engine.sqlite.engine import SqliteEngine
from runstore.model.prices import Prices
from runstore.model.project import ProjectQuery
from runstore.model.query import Page, Position, RunQuery
from runstore.plan.build import build_plan, build_scope
from runstore.plan.plan import StatsPlan
from runstore.wire.query import decode_run_query
from runstore.wire.stats import decode_stats_query

PROJECT = "support-agent"
NARROW = ["id", "name", "run_type", "start_time", "status"]
EXPORT_SECONDS_MAX = 120.0
_HEADERS = {"Content-Type": "application/json", "x-api-key": "bench"}

Json = dict[str, Any]


@dataclass(slots=True)
class QueryResult:
    """One class's times: at the engine narrow columns alone, then with payloads; over HTTP."""

    name: str
    target_ms: float
    narrow: Timing | None = None
    full: Timing | None = None
    http: Timing | None = None


@dataclass(frozen=True, slots=True)
class Export:
    """All runs of a project, page after page."""

    runs: int
    seconds: float
    complete: bool  # False: stopped after EXPORT_SECONDS_MAX
    page_runs: int

    @property
    def runs_per_s(self) -> float:
        return self.runs / self.seconds


def at_engine(
    data: Path, facts: Facts, results: dict[str, QueryResult], *, full: bool = True
) -> Export | None:
    """Fills `narrow` of `results`, and unless told not to, `full`; then exports all.

    No server should run meanwhile.
    """
    engine = SqliteEngine(data, Prices.load())
    try:
        projects, _ = engine.list_projects(ProjectQuery(name=PROJECT))
        source = Source(projects[0].id, facts, Vocabulary(facts.seed))
        for query_class in QUERY_CLASSES:
            result = _result(results, query_class)
            if query_class.is_stats:
                result.narrow = measure(_stats_asker(engine, query_class, source), int)
            else:
                result.narrow = measure(_page_asker(engine, query_class, source, NARROW), _runs)
                if full:
                    result.full = measure(_page_asker(engine, query_class, source, None), _runs)
            print(f"  {query_class.name:<34}{_shown((result.narrow, result.full))}", flush=True)
        return _export_at_engine(engine, source.project_id) if full else None
    finally:
        engine.close()


def over_http(server: Server, facts: Facts, results: dict[str, QueryResult]) -> Export:
    """Fills `http` of `results`: answers with payloads, received whole; parsing is not timed."""
    with Connection(server.port) as connection:
        path = f"/sessions?name={PROJECT}&limit=1"
        found = connection.request("GET", path, headers=_HEADERS)
        source = Source(orjson.loads(found.body)[0]["id"], facts, Vocabulary(facts.seed))
        for query_class in QUERY_CLASSES:
            result = _result(results, query_class)
            result.http = measure(_http_asker(connection, query_class, source), _count)
            print(f"  {query_class.name:<34}{_shown((result.http,))}", flush=True)
        return _export_over_http(connection, source.project_id)


def _result(results: dict[str, QueryResult], query_class: QueryClass) -> QueryResult:
    name = query_class.name
    return results.setdefault(name, QueryResult(name, query_class.target_ms))


def _shown(timings: Iterable[Timing | None]) -> str:
    return "   ".join(
        f"p50 {timing.p50:8.2f} ms  p95 {timing.p95:8.2f} ms  {timing.runs:9,.1f} runs"
        for timing in timings
        if timing is not None
    )


def _body(query_class: QueryClass, source: Source, number: int) -> Json:
    """The class's question of that number: the same at the engine and over HTTP."""
    drawn = query_class.draw(random.Random(f"{query_class.name} {number}"), source)
    return {key: value for key, value in drawn.items() if value is not None}


def _page_asker(
    engine: SqliteEngine, query_class: QueryClass, source: Source, select: list[str] | None
) -> Callable[[int], Callable[[], Page]]:
    def ask(number: int) -> Callable[[], Page]:
        body = _body(query_class, source, number)
        if select is not None:
            body["select"] = select
        query = decode_run_query(orjson.dumps(body)).query
        if query_class.second_page:
            query = replace(query, after=_after_first_page(engine, query))
        return lambda: engine.fetch_runs(build_plan(query))

    return ask


def _after_first_page(engine: SqliteEngine, query: RunQuery) -> Position:
    last = engine.fetch_runs(build_plan(query)).runs[-1]
    return Position(last.start_us, last.id)


def _stats_asker(
    engine: SqliteEngine, query_class: QueryClass, source: Source
) -> Callable[[int], Callable[[], int]]:
    def ask(number: int) -> Callable[[], int]:
        query = decode_stats_query(orjson.dumps(_body(query_class, source, number))).query
        return lambda: engine.stats(StatsPlan(scope=build_scope(query)))[""].run_count

    return ask


def _http_asker(
    connection: Connection, query_class: QueryClass, source: Source
) -> Callable[[int], Callable[[], bytes]]:
    path = "/runs/stats" if query_class.is_stats else "/runs/query"

    def ask(number: int) -> Callable[[], bytes]:
        body = _body(query_class, source, number)
        if query_class.second_page:
            first = orjson.loads(_post(connection, path, orjson.dumps(body)))
            body["cursor"] = first["cursors"]["next"]
        encoded = orjson.dumps(body)
        return lambda: _post(connection, path, encoded)

    return ask


def _post(connection: Connection, path: str, body: bytes) -> bytes:
    answer = connection.request("POST", path, body, _HEADERS)
    assert answer.status == 200, f"POST {path} {body!r}: {answer.status} {answer.body[:500]!r}"
    return answer.body


def _runs(page: Page) -> int:
    return len(page.runs)


def _count(answer: bytes) -> int:
    read = orjson.loads(answer)
    return len(read["runs"]) if "runs" in read else int(read["run_count"])


def _export_at_engine(engine: SqliteEngine, project_id: str) -> Export:
    began = time.perf_counter()
    query = RunQuery(project_ids=(project_id,), limit=1_000)
    runs = 0
    while True:
        page = engine.fetch_runs(build_plan(query))
        runs += len(page.runs)
        spent = time.perf_counter() - began
        if not page.has_next or spent > EXPORT_SECONDS_MAX:
            return Export(runs, spent, not page.has_next, query.limit)
        last = page.runs[-1]
        query = replace(query, after=Position(last.start_us, last.id))


def _export_over_http(connection: Connection, project_id: str) -> Export:
    """As the SDK pages: 100 runs at a time, the whole body with the cursor each time."""
    began = time.perf_counter()
    body: Json = {"session": [project_id], "limit": 100}
    runs = 0
    while True:
        answer = orjson.loads(_post(connection, "/runs/query", orjson.dumps(body)))
        runs += len(answer["runs"])
        spent = time.perf_counter() - began
        cursor = answer["cursors"].get("next")
        if not cursor or spent > EXPORT_SECONDS_MAX:
            return Export(runs, spent, not cursor, 100)
        body["cursor"] = cursor
