"""How a query was run -> answer of POST /runs/query/explain. Source: docs/wire.md#explain."""

import orjson

from runstore.model.explanation import Explained


def encode_explained(told: Explained) -> bytes:
    how = told.how
    return orjson.dumps(
        {
            **told.filters,
            "steps": how.steps,
            "indexes": how.indexes,
            "estimated_runs": how.estimated_runs,
            "actual_runs": how.actual_runs,
            "rows_read": how.rows_read,
            "ms": round(how.seconds * 1_000, 3),
            "hints": told.hints,
        }
    )
