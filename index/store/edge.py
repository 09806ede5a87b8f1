"""Qdrant Edge: the server's engine inside this process, in a folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from ethochat.index.embedders.sparse import SparseVector
from ethochat.index.errors import StaleIndexError
from ethochat.index.store.base import FieldCondition, Hit, PayloadValue, SearchMode, SegmentPoint
from ethochat.index.store.encoding import (
    ID_FIELD,
    KEY_FIELD,
    MARK_FIELD,
    SPARSE_NAME,
    TEXT_PAYLOAD,
    VECTOR_NAME,
    best_scores,
    describe_collection,
    field_key,
    new_fields,
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
    from qdrant_edge import EdgeShard

GRAPH_FROM: Final = 1_000_000_000
"""Points from which a graph is built over the vectors: never. Over 100,000 building it holds up an ingest by two
minutes, to spare a query some ten milliseconds; see docs/search.md."""
_BATCH = 1000
_PAGE = 5000
# The engine's Python binding reads a boolean in a filter as the integer 1 or 0, which no boolean equals:
# they are stored as these words, whose first character is in no text.
_BOOLEANS = {True: "\ue000true", False: "\ue000false"}
_WORDS = {word: value for value, word in _BOOLEANS.items()}


class EdgeSegmentStore:
    """Segments in a folder, searched by Qdrant Edge.

    Any number of processes read while one writes: see :mod:`ethochat.index.store.generations`. The engine's
    write-ahead log is off, since a generation is published only when complete.
    """

    name = "edge"

    def __init__(
        self,
        path: Path,
        *,
        dimension: int,
        embedder_name: str,
        read_only: bool = False,
        rebuild: bool = False,
    ) -> None:
        """Open or make the collection.

        Parameters
        ----------
        path
            Its folder.
        dimension, embedder_name
            Of the vectors; compared with what the collection was made with.
        read_only
            Take no lock; follow what another process publishes.
        rebuild
            Start from an empty collection.

        Raises
        ------
        NotIngestedError, StaleIndexError, CatalogLockedError
            See :class:`~ethochat.index.store.generations.GenerationSession`.
        """
        engine: FolderEngine[EdgeShard] = FolderEngine(
            create=lambda folder: _create(folder, dimension),
            load=_load,
            finish=_finish,
            close=lambda shard: shard.close(),
            settle=_replay_journals,
            shares_folder=True,
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

    def upsert(self, points: Sequence[SegmentPoint]) -> None:
        """Add or replace points; fields met for the first time are indexed."""
        from qdrant_edge import Point, UpdateOperation

        if not points:
            return
        payloads = [to_payload(point) for point in points]
        with self._session.writing() as shard, _engine_errors():
            _index_fields(shard, payloads)
            shelf = _EdgeShelf(shard)
            before = shelf.keys_of([point_id(point.segment_id) for point in points])
            texts = {str(stored[KEY_FIELD]): point for stored, point in zip(payloads, points, strict=True)}
            made = [Point(key, _vectors(point), dict(TEXT_PAYLOAD)) for key, point in texts.items()]
            made += [
                Point(point_id(point.segment_id), {}, _written(stored))
                for stored, point in zip(payloads, points, strict=True)
            ]
            for start in range(0, len(made), _BATCH):
                shard.update(UpdateOperation.upsert_points(made[start : start + _BATCH]))
            shelf.drop(without_members(shelf, sorted(set(before.values()) - set(texts))))

    def delete(self, conditions: Sequence[FieldCondition]) -> None:
        """Delete the points that meet all conditions."""
        from qdrant_edge import UpdateOperation

        if not conditions:
            raise ValueError(
                "Expected at least one condition; deleting everything is `rebuild=True` of open_store."
            )
        wanted = segments_filter(_EdgeDialect(), conditions)
        with self._session.writing() as shard, _engine_errors():
            shelf = _EdgeShelf(shard)
            keys = {str(payload[KEY_FIELD]) for payload in _scroll(shard, [KEY_FIELD], conditions)}
            shard.update(UpdateOperation.delete_points_by_filter(wanted))
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
        with self._session.reading() as shard, _engine_errors():
            scores = choose(_EdgeShelf(shard), asked, limit=limit, conditions=conditions)
            kept = shard.retrieve(list(scores), True, False) if scores else []
        return to_hits(((_read(item.payload), scores[str(item.id)]) for item in kept), cosine=asked.cosine)

    def count(self, conditions: Sequence[FieldCondition] = ()) -> int:
        """Count the points that meet all conditions, exactly."""
        from qdrant_edge import CountRequest

        wanted = segments_filter(_EdgeDialect(), conditions)
        with self._session.reading() as shard, _engine_errors():
            return int(shard.count(CountRequest(exact=True, filter=wanted)))

    def segment_ids(self, conditions: Sequence[FieldCondition] = ()) -> set[str]:
        """Collect the ids of the points that meet all conditions."""
        with self._session.reading() as shard, _engine_errors():
            return {str(payload[ID_FIELD]) for payload in _scroll(shard, [ID_FIELD], conditions)}

    def read_field(self, field: str) -> dict[str, PayloadValue]:
        """Read one payload field of every point."""
        key = field_key(field)
        with self._session.reading() as shard, _engine_errors():
            return {
                str(payload[ID_FIELD]): payload.get(key) for payload in _scroll(shard, [ID_FIELD, key], ())
            }

    def vectors_of(self, segment_ids: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Read the stored vectors of some segments."""
        wanted = {point_id(segment_id): segment_id for segment_id in segment_ids}
        with self._session.reading() as shard, _engine_errors():
            keys = _EdgeShelf(shard).keys_of(list(wanted))
            texts = _texts(shard, keys.values())
        return {wanted[name]: np.asarray(texts[key][VECTOR_NAME], np.float32) for name, key in keys.items()}

    def points(self) -> Iterator[list[SegmentPoint]]:
        """Read every point whole, in batches."""
        from qdrant_edge import ScrollRequest

        offset, everything = None, segments_filter(_EdgeDialect(), ())
        while True:
            request = ScrollRequest(offset=offset, limit=_BATCH, filter=everything, with_payload=True)
            with self._session.reading() as shard, _engine_errors():
                records, offset = shard.scroll(request)
                payloads = [_read(record.payload) for record in records]
                texts = _texts(shard, (str(payload[KEY_FIELD]) for payload in payloads))
            yield [_to_point(payload, texts[str(payload[KEY_FIELD])]) for payload in payloads]
            if offset is None:
                return

    def close(self) -> None:
        """Publish what was written, and release."""
        with _engine_errors():
            self._session.close()

    def abandon(self) -> None:
        """Release without publishing."""
        with _engine_errors():
            self._session.abandon()


