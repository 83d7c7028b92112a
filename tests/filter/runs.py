"""Small runs, made by hand, for tests of meaning."""

from typing import Any

from runstore.filter.check import compile_filter
from runstore.filter.match import matches
from runstore.model.facts import Facts
from runstore.model.feedback import Feedback
from runstore.model.jsontext import encode
from runstore.model.run import Run

ID = "0190a1b2-c3d4-7ef0-a5b6-6ea3a82e9328"
CHILD_ID = "0190a1b2-c3d4-7ef0-a5b6-6ea3a82e9329"


def record(key: str, score: float | None = None, **fields: Any) -> Feedback:
    """A feedback record; `value` and `source` as Python values."""
    for name in ("value", "source"):
        if name in fields:
            fields[name] = encode(fields[name])
    return Feedback(id=CHILD_ID, run_id=ID, key=key, score=score, **fields)


def make(
    *,
    metadata: dict[str, Any] | None = None,
    feedback: tuple[Feedback, ...] = (),
    project_name: str | None = None,
    **fields: Any,
) -> Facts:
    """A root run; payloads as Python values."""
    for name in ("inputs", "outputs", "extra"):
        if name in fields:
            fields[name] = encode(fields[name])
    if metadata is not None:
        fields["extra"] = encode({"metadata": metadata})
    run = Run(**{"id": ID, "trace_id": ID, "dotted_order": "", "start_us": 0, **fields})
    return Facts(run, feedback, project_name)


def holds(text: str, facts: Facts) -> bool:
    node = compile_filter(text)
    assert node is not None
    return matches(node, facts)
