"""Errors, and what ingest refused -> answer bodies. Knows the shapes clients read; no status table.

    {"detail": text, "code": ...}                               every error
    {"detail": [{"loc", "msg", "type"}], "code": ...}           SchemaError, as FastAPI writes it
    ... "at": {"start", "end"}, "hint", "allowed", "where"      FilterError
    ... "limit"                                                 TooLarge

Source: docs/wire.md#errors.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from runstore.errors import RunstoreError, SchemaError, TooLarge
from runstore.model.batch import Batch
from runstore.model.run import Refusal

REFUSALS_SHOWN = 100  # of one batch, in its answer


class IngestAnswer(NamedTuple):
    status: int
    body: bytes


def encode_error(error: RunstoreError) -> bytes:
    fields: dict[str, Any] = {"detail": _detail(error), "code": error.code}
    if isinstance(error, TooLarge):
        fields["limit"] = error.limit
    # The filter language is no layer of ours: its errors are known by what they carry.
    at = getattr(error, "at", None)
    if at is not None:
        fields["at"] = {"start": at.start, "end": at.end}
        for name in ("where", "hint"):
            fields[name] = getattr(error, name, "")
        fields["allowed"] = list(getattr(error, "allowed", ()))
    return orjson.dumps(fields)


def _detail(error: RunstoreError) -> str | list[dict[str, Any]]:
    if isinstance(error, SchemaError):
        return [
            {"loc": list(at), "msg": what, "type": "value_error"} for at, what in error.problems
        ]
    return str(error)


def encode_ingest(batch: Batch, refused_later: Sequence[Refusal]) -> IngestAnswer:
    """The answer to a batch: 202 when anything was stored, or nothing sent; else 422.

    `refused_later` is what the engine refused, beside what decoding did.
    """
    refusals = [*batch.refusals, *refused_later]
    sent = batch.message_count + len(batch.feedback) + len(batch.refusals)
    if not refusals:
        return IngestAnswer(202, b'{"message":"Runs batch ingested"}')
    refused = [
        {"run_id": refusal.run_id, "reason": refusal.reason}
        for refusal in refusals[:REFUSALS_SHOWN]
    ]
    if len(refusals) < sent:
        message = f"Runs batch ingested, {len(refusals)} of {sent} refused"
        return IngestAnswer(202, orjson.dumps({"message": message, "refused": refused}))
    detail = f"none of {sent} could be taken; the first: {refusals[0].reason}"
    return IngestAnswer(
        422,
        orjson.dumps(
            {
                "detail": detail,
                "error": f"Unprocessable entity: {detail}",
                "code": SchemaError.code,
                "refused": refused,
            }
        ),
    )
