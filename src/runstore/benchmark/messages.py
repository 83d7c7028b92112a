"""A conversation's messages in the three shapes LangChain logs, and a model's answer."""

import random
from dataclasses import dataclass, field
from typing import Any

HISTORY_CHARS_MAX = 1_500  # older messages are trimmed, as agents do; payloads stay below 4 KB
_CLASSES = {"human": "HumanMessage", "ai": "AIMessage", "tool": "ToolMessage"}

Json = dict[str, Any]


def uuid7(draw: random.Random, milliseconds: int) -> str:
    bits = draw.getrandbits(74)
    high, low = bits >> 62, bits & (2**62 - 1) | 2**63
    text = f"{milliseconds & (2**48 - 1):012x}7{high:03x}{low:016x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


@dataclass(slots=True)
class Conversation:
    thread_id: str
    user_id: str
    project: str
    environment: str
    turns: int
    messages: list[Json] = field(default_factory=list)

    def say(self, draw: random.Random, kind: str, content: str) -> None:
        message: Json = {
            "content": content,
            "additional_kwargs": {},
            "response_metadata": {},
            "type": kind,
            "id": uuid7(draw, draw.getrandbits(47)),
        }
        if kind == "ai":
            message |= {"tool_calls": [], "invalid_tool_calls": []}
        self.messages.append(message)
        while (
            len(self.messages) > 1
            and sum(len(said["content"]) for said in self.messages) > HISTORY_CHARS_MAX
        ):
            self.messages.pop(0)

    def last(self) -> Json:
        return self.messages[-1]

    def last_content(self) -> str:
        return str(self.messages[-1]["content"])

    def as_input(self) -> list[str]:
        return ["user", self.last_content()]

    def plain(self) -> list[Json]:
        """As graph state."""
        return list(self.messages)

    def constructors(self, system: str) -> list[Json]:
        """As a chat model's input: LangChain's serialised objects."""
        head = {"content": system, "type": "system"}
        return [
            _constructor("SystemMessage", head),
            *(
                _constructor(
                    _CLASSES[said["type"]],
                    {"content": said["content"], "type": said["type"], "id": said["id"]},
                )
                for said in self.messages
            ),
        ]


def generation(message: Json, run_id: str, model: str, prompt: int, completion: int) -> Json:
    """A chat model's outputs, with its usage."""
    usage = {
        "input_tokens": prompt,
        "output_tokens": completion,
        "total_tokens": prompt + completion,
        "input_token_details": {"cache_read": prompt // 3},
        "output_token_details": {},
    }
    kwargs = {
        "content": message["content"],
        "type": "ai",
        "id": f"lc_run--{run_id}",
        "tool_calls": [],
        "invalid_tool_calls": [],
        "usage_metadata": usage,
        "response_metadata": {"model_name": model, "finish_reason": "stop"},
    }
    return {
        "generations": [
            [
                {
                    "text": message["content"],
                    "generation_info": {"finish_reason": "stop"},
                    "type": "ChatGeneration",
                    "message": _constructor("AIMessage", kwargs),
                }
            ]
        ],
        "llm_output": None,
        "run": None,
        "type": "LLMResult",
    }


def _constructor(name: str, kwargs: Json) -> Json:
    return {
        "lc": 1,
        "type": "constructor",
        "id": ["langchain", "schema", "messages", name],
        "kwargs": kwargs,
    }
