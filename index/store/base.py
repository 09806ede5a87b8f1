"""One interface over every vector index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

PayloadValue = str | float | int | bool | None | list[str]


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
    """One segment as stored: id, vector, text and what can be filtered."""

    segment_id: str
    vector: NDArray[np.float32]
    text: str
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


@runtime_checkable
class SegmentStore(Protocol):
    """A collection of segments. Which of several equally near hits survive ``limit`` the engine decides."""

    name: str

    def describe(self) -> Mapping[str, PayloadValue]:
        """Return what was recorded when the collection was made: ``embedder``, ``dimension``, ``version``."""
        ...

    def upsert(self, points: Sequence[SegmentPoint]) -> None:
        """Add or replace points by ``segment_id``; doing it twice changes nothing."""
        ...

    def delete(self, conditions: Sequence[FieldCondition]) -> None:
        """Delete the points that meet all conditions (at least one is required)."""
        ...

    def search(
        self,
        vector: NDArray[np.float32],
        *,
        text: str = "",
        limit: int = 10,
        conditions: Sequence[FieldCondition] = (),
    ) -> list[Hit]:
        """Nearest points by cosine among those that meet all conditions, best first.

        Parameters
        ----------
        vector
            Query, shape ``(dimension,)``.
        text
            Words of the query; an engine with lexical search fuses both rankings, others ignore it.
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

    def vector_of(self, segment_id: str) -> NDArray[np.float32] | None:
        """Return the stored vector of a segment, shape ``(dimension,)``; ``None`` where there is none."""
        ...

    def close(self) -> None:
        """Flush and release; safe to call twice. From here on others see what a writer added."""
        ...
