"""Query classes -> their times, at the engine in this process and over HTTP."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import orjson

from bench.sender import RawSender
from bench.server import Server
from runstore.benchmark.asking import (
    EXPORT_SECONDS_MAX,
    Export,
    ask_class,
    export_project,
)
from runstore.benchmark.generate import Facts
from runstore.benchmark.questions import QUERY_CLASSES, QueryClass, Source
from runstore.benchmark.timing import Timing, measure
from runstore.benchmark.vocabulary import vocabulary
from runstore.client.http import HttpRequest
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


@dataclass(slots=True)
class QueryResult:
    """One class's times: at the engine narrow columns alone, then with payloads; over HTTP."""

    name: str
    target_ms: float
    narrow: Timing | None = None
    full: Timing | None = None
    http: Timing | None = None


def at_engine(
    data: Path, facts: Facts, results: dict[str, QueryResult], *, full: bool = True
) -> Export | None:
    """Fills `narrow` of `results`, and unless told not to, `full`; then exports all.

    No server should run meanwhile.
    """
    engine = SqliteEngine(data, Prices.load())
    try:
        projects, _ = engine.list_projects(ProjectQuery(name=PROJECT))
        source = Source(projects[0].id, facts, vocabulary(facts.seed))
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
    with RawSender(server.port) as sender:
        found = sender.send(HttpRequest("GET", f"/sessions?name={PROJECT}&limit=1"))
        source = Source(orjson.loads(found.body)[0]["id"], facts, vocabulary(facts.seed))
        for query_class in QUERY_CLASSES:
            asked = ask_class(sender, query_class, source)
            assert asked.timing is not None, f"{query_class.name}: {asked.refused}"
            _result(results, query_class).http = asked.timing
            print(f"  {query_class.name:<34}{_shown((asked.timing,))}", flush=True)
        return export_project(sender, source.project_id)


def _result(results: dict[str, QueryResult], query_class: QueryClass) -> QueryResult:
    name = query_class.name
    return results.setdefault(name, QueryResult(name, query_class.target_ms))


def _shown(timings: Iterable[Timing | None]) -> str:
    return "   ".join(
        f"p50 {timing.p50:8.2f} ms  p95 {timing.p95:8.2f} ms  {timing.runs:9,.1f} runs"
        for timing in timings
        if timing is not None
    )


def _page_asker(
    engine: SqliteEngine, query_class: QueryClass, source: Source, select: list[str] | None
) -> Callable[[int], Callable[[], Page]]:
    def ask(number: int) -> Callable[[], Page]:
        body = query_class.body(source, number)
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
        query = decode_stats_query(orjson.dumps(query_class.body(source, number))).query
        return lambda: engine.stats(StatsPlan(scope=build_scope(query)))[""].run_count

    return ask


def _runs(page: Page) -> int:
    return len(page.runs)


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
