"""A vision-language model of transformers from a folder or a repository: its files, its device, what it is called."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ethochat.index.errors import BackendUnavailableError
from ethochat.index.progress_bars import no_progress_bars
from ethochat.index.torchvision_ops import ensure_torchvision

logger = logging.getLogger(__name__)

_TEXT_FILES: Final = frozenset({".json", ".jinja", ".model", ".py", ".txt"})
"""Files beside the weights that make a model answer as it does."""
_LONGEST_SHOWN: Final = 200
_SAMPLES: Final = 16
_SAMPLE_BYTES: Final = 65536
_LOAD_ERRORS: Final = (OSError, ValueError, KeyError, ImportError, AttributeError, TypeError, RuntimeError)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A model that is ready to generate."""

    model: Any
    processor: Any
    identity: str
    """Name and content, without paths of this machine."""
    device: str
    """``cuda``, ``mps`` or ``cpu``."""
    device_name: str
    """As people read it: ``cuda (NVIDIA H200)``."""
    dtype: str
    """Of the weights: ``bfloat16``, ``float16`` or ``float32``."""
    attention: str
    """Implementation of attention: ``sdpa``, ``flash_attention_2`` or ``eager``."""

    @property
    def where(self) -> str:
        """Device, number format and attention in one line."""
        return f"{self.device_name}, {self.dtype}, {self.attention}"

    @property
    def context_tokens(self) -> int | None:
        """Positions that the language model was made for; ``None`` where its configuration states none."""
        length = getattr(self.model.config.get_text_config(), "max_position_embeddings", None)
        return int(length) if length else None

    @property
    def takes_video(self) -> bool:
        """Whether its processor has a part for videos."""
        return getattr(self.processor, "video_processor", None) is not None


def load_model(name: str, *, run_code: bool) -> LoadedModel:
    """Load weights from safetensors files onto the best device there is.

    Parameters
    ----------
    name
        A folder, or ``repository`` or ``repository@revision`` on the Hugging Face hub.
    run_code
        Whether Python code that comes with the weights may run.

    Raises
    ------
    BackendUnavailableError
        When there is no such model, it is no vision-language model, it has no safetensors weights or no chat
        template, or it needs what is not there; with the remedy.
    """
    source, options = _source(name)
    ensure_torchvision()
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForImageTextToText, AutoProcessor

    options["trust_remote_code"] = run_code
    device, device_name, dtype = choose_device()
    try:
        with no_progress_bars():
            _check_architecture(source, options, name)
            identity = _identity(Path(source)) if Path(source).is_dir() else None
            processor = AutoProcessor.from_pretrained(source, **options)
            attention = {"attn_implementation": "flash_attention_2"} if _has_flash(device) else {}
            model = AutoModelForImageTextToText.from_pretrained(
                source, dtype=getattr(torch, dtype), use_safetensors=True, **options, **attention
            )
            loaded = adopt(
                model.to(device), processor, identity or _revision(name, model), device_name=device_name
            )
    except (*_LOAD_ERRORS, SafetensorError) as exc:
        raise BackendUnavailableError(f"Cannot load {_short(name)!r}: {_remedy(exc)}") from exc
    _check_chat_template(loaded, name)
    return loaded


def adopt(model: Any, processor: Any, identity: str, *, device_name: str | None = None) -> LoadedModel:  # noqa: ANN401
    """Take a model that is in memory and on its device already."""
    first = next(model.parameters())
    device = first.device.type
    return LoadedModel(
        model=model.eval(),
        processor=processor,
        identity=identity,
        device=device,
        device_name=device_name or device,
        dtype=str(first.dtype).removeprefix("torch."),
        attention=getattr(model.config, "_attn_implementation", None) or "eager",
    )


def choose_device() -> tuple[str, str, str]:
    """Choose the fastest device and the number format that it computes fast.

    Returns
    -------
    tuple
        Device (``cuda``, ``mps``, ``cpu``), the same with the card's name, and the name of the dtype. float32 on
        a CPU: few have fast half-precision arithmetic.
    """
    import torch

    if torch.cuda.is_available():
        dtype = "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
        return "cuda", f"cuda ({torch.cuda.get_device_name()})", dtype
    if torch.backends.mps.is_available():
        return "mps", "mps", "bfloat16" if torch.backends.mps.is_macos_or_newer(14, 0) else "float16"
    return "cpu", "cpu", "float32"


def _has_flash(device: str) -> bool:
    from transformers.utils import is_flash_attn_2_available

    return device == "cuda" and bool(is_flash_attn_2_available())


