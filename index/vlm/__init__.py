"""Vision-language models: backends by name, imported when used."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Final

from ethochat.index.errors import BackendUnavailableError
from ethochat.index.settings import VlmSettings
from ethochat.index.vlm.base import Vlm

BACKENDS: Final[Mapping[str, str]] = {
    "transformers": "ethochat.index.vlm.in_process:load_in_process",
    "openai": "ethochat.index.vlm.server:connect_server",
    "scripted": "ethochat.index.vlm.scripted:scripted_vlm",
}
"""Prefix of the name to ``module:function``, called with what follows the colon and the settings; ``scripted`` is a
double for tests."""

HOW_TO: Final = (
    "name one with --vlm or ETHOCHAT_VLM: transformers:MODEL_OR_PATH for a model in this process, openai:MODEL@URL for a "
    "server such as vLLM, SGLang, llama.cpp or Ollama"
)
"""What to do where no model is configured."""


def resolve_vlm(name: str | Vlm, settings: VlmSettings | None = None) -> Vlm:
    """Find a vision-language model by name; an instance is returned as it is.

    Parameters
    ----------
    name
        ``transformers:MODEL_OR_PATH`` or ``openai:MODEL@URL[,URL…]``.
    settings
        Of the experiment; the defaults without it.

    Raises
    ------
    BackendUnavailableError
        When no backend has that name, or the model cannot be loaded or reached.
    """
    if not isinstance(name, str):
        return name
    kind, _, rest = name.partition(":")
    if kind not in BACKENDS or (not rest and kind != "scripted"):
        raise BackendUnavailableError(f"Expected a vision-language model, got {name!r}; {HOW_TO}.")
    module, _, attribute = BACKENDS[kind].partition(":")
    vlm: Vlm = getattr(import_module(module), attribute)(rest, settings or VlmSettings())
    return vlm
