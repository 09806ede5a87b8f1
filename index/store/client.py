"""Qdrant through qdrant-client: what a server and the client's own engine have in common, and the latter."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from operator import methodcaller
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from ethochat.index.embedders.sparse import SparseVector
from ethochat.index.store.base import FieldCondition, Hit, PayloadValue, SearchMode, SegmentPoint
from ethochat.index.store.encoding import (
    ID_FIELD,
    KEY_FIELD,
    SPARSE_NAME,
    TEXT_PAYLOAD,
    VECTOR_NAME,
    best_scores,
    describe_collection,
    field_key,
    point_id,
    segments_filter,
    size_kb,
    texts_filter,
    to_hits,
    to_payload,
    to_point,
)
from ethochat.index.store.generations import FolderEngine, GenerationSession
from ethochat.index.store.querying import Asked, plan_query, read_question
from ethochat.index.store.texts import choose, without_members

if TYPE_CHECKING:
    from qdrant_client import QdrantClient

ResultT = TypeVar("ResultT")


class Call(Protocol):
    """Makes one call of the client, again where it may help."""

    def __call__(self, call: Callable[[QdrantClient], ResultT], /) -> ResultT:
        """Make it."""
        ...


_BATCH: Final = 256
_PAGE: Final = 2000
_EVERY_TEXT: Final = 1 << 20
_EXACT_UP_TO: Final = 100_000
"""Points of a shard up to which a server compares every vector."""


class ClientSegmentStore(ABC):
    """What both have in common: one collection behind a ``QdrantClient``."""

    name: str
    _collection: str
    _exhaustive = False
    """Whether the engine compares every point however few are asked for."""

    @abstractmethod
    def _reading(self) -> AbstractContextManager[Call]:
        """Lend what makes calls that change nothing."""

    @abstractmethod
    def _writing(self) -> AbstractContextManager[Call]:
        """Lend what makes calls that change the collection; each may be made twice."""

    def _shelf(self, call: Call) -> _ClientShelf:
        return _ClientShelf(call, self._collection, exhaustive=self._exhaustive)

    def upsert(self, points: Sequence[SegmentPoint]) -> None:
        """Add or replace points."""
        with self._writing() as call:
            shelf = self._shelf(call)
            for start in range(0, len(points), _BATCH):
                batch = points[start : start + _BATCH]
                payloads = [to_payload(point) for point in batch]
                before = shelf.keys_of([point_id(point.segment_id) for point in batch])
                texts = {str(stored[KEY_FIELD]): point for stored, point in zip(payloads, batch, strict=True)}
                shelf.put(texts, payloads)
                shelf.drop(without_members(shelf, sorted(set(before.values()) - set(texts))))

    def delete(self, conditions: Sequence[FieldCondition]) -> None:
        """Delete the points that meet all conditions."""
        from qdrant_client import models

        if not conditions:
            raise ValueError(
                "Expected at least one condition; deleting everything is `rebuild=True` of open_store."
            )
        selector = models.FilterSelector(filter=segments_filter(_ClientDialect(), conditions))
        with self._writing() as call:
            keys = {str(payload[KEY_FIELD]) for payload in self._scroll(call, [KEY_FIELD], conditions)}
            call(methodcaller("delete", self._collection, selector, wait=True))
            shelf = self._shelf(call)
            shelf.drop(without_members(shelf, sorted(keys)))

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
        if asked is None or limit < 1:
            return []

        with self._reading() as call:
            scores = choose(self._shelf(call), asked, limit=limit, conditions=conditions)
            kept = _retrieve(call, self._collection, list(scores), with_payload=True)
        return to_hits(((item.payload, scores[item.id]) for item in kept), cosine=asked.cosine)

    def count(self, conditions: Sequence[FieldCondition] = ()) -> int:
        """Count the points that meet all conditions, exactly."""
        wanted = segments_filter(_ClientDialect(), conditions)
        with self._reading() as call:
            return int(call(methodcaller("count", self._collection, count_filter=wanted, exact=True)).count)

    def segment_ids(self, conditions: Sequence[FieldCondition] = ()) -> set[str]:
        """Collect the ids of the points that meet all conditions."""
        with self._reading() as call:
            return {str(payload[ID_FIELD]) for payload in self._scroll(call, [ID_FIELD], conditions)}

    def read_field(self, field: str) -> dict[str, PayloadValue]:
        """Read one payload field of every point."""
        key = field_key(field)
        with self._reading() as call:
            payloads = self._scroll(call, [ID_FIELD, key], ())
        return {str(payload[ID_FIELD]): payload.get(key) for payload in payloads}

    def vectors_of(self, segment_ids: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Read the stored vectors of some segments."""
        wanted = {point_id(segment_id): segment_id for segment_id in segment_ids}
        with self._reading() as call:
            shelf = self._shelf(call)
            keys = shelf.keys_of(list(wanted))
            texts = shelf.vectors_of(keys.values())
        return {wanted[name]: np.asarray(texts[key][VECTOR_NAME], np.float32) for name, key in keys.items()}

    def points(self) -> Iterator[list[SegmentPoint]]:
        """Read every point whole, in batches."""
        everything, offset = segments_filter(_ClientDialect(), ()), None
        while True:
            page = methodcaller(
                "scroll",
                self._collection,
                scroll_filter=everything,
                limit=_BATCH,
                offset=offset,
                with_payload=True,
            )
            with self._reading() as call:
                records, offset = call(page)
                texts = self._shelf(call).vectors_of(record.payload[KEY_FIELD] for record in records)
            yield [_to_point(record.payload, texts[record.payload[KEY_FIELD]]) for record in records]
            if offset is None:
                return

    def _scroll(
        self, call: Call, keys: list[str], conditions: Sequence[FieldCondition]
    ) -> list[dict[str, PayloadValue]]:
        wanted, offset = segments_filter(_ClientDialect(), conditions), None
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
            records, offset = call(page)
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
    _exhaustive = True

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

    @contextmanager
    def _reading(self) -> Iterator[Call]:
        with self._session.reading() as client:
            yield lambda call: call(client)

    @contextmanager
    def _writing(self) -> Iterator[Call]:
        with self._session.writing() as client:
            yield lambda call: call(client)


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