def _source(name: str) -> tuple[str, dict[str, Any]]:
    """Where to load from: an existing folder that holds a model, or a repository and its revision."""
    try:
        folder = Path(name).expanduser()
        is_folder, exists = folder.is_dir(), folder.exists()
        if "\0" in name:
            raise ValueError("it holds a null character")
    except (OSError, ValueError, RuntimeError) as exc:  # too long, not permitted, of a user who is not there
        reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
        raise BackendUnavailableError(
            f"Expected a folder with a model or the name of a repository such as OWNER/MODEL, got {_short(name)!r}, which is no "
            f"path: {reason}."
        ) from exc
    if is_folder:
        _check_folder(folder, name)
        return str(folder), {"local_files_only": True}
    if exists or name.startswith(("/", "./", "../", "~")) or name.count("/") > 1:
        raise BackendUnavailableError(
            f"Expected a folder with a model at {_short(name)!r}, found {'a file' if exists else 'none'}; "
            "give the folder that holds its config.json, or the name of a repository such as OWNER/MODEL."
        )
    repository, _, revision = name.partition("@")
    return repository, {"revision": revision} if revision else {}


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_SHOWN else f"{name[:_LONGEST_SHOWN]}…"


def _check_folder(folder: Path, name: str) -> None:
    if not (folder / "config.json").is_file():
        raise BackendUnavailableError(
            f"Expected a model in {name!r}, found no config.json; give the folder that holds it."
        )
    if not any(folder.glob("*.safetensors")):
        raise BackendUnavailableError(
            f"Expected safetensors weights in {name!r}, found none; other formats can run code when loaded and are "
            "not read: save the model again with `save_pretrained`, or download its safetensors files."
        )


def _check_architecture(source: str, options: dict[str, Any], name: str) -> None:
    from transformers import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING, AutoConfig

    config = AutoConfig.from_pretrained(source, **options)
    own = getattr(config, "auto_map", None) or {}
    if type(config) not in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING and "AutoModelForImageTextToText" not in own:
        raise BackendUnavailableError(
            f"Expected a vision-language model at {name!r}, found {config.model_type!r}, which transformers does not know as "
            "one; name another, or serve it by its own software and name it as openai:MODEL@URL."
        )


def _check_chat_template(loaded: LoadedModel, name: str) -> None:
    tokenizer = getattr(loaded.processor, "tokenizer", None)
    if tokenizer is None or getattr(loaded.processor, "image_processor", None) is None:
        raise BackendUnavailableError(
            f"Expected a vision-language model at {name!r}, found one without an image processor; name another model."
        )
    if not (getattr(loaded.processor, "chat_template", None) or tokenizer.chat_template):
        raise BackendUnavailableError(
            f"Expected a chat template with {name!r}, found none; use the instruction-tuned version of the model, or put "
            "its chat_template.jinja into the folder."
        )


def _remedy(exc: Exception) -> str:
    """One line: what is wrong and what to do."""
    text = " ".join(str(exc).split())
    if "trust_remote_code" in text or "custom code" in text:
        return (
            "it brings Python code of its own, which runs only when you say so: set run_model_code = true under [vlm] in "
            "experiment.toml if you trust who published it."
        )
    if "num2words" in text:
        return "its processor needs num2words; run `pip install num2words`."
    if "VIDEO_PROCESSOR" in text.upper() or "torchvision" in text.lower():
        return "its processor takes videos too and needs torchvision; run `pip install -c constraints.txt -e '.[video]'` in the project folder."
    if _is_memory(exc, text):
        return "its weights do not fit into the memory of the device; use a smaller model or a server (openai:MODEL@URL)."
    shown = text if len(text) <= 300 else f"{text[:300]}…"
    return (
        f"{type(exc).__name__}: {shown or 'no reason given'}; check the name, the files and the connection."
    )


def _is_memory(exc: Exception, text: str) -> bool:
    return "out of memory" in text or "allocate memory" in text or type(exc).__name__ == "OutOfMemoryError"


def _revision(name: str, model: Any) -> str:  # noqa: ANN401 - transformers has no types
    """Name of a repository with the commit that was loaded."""
    repository, _, revision = name.partition("@")
    commit = getattr(model.config, "_commit_hash", None) or revision or "main"
    return f"{repository}@{commit}"


def _identity(folder: Path) -> str:
    """Name of a folder with a hash of what is in it.

    Weights are too large to be read for their name alone: of each file the header, the length and 16 samples of
    64 KiB count, which differ between any two trainings.
    """
    digest = hashlib.sha256()
    for file in sorted(folder.iterdir()):
        if file.suffix == ".safetensors":
            digest.update(f"{file.name}:{file.stat().st_size}".encode())
            digest.update(_sampled(file))
        elif file.suffix in _TEXT_FILES and file.is_file():
            digest.update(file.name.encode() + file.read_bytes())
    return f"{folder.resolve().name}@{digest.hexdigest()[:12]}"


def _sampled(file: Path) -> bytes:
    size = file.stat().st_size
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        header = stream.read(length) if length < size else b""
        if not header or 8 + length + _data_bytes(header) != size:
            raise ValueError(f"{file.name} is damaged or incomplete; copy or download it again")
        parts = [header]
        for number in range(_SAMPLES):
            stream.seek(8 + length + (size - 8 - length) * number // _SAMPLES)
            parts.append(stream.read(_SAMPLE_BYTES))
    return hashlib.sha256(b"".join(parts)).digest()


def _data_bytes(header: bytes) -> int:
    """Bytes of all tensors, as the header of a safetensors file says."""
    tensors = json.loads(header)
    return max(
        (entry["data_offsets"][1] for key, entry in tensors.items() if key != "__metadata__"), default=0
    )
