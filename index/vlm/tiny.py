"""Vision-language models of a few hundred kB with random weights: what runs where no real one is at hand.

Processor, tokenizer, chat template and architecture are those of a real family, so that everything but the answers is
real: the folder is loaded by ``transformers:FOLDER`` like any other. The answers are gibberish, the same for the same
seed and input. For tests, and for measuring what does not depend on weights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Literal

from ethochat.index.torchvision_ops import ensure_torchvision

Family = Literal["llava", "gemma3", "qwen3_vl"]

_WIDTH: Final = 64
_SPREAD: Final = 0.15
"""Standard deviation of weights: with the usual 0.02 the answer would not depend on the input."""
_CORPUS: Final = tuple(
    f'{answer}: at {n}.5 s the mouse {verb} {place}. {{"overall": "The mouse {verb} {place}.", "head": null, "limb": null, '
    f'"torso": "The body is stretched.", "keywords": ["{verb}"]}} Is the tail raised? {answer.lower()}'
    for n, answer in enumerate(("Yes", "No"))
    for verb in ("rears", "walks", "grooms", "digs", "freezes", "sniffs")
    for place in ("at the wall", "in the center", "beside the other mouse")
)
"""What the tokenizer learns its words from."""
_CHATML: Final = """{%- for message in messages -%}
<|im_start|>{{ message['role'] }}
{% if message['content'] is string %}{{ message['content'] }}{% else %}{% for part in message['content'] %}\
{% if part['type'] == 'image' %}IMAGE{% elif part['type'] == 'video' %}VIDEO{% else %}{{ part['text'] }}{% endif %}\
{% endfor %}{% endif %}<|im_end|>
{% endfor -%}
{%- if add_generation_prompt -%}<|im_start|>assistant
{% endif -%}"""
_GEMMA: Final = """{{ bos_token }}{%- if messages[0]['role'] == 'system' -%}{%- set opening = messages[0]['content'][0]['text'] + '\\n\\n' -%}\
{%- set turns = messages[1:] -%}{%- else -%}{%- set opening = '' -%}{%- set turns = messages -%}{%- endif -%}\
{%- for message in turns -%}<start_of_turn>{{ 'model' if message['role'] == 'assistant' else message['role'] }}
{{ opening if loop.first }}{% for part in message['content'] %}{% if part['type'] == 'image' %}<start_of_image>\
{% else %}{{ part['text'] }}{% endif %}{% endfor %}<end_of_turn>
{% endfor -%}
{%- if add_generation_prompt -%}<start_of_turn>model
{% endif -%}"""


def build_tiny_vlm(
    folder: Path | str, family: Family = "llava", seed: int = 0, *, context_tokens: int = 32768
) -> Path:
    """Write a model with random weights and its processor into a folder.

    Parameters
    ----------
    folder
        Made where it does not exist; files in it are overwritten.
    family
        ``llava`` and ``gemma3`` take images and need nothing extra; ``qwen3_vl`` takes videos too and needs
        torchvision.
    seed
        Of the weights; the same seed gives the same files.
    context_tokens
        Length of context that its configuration states.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    ValueError
        When the family is not one of these.
    ImportError
        When ``qwen3_vl`` is asked for and torchvision cannot be used.
    """
    if family not in _BUILDERS:
        raise ValueError(f"Expected a family among {', '.join(_BUILDERS)}, got {family!r}.")
    usable = ensure_torchvision()
    if family == "qwen3_vl" and not usable:
        raise ImportError("A tiny qwen3_vl needs torchvision; run `pip install -e '.[video]'`.")
    import torch

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model, processor = _BUILDERS[family](context_tokens)
    tokenizer = processor.tokenizer
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def _tokenizer(specials: list[str], **roles: Any) -> Any:  # noqa: ANN401 - tokenizers has no types
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.BPE())
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    words.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=specials,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    words.train_from_iterator(_CORPUS, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=words, padding_side="left", model_max_length=1_000_000, **roles
    )


def _text_config(tokenizer: Any, context_tokens: int) -> dict[str, Any]:  # noqa: ANN401
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": _WIDTH,
        "intermediate_size": 2 * _WIDTH,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "max_position_embeddings": context_tokens,
        "initializer_range": _SPREAD,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }


def _vision_config(**rest: Any) -> dict[str, Any]:  # noqa: ANN401
    return {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_attention_heads": 2,
        "initializer_range": _SPREAD,
    } | rest


def _llava(context_tokens: int) -> tuple[Any, Any]:
    from transformers import CLIPImageProcessorPil, LlavaConfig, LlavaForConditionalGeneration, LlavaProcessor

    tokenizer = _tokenizer(
        ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<image>"],
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
    )
    vision = _vision_config(
        model_type="clip_vision_model", num_hidden_layers=3, image_size=28, patch_size=14, projection_dim=32
    )
    config = LlavaConfig(
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        image_seq_length=4,
        vision_config=vision,
        text_config={"model_type": "llama"} | _text_config(tokenizer, context_tokens),
        tie_word_embeddings=True,
    )
    processor = LlavaProcessor(
        image_processor=CLIPImageProcessorPil(
            size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}
        ),
        tokenizer=tokenizer,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=_CHATML.replace("IMAGE", "<image>").replace("VIDEO", "<image>"),
    )
    return LlavaForConditionalGeneration(config), processor


def _gemma3(context_tokens: int) -> tuple[Any, Any]:
    from transformers import (
        Gemma3Config,
        Gemma3ForConditionalGeneration,
        Gemma3ImageProcessorPil,
        Gemma3Processor,
    )

    marks = ["<start_of_turn>", "<end_of_turn>", "<start_of_image>", "<end_of_image>", "<image_soft_token>"]
    tokenizer = _tokenizer(
        ["<pad>", "<eos>", "<bos>", *marks],
        bos_token="<bos>",
        eos_token="<end_of_turn>",
        pad_token="<pad>",
        extra_special_tokens={"boi_token": marks[2], "eoi_token": marks[3], "image_token": marks[4]},
    )
    code = tokenizer.convert_tokens_to_ids
    vision = _vision_config(
        model_type="siglip_vision_model",
        num_hidden_layers=2,
        image_size=56,
        patch_size=14,
        vision_use_head=False,
    )
    config = Gemma3Config(
        mm_tokens_per_image=4,
        boi_token_index=code(marks[2]),
        eoi_token_index=code(marks[3]),
        image_token_index=code(marks[4]),
        vision_config=vision,
        text_config=_text_config(tokenizer, context_tokens) | {"sliding_window": 64},
        tie_word_embeddings=False,  # tied ones of random weights repeat the last token
    )
    processor = Gemma3Processor(
        image_processor=Gemma3ImageProcessorPil(size={"height": 56, "width": 56}),
        tokenizer=tokenizer,
        image_seq_length=4,
        chat_template=_GEMMA,
    )
    return Gemma3ForConditionalGeneration(config), processor


def _qwen3_vl(context_tokens: int) -> tuple[Any, Any]:
    from transformers import (
        Qwen2VLImageProcessor,
        Qwen3VLConfig,
        Qwen3VLForConditionalGeneration,
        Qwen3VLProcessor,
        Qwen3VLVideoProcessor,
    )

    marks = ["<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]
    tokenizer = _tokenizer(
        ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *marks],
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
    )
    code = tokenizer.convert_tokens_to_ids
    rope = {
        "rope_type": "default",
        "rope_theta": 10000.0,
        "mrope_section": [4, 2, 2],
        "mrope_interleaved": True,
    }
    vision = {
        "depth": 2,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_heads": 2,
        "patch_size": 16,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        "out_hidden_size": _WIDTH,
        "num_position_embeddings": 256,
        "deepstack_visual_indexes": [0],
        "initializer_range": _SPREAD,
    }
    config = Qwen3VLConfig(
        text_config=_text_config(tokenizer, context_tokens) | {"rope_parameters": rope},
        vision_config=vision,
        image_token_id=code(marks[2]),
        video_token_id=code(marks[3]),
        vision_start_token_id=code(marks[0]),
        vision_end_token_id=code(marks[1]),
        tie_word_embeddings=True,
    )
    area = 32 * 32  # pixels of one token
    processor = Qwen3VLProcessor(
        image_processor=Qwen2VLImageProcessor(
            patch_size=16, size={"shortest_edge": 4 * area, "longest_edge": 16 * area}
        ),
        tokenizer=tokenizer,
        video_processor=Qwen3VLVideoProcessor(
            patch_size=16,
            size={"shortest_edge": 4 * area, "longest_edge": 16 * 32 * area},
            cap_pixels_per_frame=False,
        ),
        chat_template=_CHATML.replace("IMAGE", f"{marks[0]}{marks[2]}{marks[1]}").replace(
            "VIDEO", f"{marks[0]}{marks[3]}{marks[1]}"
        ),
    )
    return Qwen3VLForConditionalGeneration(config), processor


_BUILDERS: Final[Mapping[str, Callable[[int], tuple[Any, Any]]]] = {
    "llava": _llava,
    "gemma3": _gemma3,
    "qwen3_vl": _qwen3_vl,
}
