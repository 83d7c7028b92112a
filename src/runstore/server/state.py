"""What every route of one app shares."""

from typing import cast

from starlette.requests import Request

from runstore.server.metrics import Metrics
from runstore.server.page_process import PageProcess
from runstore.server.processes import IngestProcesses
from runstore.store.store import Store
from runstore.store.translation import Translator


def store_of(request: Request) -> Store:
    return cast(Store, request.app.state.store)


def metrics_of(request: Request) -> Metrics:
    return cast(Metrics, request.app.state.metrics)


def pages_of(request: Request) -> PageProcess | None:
    return cast("PageProcess | None", request.app.state.pages)


def translator_of(request: Request) -> Translator | None:
    """None: words of `query` are full text."""
    return cast("Translator | None", request.app.state.translator)


def processes_of(request: Request) -> IngestProcesses | None:
    return cast("IngestProcesses | None", request.app.state.processes)
