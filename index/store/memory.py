"""A double for tests: every vector in one array, nothing on disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ethochat.index.embedders.sparse import SparseVector
from ethochat.index.store.base import FieldCondition, Hit, PayloadValue, SearchMode, SegmentPoint
from ethochat.index.store.encoding import (
    ID_FIELD,
    LIMITS,
    describe_collection,
    member_values,
    ordered_value,
    point_id,
    rounded,
    text_key,
    to_hits,
    to_payload,
)
from ethochat.index.store.querying import read_question, score_points


class MemorySegmentStore:
    """Double: exact, slow beyond some thousand points, forgotten when the process ends."""

    name = "memory"

    def __init__(self, *, dimension: int, embedder_name: str) -> None:
        """Make an empty collection for vectors of one model."""
        self._description = describe_collection(embedder=embedder_name, dimension=dimension)
        self._points: dict[str, SegmentPoint] = {}

    def describe(self) -> Mapping[str, PayloadValue]:
        """Return what is recorded with the collection."""
        return self._description

    def record(self, facts: Mapping[str, PayloadValue]) -> None:
        """Add to the collection's description."""
        self._description |= facts

    def upsert(self, points: Sequence[SegmentPoint]) -> None:
        """Add or replace points."""
        for point in points:
            to_payload(point)  # refuses the names that the engines reserve
            self._points[point.segment_id] = point

    def delete(self, conditions: Sequence[FieldCondition]) -> None:
        """Delete the points that meet all conditions."""
        if not conditions:
            raise ValueError(
                "Expected at least one condition; deleting everything is `rebuild=True` of open_store."
            )
        for segment_id in self.segment_ids(conditions):
            del self._points[segment_id]

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
        """Best points, best first."""
        asked = read_question(vector, sparse, like, unlike, mode)
        points = self._matching(conditions)
        if asked is None or not points or limit < 1:
            return []
        matrix = np.stack([point.vector for point in points]).astype(np.float64)
        matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
        scores = score_points(
            asked,
            cosine=lambda wanted: matrix @ (wanted / np.linalg.norm(wanted)),
            words=lambda wanted: self._bm25(wanted, points),
        )
        found = {row: float(scores[row]) for row in np.flatnonzero(scores > -np.inf).tolist()}
        in_order = sorted(found, key=lambda row: (-rounded(found[row]), point_id(points[row].segment_id)))
        return to_hits(
            ((to_payload(points[row]), found[row]) for row in in_order[:limit]), cosine=asked.cosine
        )

    def _bm25(self, wanted: SparseVector, points: Sequence[SegmentPoint]) -> NDArray[np.float64]:
        """Sum the weights of the words that a point shares, each by its rarity among texts as in Qdrant."""
        texts = {text_key(point): point.sparse for point in self._points.values() if point.sparse}
        everything = [_weights(sparse) for sparse in texts.values()]
        total = np.zeros(len(points))
        for place, value in _weights(wanted).items():
            n_with = sum(place in weights for weights in everything)
            idf = np.log((len(everything) - n_with + 0.5) / (n_with + 0.5) + 1)
            total += value * idf * np.array([_weights(point.sparse).get(place, 0.0) for point in points])
        return total

    def count(self, conditions: Sequence[FieldCondition] = ()) -> int:
        """Count the points that meet all conditions."""
        return len(self._matching(conditions))

    def segment_ids(self, conditions: Sequence[FieldCondition] = ()) -> set[str]:
        """Collect the ids of the points that meet all conditions."""
        return {point.segment_id for point in self._matching(conditions)}

    def read_field(self, field: str) -> dict[str, PayloadValue]:
        """Read one payload field of every point."""
        return {segment_id: point.payload.get(field) for segment_id, point in self._points.items()}

    def vectors_of(self, segment_ids: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Read the stored vectors of some segments."""
        return {name: self._points[name].vector for name in segment_ids if name in self._points}

    def points(self) -> Iterator[list[SegmentPoint]]:
        """Read every point whole."""
        yield list(self._points.values())

    def close(self) -> None:
        """Nothing to release."""

    def abandon(self) -> None:
        """Nothing to release."""

    def _matching(self, conditions: Sequence[FieldCondition]) -> list[SegmentPoint]:
        for condition in conditions:  # a wrong one is refused also where there are no points
            (ordered_value if condition.op in LIMITS else member_values)(condition)
        return [point for point in self._points.values() if all(_holds(point, item) for item in conditions)]


def _weights(sparse: SparseVector) -> dict[int, float]:
    return dict(zip(sparse.indices.tolist(), sparse.values.tolist(), strict=True))


def _holds(point: SegmentPoint, condition: FieldCondition) -> bool:
    stored = point.segment_id if condition.field == ID_FIELD else point.payload.get(condition.field)
    elements = stored if isinstance(stored, list) else [] if stored is None else [stored]
    if condition.op in ("==", "in", "!=", "not in"):
        wanted = {(_kind(value), value) for value in member_values(condition)}
        met = any((_kind(element), element) in wanted for element in elements)
        return met if condition.op in ("==", "in") else bool(elements) and not met
    limit = ordered_value(condition)
    return any(_ordered(element, condition.op, limit) for element in elements if _kind(element) == "number")


def _kind(value: object) -> str:
    """Tell true from 1 and "1", which are equal or alike in Python but not in an index."""
    return "bool" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"


def _ordered(element: object, op: str, limit: float) -> bool:
    number = float(element)  # type: ignore[arg-type]  # _kind has told
    return {">": number > limit, ">=": number >= limit, "<": number < limit, "<=": number <= limit}[op]
