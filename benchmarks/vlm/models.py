"""The models that are measured: any by name, a tiny one, and full-size ones with random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from ethochat.index.settings import VlmSettings
from ethochat.index.torchvision_ops import ensure_torchvision
from ethochat.index.vlm.in_process import InProcessVlm
from ethochat.index.vlm.loading import LoadedModel, adopt, choose_device, load_model
from ethochat.index.vlm.tiny import build_tiny_vlm

SIZES: Final[dict[str, dict[str, Any]]] = {
    "2b": {
        "text": {
            "hidden_size": 2048,
            "intermediate_size": 6144,
            "num_hidden_layers": 28,
            "num_attention_heads": 16,
        },
        "vision": {
            "depth": 24,
            "hidden_size": 1024,
            "intermediate_size": 4096,
            "num_heads": 16,
            "out_hidden_size": 2048,
            "deepstack_visual_indexes": [5, 11, 17],
        },
        "tie_word_embeddings": True,
    },
    "8b": {
        "text": {
            "hidden_size": 4096,
            "intermediate_size": 12288,
            "num_hidden_layers": 36,
            "num_attention_heads": 32,
        },
        "vision": {
            "depth": 27,
            "hidden_size": 1152,
            "intermediate_size": 4304,
            "num_heads": 16,
            "out_hidden_size": 4096,
            "deepstack_visual_indexes": [8, 16, 24],
        },
        "tie_word_embeddings": False,
    },
}
"""As the configurations of Qwen3-VL-2B and Qwen3-VL-8B state them; compute does not depend on the weights."""


def make_model(name: str, folder: Path, settings: VlmSettings) -> InProcessVlm:
    """Make ``tiny``, ``random:2b``, ``random:8b``, or load a folder or repository.

    Parameters
    ----------
    folder
        Where a tiny model is written.
    """
    if name == "tiny":
        family = "qwen3_vl" if ensure_torchvision() else "llava"
        path = build_tiny_vlm(folder / f"tiny-{family}", family)
        return InProcessVlm(load_model(str(path), run_code=False), settings)
    if name.startswith("random:"):
        return InProcessVlm(random_model(name.removeprefix("random:"), folder), settings)
    name = name.removeprefix("transformers:")
    return InProcessVlm(load_model(name, run_code=settings.run_model_code), settings)


def full_size_config(size: str, tokens: dict[str, int]) -> Any:
    """Make the configuration of a full-size Qwen3-VL.

    Parameters
    ----------
    tokens
        Ids of the tokens that stand for images and videos, by the configuration's names.
    """
    from transformers import Qwen3VLConfig

    shape = SIZES[size]
    rope = {
        "rope_type": "default",
        "rope_theta": 5_000_000.0,
        "mrope_section": [24, 20, 20],
        "mrope_interleaved": True,
    }
    text = {
        "vocab_size": 151936,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "max_position_embeddings": 262144,
    }
    vision = {
        "patch_size": 16,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        "num_position_embeddings": 2304,
    }
    return Qwen3VLConfig(
        text_config=text | shape["text"] | {"rope_parameters": rope, "pad_token_id": 0},
        vision_config=vision | shape["vision"],
        tie_word_embeddings=shape["tie_word_embeddings"],
        **tokens,
    )


def random_model(size: str, folder: Path) -> LoadedModel:
    """Make a full-size model with random weights on the CUDA device, without a file.

    Its tokenizer is the tiny one's, which needs about twice as many tokens for the same prompt.
    """
    import torch
    from transformers import AutoModelForImageTextToText

    if size not in SIZES:
        raise SystemExit(f"Expected random:{' or random:'.join(SIZES)}, got random:{size}.")
    if not torch.cuda.is_available():
        raise SystemExit(
            f"random:{size} needs a CUDA device: a CPU takes hours for it; without one run `make bench-vlm`."
        )
    device, device_name, dtype = choose_device()
    tiny = load_model(str(build_tiny_vlm(folder / "tokenizer", "qwen3_vl")), run_code=False)
    names = ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id")
    config = full_size_config(size, {name: getattr(tiny.model.config, name) for name in names})
    with torch.device(device):
        model = AutoModelForImageTextToText.from_config(config, dtype=getattr(torch, dtype))
    model.generation_config.eos_token_id = tiny.processor.tokenizer.eos_token_id
    return adopt(model, full_size_processor(tiny), f"random Qwen3-VL-{size.upper()}", device_name=device_name)


def full_size_processor(tiny: LoadedModel) -> Any:
    """Give a tiny Qwen3-VL's processor the image sizes of the published ones, so that no pixel is spared."""
    from transformers import Qwen2VLImageProcessor, Qwen3VLVideoProcessor

    processor = tiny.processor
    processor.image_processor = Qwen2VLImageProcessor(
        patch_size=16, size={"shortest_edge": 65536, "longest_edge": 16777216}
    )
    processor.video_processor = Qwen3VLVideoProcessor(
        patch_size=16, size={"shortest_edge": 4096, "longest_edge": 25165824}, cap_pixels_per_frame=True
    )
    return processor
