"""A seed -> traces of a support agent, as LangChain's tracer would have recorded them.

    root (chain) ─┬─ agent (chain) ──── chat model (llm)
                  ├─ tools (chain) ─┬── a tool
                  │                 └── a tool
                  ├─ retrieve (chain) ─ VectorStoreRetriever (retriever)
                  └─ extractor (chain) ─ chat model (llm)

Turns of one conversation share thread_id and user_id. A failed model call fails what is above it;
a failed tool does not, since the agent reads the error.
"""

import random
from dataclasses import dataclass, field
from typing import Any

from runstore.benchmark.messages import Conversation, generation, uuid7
from runstore.benchmark.vocabulary import Vocabulary
from runstore.model.dotted_order import segment
from runstore.model.times import text_from_us

USERS = 50_000
Json = dict[str, Any]

# fmt: off
PROJECTS = (("support-agent", 60), ("research-agent", 25), ("evaluation", 10), ("playground", 5))
MODELS = (
    ("openai",    "gpt-4o-mini",       "ChatOpenAI",    50),
    ("openai",    "gpt-4o",            "ChatOpenAI",    20),
    ("anthropic", "claude-sonnet-4-5", "ChatAnthropic", 30),
)
ENVIRONMENTS = (("production", 80), ("staging", 15), ("development", 5))
TOOLS = ("search_orders", "lookup_customer", "get_shipping_status", "issue_refund",
         "calculator", "web_search", "send_email", "open_ticket")
FAILURES = (
    "TimeoutError('the upstream service did not answer within 30 seconds')",
    "ToolException('no order with this number')",
    "ValueError('could not parse the amount')",
    "ConnectionError('connection reset by peer')",
)
MODEL_FAILURE = ("RateLimitError(\"Error code: 429 - {'error': {'message': 'Rate limit reached', "
                 "'type': 'tokens', 'code': 'rate_limit_exceeded'}}\")")
# fmt: on
TOOL_FAILURE_SHARE = 0.08
MODEL_FAILURE_SHARE = 0.01  # with the runs above them and failed tools: 2 % of all runs
HEAVY_CALL_SHARE = 0.004  # slow and long at once: 0.1 % of all runs
FEEDBACK_SHARE = 0.05
RUNTIME: Json = {
    "sdk": "langsmith-py",
    "sdk_version": "0.15.0",
    "library": "langchain-core",
    "platform": "Linux-6.8.0-x86_64-with-glibc2.39",
    "runtime": "python",
    "py_implementation": "CPython",
    "runtime_version": "3.12.8",
    "langchain_version": None,
    "langchain_core_version": "1.7.2",
    "library_version": "1.7.2",
}


@dataclass(slots=True)
class Trace:
    """Runs in the order they started, root first; times in them are ISO text."""

    runs: list[Json] = field(default_factory=list)
    feedback: list[Json] = field(default_factory=list)


@dataclass(slots=True)
class _Open:
    """A run whose end is not known yet."""

    run: Json
    start_us: int
    events: list[Json]


