"""Every backend as a maker of fresh models: add one by its name here and a fixture ``make_<name>``."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from ethochat.index.settings import VlmSettings
from ethochat.index.vlm import resolve_vlm
from ethochat.index.vlm.base import Frames, Vlm, VlmRequest
from ethochat.index.vlm.tiny import build_tiny_vlm

NAMES = ("scripted", "llava", "gemma3", "qwen3_vl", "server", "video_server")

MakeVlm = Callable[[VlmSettings], Vlm]


@pytest.fixture(params=NAMES)
def make_vlm(request) -> MakeVlm:
    """Make a fresh model of one backend."""
    return request.getfixturevalue(f"make_{request.param}")


@pytest.fixture
def vlm(make_vlm) -> Iterator[Vlm]:
    """A model of one backend that takes three requests at once."""
    model = make_vlm(VlmSettings(batch_size=3, max_new_tokens=6))
    yield model
    model.close()


@pytest.fixture
def make_scripted() -> MakeVlm:
    return lambda settings: resolve_vlm("scripted", settings)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory) -> Callable[[str], Path]:
    """Folder of a tiny model by family, built once; torch computes in one thread, as spinning ones starve each other."""
    import torch

    torch.set_num_threads(1)
    root, built = tmp_path_factory.mktemp("vlms"), {}

    def folder(family: str) -> Path:
        if family not in built:
            built[family] = build_tiny_vlm(root / family, family)
        return built[family]

    return folder


@pytest.fixture
def make_llava(tiny_folder) -> MakeVlm:
    return lambda settings: resolve_vlm(f"transformers:{tiny_folder('llava')}", settings)


@pytest.fixture
def make_gemma3(tiny_folder) -> MakeVlm:
    return lambda settings: resolve_vlm(f"transformers:{tiny_folder('gemma3')}", settings)


@pytest.fixture
def make_qwen3_vl(tiny_folder) -> MakeVlm:
    pytest.importorskip("torch")
    from ethochat.index.torchvision_ops import ensure_torchvision

    if not ensure_torchvision():
        pytest.skip("needs torchvision: pip install -c constraints.txt -e '.[video]'")
    return lambda settings: resolve_vlm(f"transformers:{tiny_folder('qwen3_vl')}", settings)


@pytest.fixture(scope="session")
def server_process() -> Callable:
    """What starts a server in a process of its own."""
    path = Path(__file__).with_name("server_process.py")
    spec = importlib.util.spec_from_file_location("server_process", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.ServerProcess


@pytest.fixture(scope="session")
def serve(tiny_folder, server_process) -> Iterator[Callable]:
    """Start a server with a tiny model of a family, once."""
    running = {}

    def start(family: str, **config):
        if family not in running:
            folder = str(tiny_folder(family))
            running[family] = server_process(folder=folder, structured="ignore", **config)
        return running[family]

    yield start
    for process in running.values():
        process.stop()


@pytest.fixture
def make_server(serve) -> MakeVlm:
    return lambda settings: resolve_vlm(f"openai:tiny@{serve('llava').url}", settings)


@pytest.fixture
def make_video_server(serve, make_qwen3_vl) -> MakeVlm:
    return lambda settings: resolve_vlm(f"openai:tiny@{serve('qwen3_vl', video='frames').url}", settings)


@pytest.fixture
def draw_clip() -> Callable[..., Frames]:
    """Frames of noise at 4 per second, the same for the same seed."""

    def draw(seed: int = 0, n: int = 4, size: tuple[int, int] = (64, 96), *, seconds: bool = True) -> Frames:
        images = np.random.default_rng(seed).integers(0, 256, (n, *size, 3), dtype=np.uint8)
        return Frames(
            images=images,
            times=np.arange(n) / 4 if seconds else np.arange(n) * 6.0,
            duration=n / 4 if seconds else n * 6.0,
            frames=tuple(range(50, 50 + 6 * n, 6)),
            seconds=seconds,
        )

    return draw


@pytest.fixture
def ask(draw_clip) -> Callable[..., VlmRequest]:
    """A request about clips, one of noise unless others are given."""

    def make(key: str = "k", prompt: str = "Is the tail raised?", **rest) -> VlmRequest:
        rest.setdefault("clips", (draw_clip(sum(key.encode())),))
        rest.setdefault("max_new_tokens", 6)
        return VlmRequest(key=key, system="You watch mice.", prompt=prompt, **rest)

    return make
