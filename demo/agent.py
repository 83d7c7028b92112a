"""The agent: a LangGraph graph with tools, a subgraph, a retriever and an extractor chain.

    START ─ research ─ agent ─┬─ tools ─ agent ...
            (a subgraph)      └─ extractor ─ END

Its model is scripted, so a run of the demo is the same everywhere; everything around the model is
the real thing, traced by LangChain's own tracer.
"""

import time
from typing import Any

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, SystemMessage
from langchain_core.output_parsers import JsonOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import Runnable
from langchain_core.tools import tool
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition

from demo.model import ScriptedChat, says

HANDBOOK = (
    "Returns: unused items may be returned within 30 days; refunds take five working days.",
    "Shipping: orders leave the warehouse within two days; express parcels travel overnight.",
    "Warranty: tents and backpacks carry a lifetime warranty against broken zippers.",
    "Payments: we take cards and invoices; invoices are due after 14 days.",
)


class State(MessagesState):
    notes: str
    ticket: dict[str, Any]


class HandbookRetriever(BaseRetriever):
    """The two paragraphs that share most words with the question."""

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        words = set(query.lower().split())
        ranked = sorted(HANDBOOK, key=lambda text: -len(words & set(text.lower().split())))
        return [
            Document(page_content=text, metadata={"source": f"handbook/{rank}"})
            for rank, text in enumerate(ranked[:2])
        ]


@tool
def lookup_order(number: str) -> dict[str, str]:
    """What we know about an order."""
    time.sleep(0.03)
    return {"number": number, "item": "Ridgeline tent", "status": "shipped", "carrier": "Parcelo"}


@tool
def track_parcel(number: str) -> str:
    """Where the carrier says the parcel is."""
    time.sleep(0.15)
    raise TimeoutError(f"the carrier did not answer within 150 ms (order {number})")


@tool
def refund(number: str, amount: float) -> str:
    """Pay an order back."""
    if amount > 500:
        raise PermissionError(f"refunds above 500 need a person (asked for {amount})")
    return f"{amount} refunded for {number}"


def build_agent(agent_says: list[AIMessage], extracted: list[str]) -> Runnable[Any, Any]:
    """An agent that will speak these lines. A refund that is refused ends the run in error; a
    carrier that does not answer is told to the model."""
    chat = ScriptedChat(messages=iter(agent_says))
    tools = [lookup_order, track_parcel, refund]
    model = chat.bind_tools(tools)
    extractor = _extractor(extracted)

    def agent(state: State) -> dict[str, Any]:
        system = SystemMessage(f"You help customers of Atlas Outdoor. {state['notes']}")
        return {"messages": [model.invoke([system, *state["messages"]])]}

    def extract(state: State) -> dict[str, Any]:
        said = "\n".join(str(message.content) for message in state["messages"])
        return {"ticket": extractor.invoke({"conversation": said})}

    graph = StateGraph(State)
    graph.add_node("research", _research())
    graph.add_node("agent", agent)
    graph.add_node("tools", ToolNode(tools, handle_tool_errors=(TimeoutError,)))
    graph.add_node("ticket", extract)
    graph.add_edge(START, "research")
    graph.add_edge("research", "agent")
    graph.add_conditional_edges("agent", tools_condition, {"tools": "tools", END: "ticket"})
    graph.add_edge("tools", "agent")
    graph.add_edge("ticket", END)
    return graph.compile(name="support-agent")


def _research() -> Any:
    """A graph of its own, used as one node of the agent."""
    retriever = HandbookRetriever(name="handbook")

    def search(state: State) -> dict[str, Any]:
        found = retriever.invoke(str(state["messages"][-1].content))
        return {"notes": " ".join(document.page_content for document in found)}

    graph = StateGraph(State)
    graph.add_node("search", search)
    graph.add_edge(START, "search")
    graph.add_edge("search", END)
    return graph.compile(name="research")


def _extractor(lines: list[str]) -> Runnable[Any, Any]:
    prompt = ChatPromptTemplate.from_messages(
        [
            ("system", "Write topic and urgency of the conversation as JSON."),
            ("human", "{conversation}"),
        ]
    )
    messages = iter([says(line, tokens=(900, 20)) for line in lines])
    chain = prompt | ScriptedChat(messages=messages, model_name="gpt-4o") | JsonOutputParser()
    return chain.with_config(run_name="extractor")
