"""Every error Runstore raises on purpose.

RunstoreError
├── InvalidRequest        400  the request means nothing we can serve; says what instead
│   ├── FilterError       400  a filter text, with the place in it (filter/errors.py)
│   └── CursorError       400  a cursor that is damaged or of another query
├── SchemaError           422  a body whose shape is wrong, with the path of the field
├── Unauthorized          401
├── NotFound              404
├── Conflict              409
├── TooLarge              413  names the limit and its value
├── Overloaded            429  come back after `retry_after_s`
├── UnexpectedAnswer      502  what a server answered is not what it should be
├── QueryBudgetExceeded   503  a query that ran past its time
└── StorageError          503  the folder cannot be opened, read or written
    ├── ReadOnly          403  the folder was opened for reading alone
    ├── FolderNotFound    404  there is no Runstore folder at this path
    └── FolderBusy        409  another process writes the folder; says which URL to use instead
"""

from typing import ClassVar


class RunstoreError(Exception):
    """`code` is stable and documented in docs/errors.md; `status` is the HTTP status."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False


class InvalidRequest(RunstoreError):
    code = "invalid_request"
    status = 400


class CursorError(InvalidRequest):
    code = "cursor_invalid"


class SchemaError(RunstoreError):
    """A body of the wrong shape. `problems` is [(path of the field, message)]."""

    code = "schema_invalid"
    status = 422

    def __init__(self, *problems: tuple[tuple[str | int, ...], str]) -> None:
        super().__init__("; ".join(f"{'.'.join(map(str, at))}: {what}" for at, what in problems))
        self.problems = problems

    def __reduce__(self) -> tuple[object, ...]:  # may come from a decoding process
        return type(self), self.problems


class Unauthorized(RunstoreError):
    code = "unauthorized"
    status = 401


class NotFound(RunstoreError):
    code = "not_found"
    status = 404


class Conflict(RunstoreError):
    code = "conflict"
    status = 409


class TooLarge(RunstoreError):
    """Something is over a bound of limits.py. `limit` is the bound's value, in bytes or items."""

    code = "too_large"
    status = 413

    def __init__(self, message: str, limit: int) -> None:
        super().__init__(message)
        self.limit = limit

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (str(self), self.limit)


class Overloaded(RunstoreError):
    code = "overloaded"
    status = 429
    retryable = True

    def __init__(self, message: str, retry_after_s: int = 1) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (str(self), self.retry_after_s)


class UnexpectedAnswer(RunstoreError):
    """Raised by clients: the endpoint is another one, or something between changed the answer."""

    code = "unexpected_answer"
    status = 502


class QueryBudgetExceeded(RunstoreError):
    code = "query_budget_exceeded"
    status = 503
    retryable = False


class StorageError(RunstoreError):
    code = "storage"
    status = 503
    retryable = True


class ReadOnly(StorageError):
    code = "read_only"
    status = 403
    retryable = False


class FolderNotFound(StorageError):
    code = "folder_not_found"
    status = 404
    retryable = False


class FolderBusy(StorageError):
    """`url` is where the process that writes can be asked; None if it serves nobody."""

    code = "folder_busy"
    status = 409
    retryable = False

    def __init__(self, message: str, url: str | None = None) -> None:
        super().__init__(message)
        self.url = url

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (str(self), self.url)
