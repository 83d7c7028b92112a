"""An error answer's body -> the error of runstore.errors it stands for."""

import orjson

from runstore import errors
from runstore.errors import RunstoreError


def error_of(status: int, body: bytes) -> RunstoreError:
    fields = orjson.loads(body)
    by_code = {
        one.code: one
        for one in vars(errors).values()
        if isinstance(one, type) and issubclass(one, RunstoreError)
    }
    kind = by_code.get(fields.get("code"), RunstoreError)
    error = kind.__new__(kind)
    Exception.__init__(error, str(fields.get("detail")))
    return error
