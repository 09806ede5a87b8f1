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
    """A condition on a payload field; on a list field it holds when one element meets it."""

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
    """``session_id``, ``subject_id``, ``individual``, ``source``, ``behaviors``, ``zones``, ``start_time``, ``stop_time``,
    ``duration``, ``mean_speed``, ``describer`` and the session's metadata columns as ``meta.<column>``."""


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
    """A collection of segments. Which of several equally near hits survive ``limit`` is left to the engine."""

    name: str

    def describe(self) -> Mapping[str, PayloadValue]:
        """What was recorded when the collection was made: ``embedder``, ``dimension``, ``version``."""
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

    def close(self) -> None:
        """Flush and release; safe to call twice."""
        ...
