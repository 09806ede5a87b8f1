"""Tool calls read out of generated text, and a tiny model with random weights."""

from __future__ import annotations

from itertools import pairwise

import pytest

from ethochat.agent.transformers_chat import TransformersChatModel, _visible, parse_reply
from ethochat.index.errors import BackendUnavailableError


def test_calls_of_qwen_and_hermes_are_read():
    text = (
        "<think>so</think>Let me see."
        '<tool_call>{"name": "count", "arguments": {"behavior": "x"}}</tool_call>\n'
        '<tool_call>{"name": "show", "arguments": {}}</tool_call><|im_end|>'
    )
    reply = parse_reply(text)
    assert reply.text == "Let me see."
    assert [(call["name"], call["args"]) for call in reply.tool_calls] == [
        ("count", {"behavior": "x"}),
        ("show", {}),
    ]
    assert len({call["id"] for call in reply.tool_calls}) == 2


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "count", "parameters": {"behavior": "x"}}',
        '<|python_tag|>{"name": "count", "parameters": {"behavior": "x"}}<|eom_id|>',
        '[TOOL_CALLS][{"name": "count", "arguments": {"behavior": "x"}}]</s>',
    ],
)
def test_calls_of_llama_and_mistral_are_read(text):
    reply = parse_reply(text)
    assert [(call["name"], call["args"]) for call in reply.tool_calls] == [("count", {"behavior": "x"})]
    assert reply.text == ""


@pytest.mark.parametrize(
    "raw", ['{"name": "count", "arguments": ', '{"name": 3, "arguments": {}}', '{"arguments": {}}']
)
def test_unreadable_call_is_kept_as_invalid(raw):
    reply = parse_reply(
        f"<tool_call>{raw}}}</tool_call>" if raw.endswith(" ") else f"<tool_call>{raw}</tool_call>"
    )
    assert reply.tool_calls == []
    assert len(reply.invalid_tool_calls) == 1


def test_plain_text_stays_plain():
    assert parse_reply("They reared 12 times [e1].").text == "They reared 12 times [e1]."


def test_growing_text_never_shows_the_markup():
    text = 'I look. <tool_call>{"name": "count", "arguments": {}}</tool_call>'
    shown = [_visible(text[:length]) for length in range(len(text) + 1)]
    assert shown[-1] == "I look."
    assert not any("<" in item for item in shown)
    assert all(b.startswith(a) for a, b in pairwise(shown))


def test_missing_folder_is_a_plain_error(tmp_path):
    with pytest.raises(BackendUnavailableError, match="safetensors"):
        TransformersChatModel.load(str(tmp_path))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A Llama of one layer with random weights, a word tokenizer and a template that renders tools."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("tiny")
    words = [
        "<unk>",
        "<s>",
        "</s>",
        "hello",
        "count",
        "user",
        "assistant",
        "tool",
        "system",
        *map(str, range(20)),
    ]
    plain = Tokenizer(models.WordLevel({word: index for index, word in enumerate(words)}, unk_token="<unk>"))
    plain.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=plain, unk_token="<unk>", bos_token="<s>", eos_token="</s>"
    )
    tokenizer.chat_template = (
        "{% for tool in tools or [] %}{{ tool.function.name }} {% endfor %}"
        "{% for message in messages %}{{ message.role }} {{ message.content }} "
        "{% for call in message.tool_calls or [] %}{{ call.function.arguments.behavior }} {% endfor %}"
        "{% endfor %}assistant"
    )
    tokenizer.save_pretrained(folder)
    config = LlamaConfig(
        vocab_size=len(words),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        bos_token_id=1,
        eos_token_id=2,
    )
    LlamaForCausalLM(config).save_pretrained(folder, safe_serialization=True)
    return TransformersChatModel.load(str(folder), max_new_tokens=6)


def test_tools_and_earlier_calls_reach_the_prompt(tiny):
    from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

    bound = tiny.bind_tools([{"type": "function", "function": {"name": "count", "parameters": {}}}])
    call = {"name": "count", "args": {"behavior": "7"}, "id": "c", "type": "tool_call"}
    ids = bound._inputs(
        [HumanMessage("hello"), AIMessage("", tool_calls=[call]), ToolMessage("3", tool_call_id="c")]
    )
    prompt = bound.tokenizer.decode(ids["input_ids"][0])
    assert prompt.split() == ["count", "user", "hello", "assistant", "7", "tool", "3", "assistant"]


def test_streamed_and_whole_replies_are_the_same(tiny):
    whole = tiny.invoke("hello")
    streamed = "".join(chunk.text for chunk in tiny.stream("hello"))
    assert streamed == whole.text
    assert whole.usage_metadata["output_tokens"] <= 6


def test_weights_that_are_no_safetensors_are_refused(tiny, tmp_path):
    import shutil
    from pathlib import Path

    shutil.copytree(tiny.name_or_path, tmp_path / "m")
    weights = tmp_path / "m" / "model.safetensors"
    weights.rename(Path(tmp_path) / "m" / "pytorch_model.bin")
    with pytest.raises(BackendUnavailableError, match="safetensors"):
        TransformersChatModel.load(str(tmp_path / "m"))