def _create(folder: Path, dimension: int) -> EdgeShard:
    from qdrant_edge import (
        Distance,
        EdgeConfig,
        EdgeOptimizersConfig,
        EdgeShard,
        EdgeSparseVectorParams,
        EdgeVectorParams,
        Modifier,
        PayloadSchemaType,
        UpdateOperation,
    )

    config = EdgeConfig(
        vectors={VECTOR_NAME: EdgeVectorParams(size=dimension, distance=Distance.Cosine)},
        sparse_vectors={SPARSE_NAME: EdgeSparseVectorParams(modifier=Modifier.Idf)},
        optimizers=EdgeOptimizersConfig(indexing_threshold=size_kb(GRAPH_FROM, dimension)),
        wal_enabled=False,
    )
    with _engine_errors():
        shard = EdgeShard.create(str(folder), config)
        for field in (ID_FIELD, KEY_FIELD, MARK_FIELD):
            shard.update(UpdateOperation.create_field_index(field, PayloadSchemaType.Keyword))
    return shard


def _load(folder: Path) -> EdgeShard:
    from qdrant_edge import EdgeShard

    with _engine_errors():
        return EdgeShard.load(str(folder))


def _finish(shard: EdgeShard) -> None:
    shard.optimize()  # drops deleted points where they are many
    shard.flush()


def _replay_journals(folder: Path) -> None:
    """Open and close a folder once: opening replays the journals that closing leaves, and removes their files."""
    _load(folder).close()


def _index_fields(shard: EdgeShard, payloads: Sequence[Mapping[str, PayloadValue]]) -> None:
    from qdrant_edge import PayloadSchemaType, UpdateOperation

    schemas = {
        "bool": PayloadSchemaType.Keyword,
        "float": PayloadSchemaType.Float,
        "keyword": PayloadSchemaType.Keyword,
    }
    for key, kind in new_fields(payloads, set(shard.info().payload_schema)).items():
        shard.update(UpdateOperation.create_field_index(key, schemas[kind]))


