"""One interface over every vector index."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ethochat.index.embedders.sparse import SparseVector

PayloadValue = str | float | int | bool | None | list[str]
SearchMode = Literal["hybrid", "dense", "sparse"]
"""By meaning and by word, by meaning alone, by word alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldCondition:
    """A condition on a payload field.

    On a list field ``==``, ``in`` and the orderings hold when one element meets them, ``!=`` and ``not in``
    when no element is among the values. A field that is null, absent or an empty list meets no condition:
    what is not known is on neither side. Numbers compare as numbers whether written ``3`` or ``3.0``; the
    orderings take numbers only. ``segment_id`` is a field like any other.
    """

    field: str
    op: Literal["==", "!=", ">", ">=", "<", "<=", "in", "not in"]
    value: str | float | int | bool | tuple[str, ...] | tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentPoint:
    """One segment as stored: id, vectors, text and what can be filtered."""

    segment_id: str
    vector: NDArray[np.float32]
    text: str
    sparse: SparseVector = field(default_factory=SparseVector)
    """Of the words; see :func:`~ethochat.index.embedders.sparse.embed_document`."""
    payload: Mapping[str, PayloadValue] = field(default_factory=dict)
    """``session_id``, ``subject_id``, ``individual``, ``source``, ``behaviors``, ``zones``, ``start_time``,
    ``stop_time``, ``duration``, ``mean_speed``, ``distance``, ``describer`` and the session's metadata
    columns as ``meta.<column>``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One found segment."""

    segment_id: str
    score: float
    """Higher is nearer; comparable within one result only."""
    text: str
    payload: Mapping[str, PayloadValue]
    similarity: float | None = None
    """Cosine of the segment's and the query's vectors, -1 to 1; known where nothing else went into the score."""


@runtime_checkable
class SegmentStore(Protocol):
    """A collection of segments.

    Hits of one score come by ``segment_id``. Which of them survive ``limit`` a hash of their ids decides, the same in
    every engine and whatever was written first, so that of many equals some of all sessions are kept.
    """

    name: str

    def describe(self) -> Mapping[str, PayloadValue]:
        """Return what is recorded with the collection.

        ``embedder``, ``dimension``, ``schema`` and ``version`` from when it was made, and what
        :meth:`record` added since.
        """
        ...

    def record(self, facts: Mapping[str, PayloadValue]) -> None:
        """Add to the collection's description, replacing facts of the same name; seen by others after close."""
        ...

    def upsert(self, points: Sequence[SegmentPoint]) -> None:
        """Add or replace points by ``segment_id``; doing it twice changes nothing."""
        ...

    def delete(self, conditions: Sequence[FieldCondition]) -> None:
        """Delete the points that meet all conditions (at least one is required)."""
        ...

    def search(
        self,
        vector: NDArray[np.float32] | None,
        *,
        sparse: SparseVector | None = None,
        like: Sequence[NDArray[np.float32]] = (),
        unlike: Sequence[NDArray[np.float32]] = (),
        limit: int = 10,
        conditions: Sequence[FieldCondition] = (),
        mode: SearchMode = "hybrid",
    ) -> list[Hit]:
        """Best points among those that meet all conditions, best first; see :mod:`ethochat.index.store.querying`.

        Parameters
        ----------
        vector
            Of the query, shape ``(dimension,)``; ``None`` where there are no words, only examples.
        sparse
            Of the query's words; without any, a hybrid search is a dense one.
        like, unlike
            Vectors of examples, each of shape ``(dimension,)``: near one of the first, and what is nearer to
            one of the second comes last.
        limit
            Most hits.
        mode
            Which of ``vector`` and ``sparse`` count; examples always do.

        Raises
        ------
        ValueError
            When there is nothing to search by.
        """
        ...

    def count(self, conditions: Sequence[FieldCondition] = ()) -> int:
        """Count the points that meet all conditions, exactly."""
        ...

    def segment_ids(self, conditions: Sequence[FieldCondition] = ()) -> set[str]:
        """Collect the ids of the points that meet all conditions."""
        ...

    def read_field(self, field: str) -> dict[str, PayloadValue]:
        """Read one payload field of every point, by segment id; ``None`` where a point lacks it."""
        ...

    def vectors_of(self, segment_ids: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Read the stored vectors of some segments, each of shape ``(dimension,)``; unknown ids are left out."""
        ...

    def points(self) -> Iterator[list[SegmentPoint]]:
        """Read every point whole, in batches; vectors come back scaled to length 1."""
        ...

    def close(self) -> None:
        """Flush and release; safe to call twice. From here on others see what a writer added."""
        ...

    def abandon(self) -> None:
        """Release without publishing what was written since opening; a server keeps it all the same."""
        ...
