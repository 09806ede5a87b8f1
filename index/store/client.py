"""Qdrant through qdrant-client: what a server and the client's own engine have in common, and the latter."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import methodcaller
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from ethochat.index.embedders.sparse import SparseVector
from ethochat.index.store.base import FieldCondition, Hit, PayloadValue, SearchMode, SegmentPoint
from ethochat.index.store.encoding import (
    ID_FIELD,
    SPARSE_NAME,
    VECTOR_NAME,
    best_ids,
    build_filter,
    describe_collection,
    field_key,
    point_id,
    size_kb,
    to_hits,
    to_payload,
    to_point,
)
from ethochat.index.store.generations import FolderEngine, GenerationSession
from ethochat.index.store.querying import plan_query, read_question

if TYPE_CHECKING:
    from qdrant_client import QdrantClient

ResultT = TypeVar("ResultT")

_BATCH: Final = 256
_PAGE: Final = 2000
_EXACT_UP_TO: Final = 100_000
"""Points of a shard up to which a server compares every vector."""


class ClientSegmentStore(ABC):
    """What both have in common: one collection behind a ``QdrantClient``."""

    name: str
    _collection: str

    @abstractmethod
    def _read(self, call: Callable[[QdrantClient], ResultT]) -> ResultT:
        """Make a call that changes nothing."""

    @abstractmethod
    def _write(self, call: Callable[[QdrantClient], ResultT]) -> ResultT:
        """Make a call that changes the collection; it may be made twice."""

    def upsert(self, points: Sequence[SegmentPoint]) -> None:
        """Add or replace points."""
        from qdrant_client import models

        for start in range(0, len(points), _BATCH):
            batch = [
                models.PointStruct(
                    id=point_id(point.segment_id),
                    vector=_vectors(point),
                    payload=to_payload(point),
                )
                for point in points[start : start + _BATCH]
            ]
            self._write(methodcaller("upsert", self._collection, batch, wait=True))

    def delete(self, conditions: Sequence[FieldCondition]) -> None:
        """Delete the points that meet all conditions."""
        from qdrant_client import models

        wanted = build_filter(_ClientDialect(), conditions)
        if wanted is None:
            raise ValueError(
                "Expected at least one condition; deleting everything is `rebuild=True` of open_store."
            )
        selector = models.FilterSelector(filter=wanted)
        self._write(lambda client: client.delete(self._collection, selector, wait=True))

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
        from qdrant_client import models

        asked = read_question(vector, sparse, like, unlike, mode)
        if asked is None or limit < 1:
            return []
        wanted = build_filter(_ClientDialect(), conditions)
        plan = plan_query(_ClientQueries(wanted), asked, limit=limit)
        if plan.leaf is not None:
            query, using = plan.leaf
            found = self._read(
                lambda client: client.query_points(
                    self._collection, query=query, using=using, query_filter=wanted, limit=limit
                )
            )
            return to_hits(((item.payload, item.score) for item in found.points), cosine=asked.cosine)

        def fuse(client: QdrantClient) -> list[tuple[dict[str, PayloadValue], float]]:
            candidates = client.query_points(
                self._collection,
                query=models.FormulaQuery(formula=plan.formula),
                prefetch=list(plan.prefetches),
                query_filter=wanted,
                limit=plan.limit,
                with_payload=False,
            )
            scores = best_ids(((item.id, item.score) for item in candidates.points), limit)
            ids = list(scores)
            kept = (
                client.retrieve(self._collection, ids, with_payload=True, with_vectors=False) if ids else []
            )
            return [(item.payload, scores[item.id]) for item in kept]

        return to_hits(self._read(fuse), cosine=asked.cosine)

    def count(self, conditions: Sequence[FieldCondition] = ()) -> int:
        """Count the points that meet all conditions, exactly."""
        wanted = build_filter(_ClientDialect(), conditions)
        return int(
            self._read(lambda client: client.count(self._collection, count_filter=wanted, exact=True)).count
        )

    def segment_ids(self, conditions: Sequence[FieldCondition] = ()) -> set[str]:
        """Collect the ids of the points that meet all conditions."""
        return {str(payload[ID_FIELD]) for payload in self._scroll([ID_FIELD], conditions)}

    def read_field(self, field: str) -> dict[str, PayloadValue]:
        """Read one payload field of every point."""
        key = field_key(field)
        return {str(payload[ID_FIELD]): payload.get(key) for payload in self._scroll([ID_FIELD, key], ())}

    def vectors_of(self, segment_ids: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Read the stored vectors of some segments."""
        wanted = {point_id(segment_id): segment_id for segment_id in segment_ids}
        if not wanted:
            return {}
        records = self._read(
            lambda client: client.retrieve(
                self._collection, list(wanted), with_payload=False, with_vectors=[VECTOR_NAME]
            )
        )
        return {wanted[item.id]: np.asarray(item.vector[VECTOR_NAME], np.float32) for item in records}

    def points(self) -> Iterator[list[SegmentPoint]]:
        """Read every point whole, in batches."""
        offset = None
        while True:
            page = methodcaller(
                "scroll", self._collection, limit=_BATCH, offset=offset, with_payload=True, with_vectors=True
            )
            records, offset = self._read(page)
            yield [_to_point(record) for record in records]
            if offset is None:
                return

    def _scroll(self, keys: list[str], conditions: Sequence[FieldCondition]) -> list[dict[str, PayloadValue]]:
        wanted, offset = build_filter(_ClientDialect(), conditions), None
        payloads: list[dict[str, PayloadValue]] = []
        while True:
            page = methodcaller(
                "scroll",
                self._collection,
                scroll_filter=wanted,
                limit=_PAGE,
                offset=offset,
                with_payload=keys,
            )
            records, offset = self._read(page)
            payloads += [record.payload for record in records]
            if offset is None:
                return payloads


