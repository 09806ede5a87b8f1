"""A chat model that says what it is told to: the double for tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import Field

from ethochat.agent.state import VERIFIER


class ScriptedChatModel(BaseChatModel):
    """Plays one list of replies per question of the conversation.

    The reply is chosen by counting messages, so that a resumed conversation goes on where it stopped.
    """

    script: list[list[AIMessage]]
    """Replies by turn; the last reply of a turn is repeated."""
    tools: list[dict[str, Any]] = Field(default_factory=list)
    """Schemas that were bound."""
    seen: list[list[BaseMessage]] = Field(default_factory=list)
    """What each call was given, shared by all bound copies."""

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> ScriptedChatModel:  # noqa: ANN401
        """Remember the schemas; the script does not change."""
        return self.model_copy(update={"tools": list(tools)})

    def _pick(self, messages: Sequence[BaseMessage]) -> AIMessage:
        self.seen.append(list(messages))
        starts = [
            index
            for index, message in enumerate(messages)
            if isinstance(message, HumanMessage) and message.name != VERIFIER
        ]
        replies = self.script[min(len(starts), len(self.script)) - 1]
        n_said = sum(isinstance(message, AIMessage) for message in messages[starts[-1] :])
        return replies[min(n_said, len(replies) - 1)].model_copy(deep=True, update={"id": None})

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,  # noqa: ANN401
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._pick(messages))])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,  # noqa: ANN401
    ) -> Iterator[ChatGenerationChunk]:
        reply = self._pick(messages)
        for index, word in enumerate(reply.text.split(" ")):
            chunk = ChatGenerationChunk(message=AIMessageChunk(content=word if index == 0 else f" {word}"))
            if run_manager is not None:
                run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk
        last = AIMessageChunk(
            content="", tool_calls=reply.tool_calls, invalid_tool_calls=reply.invalid_tool_calls
        )
        last.chunk_position = "last"
        yield ChatGenerationChunk(message=last)
