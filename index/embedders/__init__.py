"""Sentence vectors: backends by name, imported when used."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Final

from ethochat.index.embedders.base import Embedder
from ethochat.index.errors import BackendUnavailableError

EMBEDDERS: Final[Mapping[str, str]] = {
    "minilm": "ethochat.index.embedders.minilm:MiniLmEmbedder",
    "hashing": "ethochat.index.embedders.hashing:HashingEmbedder",
}
"""Name to ``module:Class``; ``hashing`` is a double for tests."""


def resolve_embedder(name: str | Embedder) -> Embedder:
    """Find an embedder by name; an instance is returned as it is.

    Raises
    ------
    BackendUnavailableError
        When no embedder has that name; the message lists the known ones.
    """
    if not isinstance(name, str):
        return name
    if name not in EMBEDDERS:
        raise BackendUnavailableError(
            f"Expected an embedder among {', '.join(sorted(EMBEDDERS))}, got {name!r}."
        )
    module, _, attribute = EMBEDDERS[name].partition(":")
    embedder: Embedder = getattr(import_module(module), attribute)()
    return embedder
