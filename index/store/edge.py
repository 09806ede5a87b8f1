"""Qdrant Edge: the server's engine inside this process, in a folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ethochat.index.errors import StaleIndexError
from ethochat.index.store.base import FieldCondition, Hit, PayloadValue, SegmentPoint
from ethochat.index.store.encoding import (
    EXACT_UP_TO,
    ID_FIELD,
    VECTOR_NAME,
    build_filter,
    describe_collection,
    field_key,
    new_fields,
    point_id,
    to_hit,
    to_payload,
)
from ethochat.index.store.generations import FolderEngine, GenerationSession

if TYPE_CHECKING:
    from qdrant_edge import EdgeShard

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
        """Return what the collection was made with."""
        return self._session.description

    def upsert(self, points: Sequence[SegmentPoint]) -> None:
        """Add or replace points; fields met for the first time are indexed."""
        from qdrant_edge import Point, UpdateOperation

        if not points:
            return
        with self._session.writing() as shard, _engine_errors():
            _index_fields(shard, points)
            for start in range(0, len(points), _BATCH):
                batch = [
                    Point(
                        point_id(point.segment_id),
                        {VECTOR_NAME: point.vector.tolist()},
                        _written(to_payload(point)),
                    )
                    for point in points[start : start + _BATCH]
                ]
                shard.update(UpdateOperation.upsert_points(batch))

    def delete(self, conditions: Sequence[FieldCondition]) -> None:
        """Delete the points that meet all conditions."""
        from qdrant_edge import UpdateOperation

        wanted = build_filter(_EdgeDialect(), conditions)
        if wanted is None:
            raise ValueError(
                "Expected at least one condition; deleting everything is `rebuild=True` of open_store."
            )
        with self._session.writing() as shard, _engine_errors():
            shard.update(UpdateOperation.delete_points_by_filter(wanted))

    def search(
        self,
        vector: NDArray[np.float32],
        *,
        text: str = "",
        limit: int = 10,
        conditions: Sequence[FieldCondition] = (),
    ) -> list[Hit]:
        """Nearest points by cosine, best first; ``text`` is ignored."""
        from qdrant_edge import Query, QueryRequest, SearchParams

        if limit < 1:
            return []
        wanted = build_filter(_EdgeDialect(), conditions)
        with self._session.reading() as shard, _engine_errors():
            request = QueryRequest(
                limit=limit,
                query=Query.Nearest(vector.tolist(), using=VECTOR_NAME),
                filter=wanted,
                params=SearchParams(exact=shard.info().points_count <= EXACT_UP_TO),
                with_payload=True,
            )
            found = shard.query(request)
        return [to_hit(_read(point.payload), point.score) for point in found]

    def count(self, conditions: Sequence[FieldCondition] = ()) -> int:
        """Count the points that meet all conditions, exactly."""
        from qdrant_edge import CountRequest

        wanted = build_filter(_EdgeDialect(), conditions)
        with self._session.reading() as shard, _engine_errors():
            return int(shard.count(CountRequest(exact=True, filter=wanted)))

    def segment_ids(self, conditions: Sequence[FieldCondition] = ()) -> set[str]:
        """Collect the ids of the points that meet all conditions."""
        return {str(payload[ID_FIELD]) for payload in self._scroll([ID_FIELD], conditions)}

    def read_field(self, field: str) -> dict[str, PayloadValue]:
        """Read one payload field of every point."""
        key = field_key(field)
        return {str(payload[ID_FIELD]): payload.get(key) for payload in self._scroll([ID_FIELD, key], ())}

    def vector_of(self, segment_id: str) -> NDArray[np.float32] | None:
        """Return the stored vector of a segment."""
        with self._session.reading() as shard, _engine_errors():
            records = shard.retrieve([point_id(segment_id)], False, True)
        if not records:
            return None
        vectors: Any = records[0].vector
        return np.asarray(vectors[VECTOR_NAME], dtype=np.float32)

    def close(self) -> None:
        """Publish what was written, and release."""
        with _engine_errors():
            self._session.close()

    def _scroll(self, keys: list[str], conditions: Sequence[FieldCondition]) -> list[dict[str, PayloadValue]]:
        from qdrant_edge import PayloadSelector, ScrollRequest

        wanted, offset = build_filter(_EdgeDialect(), conditions), None
        payloads: list[dict[str, PayloadValue]] = []
        with self._session.reading() as shard, _engine_errors():
            while True:
                request = ScrollRequest(
                    offset=offset, limit=_PAGE, filter=wanted, with_payload=PayloadSelector.Include(keys)
                )
                records, offset = shard.scroll(request)
                payloads += [_read(record.payload) for record in records]
                if offset is None:
                    return payloads


def _create(folder: Path, dimension: int) -> EdgeShard:
    from qdrant_edge import (
        Distance,
        EdgeConfig,
        EdgeOptimizersConfig,
        EdgeShard,
        EdgeVectorParams,
        PayloadSchemaType,
        UpdateOperation,
    )

    config = EdgeConfig(
        vectors={VECTOR_NAME: EdgeVectorParams(size=dimension, distance=Distance.Cosine)},
        optimizers=EdgeOptimizersConfig(indexing_threshold=EXACT_UP_TO * dimension * 4 // 1024),
        wal_enabled=False,
    )
    with _engine_errors():
        shard = EdgeShard.create(str(folder), config)
        shard.update(UpdateOperation.create_field_index(ID_FIELD, PayloadSchemaType.Keyword))
    return shard


def _load(folder: Path) -> EdgeShard:
    from qdrant_edge import EdgeShard

    with _engine_errors():
        return EdgeShard.load(str(folder))


def _finish(shard: EdgeShard) -> None:
    shard.optimize()  # drops deleted points where they are many; builds a graph only beyond EXACT_UP_TO
    shard.flush()


def _replay_journals(folder: Path) -> None:
    """Open and close a folder once: opening replays the journals that closing leaves, and removes their files."""
    _load(folder).close()


def _index_fields(shard: EdgeShard, points: Sequence[SegmentPoint]) -> None:
    from qdrant_edge import PayloadSchemaType, UpdateOperation

    schemas = {
        "bool": PayloadSchemaType.Keyword,
        "float": PayloadSchemaType.Float,
        "keyword": PayloadSchemaType.Keyword,
    }
    for key, kind in new_fields(points, set(shard.info().payload_schema)).items():
        shard.update(UpdateOperation.create_field_index(key, schemas[kind]))


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

    def any_clause(self, clauses: list[Any]) -> Any:  # noqa: ANN401
        from qdrant_edge import Filter

        return Filter(should=clauses)

    def combine(self, must: list[Any], must_not: list[Any]) -> Any:  # noqa: ANN401
        from qdrant_edge import Filter

        return Filter(must=must, must_not=must_not)


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
