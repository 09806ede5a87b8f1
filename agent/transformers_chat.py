"""A chat model in this process: any safetensors model of ``transformers`` whose chat template knows tools."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.utils import convert_to_openai_messages
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import Field

from ethochat.index.errors import BackendUnavailableError
from ethochat.index.torchvision_ops import ensure_torchvision

_MARKED: Final = (
    re.compile(r"<tool_call>\s*(?P<call>\{.*?\})\s*</tool_call>", re.DOTALL),
    re.compile(r"<\|python_tag\|>\s*(?P<call>\{.*\})", re.DOTALL),
)
_LISTED: Final = re.compile(r"\[TOOL_CALLS\]\s*(?P<calls>\[.*\])", re.DOTALL)
_THOUGHT: Final = re.compile(r"<think>.*?</think>", re.DOTALL)
_OPENINGS: Final = ("<tool_call>", "[TOOL_CALLS]", "<|python_tag|>", "<think>", "{")
"""Where text begins that is not meant for people."""


class TransformersChatModel(BaseChatModel):
    """Greedy decoding with tools rendered by the model's own chat template."""

    model: Any
    tokenizer: Any
    name_or_path: str
    max_new_tokens: int = 1024
    tools: list[dict[str, Any]] = Field(default_factory=list)

    @classmethod
    def load(cls, name_or_path: str, *, max_new_tokens: int = 1024) -> TransformersChatModel:
        """Load weights from safetensors files; no code of the model repository is run.

        Raises
        ------
        BackendUnavailableError
            When the folder or model cannot be loaded, or its tokenizer has no chat template.
        """
        ensure_torchvision()
        from transformers import AutoModelForCausalLM, AutoTokenizer

        path = Path(name_or_path).expanduser()
        source = str(path) if path.exists() else name_or_path
        try:
            tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
            model = AutoModelForCausalLM.from_pretrained(
                source, trust_remote_code=False, use_safetensors=True
            )
        except (OSError, ValueError, KeyError) as exc:
            first = str(exc).strip().split("\n", 1)[0]
            raise BackendUnavailableError(
                f"Expected a transformers chat model with safetensors weights at {name_or_path!r}: {first}"
            ) from exc
        if not tokenizer.chat_template:
            raise BackendUnavailableError(f"Expected a chat template with {name_or_path!r}, found none.")
        return cls(
            model=model.eval(), tokenizer=tokenizer, name_or_path=name_or_path, max_new_tokens=max_new_tokens
        )

    @property
    def _llm_type(self) -> str:
        return "transformers"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": self.name_or_path, "max_new_tokens": self.max_new_tokens}

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> TransformersChatModel:  # noqa: ANN401
        """Render these OpenAI function schemas into every prompt."""
        return self.model_copy(update={"tools": list(tools)})

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,  # noqa: ANN401
    ) -> ChatResult:
        import torch

        inputs = self._inputs(messages)
        with torch.inference_mode():
            output = self.model.generate(**inputs, max_new_tokens=self.max_new_tokens, do_sample=False)
        n_prompt = inputs["input_ids"].shape[1]
        reply = parse_reply(
            self.tokenizer.decode(output[0, n_prompt:], skip_special_tokens=not self._marks_are_special)
        )
        n_new = output.shape[1] - n_prompt
        reply.usage_metadata = UsageMetadata(
            input_tokens=n_prompt, output_tokens=n_new, total_tokens=n_prompt + n_new
        )
        return ChatResult(generations=[ChatGeneration(message=reply)])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,  # noqa: ANN401
    ) -> Iterator[ChatGenerationChunk]:
        from transformers import TextIteratorStreamer

        streamer = TextIteratorStreamer(
            self.tokenizer, skip_prompt=True, skip_special_tokens=not self._marks_are_special
        )
        text = shown = ""
        with ThreadPoolExecutor(max_workers=1) as pool:
            running = pool.submit(self._generate_into, streamer, self._inputs(messages))
            for piece in streamer:
                text += piece
                visible = _visible(text)
                if len(visible) > len(shown):
                    chunk = ChatGenerationChunk(message=AIMessageChunk(content=visible[len(shown) :]))
                    shown = visible
                    if run_manager is not None:
                        run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                    yield chunk
            running.result()
        reply = parse_reply(text)
        last = AIMessageChunk(
            content=reply.text.removeprefix(shown) if reply.text.startswith(shown) else "",
            tool_calls=reply.tool_calls,
            invalid_tool_calls=reply.invalid_tool_calls,
        )
        last.chunk_position = "last"
        yield ChatGenerationChunk(message=last)

    def _generate_into(self, streamer: Any, inputs: Any) -> None:  # noqa: ANN401 - transformers has no types
        import torch

        try:
            with torch.inference_mode():
                self.model.generate(
                    **inputs, max_new_tokens=self.max_new_tokens, do_sample=False, streamer=streamer
                )
        finally:
            streamer.end()  # the reader waits for it, whatever happened

    def _inputs(self, messages: Sequence[BaseMessage]) -> Any:  # noqa: ANN401 - transformers has no types
        plain = convert_to_openai_messages(list(messages))
        for message in plain if isinstance(plain, list) else [plain]:
            for call in message.get("tool_calls") or []:  # templates expect the arguments as an object
                call["function"]["arguments"] = json.loads(call["function"]["arguments"])
        return self.tokenizer.apply_chat_template(
            plain,
            tools=self.tools or None,
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
        ).to(self.model.device)

    @property
    def _marks_are_special(self) -> bool:
        """Whether the marks around tool calls are special tokens, which decoding would drop."""
        special = set(self.tokenizer.all_special_tokens)
        return bool(special & {"[TOOL_CALLS]", "<|python_tag|>", "<tool_call>"})