class LocalSegmentStore(ClientSegmentStore):
    """Segments in a folder, searched by qdrant-client's engine in Python: slow beyond some 10,000 segments.

    Readers and the writer keep out of each other's way as in :mod:`ethochat.index.store.generations`; a
    reader opens a copy, since the engine lets only one process into a folder.
    """

    name = "local"
    _collection = "segments"

    def __init__(
        self,
        path: Path,
        *,
        dimension: int,
        embedder_name: str,
        read_only: bool = False,
        rebuild: bool = False,
    ) -> None:
        """Open or make the collection; parameters and errors as those of ``EdgeSegmentStore``."""
        engine: FolderEngine[QdrantClient] = FolderEngine(
            create=lambda folder: _create_local(folder, self._collection, dimension),
            load=_open_local,
            finish=lambda client: None,  # every point is committed as it is written
            close=lambda client: client.close(),
            settle=lambda folder: None,
            shares_folder=False,
        )
        self._session = GenerationSession(
            path,
            engine,
            description=describe_collection(embedder=embedder_name, dimension=dimension),
            read_only=read_only,
            rebuild=rebuild,
        )

    def describe(self) -> Mapping[str, PayloadValue]:
        """Return what is recorded with the collection."""
        return self._session.description

    def record(self, facts: Mapping[str, PayloadValue]) -> None:
        """Add to the collection's description."""
        self._session.record(facts)

    def close(self) -> None:
        """Publish what was written, and release."""
        self._session.close()

    def abandon(self) -> None:
        """Release without publishing."""
        self._session.abandon()

    def _read(self, call: Callable[[QdrantClient], ResultT]) -> ResultT:
        with self._session.reading() as client:
            return call(client)

    def _write(self, call: Callable[[QdrantClient], ResultT]) -> ResultT:
        with self._session.writing() as client:
            return call(client)


def _open_local(folder: Path) -> QdrantClient:
    from qdrant_client import QdrantClient

    return QdrantClient(path=str(folder))


def _create_local(folder: Path, collection: str, dimension: int) -> QdrantClient:
    client = _open_local(folder)
    client.create_collection(collection, **collection_config(dimension))
    return client


def collection_config(dimension: int) -> dict[str, Any]:
    """Say how a collection is made."""
    from qdrant_client import models

    return {
        "vectors_config": {VECTOR_NAME: models.VectorParams(size=dimension, distance=models.Distance.COSINE)},
        "sparse_vectors_config": {SPARSE_NAME: models.SparseVectorParams(modifier=models.Modifier.IDF)},
        # Below it the server compares every vector too, so that hits are exact without being asked to be.
        "optimizers_config": models.OptimizersConfigDiff(indexing_threshold=size_kb(_EXACT_UP_TO, dimension)),
    }


