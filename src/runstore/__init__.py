"""Runstore: the open run store for LLM and agent traces.

The names are loaded when they are first used: `import runstore` costs nothing, and the client alone
never loads the engine.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runstore.client.aio import AsyncClient
    from runstore.client.calls.runs import Explanation
    from runstore.client.expression import F
    from runstore.client.feedback import Feedback
    from runstore.client.project import Project
    from runstore.client.run import Run
    from runstore.client.run_page import RunPage
    from runstore.client.runs import AsyncRuns, Runs
    from runstore.client.sync import Client
    from runstore.client.tail import AsyncTail, Tail
    from runstore.client.write_queue import WriteStats
    from runstore.errors import (
        Conflict,
        ConnectionFailed,
        CursorError,
        Damaged,
        DiskFull,
        FilterError,
        FolderBusy,
        FolderFormat,
        FolderNotFound,
        Forbidden,
        InvalidArgument,
        InvalidRequest,
        ModelUnavailable,
        NotFound,
        NotTranslated,
        Overloaded,
        QueryBudgetExceeded,
        QueryTooCostly,
        ReadOnly,
        RequestTimeout,
        RunstoreError,
        SchemaError,
        StorageError,
        TooLarge,
        Unauthorized,
        UnexpectedAnswer,
    )

__all__ = [
    "AsyncClient",
    "AsyncRuns",
    "AsyncTail",
    "Client",
    "Conflict",
    "ConnectionFailed",
    "CursorError",
    "Damaged",
    "DiskFull",
    "Explanation",
    "F",
    "Feedback",
    "FilterError",
    "FolderBusy",
    "FolderFormat",
    "FolderNotFound",
    "Forbidden",
    "InvalidArgument",
    "InvalidRequest",
    "ModelUnavailable",
    "NotFound",
    "NotTranslated",
    "Overloaded",
    "Project",
    "QueryBudgetExceeded",
    "QueryTooCostly",
    "ReadOnly",
    "RequestTimeout",
    "Run",
    "RunPage",
    "Runs",
    "RunstoreError",
    "SchemaError",
    "StorageError",
    "Tail",
    "TooLarge",
    "Unauthorized",
    "UnexpectedAnswer",
    "WriteStats",
]

_MODULES = {  # of the names that are not in runstore.errors
    "AsyncClient": "runstore.client.aio",
    "AsyncRuns": "runstore.client.runs",
    "AsyncTail": "runstore.client.tail",
    "Client": "runstore.client.sync",
    "Explanation": "runstore.client.calls.runs",
    "F": "runstore.client.expression",
    "Feedback": "runstore.client.feedback",
    "Project": "runstore.client.project",
    "Run": "runstore.client.run",
    "RunPage": "runstore.client.run_page",
    "Runs": "runstore.client.runs",
    "Tail": "runstore.client.tail",
    "WriteStats": "runstore.client.write_queue",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'runstore' has no attribute {name!r}")
    value: object = getattr(import_module(_MODULES.get(name, "runstore.errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
