"""What the compat tests ask about: three traces written by the real client, times and ids known.

    good    agent 15 s, user_score 1, "experimental", thread th-1, user ada
            ├─ extractor 12 s ── model (llm) 11 s, 6,000 + 30 tokens
            └─ search (tool)
    bad     agent 5 s, user_score 0 and Correctness 0, "beta", thread th-1, user ada
            ├─ extractor ─────── model (llm), 100 + 10 tokens
            └─ search (tool), fails
    short   agent 1 s, no feedback, no tags, thread th-2, user grace
            └─ model (llm), pending

The good and the bad root have the ids of the example in the documentation of `list_runs`.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from langsmith import Client

PROJECT = "<your_project>"  # as the documentation's examples call it
OTHER = "other"
MANY = "many"
MANY_RUNS = 120
GOOD = UUID("a36092d2-4ad5-4fb4-9c0d-0dba9a2ed836")
BAD = UUID("9398e6be-964f-4aa4-8ae9-ad78cd4b7074")
START = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


@dataclass(slots=True)
class World:
    """`ids` of the runs by their label: "good", "good.extractor", "good.extractor.model", ..."""

    ids: dict[str, UUID] = field(default_factory=dict)
    orders: dict[str, str] = field(default_factory=dict)

    def labels(self, run_ids: list[UUID]) -> set[str]:
        names = {run_id: label for label, run_id in self.ids.items()}
        return {names[run_id] for run_id in run_ids}


def write_world(client: Client) -> World:
    world = World()
    _write_good(client, world)
    _write_bad(client, world)
    _write_short(client, world)
    _run(client, world, "elsewhere", "agent", 0, 1, project=OTHER)
    for number in range(MANY_RUNS):
        _run(client, world, f"many{number}", "step", number // 2, 1, project=MANY)
    client.flush()
    session = client.read_project(project_name=PROJECT).id
    for root, key, score in (
        (GOOD, "user_score", 1),
        (BAD, "user_score", 0),
        (BAD, "Correctness", 0.0),
    ):
        client.create_feedback(run_id=root, trace_id=root, key=key, score=score, session_id=session)
    client.flush()
    return world


def _write_good(client: Client, world: World) -> None:
    ada = {"thread_id": "th-1", "user_id": "ada", "plan": {"tier": "pro"}, "retries": 2}
    _run(
        client,
        world,
        "good",
        "agent",
        0,
        15,
        run_id=GOOD,
        tags=["experimental"],
        metadata=ada,
        inputs={"question": "where is the tent"},
        outputs={"answer": "in the warehouse"},
    )
    _run(client, world, "good.extractor", "extractor", 1, 12, metadata=ada)
    _run(client, world, "good.extractor.model", "model", 1, 11, "llm", tokens=(6_000, 30))
    _run(client, world, "good.search", "search", 14, 0.5, "tool", outputs={"hits": ["a", "b"]})


def _write_bad(client: Client, world: World) -> None:
    ada = {"thread_id": "th-1", "user_id": "ada", "plan": {"tier": "free"}, "flags": ["x", "y"]}
    _run(
        client,
        world,
        "bad",
        "agent",
        60,
        5,
        run_id=BAD,
        tags=["beta"],
        metadata=ada,
        inputs={"question": "track the parcel"},
        outputs={"answer": "no idea"},
    )
    _run(client, world, "bad.extractor", "extractor", 61, 1, metadata=ada)
    _run(client, world, "bad.extractor.model", "model", 61, 0.5, "llm", tokens=(100, 10))
    _run(client, world, "bad.search", "search", 63, 1, "tool", error="TimeoutError('carrier')")


def _write_short(client: Client, world: World) -> None:
    grace = {"thread_id": "th-2", "user_id": "grace", "retries": True}
    _run(client, world, "short", "agent", 120, 1, metadata=grace, outputs={"answer": "yes"})
    _run(client, world, "short.model", "model", 120.5, None, "llm")


def _run(
    client: Client,
    world: World,
    label: str,
    name: str,
    start_s: float,
    latency_s: float | None,
    run_type: str = "chain",
    *,
    run_id: UUID | None = None,
    project: str = PROJECT,
    inputs: dict[str, Any] | None = None,
    outputs: dict[str, Any] | None = None,
    error: str | None = None,
    tags: list[str] | None = None,
    metadata: dict[str, Any] | None = None,
    tokens: tuple[int, int] | None = None,
) -> None:
    """Creates the run as a complete post; `latency_s` None: it has not ended."""
    run_id = run_id or uuid4()
    start = START + timedelta(seconds=start_s)
    parent, _, _ = label.rpartition(".")
    order = f"{start:%Y%m%dT%H%M%S%fZ}{run_id}"
    world.ids[label] = run_id
    world.orders[label] = f"{world.orders[parent]}.{order}" if parent else order
    if tokens:
        outputs = {
            "usage_metadata": {
                "input_tokens": tokens[0],
                "output_tokens": tokens[1],
                "total_tokens": sum(tokens),
            }
        }
    end: dict[str, Any] = {}
    if latency_s is not None:
        end["end_time"] = start + timedelta(seconds=latency_s)
    client.create_run(
        name,
        inputs or {"text": label},
        run_type,  # type: ignore[arg-type]
        id=run_id,
        project_name=project,
        trace_id=world.ids[label.split(".")[0]],
        parent_run_id=world.ids[parent] if parent else None,
        dotted_order=world.orders[label],
        start_time=start,
        outputs=outputs,
        error=error,
        tags=tags,
        extra={"metadata": metadata or {}},
        **end,
    )
