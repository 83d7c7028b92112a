"""What the client tests ask about: a few traces of every kind, and a project of many runs.

app    agent (root) ── extractor ── model (llm)        feedback user_score, tags, metadata
                    └─ search (tool), fails
       lonely (root), pending, no outputs, attachments
many   MANY roots, one a second, "step 0" the earliest
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import orjson

from runstore.client.http import HttpRequest, Steps

APP, MANY_PROJECT, EMPTY = "app", "many", "empty"
MANY = 1_205  # more than a page of Runstore
START = datetime(2026, 3, 1, 10, tzinfo=UTC)
_BATCH = 500


def id_of(label: str) -> UUID:
    """The same in every world."""
    return uuid5(UUID(int=1), label)


def run(
    label: str,
    start_s: float = 0,
    latency_s: float | None = 1,
    run_type: str = "chain",
    *,
    project: str = APP,
    **fields: Any,
) -> dict[str, Any]:
    """A whole run. Its label is the path of labels from its root: "agent.extractor.model"."""
    labels = label.split(".")
    paths = [".".join(labels[: depth + 1]) for depth in range(len(labels))]
    start = START + timedelta(seconds=start_s)
    segments = [f"{START:%Y%m%dT%H%M%S%f}Z{id_of(path)}" for path in paths[:-1]]
    return {
        "id": str(id_of(label)),
        "trace_id": str(id_of(paths[0])),
        "dotted_order": ".".join([*segments, f"{start:%Y%m%dT%H%M%S%f}Z{id_of(label)}"]),
        "parent_run_id": str(id_of(paths[-2])) if len(paths) > 1 else None,
        "name": labels[-1],
        "run_type": run_type,
        "start_time": start.isoformat(),
        "end_time": latency_s and (start + timedelta(seconds=latency_s)).isoformat(),
        "session_name": project,
        "inputs": {"label": label},
        "outputs": None if latency_s is None else {"answer": label.upper()},
        **fields,
    }


def app_runs() -> list[dict[str, Any]]:
    usage = {"input_tokens": 6_000, "output_tokens": 30, "total_tokens": 6_030}
    return [
        run(
            "agent",
            0,
            15,
            tags=["prod", "beta"],
            extra={"metadata": {"tenant": "acme", "plan": {"tier": "pro"}, "thread_id": "t-1"}},
        ),
        run("agent.extractor", 0, 12, extra={"metadata": {"tenant": "acme"}}),
        run("agent.extractor.model", 0, 11, "llm", outputs={"usage_metadata": usage, "text": "é"}),
        run("agent.search", 12, 0.5, "tool", error="TimeoutError: carrier", outputs=None),
        run("lonely", 60, None, "chain"),
    ]


def many_runs() -> list[dict[str, Any]]:
    return [
        run(f"step {number}", number, number % 7, project=MANY_PROJECT, inputs={"n": number})
        for number in range(MANY)
    ]


def write_world() -> Steps[None]:
    yield _json("POST", "/sessions", {"name": EMPTY})
    yield from write_runs(app_runs() + many_runs())
    for key, score in (("user_score", 1), ("correctness", 0.5)):
        agent = str(id_of("agent"))
        feedback = {"run_id": agent, "trace_id": agent, "key": key, "score": score}
        yield _json("POST", "/feedback", {"id": str(id_of(key)), **feedback})


def write_runs(runs: list[dict[str, Any]]) -> Steps[None]:
    for first in range(0, len(runs), _BATCH):
        yield _json("POST", "/runs/batch", {"post": runs[first : first + _BATCH], "patch": []})


def _json(method: str, path: str, body: Any) -> HttpRequest:
    return HttpRequest(method, path, body=orjson.dumps(body))
