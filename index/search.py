"""Segments found by what they look like in words: the embedder and the vector index, checked against the tables."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ethochat.index.catalog import Catalog
from ethochat.index.embedders import resolve_embedder
from ethochat.index.embedders.base import Embedder
from ethochat.index.embedders.cache import EmbeddingCache
from ethochat.index.errors import NotIngestedError, StaleIndexError
from ethochat.index.store import open_store
from ethochat.index.store.base import FieldCondition, Hit, PayloadValue, SegmentPoint, SegmentStore
from ethochat.index.tables import SESSIONS

VECTORS_DIR: Final = "vectors"
CACHE_FILE: Final = "cache/embeddings.sqlite"
HASH_FIELD: Final = "content_hash"
"""Payload field that tells whether a stored point is still what the tables say."""

_GAP: Final = 0.5  # hits less than this apart, in the session's time unit, may be one event
_OVERFETCH: Final = 8
_MOST_CANDIDATES: Final = 4096
_CHUNK: Final = 2048


class SegmentSearch:
    """Finds segments by a description in plain words."""

    def __init__(self, embedder: Embedder, store: SegmentStore, catalog: Catalog) -> None:
        """Put the three together; nothing is loaded yet.

        Parameters
        ----------
        embedder
            Of the same model as the store's vectors.
        store
            The vector index.
        catalog
            The tables that the index was made from.
        """
        self.embedder = embedder
        self.store = store
        self.catalog = catalog

    def search(
        self,
        query: str,
        *,
        conditions: Sequence[FieldCondition] = (),
        limit: int,
        like_segment: str | None = None,
    ) -> list[Hit]:
        """Find the segments nearest to a description, one per event.

        Hits of one session and individual that overlap or lie less than half a second apart and have the same leading behavior
        are one event (windows of one bout, one bout marked by three raters); the nearest of them stands for it.

        Parameters
        ----------
        query
            What the animal is doing. May be empty with ``like_segment``; given both, half of each counts.
        conditions
            On payload fields; see :class:`~ethochat.index.store.base.SegmentPoint`.
        limit
            Most hits to return.
        like_segment
            Find segments described like this one; its own event is left out.

        Returns
        -------
        list of Hit
            Best first, equally near ones by session and time. Empty when nothing meets the conditions.

        Raises
        ------
        ValueError
            When there is neither a query nor a segment, or no segment of that id.
        NotIngestedError
            When there is nothing to search in.
        StaleIndexError
            When the index does not hold what the tables hold.
        """
        self.check()
        vector = self._query_vector(query, like_segment)
        wanted = limit if like_segment is None else limit + 1
        n_candidates = max(_OVERFETCH * wanted, 100)
        while True:
            found = self.store.search(vector, text=query, limit=n_candidates, conditions=conditions)
            events = merge_events(found)
            if len(found) < n_candidates or n_candidates >= _MOST_CANDIDATES or _settled(found, events, wanted):
                break
            n_candidates *= 4
        kept = [best for best, members in events if like_segment not in members]
        return kept[:limit]

    def check(self) -> None:
        """Compare the index with the tables.

        Raises
        ------
        NotIngestedError
            When the experiment has no segments.
        StaleIndexError
            When their numbers differ.
        """
        root = self.catalog.data_dir.parent
        expected = _n_indexable(self.catalog)
        if expected == 0:
            raise NotIngestedError(
                f"Expected segments to search in {root}, found none: no session has annotations or a track; "
                f"add them and run `ethochat ingest {root}`."
            )
        found = self.store.count()
        if found != expected:
            raise StaleIndexError(
                f"Expected {expected} segments in the vector index of {root}, as in its tables, found {found}: an ingest is "
                f"running or was interrupted; run `ethochat ingest {root}`."
            )

    def close(self) -> None:
        """Release the index."""
        self.store.close()

    def _query_vector(self, query: str, like_segment: str | None) -> NDArray[np.float32]:
        if like_segment is None and not query.strip():
            raise ValueError("Expected words to search for or a segment to search by, got neither.")
        parts = [self.embedder.embed([query])[0]] if query.strip() else []
        if like_segment is not None:
            example = self.store.vector_of(like_segment)
            if example is None:
                raise ValueError(f"Expected the id of an indexed segment, got {like_segment!r}.")
            parts.append(example / np.linalg.norm(example))
        vector = np.sum(parts, axis=0)
        return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


def open_search(data_dir: Path, *, spec: str = "edge", embedder: str | Embedder = "minilm") -> SegmentSearch:
    """Open an ingested experiment for searching; the embedding model is loaded at the first query that is not cached.

    Parameters
    ----------
    data_dir
        The experiment's ``.ethochat`` folder.
    spec
        As for :func:`~ethochat.index.store.open_store`.
    embedder
        Name or instance.

    Raises
    ------
    NotIngestedError
        When nothing was ingested.
    StaleIndexError
        When the index was made by another model or version.
    """
    catalog = Catalog.open(data_dir)
    model = cached_embedder(data_dir, embedder)
    store = open_store(
        spec, path=data_dir / VECTORS_DIR, dimension=model.dimension, embedder_name=model.name, read_only=True
    )
    return SegmentSearch(model, store, catalog)


def cached_embedder(data_dir: Path, embedder: str | Embedder = "minilm") -> EmbeddingCache:
    """An embedder that keeps its vectors with the experiment."""
    return EmbeddingCache(data_dir / CACHE_FILE, resolve_embedder(embedder))


def index_segments(
    store: SegmentStore,
    embedder: Embedder,
    segments: pl.DataFrame,
    descriptions: pl.DataFrame,
    metadata: pl.DataFrame,
    *,
    individuals: pl.DataFrame | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Bring the index to what the tables say: add what is missing, replace what changed, delete what is gone.

    Parameters
    ----------
    store
        Open for writing; the caller closes it.
    embedder
        Usually an :class:`~ethochat.index.embedders.cache.EmbeddingCache`.
    segments, descriptions
        Rows of SEGMENTS and DESCRIPTIONS, of all sessions; a segment without a description is not indexed.
    metadata
        One row per ``session_id``: the table ``sessions``, or ``Experiment.metadata``. Columns that are not of SESSIONS become
        ``meta.<column>``.
    individuals
        Rows of INDIVIDUALS, for ``subject_id`` where a session has several animals.
    progress
        Called with the number of segments written so far and in all.

    Returns
    -------
    int
        Segments written.

    Raises
    ------
    ValueError
        When a segment has two descriptions.
    """
    rows = _joined(segments, descriptions, metadata, individuals)
    columns = [name for name in metadata.columns if name not in SESSIONS]
    stored = store.read_field(HASH_FIELD)
    changed = [row for row in _contents(rows, columns) if stored.get(row.segment_id) != row.payload[HASH_FIELD]]
    _delete_gone(store, sorted(set(stored) - set(rows["segment_id"])))
    # equal texts side by side, so that a chunk embeds each of them once
    changed.sort(key=lambda row: (row.embedded, row.segment_id))
    for start in range(0, len(changed), _CHUNK):
        chunk = changed[start : start + _CHUNK]
        vectors = embedder.embed([row.embedded for row in chunk])
        store.upsert([row.point(vector) for row, vector in zip(chunk, vectors, strict=True)])
        if progress is not None:
            progress(start + len(chunk), len(changed))
    return len(changed)