def _vectors(point: SegmentPoint) -> dict[str, Any]:
    from qdrant_client import models

    vectors: dict[str, Any] = {VECTOR_NAME: point.vector.tolist()}
    if point.sparse:
        vectors[SPARSE_NAME] = models.SparseVector(
            indices=point.sparse.indices.tolist(), values=point.sparse.values.tolist()
        )
    return vectors


def _to_point(record: Any) -> SegmentPoint:  # noqa: ANN401 - the client's classes are untyped here
    words = record.vector.get(SPARSE_NAME)
    sparse = ((), ()) if words is None else (words.indices, words.values)
    return to_point(record.payload, record.vector[VECTOR_NAME], *sparse)


class _ClientDialect:
    """qdrant-client's filter classes."""

    def equals(self, key: str, value: str | bool) -> Any:  # noqa: ANN401 - the client's classes are untyped here
        from qdrant_client import models

        return models.FieldCondition(key=key, match=models.MatchValue(value=value))

    def any_of(self, key: str, values: list[str]) -> Any:  # noqa: ANN401
        from qdrant_client import models

        return models.FieldCondition(key=key, match=models.MatchAny(any=values))

    def within(self, key: str, **limits: float) -> Any:  # noqa: ANN401
        from qdrant_client import models

        return models.FieldCondition(key=key, range=models.Range(**limits))

    def empty(self, key: str) -> Any:  # noqa: ANN401
        from qdrant_client import models

        return models.IsEmptyCondition(is_empty=models.PayloadField(key=key))

    def any_clause(self, clauses: list[Any]) -> Any:  # noqa: ANN401
        from qdrant_client import models

        return models.Filter(should=clauses)

    def combine(self, must: list[Any], must_not: list[Any]) -> Any:  # noqa: ANN401
        from qdrant_client import models

        return models.Filter(must=must, must_not=must_not)


class _ClientQueries:
    """qdrant-client's queries, each with the name of the vectors it ranks by; each leaf within one filter."""

    def __init__(self, wanted: Any) -> None:  # noqa: ANN401
        self._wanted = wanted

    def nearest(self, vector: NDArray[np.float32]) -> tuple[Any, str]:
        from qdrant_client import models

        return models.NearestQuery(nearest=vector.tolist()), VECTOR_NAME

    def words(self, sparse: SparseVector) -> tuple[Any, str]:
        from qdrant_client import models

        words = models.SparseVector(indices=sparse.indices.tolist(), values=sparse.values.tolist())
        return models.NearestQuery(nearest=words), SPARSE_NAME

    def examples(
        self, like: Sequence[NDArray[np.float32]], unlike: Sequence[NDArray[np.float32]]
    ) -> tuple[Any, str]:
        from qdrant_client import models

        examples = models.RecommendInput(
            positive=[item.tolist() for item in like],
            negative=[item.tolist() for item in unlike],
            strategy=models.RecommendStrategy.BEST_SCORE,
        )
        return models.RecommendQuery(recommend=examples), VECTOR_NAME

    def prefetch(self, leaf: tuple[Any, str], limit: int, inner: list[Any]) -> Any:  # noqa: ANN401
        from qdrant_client import models

        query, using = leaf
        return models.Prefetch(
            query=query,
            using=using,
            limit=limit,
            prefetch=inner or None,
            filter=None if inner else self._wanted,
        )

    def score(self, position: int) -> str:
        return f"$score[{position}]"

    def constant(self, value: float) -> float:
        return value

    def total(self, terms: list[Any]) -> Any:  # noqa: ANN401
        from qdrant_client import models

        return models.SumExpression(sum=terms)

    def product(self, factors: list[Any]) -> Any:  # noqa: ANN401
        from qdrant_client import models

        return models.MultExpression(mult=factors)

    def ratio(self, numerator: Any, denominator: Any) -> Any:  # noqa: ANN401
        from qdrant_client import models

        return models.DivExpression(div=models.DivParams(left=numerator, right=denominator))
