"""What happens in the demo: a conversation of three turns, one that fails, and feedback on them."""

import contextlib
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.tracers.langchain import wait_for_all_tracers
from langsmith import Client, uuid7

from demo.agent import build_agent
from demo.model import calls, says

THREAD = "atlas-1042"
TICKET = '{"topic": "late parcel", "urgent": true}'


@dataclass(frozen=True, slots=True)
class Turn:
    question: str
    agent_says: list[AIMessage]
    thread: str = THREAD
    user: str = "ada"
    tags: tuple[str, ...] = ()
    scores: dict[str, float] = field(default_factory=dict)  # feedback on the root


TURNS = (
    Turn(
        "Where is my order A-1042? The tent should be here by now.",
        [
            calls("lookup_order", number="A-1042"),
            says("Your Ridgeline tent has left the warehouse with Parcelo two days ago."),
        ],
        scores={"user_score": 1, "Correctness": 1},
    ),
    Turn(
        "Can you track the parcel for me?",
        [
            calls("track_parcel", tokens=(1_400, 30), number="A-1042"),
            says(
                "The carrier does not answer at the moment. I will look again in an hour and "
                "write to you; express parcels usually travel overnight.",
                tokens=(2_600, 120),
            ),
        ],
        tags=("experimental",),
        scores={"user_score": 0, "Correctness": 0},
    ),
    Turn(
        "Then please tell me how returns work.",
        [
            says(
                "Unused items may be returned within 30 days, and the refund arrives within five "
                "working days. Shall I send you a label for the Ridgeline tent?"
            )
        ],
        tags=("beta",),
        scores={"user_score": 1},
    ),
    Turn(
        "I want 900 back for order A-2001.",
        [calls("refund", number="A-2001", amount=900.0)],
        thread="atlas-2001",
        user="grace",
    ),
)


def hold(project: str) -> list[UUID]:
    """Runs every turn, traced to `project`, and rates it. The roots' run ids; all is sent and
    stored when it returns."""
    roots = [_run(turn) for turn in TURNS]
    client = Client()
    wait_for_all_tracers()
    project_id = client.read_project(project_name=project).id
    for turn, root in zip(TURNS, roots, strict=True):
        for key, score in turn.scores.items():
            client.create_feedback(
                run_id=root, trace_id=root, session_id=project_id, key=key, score=score
            )
    client.flush()
    return roots


def _run(turn: Turn) -> UUID:
    root = uuid7()
    config = RunnableConfig(
        run_id=root,
        run_name="support-agent",
        tags=list(turn.tags),
        metadata={"thread_id": turn.thread, "user_id": turn.user, "environment": "demo"},
    )
    agent = build_agent(turn.agent_says, [TICKET])
    with contextlib.suppress(PermissionError):  # the last turn's refund; its trace shows it
        _stream(agent, turn.question, config)
    return root


def _stream(agent: Runnable[Any, Any], question: str, config: RunnableConfig) -> None:
    """Token by token, as a chat window would show it."""
    for _ in agent.stream({"messages": [HumanMessage(question)]}, config, stream_mode="messages"):
        pass