def _vectors(point: SegmentPoint) -> Any:  # noqa: ANN401 - the engine's classes are untyped here
    from qdrant_edge import SparseVector as Sparse

    vectors: dict[str, Any] = {VECTOR_NAME: point.vector.tolist()}
    if point.sparse:
        vectors[SPARSE_NAME] = Sparse(point.sparse.indices.tolist(), point.sparse.values.tolist())
    return vectors


def _texts(shard: EdgeShard, keys: Iterable[str]) -> dict[str, Any]:
    """Read the vectors of texts by key."""
    records = shard.retrieve(sorted(set(keys)), False, True)
    return {str(record.id): record.vector for record in records}


def _to_point(payload: dict[str, PayloadValue], vectors: Any) -> SegmentPoint:  # noqa: ANN401 - the engine types them as a union
    words = vectors.get(SPARSE_NAME)
    sparse = ((), ()) if words is None else (words.indices, words.values)
    return to_point(payload, vectors[VECTOR_NAME], *sparse)


def _scroll(
    shard: EdgeShard, keys: list[str], conditions: Sequence[FieldCondition]
) -> list[dict[str, PayloadValue]]:
    from qdrant_edge import PayloadSelector, ScrollRequest

    wanted, offset = segments_filter(_EdgeDialect(), conditions), None
    payloads: list[dict[str, PayloadValue]] = []
    while True:
        request = ScrollRequest(
            offset=offset, limit=_PAGE, filter=wanted, with_payload=PayloadSelector.Include(keys)
        )
        records, offset = shard.scroll(request)
        payloads += [_read(record.payload) for record in records]
        if offset is None:
            return payloads


def _written(payload: dict[str, PayloadValue]) -> dict[str, PayloadValue]:
    return {key: _BOOLEANS[value] if isinstance(value, bool) else value for key, value in payload.items()}


def _read(payload: dict[str, Any] | None) -> dict[str, PayloadValue]:
    stored = payload or {}
    return {
        key: _WORDS.get(value, value) if isinstance(value, str) else value for key, value in stored.items()
    }


class _EdgeDialect:
    """Edge's filter classes."""

    def equals(self, key: str, value: str | bool) -> Any:  # noqa: ANN401 - the engine's classes are untyped here
        from qdrant_edge import FieldCondition as Clause
        from qdrant_edge import MatchValue

        return Clause(key, match=MatchValue(_BOOLEANS[value] if isinstance(value, bool) else value))

    def any_of(self, key: str, values: list[str]) -> Any:  # noqa: ANN401
        from qdrant_edge import FieldCondition as Clause
        from qdrant_edge import MatchAny

        return Clause(key, match=MatchAny(values))

    def within(self, key: str, **limits: float) -> Any:  # noqa: ANN401
        from qdrant_edge import FieldCondition as Clause
        from qdrant_edge import RangeFloat

        return Clause(key, range=RangeFloat(**limits))

    def empty(self, key: str) -> Any:  # noqa: ANN401
        from qdrant_edge import IsEmptyCondition

        return IsEmptyCondition(key)

    def ids(self, names: list[str]) -> Any:  # noqa: ANN401
        from qdrant_edge import HasIdCondition

        return HasIdCondition(set(names))

    def any_clause(self, clauses: list[Any]) -> Any:  # noqa: ANN401
        from qdrant_edge import Filter

        return Filter(should=clauses)

    def combine(self, must: list[Any], must_not: list[Any]) -> Any:  # noqa: ANN401
        from qdrant_edge import Filter

        return Filter(must=must, must_not=must_not)


