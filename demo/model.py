"""A scripted chat model: streams, calls tools, reports usage, and never leaves this machine."""

import json
import time
from collections.abc import Iterator
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import LanguageModelInput
from langchain_core.language_models.base import LangSmithParams
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable

TOKEN_SECONDS = 0.004


class ScriptedChat(GenericFakeChatModel):
    """Answers with the next message of `messages`. LangChain's fake drops usage when it streams;
    this one sends it in the last chunk, as providers do."""

    model_name: str = "gpt-4o-mini"

    def bind_tools(self, tools: Any, **kwargs: Any) -> Runnable[LanguageModelInput, AIMessage]:
        return self

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        return LangSmithParams(
            ls_provider="openai", ls_model_name=self.model_name, ls_model_type="chat"
        )

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._next_message())])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        message = self._next_message()
        for word in str(message.content).split(" "):
            time.sleep(TOKEN_SECONDS)
            chunk = ChatGenerationChunk(message=AIMessageChunk(content=f"{word} "))
            if run_manager:
                run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk
        yield ChatGenerationChunk(
            message=AIMessageChunk(
                content="",
                tool_call_chunks=[
                    {
                        "name": call["name"],
                        "args": json.dumps(call["args"]),
                        "id": call["id"],
                        "index": index,
                        "type": "tool_call_chunk",
                    }
                    for index, call in enumerate(message.tool_calls)
                ],
                usage_metadata=message.usage_metadata,
            )
        )

    def _next_message(self) -> AIMessage:
        message = next(self.messages)
        assert isinstance(message, AIMessage)
        return message


def says(content: str, *, tokens: tuple[int, int] = (220, 40)) -> AIMessage:
    """An answer; `tokens` are input and output."""
    return AIMessage(content, usage_metadata=_usage(tokens))


def calls(name: str, tokens: tuple[int, int] = (180, 25), **arguments: Any) -> AIMessage:
    """A wish to call one tool."""
    return AIMessage(
        f"Let me use {name}.",
        tool_calls=[{"name": name, "args": arguments, "id": f"call_{name}"}],
        usage_metadata=_usage(tokens),
    )


def _usage(tokens: tuple[int, int]) -> UsageMetadata:
    return UsageMetadata(input_tokens=tokens[0], output_tokens=tokens[1], total_tokens=sum(tokens))