def _to_point(payload: dict[str, PayloadValue], vectors: Mapping[str, Any]) -> SegmentPoint:
    words = vectors.get(SPARSE_NAME)
    sparse = ((), ()) if words is None else (words.indices, words.values)
    return to_point(payload, vectors[VECTOR_NAME], *sparse)


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

    def ids(self, names: list[str]) -> Any:  # noqa: ANN401
        from qdrant_client import models

        return models.HasIdCondition(has_id=names)

    def any_clause(self, clauses: list[Any]) -> Any:  # noqa: ANN401
        from qdrant_client import models

        return models.Filter(should=clauses)

    def combine(self, must: list[Any], must_not: list[Any]) -> Any:  # noqa: ANN401
        from qdrant_client import models

        return models.Filter(must=must, must_not=must_not)


class _ClientShelf:
    """Texts and segments of one collection."""

    def __init__(self, call: Call, collection: str, *, exhaustive: bool) -> None:
        self._call = call
        self._collection = collection
        self._exhaustive = exhaustive

    def rank(self, asked: Asked, *, limit: int, among: Sequence[str] | None) -> dict[str, float]:
        from qdrant_client import models

        wanted = texts_filter(_ClientDialect(), among)
        most = max(limit, _EVERY_TEXT) if among is None and self._exhaustive else limit
        plan = plan_query(
            _ClientQueries(wanted), asked, limit=most, exhaustive=among is not None or self._exhaustive
        )
        query, using = plan.leaf or (models.FormulaQuery(formula=plan.formula), None)
        ask = methodcaller(
            "query_points",
            self._collection,
            query=query,
            using=using,
            prefetch=list(plan.prefetches) or None,
            query_filter=wanted,
            limit=plan.limit,
            with_payload=False,
        )
        return best_scores({item.id: item.score for item in self._call(ask).points}, limit)

    def estimate(self, conditions: Sequence[FieldCondition]) -> int:
        wanted = segments_filter(_ClientDialect(), conditions)
        return int(
            self._call(methodcaller("count", self._collection, count_filter=wanted, exact=False)).count
        )

    def members(
        self, conditions: Sequence[FieldCondition], *, among: Sequence[str] | None, limit: int
    ) -> list[tuple[str, str]]:
        wanted = segments_filter(_ClientDialect(), conditions, of_texts=among)
        records, _ = self._call(
            methodcaller(
                "scroll", self._collection, scroll_filter=wanted, limit=limit, with_payload=[KEY_FIELD]
            )
        )
        return [(record.id, record.payload[KEY_FIELD]) for record in records]

    def keys_of(self, ids: Sequence[str]) -> dict[str, str]:
        """Keys of the segments that are there."""
        records = _retrieve(self._call, self._collection, ids, with_payload=[KEY_FIELD])
        return {record.id: record.payload[KEY_FIELD] for record in records}

    def vectors_of(self, keys: Iterable[str]) -> dict[str, Mapping[str, Any]]:
        """Vectors of texts by key."""
        wanted = sorted(set(keys))
        records = _retrieve(self._call, self._collection, wanted, with_payload=False, with_vectors=True)
        return {record.id: record.vector for record in records}

    def put(self, texts: Mapping[str, SegmentPoint], payloads: Sequence[dict[str, PayloadValue]]) -> None:
        """Write texts by key, and segments."""
        from qdrant_client import models

        made = [
            models.PointStruct(id=key, vector=_vectors(point), payload=dict(TEXT_PAYLOAD))
            for key, point in texts.items()
        ]
        made += [
            models.PointStruct(id=point_id(str(stored[ID_FIELD])), vector={}, payload=stored)
            for stored in payloads
        ]
        self._call(methodcaller("upsert", self._collection, made, wait=True))

    def drop(self, keys: Sequence[str]) -> None:
        """Delete texts."""
        from qdrant_client import models

        if keys:
            selector = models.PointIdsList(points=list(keys))
            self._call(methodcaller("delete", self._collection, selector, wait=True))


def _retrieve(call: Call, collection: str, ids: Sequence[str], **wanted: Any) -> list[Any]:  # noqa: ANN401
    return list(call(methodcaller("retrieve", collection, list(ids), **wanted))) if ids else []


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
