"""create_app: the route table and what stands before it, nothing else.

Every path is also served under /api and /api/v1 (server/prefix.py).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio.to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Route

from runstore.engine.base import Engine
from runstore.limits import MIB
from runstore.plan.budget import Budget
from runstore.server.auth import ApiKeys, WithoutKeys
from runstore.server.metrics import Metrics
from runstore.server.page_process import PageProcess
from runstore.server.prefix import ApiPrefix
from runstore.server.problems import Problems, http_problem
from runstore.server.processes import IngestProcesses
from runstore.server.request_log import RequestLog
from runstore.server.routes import (
    attachments,
    docs,
    feedback,
    health,
    info,
    ingest,
    runs,
    sessions,
    tail,
)
from runstore.settings import LOOPBACK, Settings
from runstore.store.keys import KeyRing
from runstore.store.store import Store
from runstore.store.translation import Translator

if TYPE_CHECKING:
    from runstore.server.query_model import QueryModel

# fmt: off
ROUTES = [
    Route("/runs/multipart",       ingest.ingest_multipart,     methods=["POST"]),
    Route("/runs/batch",           ingest.ingest_batch,         methods=["POST"]),
    Route("/runs",                 ingest.create_run,           methods=["POST"]),
    Route("/runs/query",           runs.query_runs,             methods=["POST"]),
    Route("/runs/query/validate",  runs.validate_query,         methods=["POST"]),
    Route("/runs/query/explain",   runs.explain_query,          methods=["POST"]),
    Route("/runs/stats",           runs.count_up_runs,          methods=["POST"]),
    Route("/runs/delete",          runs.delete_traces,          methods=["POST"]),
    Route("/runs/tail",            tail.tail_runs,              methods=["POST"]),
    Route("/runs/tail",            tail.tail_runs_by_url,       methods=["GET"]),
    Route("/runs/{id}",            runs.read_run,               methods=["GET"]),
    Route("/runs/{id}",            ingest.update_run,           methods=["PATCH"]),
    Route("/feedback",             feedback.create_feedback,    methods=["POST"]),
    Route("/feedback",             feedback.list_feedback,      methods=["GET"]),
    Route("/feedback/{id}",        feedback.read_feedback,      methods=["GET"]),
    Route("/feedback/{id}",        feedback.update_feedback,    methods=["PATCH"]),
    Route("/feedback/{id}",        feedback.delete_feedback,    methods=["DELETE"]),
    Route("/sessions",             sessions.create_project,     methods=["POST"]),
    Route("/sessions",             sessions.list_projects,      methods=["GET"]),
    Route("/sessions/{id}",        sessions.read_project,       methods=["GET"]),
    Route("/sessions/{id}",        sessions.update_project,     methods=["PATCH"]),
    Route("/sessions/{id}",        sessions.delete_project,     methods=["DELETE"]),
    Route("/attachments/{token}",  attachments.read_attachment, methods=["GET"]),
    Route("/info",                 info.info,                   methods=["GET"]),
    Route("/health",               health.health,               methods=["GET"]),
    Route("/ok",                   health.health,               methods=["GET"]),
    Route("/ready",                health.ready,                methods=["GET"]),
    Route("/metrics",              health.metrics,              methods=["GET"]),
    Route("/openapi.json",         docs.openapi,                methods=["GET"]),
    Route("/docs",                 docs.docs,                   methods=["GET"]),
]
# fmt: on


def create_app(settings: Settings, engine: Engine, *, in_process: bool = False) -> Starlette:
    """The app owns `engine` from here on: its shutdown drains the ingest queue and closes it.

    `in_process`: called by the process it runs in (runstore.local), whose requests nobody logs
    and who needs no key, for he has the folder.
    Raises StorageError when the folder of `settings` cannot be written.
    """
    metrics = Metrics()
    store = Store(
        engine,
        settings.data,
        observer=metrics,
        budget=query_budget(settings),
        ingest_bytes_max=settings.ingest_queue_mib * MIB,
    )
    preparer = engine.preparer()
    processes = None
    if preparer is not None and settings.ingest_process_count:
        processes = IngestProcesses(preparer, settings.data, settings.ingest_process_count)
    model = _query_model(settings)
    metrics.watch_tails(lambda: store.tails.count)
    opener = None if in_process or not settings.has_page_process else engine.opener()
    pages = None if opener is None else PageProcess(opener, settings.data)
    budget = store.ingest.budget
    metrics.watch_queue(lambda: budget.taken, lambda: store.ingest.waiting, lambda: budget.waiting)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        if processes is not None:
            await processes.close()
        if pages is not None:
            await anyio.to_thread.run_sync(pages.close)
        if model is not None:
            await model.close()
        if in_process:
            store.close()  # perhaps at the interpreter's end, when no thread starts any longer
        else:
            await anyio.to_thread.run_sync(store.close)

    app = Starlette(
        routes=ROUTES,
        middleware=[
            *([] if in_process else [Middleware(RequestLog, metrics=metrics)]),
            Middleware(Problems),
            Middleware(ApiPrefix),
            *([] if in_process else [_guard(settings)]),
        ],
        exception_handlers={HTTPException: http_problem},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False  # a POST that is redirected becomes a GET
    app.state.store = store
    app.state.metrics = metrics
    app.state.processes = processes
    app.state.pages = pages
    app.state.translator = None if model is None else Translator(model.ask, store.clock)
    return app


def _query_model(settings: Settings) -> "QueryModel | None":
    if settings.query_model_url is None:
        return None
    from runstore.server.query_model import QueryModel  # an HTTP client, which few servers need

    return QueryModel(
        settings.query_model_url, settings.query_model_name or "", settings.query_model_key
    )


def query_budget(settings: Settings) -> Budget:
    return Budget(
        seconds=settings.query_seconds,
        rows=settings.query_rows,
        payload_bytes=settings.query_payload_mib * MIB,
        memory_bytes=settings.query_memory_mib * MIB,
    )


def _guard(settings: Settings) -> Middleware:
    """Who may ask: holders of a key; without keys this machine; if it was insisted on, anyone."""
    without: WithoutKeys = "this machine"
    if settings.host not in LOOPBACK:  # the last key may be revoked while we listen
        without = "anyone" if settings.insecure else "nobody"
    keys = KeyRing(settings.data).keys
    return Middleware(ApiKeys, hashes=settings.api_key_hashes, keys=keys, without=without)