def parse_reply(text: str) -> AIMessage:
    """Read tool calls out of generated text, in the forms of Qwen and Hermes, Llama and Mistral.

    Parameters
    ----------
    text
        What the model generated after the prompt.

    Returns
    -------
    AIMessage
        The text without thoughts and calls; calls that cannot be read become ``invalid_tool_calls``.
    """
    rest = _THOUGHT.sub("", text)
    found: list[str] = []
    for pattern in _MARKED:
        found += [match["call"] for match in pattern.finditer(rest)]
        rest = pattern.sub("", rest)
    if (listed := _LISTED.search(rest)) is not None:
        found.append(listed["calls"])
        rest = _LISTED.sub("", rest)
    rest = re.sub(r"<\|[^|>]*\|>|</?s>", "", rest).strip()
    if not found and re.fullmatch(r"\{.*\"name\".*\}", rest, re.DOTALL):
        found, rest = [rest], ""
    reply = AIMessage(rest)
    for raw in found:
        _add_calls(reply, raw)
    return reply


def _add_calls(reply: AIMessage, raw: str) -> None:
    call_id = f"call_{uuid4().hex[:12]}"
    try:
        data = json.loads(raw)
    except json.JSONDecodeError as exc:
        reply.invalid_tool_calls.append(
            {"type": "invalid_tool_call", "name": None, "args": raw, "id": call_id, "error": exc.msg}
        )
        return
    for index, item in enumerate(data if isinstance(data, list) else [data]):
        item_id = f"{call_id}_{index}"
        arguments = item.get("arguments", item.get("parameters", {})) if isinstance(item, dict) else None
        if isinstance(arguments, dict) and isinstance(item.get("name"), str):
            reply.tool_calls.append(
                {"type": "tool_call", "name": item["name"], "args": arguments, "id": item_id}
            )
        else:
            reply.invalid_tool_calls.append(
                {
                    "type": "invalid_tool_call",
                    "name": None,
                    "args": raw,
                    "id": item_id,
                    "error": "expected an object with name and arguments",
                }
            )


def _visible(text: str) -> str:
    """Return the part of a growing text that is certainly meant for people."""
    text = _THOUGHT.sub("", text)
    if text.lstrip().startswith("{"):
        return ""
    cuts = [position for mark in _OPENINGS[:-1] if (position := text.find(mark)) >= 0]
    if cuts:
        return text[: min(cuts)].rstrip()
    partial = max((text.rfind(mark[0]) for mark in _OPENINGS[:-1]), default=-1)
    if partial >= 0 and any(mark.startswith(text[partial:]) for mark in _OPENINGS[:-1]):
        return text[:partial].rstrip()
    return text.rstrip()
