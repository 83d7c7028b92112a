"""Every error Runstore raises on purpose.

RunstoreError
├── InvalidRequest        400  the request means nothing we can serve; says what instead
│   ├── FilterError       400  a filter text, with the place in it
│   ├── CursorError       400  a cursor that is damaged or of another query
│   └── InvalidArgument   400  an argument the client refuses itself; nothing was sent
├── SchemaError           422  a body whose shape is wrong, with the path of the field
├── Unauthorized          401
├── Forbidden             403  the key is valid, and may not do this
├── NotFound              404
├── Conflict              409
├── TooLarge              413  names the limit and its value
├── Overloaded            429  come back after `retry_after_s`
├── UnexpectedAnswer      502  what a server answered is not what it should be
├── NotTranslated         502  the model made no valid filter of `query`
├── ModelUnavailable      503  the model that translates `query` does not answer
├── ConnectionFailed      503  the server cannot be reached, or the connection broke
├── RequestTimeout        504  no answer came in the time allowed
├── QueryBudgetExceeded   503  a query that ran past its time
│   └── QueryTooCostly    422  a query that reads, opens or holds more than one may
└── StorageError          503  the folder cannot be opened, read or written
    ├── DiskFull          503  nothing was stored; once space is free, the same goes through
    ├── Damaged           503  what lies on the disk is not what was written there
    ├── FolderFormat      503  the folder is of another version of Runstore, or of another program
    ├── ReadOnly          403  the folder was opened for reading alone
    ├── FolderNotFound    404  there is no Runstore folder at this path
    └── FolderBusy        409  another process writes the folder; says which URL to use instead
"""

import errno
import re
from typing import ClassVar, NamedTuple

SHOWN_CHARS = 120  # of a long filter, round the place
_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")


class RunstoreError(Exception):
    """`code` is stable and documented in docs/errors.md; `status` is the HTTP status.

    An error that a server answered has the status and the request id of that answer: its log says
    more under this id.
    """

    code: ClassVar[str] = "internal"
    status: int = 500
    retryable: ClassVar[bool] = False
    request_id: str | None = None


class InvalidRequest(RunstoreError):
    code = "invalid_request"
    status = 400


class At(NamedTuple):
    """Half-open range [start, end) of one filter text, in code points."""

    start: int
    end: int


class FilterError(InvalidRequest):
    """A filter that means nothing we can serve. `at` is inside `text` or just past its end.

    `hint` is what to write instead, `allowed` the names that would do, `where` the argument that
    held the text: "filter", "trace_filter", "tree_filter", "search_filter"; "query" for what a
    model made of it.
    """

    code = "filter_invalid"

    def __init__(
        self,
        problem: str,
        text: str,
        at: At,
        hint: str = "",
        allowed: tuple[str, ...] = (),
        where: str = "filter",
        message: str = "",
    ) -> None:
        """`message` replaces the one that is made of the rest: a server has said it already."""
        super().__init__(problem)
        self.problem, self.text, self.at = problem, text, at
        self.hint, self.allowed, self.where = hint, allowed, where
        self._message = message

    def __str__(self) -> str:
        if self._message:
            return self._message
        said_in = "" if self.where == "filter" else f"{self.where}: "
        lines = [f"{said_in}{self.problem} (column {self.at.start + 1})", *self._shown()]
        if self.hint:
            lines.append(f"hint: {self.hint}")
        if self.allowed:
            lines.append(f"allowed: {', '.join(self.allowed)}")
        return "\n".join(lines)

    def _shown(self) -> tuple[str, str]:
        """The text round the place on one line, and the caret line under it."""
        first = max(0, self.at.start - SHOWN_CHARS // 2)
        last = first + SHOWN_CHARS
        if last >= len(self.text):
            first, last = max(0, len(self.text) - SHOWN_CHARS), len(self.text)
        before = "..." if first > 0 else ""
        after = "..." if last < len(self.text) else ""
        line = before + _CONTROL.sub(" ", self.text[first:last]) + after
        width = max(1, min(self.at.end, last) - self.at.start)
        return line, " " * (len(before) + self.at.start - first) + "^" * width

    def __reduce__(self) -> tuple[object, ...]:
        parts = (self.problem, self.text, self.at, self.hint, self.allowed, self.where)
        return type(self), (*parts, self._message)


class CursorError(InvalidRequest):
    code = "cursor_invalid"


class InvalidArgument(InvalidRequest, ValueError):
    code = "invalid_argument"


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


class Forbidden(RunstoreError):
    code = "forbidden"
    status = 403


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


class NotTranslated(RunstoreError):
    """Not retryable: at temperature 0 the model says the same again."""

    code = "query_not_translated"
    status = 502


class ModelUnavailable(RunstoreError):
    """Not retryable by itself: somebody waits, and four attempts may be four long waits."""

    code = "model_unavailable"
    status = 503


class ConnectionFailed(RunstoreError):
    code = "connection_failed"
    status = 503
    retryable = True


class RequestTimeout(RunstoreError):
    """Not retryable: what was too slow once is too slow again, and the first may still run."""

    code = "request_timeout"
    status = 504


class QueryBudgetExceeded(RunstoreError):
    """Not retryable: it would cost the same again. The message tells what would cost less."""

    code = "query_budget_exceeded"
    status = 503
    retryable = False


class QueryTooCostly(QueryBudgetExceeded):
    """422 and not 503: that comes from the question alone, however idle the server is."""

    code = "query_too_costly"
    status = 422


class StorageError(RunstoreError):
    code = "storage"
    status = 503
    retryable = True


class DiskFull(StorageError):
    """503 and not 507: senders try the one again and drop what they have at the other."""

    code = "disk_full"


class Damaged(StorageError):
    code = "damaged"
    retryable = False


class FolderFormat(StorageError):
    """Not retryable: the folder has to be brought up to date, or Runstore has to."""

    code = "folder_format"
    retryable = False


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


def storage_error(what: str, error: OSError) -> StorageError:
    """The error for `what` could not be done: DiskFull where that is the reason."""
    kind = DiskFull if error.errno in _NO_SPACE else StorageError
    return kind(f"{what}: {error}")