class Agent:
    """Makes one trace after another. Everything drawn comes from the one seed.

    `projects`: what their names begin with. `ids`: drawn from this and the seed are the ids of runs
    and feedback, so that other text makes other ids of the same runs.
    """

    def __init__(
        self, seed: int, vocabulary: Vocabulary, *, projects: str = "", ids: str = ""
    ) -> None:
        self._draw = random.Random(f"agent {seed}")
        self._draw_ids = random.Random(f"ids {seed} {ids}") if ids else self._draw
        self._projects = projects
        self._vocabulary = vocabulary
        self._system = vocabulary.text(self._draw, 60)
        self._clock_us = 0
        self._trace = Trace()
        self._base_tags: list[str] = []
        self._metadata: Json = {}
        self._project = ""

    def new_conversation(self) -> Conversation:
        draw = self._draw
        return Conversation(
            thread_id=uuid7(draw, draw.randrange(2**41)),
            user_id=f"user-{draw.randrange(USERS):05d}",
            project=self._projects + _weighted(draw, PROJECTS),
            environment=_weighted(draw, ENVIRONMENTS),
            turns=draw.choices((1, 2, 3, 4, 6), (40, 20, 20, 10, 10))[0],
        )

    def turn(self, talk: Conversation, start_us: int) -> Trace:
        """The next turn of a conversation, as one trace."""
        draw = self._draw
        self._trace = Trace()
        self._clock_us = start_us
        self._project = talk.project
        self._base_tags = [
            tag
            for tag, share in (("experimental", 0.03), ("beta", 0.05), ("vip", 0.01))
            if draw.random() < share
        ]
        self._metadata = {
            "thread_id": talk.thread_id,
            "user_id": talk.user_id,
            "environment": talk.environment,
            "ls_integration": "langgraph",
            "LANGSMITH_ENDPOINT": "http://127.0.0.1:1984",
            "LANGSMITH_TRACING": "true",
            "LANGSMITH_PROJECT": talk.project,
            "revision_id": f"{start_us // (36 * 3_600_000_000):07x}",
        }
        question = self._vocabulary.text(draw, draw.randrange(8, 60))
        talk.say(draw, "human", question)
        root = self._start(talk.project, "chain", None, {"messages": [talk.as_input()]}, {})
        failed = self._steps(root, talk)
        self._end(root, None if failed else {"messages": talk.plain()}, failed)
        if draw.random() < FEEDBACK_SHARE:
            self._rate(root)
        return self._trace

    def _steps(self, root: _Open, talk: Conversation) -> str | None:
        draw = self._draw
        rounds = draw.choices((1, 2, 3, 4), (30, 40, 20, 10))[0]
        for number in range(rounds):
            last = number == rounds - 1
            if failed := self._agent_node(root, talk, 2 * number + 1, answers=last):
                return failed
            if not last:
                self._tools_node(root, talk, 2 * number + 2)
        if draw.random() < 0.3:
            return self._extractor(root, talk, 2 * rounds)
        return None

    def _agent_node(
        self, root: _Open, talk: Conversation, step: int, *, answers: bool
    ) -> str | None:
        node = self._node(root, "agent", step, {"messages": talk.plain()})
        failed = self._model(node, talk, step, answers=answers)
        self._end(node, None if failed else {"messages": talk.plain()[-1:]}, failed)
        return failed

    def _tools_node(self, root: _Open, talk: Conversation, step: int) -> None:
        draw = self._draw
        if draw.random() < 0.35:
            node = self._node(root, "retrieve", step, {"messages": talk.plain()})
            self._retriever(node, talk, step)
        else:
            node = self._node(root, "tools", step, {"messages": talk.plain()[-1:]})
            for _ in range(draw.choices((1, 2, 3), (60, 30, 10))[0]):
                self._tool(node, talk, step)
        self._end(node, {"messages": talk.plain()[-1:]}, None)

    def _tool(self, node: _Open, talk: Conversation, step: int) -> None:
        draw = self._draw
        name = draw.choice(TOOLS)
        arguments = {
            "query": self._vocabulary.text(draw, draw.randrange(3, 12)),
            "order_number": f"A-{draw.randrange(10**7):07d}",
            "limit": draw.randrange(1, 20),
        }
        tool = self._start(name, "tool", node, arguments, self._node_metadata("tools", step))
        self._clock_us += int(draw.lognormvariate(12.6, 1.0))
        if draw.random() < TOOL_FAILURE_SHARE:
            failure = draw.choice(FAILURES)
            talk.say(draw, "tool", failure)
            self._end(tool, None, f"{failure}\n\nTraceback (most recent call last):\n  ...")
            return
        content = self._vocabulary.text(draw, draw.randrange(20, 160))
        talk.say(draw, "tool", content)
        self._end(tool, {"output": talk.plain()[-1]}, None)

    def _retriever(self, node: _Open, talk: Conversation, step: int) -> None:
        draw = self._draw
        run = self._start(
            "VectorStoreRetriever",
            "retriever",
            node,
            {"query": self._vocabulary.text(draw, draw.randrange(4, 14))},
            self._node_metadata("retrieve", step)
            | {"ls_retriever_name": "vectorstore", "ls_vector_store_provider": "Chroma"},
        )
        self._clock_us += int(draw.lognormvariate(11.5, 0.8))
        documents: list[Json] = [
            {
                "id": None,
                "metadata": {"source": f"kb/{draw.randrange(5_000)}.md", "page": rank},
                "page_content": self._vocabulary.text(draw, draw.randrange(40, 110)),
                "type": "Document",
            }
            for rank in range(draw.randrange(2, 5))
        ]
        talk.say(draw, "tool", documents[0]["page_content"])
        self._end(run, {"documents": documents}, None)

    def _extractor(self, root: _Open, talk: Conversation, step: int) -> str | None:
        chain = self._node(root, "extractor", step, {"text": talk.last_content()})
        failed = self._model(chain, talk, step, answers=True)
        fields = {"topic": self._vocabulary.text(self._draw, 3), "urgent": step % 2 == 0}
        self._end(chain, None if failed else fields, failed)
        return failed

    def _model(self, node: _Open, talk: Conversation, step: int, *, answers: bool) -> str | None:
        draw = self._draw
        provider, model, name, _ = draw.choices(MODELS, [weight for *_, weight in MODELS])[0]
        heavy = draw.random() < HEAVY_CALL_SHARE
        metadata = self._node_metadata(node.run["name"], step) | {
            "ls_provider": provider,
            "ls_model_name": model,
            "ls_model_type": "chat",
            "ls_temperature": 0.2,
            "ls_max_tokens": 4_096,
            "lc_versions": {"langchain-core": "1.7.2"},
        }
        run = self._start(
            name, "llm", node, {"messages": [talk.constructors(self._system)]}, metadata
        )
        run.run["serialized"] = {
            "lc": 1,
            "type": "constructor",
            "id": ["langchain", "chat_models", provider, name],
            "kwargs": {"model_name": model, "temperature": 0.2},
            "name": name,
        }
        seconds = 10 + draw.expovariate(0.1) if heavy else draw.lognormvariate(0.6, 0.8)
        first_token_us = self._clock_us + int(seconds * 200_000)
        self._clock_us += int(seconds * 1_000_000)
        if draw.random() < MODEL_FAILURE_SHARE:
            self._end(run, None, MODEL_FAILURE)
            return MODEL_FAILURE
        if draw.random() < 0.6:
            run.events.append({"name": "new_token", "time": text_from_us(first_token_us)})
        words = min(int(draw.lognormvariate(4.2, 0.6)) + 5, 350) if answers else 12
        talk.say(draw, "ai", self._vocabulary.text(draw, words))
        prompt = int(draw.lognormvariate(6.6, 0.95)) + (6_000 if heavy else 0)
        completion = int(words * 1.4)
        self._end(run, generation(talk.last(), run.run["id"], model, prompt, completion), None)
        return None

    def _node(self, root: _Open, name: str, step: int, inputs: Json) -> _Open:
        run = self._start(name, "chain", root, inputs, self._node_metadata(name, step))
        run.run["tags"].append(f"graph:step:{step}")
        return run

    def _node_metadata(self, node: str, step: int) -> Json:
        namespace = f"{node}:{self._trace.runs[0]['id']}"
        return {
            "langgraph_step": step,
            "langgraph_node": node,
            "langgraph_triggers": [f"branch:to:{node}"],
            "langgraph_path": ["__pregel_pull", node],
            "langgraph_checkpoint_ns": namespace,
        }

    def _start(
        self, name: str, run_type: str, parent: _Open | None, inputs: Json, metadata: Json
    ) -> _Open:
        self._clock_us += self._draw.randrange(300, 4_000)
        start_us = self._clock_us
        run_id = uuid7(self._draw_ids, start_us // 1_000)
        order = segment(start_us, run_id)
        run: Json = {
            "id": run_id,
            "start_time": text_from_us(start_us),
            "parent_run_id": parent.run["id"] if parent else None,
            "tags": list(self._base_tags),
            "dotted_order": f"{parent.run['dotted_order']}.{order}" if parent else order,
            "trace_id": self._trace.runs[0]["id"] if parent else run_id,
            "session_name": self._project,
            "name": name,
            "run_type": run_type,
            "inputs": inputs,
            "extra": {"metadata": self._metadata | metadata, "runtime": RUNTIME},
        }
        self._trace.runs.append(run)
        return _Open(run, start_us, [{"name": "start", "time": run["start_time"]}])

    def _end(self, opened: _Open, outputs: Json | None, error: str | None) -> None:
        self._clock_us += self._draw.randrange(200, 2_000)
        end_time = text_from_us(self._clock_us)
        opened.events.append({"name": "error" if error else "end", "time": end_time})
        opened.run |= {
            "end_time": end_time,
            "outputs": outputs,
            "error": error,
            "events": opened.events,
        }

    def _rate(self, root: _Open) -> None:
        draw = self._draw
        ratings: list[tuple[str, float, str | None]] = [
            ("user_score", float(draw.random() < 0.7), None)
        ]
        if draw.random() < 0.5:
            why = self._vocabulary.text(draw, 12)
            ratings.append(("Correctness", draw.choice((0.0, 0.5, 1.0)), why))
        for key, score, comment in ratings:
            now = text_from_us(self._clock_us)
            self._trace.feedback.append(
                {
                    "id": uuid7(self._draw_ids, self._clock_us // 1_000),
                    "created_at": now,
                    "modified_at": now,
                    "run_id": root.run["id"],
                    "trace_id": root.run["id"],
                    "key": key,
                    "score": score,
                    "value": None,
                    "comment": comment,
                    "correction": None,
                    "feedback_source": {"type": "api", "metadata": {}},
                    "session_id": None,
                }
            )


def _weighted(draw: random.Random, table: tuple[tuple[str, int], ...]) -> str:
    return draw.choices([word for word, _ in table], [weight for _, weight in table])[0]