class _EdgeShelf:
    """Texts and segments of one shard."""

    def __init__(self, shard: EdgeShard) -> None:
        self._shard = shard

    def rank(self, asked: Asked, *, limit: int, among: Sequence[str] | None) -> dict[str, float]:
        from qdrant_edge import Formula, QueryRequest

        wanted = texts_filter(_EdgeDialect(), among)
        plan = plan_query(_EdgeQueries(wanted), asked, limit=limit, exhaustive=among is not None)
        request = QueryRequest(
            limit=plan.limit,
            query=plan.leaf if plan.formula is None else Formula(plan.formula),
            prefetches=list(plan.prefetches),
            filter=wanted,
        )
        found = {str(item.id): item.score for item in self._shard.query(request)}
        return best_scores(found, limit)

    def estimate(self, conditions: Sequence[FieldCondition]) -> int:
        from qdrant_edge import CountRequest

        wanted = segments_filter(_EdgeDialect(), conditions)
        return int(self._shard.count(CountRequest(exact=False, filter=wanted)))

    def members(
        self, conditions: Sequence[FieldCondition], *, among: Sequence[str] | None, limit: int
    ) -> list[tuple[str, str]]:
        from qdrant_edge import PayloadSelector, ScrollRequest

        request = ScrollRequest(
            limit=limit,
            filter=segments_filter(_EdgeDialect(), conditions, of_texts=among),
            with_payload=PayloadSelector.Include([KEY_FIELD]),
        )
        return [
            (str(item.id), str((item.payload or {})[KEY_FIELD])) for item in self._shard.scroll(request)[0]
        ]

    def keys_of(self, ids: Sequence[str]) -> dict[str, str]:
        """Keys of the segments that are there."""
        from qdrant_edge import PayloadSelector

        records = self._shard.retrieve(list(ids), PayloadSelector.Include([KEY_FIELD]), False)
        return {str(item.id): str((item.payload or {})[KEY_FIELD]) for item in records}

    def drop(self, keys: Sequence[str]) -> None:
        """Delete texts."""
        from qdrant_edge import UpdateOperation

        if keys:
            self._shard.update(UpdateOperation.delete_points(list(keys)))


class _EdgeQueries:
    """Edge's queries, each leaf within one filter."""

    def __init__(self, wanted: Any) -> None:  # noqa: ANN401
        self._wanted = wanted

    def nearest(self, vector: NDArray[np.float32]) -> Any:  # noqa: ANN401
        from qdrant_edge import Query

        return Query.Nearest(vector.tolist(), using=VECTOR_NAME)

    def words(self, sparse: SparseVector) -> Any:  # noqa: ANN401
        from qdrant_edge import Query
        from qdrant_edge import SparseVector as Sparse

        return Query.Nearest(Sparse(sparse.indices.tolist(), sparse.values.tolist()), using=SPARSE_NAME)

    def examples(self, like: Sequence[NDArray[np.float32]], unlike: Sequence[NDArray[np.float32]]) -> Any:  # noqa: ANN401
        from qdrant_edge import Query, RecommendQuery

        examples = RecommendQuery([item.tolist() for item in like], [item.tolist() for item in unlike])
        return Query.RecommendBestScore(examples, using=VECTOR_NAME)

    def prefetch(self, leaf: Any, limit: int, inner: list[Any]) -> Any:  # noqa: ANN401
        from qdrant_edge import Prefetch

        return Prefetch(limit=limit, query=leaf, prefetches=inner, filter=None if inner else self._wanted)

    def score(self, position: int) -> Any:  # noqa: ANN401
        from qdrant_edge import Expression

        return Expression.Variable(f"$score[{position}]")

    def constant(self, value: float) -> Any:  # noqa: ANN401
        from qdrant_edge import Expression

        return Expression.Constant(value)

    def total(self, terms: list[Any]) -> Any:  # noqa: ANN401
        from qdrant_edge import Expression

        return Expression.Sum(terms)

    def product(self, factors: list[Any]) -> Any:  # noqa: ANN401
        from qdrant_edge import Expression

        return Expression.Mult(factors)

    def ratio(self, numerator: Any, denominator: Any) -> Any:  # noqa: ANN401
        from qdrant_edge import Expression

        return Expression.Div(numerator, denominator, by_zero_default=None)


@contextmanager
def _engine_errors() -> Iterator[None]:
    """Turn the engine's errors, which are bare ``Exception``, into ours; every narrower class passes."""
    try:
        yield
    except Exception as exc:
        if type(exc) is not Exception:
            raise
        raise StaleIndexError(
            f"The vector index is unusable: {exc}; run `ethochat ingest --rebuild-index` on the experiment."
        ) from exc
