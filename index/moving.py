"""A vector index moved to another engine, vectors and all: nothing is embedded again.

The old index stays as it is, and is the one in use until the new one holds every point and is recorded; a move that
was killed is simply begun again, and on a server goes on from what is there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ethochat.index.catalog import Catalog
from ethochat.index.embedders.base import Embedder
from ethochat.index.errors import BackendUnavailableError, NotIngestedError, StaleIndexError
from ethochat.index.freshness import COUNT_FACT, DIGEST_FACT
from ethochat.index.ingest import exclusive
from ethochat.index.search import HASH_FIELD, VECTORS_DIR, cached_embedder, delete_segments
from ethochat.index.store import open_store
from ethochat.index.store.base import PayloadValue, SegmentStore


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveReport:
    """What a move did."""

    source: str
    """Store that was in use; its index is still there."""
    target: str
    n_segments: int
    n_copied: int
    """Segments that the target did not hold already."""


def move_index(
    root: Path,
    target: str,
    *,
    embedder: str | Embedder = "minilm",
    progress: Callable[[int, int], None] | None = None,
) -> MoveReport:
    """Copy the index of an experiment to another store and use that from now on.

    Parameters
    ----------
    root
        Experiment folder.
    target
        ``edge``, ``local`` or the URL of a Qdrant server.
    embedder
        Of the model that made the vectors; compared, never used.
    progress
        Called with the number of segments looked at and in all.

    Raises
    ------
    NotIngestedError
        When there is no index to move.
    StaleIndexError
        When either index is of another model or version, or the copy is not what was copied.
    BackendUnavailableError
        When the target cannot be used.
    CatalogLockedError
        When another process ingests the experiment.
    """
    root = Path(os.path.realpath(root))
    catalog = Catalog.open(root / ".ethochat")  # without the recordings, which a move does not need
    with exclusive(catalog.data_dir):
        state = catalog.read_state()
        indexed = state.get("index")
        if not isinstance(indexed, dict) or "store" not in indexed:
            raise NotIngestedError(
                f"Expected an index of {root} to move, found none; run `ethochat ingest {root}`."
            )
        source = str(indexed["store"])
        if target == "memory":
            raise BackendUnavailableError(
                "Expected edge, local or the URL of a Qdrant server to move to, got 'memory'."
            )
        if target == source:
            return MoveReport(
                source=source, target=target, n_segments=int(indexed.get("n_segments", 0)), n_copied=0
            )
        model = cached_embedder(catalog.data_dir, embedder)
        n_segments, n_copied = _copy(catalog.data_dir / VECTORS_DIR, source, target, model, progress)
        catalog.write_state({**state, "index": {**indexed, "store": target}})
    return MoveReport(source=source, target=target, n_segments=n_segments, n_copied=n_copied)


def _copy(
    path: Path, source: str, target: str, model: Embedder, progress: Callable[[int, int], None] | None
) -> tuple[int, int]:
    open_here = partial(open_store, path=path, dimension=model.dimension, embedder_name=model.name)
    old = open_here(source, read_only=True)
    try:
        hashes = old.read_field(HASH_FIELD)
        new = _open_target(target, open_here)
        try:
            n_copied = _copy_points(old, new, hashes, progress)
            described = old.describe()
            new.record({name: described[name] for name in (DIGEST_FACT, COUNT_FACT) if name in described})
        except BaseException:
            new.abandon()
            raise
        new.close()
        # Asked of a reader: what the next search will see.
        reader = open_here(target, read_only=True)
        try:
            found = reader.read_field(HASH_FIELD)
        finally:
            reader.close()
    finally:
        old.close()
    if found != hashes:
        raise StaleIndexError(
            f"{target}: expected the {len(hashes)} segments of {source}, found {len(found)} or others: somebody else "
            f"writes there, or a write was lost; {source} stays in use. Run the command again."
        )
    return len(hashes), n_copied


def _open_target(target: str, open_here: Callable[..., SegmentStore]) -> SegmentStore:
    try:
        return open_here(target)
    except StaleIndexError as exc:
        if "://" in target:
            raise StaleIndexError(
                f"{exc} Or name a collection that is not there yet: http://host:6333/COLLECTION."
            ) from exc
        return open_here(target, rebuild=True)  # left by an earlier version, in a folder that is ours


def _copy_points(
    old: SegmentStore,
    new: SegmentStore,
    hashes: Mapping[str, PayloadValue],
    progress: Callable[[int, int], None] | None,
) -> int:
    """Bring the new index to what the old one holds; returns how many points were written."""
    there = new.read_field(HASH_FIELD)
    delete_segments(new, sorted(set(there) - set(hashes)))
    n_seen = n_copied = 0
    for batch in old.points():
        missing = [point for point in batch if there.get(point.segment_id) != point.payload[HASH_FIELD]]
        new.upsert(missing)
        n_seen, n_copied = n_seen + len(batch), n_copied + len(missing)
        if progress is not None:
            progress(n_seen, len(hashes))
    return n_copied
