"""Traces as the SDK, LangChain and LangGraph write them, read back as the trees they were."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from demo.agent import build_agent
from demo.model import calls, says
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda
from langchain_core.tracers.langchain import LangChainTracer
from langsmith import Client, traceable, tracing_context, uuid7
from langsmith.run_helpers import get_current_run_tree
from langsmith.schemas import Attachment, Run

TICKET = '{"topic": "tent", "urgent": false}'


@pytest.fixture(autouse=True)
def tracing() -> Iterator[None]:
    """On, whatever the environment says; projects and clients are given call by call."""
    with tracing_context(enabled=True):
        yield


@traceable(run_type="retriever", name="handbook")
def retrieve(question: str) -> list[dict[str, Any]]:
    return [{"page_content": question, "type": "Document", "metadata": {}}]


@traceable(run_type="llm", name="model", metadata={"ls_provider": "openai"})
def answer(question: str) -> dict[str, Any]:
    run = get_current_run_tree()
    assert run is not None
    run.set(usage_metadata={"input_tokens": 3, "output_tokens": 4, "total_tokens": 7})
    if not question:
        raise ValueError("nothing was asked")
    return {"role": "assistant", "content": question.upper()}


@traceable(name="agent", tags=["unit"])
def agent(question: str) -> str:
    retrieve(question)
    return str(answer(question)["content"])


def shape(run: Run) -> Any:
    """(name, run type, children): the tree without ids."""
    return (run.name, run.run_type, [shape(child) for child in run.child_runs or []])


def below(run: Run) -> Iterator[Run]:
    for child in run.child_runs or []:
        yield child
        yield from below(child)


def check_tree(root: Run) -> None:
    """Parents, dotted orders and depths fit together, run by run."""
    parents = {root.id: root}
    assert root.parent_run_id is None
    assert root.metadata["ls_run_depth"] == 0
    for run in below(root):
        assert run.parent_run_id is not None
        parent = parents[run.parent_run_id]
        assert run.trace_id == root.id
        assert run.dotted_order.startswith(f"{parent.dotted_order}.")
        assert run.dotted_order.endswith(str(run.id))
        assert run.metadata["ls_run_depth"] == parent.metadata["ls_run_depth"] + 1
        assert list(run.parent_run_ids or []) == [
            UUID(part[-36:]) for part in run.dotted_order.split(".")[:-1]
        ]
        parents[run.id] = run


def traced(client: Client, question: str) -> Run:
    run_id = uuid7()
    extra: Any = {"client": client, "project_name": "traceable", "run_id": run_id}
    with contextlib.suppress(ValueError):
        agent(question, langsmith_extra=extra)
    client.flush()
    run: Run = client.read_run(run_id, load_child_runs=True)
    return run


def invoked(
    client: Client,
    runnable: Runnable[Any, Any],
    given: Any,
    *,
    config: RunnableConfig | None = None,
    **streaming: Any,
) -> Run:
    """The tree of one streamed call; `streaming` goes to `stream`."""
    tracer = LangChainTracer(client=client, project_name="langchain")
    run_id = uuid7()
    whole = RunnableConfig(callbacks=[tracer], run_id=run_id)
    whole.update(config or {})
    with contextlib.suppress(PermissionError):
        for _ in runnable.stream(given, whole, **streaming):
            pass
    tracer.wait_for_futures()
    client.flush()
    run: Run = client.read_run(run_id, load_child_runs=True)
    return run


def test_traceable_functions_are_a_tree(client: Client) -> None:
    root = traced(client, "where is it")
    assert shape(root) == (
        *("agent", "chain"),
        [("handbook", "retriever", []), ("model", "llm", [])],
    )
    check_tree(root)
    assert root.inputs == {"question": "where is it"}
    assert root.outputs == {"output": "WHERE IS IT"}
    assert root.tags == ["unit"]
    assert root.total_tokens == 7


def test_an_exception_fails_every_run_it_passes(client: Client) -> None:
    root = traced(client, "")
    model = [run for run in below(root) if run.name == "model"][0]
    for run in (root, model):
        assert run.status == "error"
        assert "nothing was asked" in (run.error or "")
    assert [run.status for run in below(root) if run.name == "handbook"] == ["success"]


def test_a_runnable_sequence_is_a_tree(client: Client) -> None:
    double: Runnable[int, int] = RunnableLambda(lambda x: 2 * x, name="double")
    chain = double | RunnableLambda(lambda x: x + 1, name="increment")
    root = invoked(
        client, chain, 20, config={"run_name": "arithmetic", "metadata": {"user_id": "ada"}}
    )
    assert shape(root) == (
        *("arithmetic", "chain"),
        [("double", "chain", []), ("increment", "chain", [])],
    )
    check_tree(root)
    assert root.outputs == {"output": 41}
    assert [run.metadata["user_id"] for run in below(root)] == ["ada", "ada"]


def test_a_langgraph_agent_is_a_tree(client: Client) -> None:
    lines = [calls("lookup_order", number="A-1"), says("It has been shipped.")]
    given = {"messages": [HumanMessage("where is A-1?")]}
    config: RunnableConfig = {"metadata": {"thread_id": "th-7"}, "tags": ["beta"]}
    root = invoked(client, build_agent(lines, [TICKET]), given, config=config)
    check_tree(root)
    runs = list(below(root))
    assert [run.name for run in root.child_runs or []] == [
        *("research", "agent", "tools", "agent", "ticket")
    ]
    assert {run.name for run in runs if run.run_type == "tool"} == {"lookup_order"}
    assert {run.name for run in runs if run.run_type == "retriever"} == {"handbook"}
    assert len([run for run in runs if run.run_type == "llm"]) == 3
    assert {run.metadata["thread_id"] for run in runs} == {"th-7"}
    node = [run for run in runs if run.name == "search"][0]
    assert node.metadata["langgraph_node"] == "search"
    assert root.total_tokens == sum(run.total_tokens or 0 for run in runs if run.run_type == "llm")
    assert root.total_tokens == 205 + 260 + 920
    assert root.total_cost is not None
    assert root.total_cost > 0


def test_streamed_model_runs_have_a_first_token_time(client: Client) -> None:
    agent = build_agent([says("one two three")], [TICKET])
    given = {"messages": [HumanMessage("hello")]}
    root = invoked(client, agent, given, stream_mode="messages")
    models = [run for run in below(root) if run.run_type == "llm"]
    assert len(models) == 2
    for run in models:
        assert run.end_time is not None
        assert run.first_token_time is not None
        assert run.start_time <= run.first_token_time <= run.end_time
        assert run.total_tokens


def test_a_refused_refund_is_an_error_up_to_the_root(client: Client) -> None:
    agent = build_agent([calls("refund", number="A-2", amount=900.0)], [TICKET])
    root = invoked(client, agent, {"messages": [HumanMessage("900 back")]})
    failed = [run.name for run in [root, *below(root)] if run.status == "error"]
    assert failed == ["support-agent", "tools", "refund"]


def test_attachments_come_back_byte_for_byte(client: Client, tmp_path: Path) -> None:
    content = bytes(range(256)) * 300

    @traceable(name="look")
    def look(picture: Attachment) -> str:
        return "seen"

    run_id = uuid7()
    extra: Any = {"client": client, "project_name": "pictures", "run_id": run_id}
    look(Attachment(mime_type="image/png", data=content), langsmith_extra=extra)
    client.flush()
    (run,) = client.list_runs(run_ids=[run_id])
    assert list(run.attachments) == ["picture"]
    assert run.attachments["picture"]["reader"].read() == content


def test_messages_keep_their_shape(client: Client) -> None:
    echo = RunnableLambda(lambda messages: messages, name="echo")
    root = invoked(client, echo, [HumanMessage("ä 🚀 \u2028"), AIMessage("ok")])
    assert root.inputs is not None
    (human, ai) = root.inputs["input"]
    assert (human["content"], human["type"]) == ("ä 🚀 \u2028", "human")
    assert (ai["content"], ai["type"]) == ("ok", "ai")
