"""Vector indexes: backends by name or URL, imported when used."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Final

from ethochat.index.errors import BackendUnavailableError
from ethochat.index.store.base import SegmentStore

STORES: Final[Mapping[str, str]] = {
    "edge": "ethochat.index.store.edge:EdgeSegmentStore",
    "local": "ethochat.index.store.client:LocalSegmentStore",
    "http": "ethochat.index.store.server:ServerSegmentStore",
    "https": "ethochat.index.store.server:ServerSegmentStore",
    "memory": "ethochat.index.store.memory:MemorySegmentStore",
}
"""Name, or scheme of a URL, to ``module:Class``; ``memory`` is a double for tests."""


COMFORTABLE: Final[Mapping[str, int]] = {"edge": 300_000, "local": 5_000}
"""Segments up to which an embedded index answers well within a second and opens within two; see docs/search.md."""


def advise_on_size(spec: str, n_segments: int) -> str | None:
    """Say what to do about an embedded index that has grown beyond what it is comfortable with."""
    most = COMFORTABLE.get(spec)
    if most is None or n_segments <= most:
        return None
    better = "`ethochat move-index DIR --to edge`, or " if spec == "local" else ""
    return (
        f"The index has {n_segments:,} segments; beyond some {most:,} the embedded index '{spec}' opens and answers "
        f"slowly. It goes on working; for speed run {better}`ethochat move-index DIR --to http://HOST:6333` with a "
        "Qdrant server."
    )


def open_store(
    spec: str | SegmentStore,
    *,
    path: Path,
    dimension: int,
    embedder_name: str,
    read_only: bool = False,
    rebuild: bool = False,
) -> SegmentStore:
    """Open a vector index.

    Parameters
    ----------
    spec
        ``"edge"`` (Qdrant Edge in a folder), ``"local"`` (qdrant-client's own engine in a folder), the URL
        of a Qdrant server or cluster (``http://host:6333`` or ``http://host:6333/collection``; its key and how to
        reach it are read from the environment, see :class:`~ethochat.index.store.server.ServerOptions`), ``"memory"`` (a double), or a store, which is returned as it is.
    path
        The experiment's ``.ethochat/vectors``; embedded stores live in a folder of their own below it, and a
        server's collection is named after it where the URL names none.
    dimension, embedder_name
        Of the vectors; compared with what the collection was made with.
    read_only
        Open for searching only: takes no lock, needs an existing collection, and follows what another process
        publishes.
    rebuild
        Start from an empty collection, whatever is there.

    Raises
    ------
    BackendUnavailableError
        When no store has that name, or the server does not answer.
    NotIngestedError
        When there is nothing to read.
    StaleIndexError
        When the collection was made with another embedder, dimension or schema.
    CatalogLockedError
        When another process is writing.
    """
    if not isinstance(spec, str):
        return spec
    scheme = spec.partition("://")[0]
    if scheme not in STORES or ("://" in spec) != scheme.startswith("http"):
        raise BackendUnavailableError(
            f"Expected a vector index among edge, local, memory or the URL of a Qdrant server, got {spec!r}."
        )
    module, _, attribute = STORES[scheme].partition(":")
    make = getattr(import_module(module), attribute)
    store: SegmentStore
    if scheme == "memory":
        store = make(dimension=dimension, embedder_name=embedder_name)
        return store
    place = {"url": spec, "path": path} if "://" in spec else {"path": path / scheme}
    store = make(
        **place, dimension=dimension, embedder_name=embedder_name, read_only=read_only, rebuild=rebuild
    )
    return store
