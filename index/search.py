"""Segments found by a description in words: embedder and vector index, checked against the tables."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ethochat.index.catalog import Catalog
from ethochat.index.describers.in_use import KINEMATIC, descriptions_in_use
from ethochat.index.embedders import resolve_embedder
from ethochat.index.embedders.base import Embedder
from ethochat.index.embedders.cache import EmbeddingCache
from ethochat.index.embedders.sparse import embed_document, embed_query
from ethochat.index.errors import NotIngestedError, StaleIndexError
from ethochat.index.freshness import Freshness, IndexCheck, indexed_facts, ingest_runs
from ethochat.index.store import open_store
from ethochat.index.store.base import (
    FieldCondition,
    Hit,
    PayloadValue,
    SearchMode,
    SegmentPoint,
    SegmentStore,
)
from ethochat.index.tables import SESSIONS, empty

VECTORS_DIR: Final = "vectors"
CACHE_FILE: Final = "cache/embeddings.sqlite"
HASH_FIELD: Final = "content_hash"
"""Payload field that tells whether a stored point is still what the tables say."""

_FIELDS: Final = (
    "session_id",
    "subject_id",
    "individual",
    "source",
    "behaviors",
    "zones",
    "start_time",
    "stop_time",
    "mean_speed",
    "distance",
    "describer",
)
_GAP: Final = 0.5  # hits less than this apart, in the session's time unit, may be one event
_OVERFETCH: Final = 8
_MOST_CANDIDATES: Final = 4096
_CHUNK: Final = 2048
_ATTEMPTS: Final = 5


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
        self._check = IndexCheck(store, catalog)

    def retrieve(
        self,
        query: str = "",
        *,
        conditions: Sequence[FieldCondition] = (),
        limit: int,
        mode: SearchMode = "hybrid",
        like: Sequence[str] = (),
        unlike: Sequence[str] = (),
    ) -> list[Hit]:
        """Find the segments that match a description best, each by itself: several may show one event.

        Parameters
        ----------
        query
            What the animal is doing. May be empty with ``like`` or ``unlike``; given both, half of each counts.
        conditions
            On payload fields; see :class:`~ethochat.index.store.base.SegmentPoint`.
        limit
            Most hits to return.
        mode
            By meaning and by word, by meaning alone, by word alone.
        like, unlike
            Segments: find what is described like one of the first, and last what is more like one of the second.
            They themselves are not found.

        Returns
        -------
        list of Hit
            Best first, equally good ones by id. Empty when nothing meets the conditions. Sessions that an ingest is
            changing are left out; :meth:`check` says so.

        Raises
        ------
        ValueError
            When there is nothing to search by, or no segment of that id.
        NotIngestedError
            When there is nothing to search in.
        StaleIndexError
            When the index does not hold what the tables hold.
        """
        examples = tuple(dict.fromkeys([*like, *unlike]))
        others = [FieldCondition(field="segment_id", op="not in", value=examples)] if examples else []
        return self._find(
            query, conditions=[*conditions, *others], limit=limit, like=like, unlike=unlike, mode=mode
        )

    def search(
        self,
        query: str,
        *,
        conditions: Sequence[FieldCondition] = (),
        limit: int,
        like_segment: str | None = None,
    ) -> list[Hit]:
        """Find the segments that match a description best, one per event.

        Hits of one session and animal that overlap, touch or lie less than half a time unit apart and have the
        same leading behavior are one event (windows of one bout, one bout marked by three raters); the
        nearest of them stands for it.

        Parameters
        ----------
        query, conditions
            As for :meth:`retrieve`.
        limit
            Most events to return.
        like_segment
            Find segments described like this one; its own event is left out.

        Returns
        -------
        list of Hit
            Best first, equally good ones by session and time.

        Raises
        ------
        ValueError, NotIngestedError, StaleIndexError
            As from :meth:`retrieve`.
        """
        like = () if like_segment is None else (like_segment,)
        wanted = limit + len(like)
        n_candidates = max(_OVERFETCH * wanted, 100)
        while True:
            found = self._find(query, conditions=conditions, limit=n_candidates, like=like)
            events = merge_events(found)
            if (
                len(found) < n_candidates
                or n_candidates >= _MOST_CANDIDATES
                or _settled(found, events, wanted)
            ):
                break
            n_candidates *= 4
        kept = [best for best, members in events if like_segment not in members]
        return kept[:limit]

    def check(self) -> str | None:
        """Compare the index with the tables.

        Returns
        -------
        str or None
            What a reader of a result must know: that an ingest is running, and how many sessions are left out until
            it is done.

        Raises
        ------
        NotIngestedError
            When the experiment has no segments.
        StaleIndexError
            When the index was made from other tables, or lacks segments, and no ingest is running.
        """
        return self._check.verify().notice

    def close(self) -> None:
        """Release the index."""
        self.store.close()

    def _find(
        self,
        query: str,
        *,
        conditions: Sequence[FieldCondition],
        limit: int,
        like: Sequence[str],
        unlike: Sequence[str] = (),
        mode: SearchMode = "hybrid",
    ) -> list[Hit]:
        if not query.strip() and not like and not unlike:
            raise ValueError("Expected words to search for or a segment to search by, got neither.")
        vector = self.embedder.embed([query])[0] if query.strip() else None
        for _ in range(_ATTEMPTS):
            freshness = self._check.verify()
            examples = self._vectors_of([*like, *unlike])
            found = self.store.search(
                vector,
                sparse=embed_query(query),
                like=examples[: len(like)],
                unlike=examples[len(like) :],
                limit=limit,
                conditions=[*conditions, *_unchanged(freshness)],
                mode=mode,
            )
            after = self._check.verify()
            if after.made_of == freshness.made_of:
                break  # else an ingest published an index meanwhile: hits may be of the one before
        # An ingest that began meanwhile may have replaced tables that these hits were made from.
        changing = after.changing - freshness.changing
        return [hit for hit in found if hit.payload.get("session_id") not in changing]

    def _vectors_of(self, segment_ids: Sequence[str]) -> list[NDArray[np.float32]]:
        stored = self.store.vectors_of(segment_ids) if segment_ids else {}
        for segment_id in segment_ids:
            if segment_id not in stored:
                raise ValueError(f"Expected the id of an indexed segment, got {segment_id!r}.")
        return [stored[segment_id] for segment_id in segment_ids]


def _unchanged(freshness: Freshness) -> list[FieldCondition]:
    names = tuple(sorted(freshness.changing))
    return [FieldCondition(field="session_id", op="not in", value=names)] if names else []


def open_search(data_dir: Path, *, spec: str = "edge", embedder: str | Embedder = "minilm") -> SegmentSearch:
    """Open an ingested experiment for searching; the model is loaded at the first query that is not cached.

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
        When nothing was ingested, or the first ingest is not done.
    StaleIndexError
        When the index was made by another model or version.
    """
    catalog = Catalog.open(data_dir)
    model = cached_embedder(data_dir, embedder)
    try:
        store = open_store(
            spec,
            path=data_dir / VECTORS_DIR,
            dimension=model.dimension,
            embedder_name=model.name,
            read_only=True,
        )
    except NotIngestedError as exc:
        if not ingest_runs(data_dir):
            raise
        raise NotIngestedError(
            f"{data_dir.parent}: an ingest is running and has not made the index yet; search again when it is done."
        ) from exc
    return SegmentSearch(model, store, catalog)


def cached_embedder(data_dir: Path, embedder: str | Embedder = "minilm") -> EmbeddingCache:
    """Make an embedder that keeps its vectors with the experiment."""
    return EmbeddingCache(data_dir / CACHE_FILE, resolve_embedder(embedder))


def index_catalog(
    store: SegmentStore,
    embedder: Embedder,
    catalog: Catalog,
    *,
    describer: str = KINEMATIC,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[int, int]:
    """Bring the index to what the tables say and record what it was made from; nobody may change them meanwhile.

    Parameters
    ----------
    store, embedder, progress
        As for :func:`index_segments`.
    catalog
        The tables.
    describer
        Whose descriptions are searched; see :func:`~ethochat.index.describers.in_use.descriptions_in_use`.

    Returns
    -------
    tuple of int
        Segments indexed in all, and written now.
    """
    segments, every = catalog.scan("segments").collect(), catalog.scan("descriptions").collect()
    descriptions = descriptions_in_use(every, describer)
    n_written = index_segments(
        store,
        embedder,
        segments,
        descriptions,
        catalog.load("sessions"),
        individuals=catalog.load("individuals"),
        progress=progress,
    )
    n_segments = segments.join(descriptions, on="segment_id", how="semi").height
    store.record(indexed_facts(catalog, n_segments))
    return n_segments, n_written


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
        One row per ``session_id``: the table ``sessions``, or ``Experiment.metadata``. Columns that are not
        of SESSIONS become ``meta.<column>``.
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
    stored = store.read_field(HASH_FIELD)
    # Of a million segments only text and place are kept meanwhile; many share one text.
    texts: dict[str, str] = {}
    changed = [
        (texts.setdefault(row.embedded, row.embedded), place)
        for place, row in enumerate(_contents(rows))
        if stored.get(row.segment_id) != row.payload[HASH_FIELD]
    ]
    delete_segments(store, sorted(set(stored) - set(rows["segment_id"])))
    del stored
    changed.sort()  # equal texts side by side, so that a chunk embeds each of them once
    for start in range(0, len(changed), _CHUNK):
        chunk = changed[start : start + _CHUNK]
        vectors = embedder.embed([text for text, _ in chunk])
        contents = _contents(rows[[place for _, place in chunk]])
        store.upsert([row.point(vector) for row, vector in zip(contents, vectors, strict=True)])
        if progress is not None:
            progress(start + len(chunk), len(changed))
    return len(changed)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Content:
    """What the tables say of one segment."""

    segment_id: str
    text: str
    embedded: str
    payload: dict[str, PayloadValue]

    def point(self, vector: NDArray[np.float32]) -> SegmentPoint:
        return SegmentPoint(
            segment_id=self.segment_id,
            vector=vector,
            sparse=embed_document(self.embedded),
            text=self.text,
            payload=self.payload,
        )


def _joined(
    segments: pl.DataFrame,
    descriptions: pl.DataFrame,
    metadata: pl.DataFrame,
    individuals: pl.DataFrame | None,
) -> pl.DataFrame:
    """One row per described segment, with ``meta`` a struct of the session's metadata."""
    twice = descriptions.filter(pl.col("segment_id").is_duplicated())
    if not twice.is_empty():
        raise ValueError(
            f"Expected one description per segment, found several of {twice['segment_id'][0]!r}."
        )
    sessions = metadata.select(
        "session_id",
        pl.struct(pl.exclude(*SESSIONS)).alias("meta")
        if set(metadata.columns) - set(SESSIONS)
        else pl.lit(None).alias("meta"),
        (pl.col("subject_id") if "subject_id" in metadata.columns else pl.lit(None, pl.String)).alias(
            "session_subject"
        ),
    )
    subjects = empty("individuals") if individuals is None else individuals
    return (
        segments.join(descriptions.drop("session_id"), on="segment_id", how="inner")
        .join(sessions, on="session_id", how="left")
        .join(subjects, on=["session_id", "individual"], how="left")
        .with_columns(pl.coalesce("subject_id", "session_subject").alias("subject_id"))
        .sort("segment_id")
    )


def _contents(rows: pl.DataFrame) -> Iterator[_Content]:
    for row in rows.iter_rows(named=True):
        parts = [row[part] for part in ("overall", "head", "limb", "torso")]
        text, embedded = embedded_text(*parts), embedded_text(*parts, keywords=row["keywords"] or ())
        payload: dict[str, PayloadValue] = {
            **{name: row[name] for name in _FIELDS},
            "duration": row["stop_time"] - row["start_time"],
            **{f"meta.{name}": value for name, value in (row["meta"] or {}).items()},
        }
        said = json.dumps([embedded, text, payload], sort_keys=True, ensure_ascii=False)
        payload[HASH_FIELD] = hashlib.sha256(said.encode()).hexdigest()[:16]
        yield _Content(segment_id=row["segment_id"], text=text, embedded=embedded, payload=payload)


def embedded_text(*parts: str | None, keywords: Sequence[str] = ()) -> str:
    """Text of a description as the index embeds it: its sentences, and the keywords that they do not hold already."""
    text = " ".join(part for part in parts if part)
    further = ", ".join(word for word in keywords if word.lower() not in text.lower())
    return f"{text} {further}".strip()


def delete_segments(store: SegmentStore, segment_ids: Sequence[str]) -> None:
    """Delete segments by id, any number of them."""
    for start in range(0, len(segment_ids), _CHUNK):
        batch = tuple(segment_ids[start : start + _CHUNK])
        store.delete([FieldCondition(field="segment_id", op="in", value=batch)])


def merge_events(hits: Sequence[Hit]) -> list[tuple[Hit, frozenset[str]]]:
    """Put together the hits that show one event.

    Parameters
    ----------
    hits
        In any order, with the payload of :class:`~ethochat.index.store.base.SegmentPoint`.

    Returns
    -------
    list of tuple
        The best hit of each event and the ids of all its hits; best first, equally near ones by session and
        time.
    """
    in_time = sorted(hits, key=lambda hit: (_event_key(hit), *_interval(hit), hit.segment_id))
    events: list[list[Hit]] = []
    reach = 0.0
    for hit in in_time:
        start, stop = _interval(hit)
        if events and _event_key(events[-1][0]) == _event_key(hit) and start - reach < _GAP:
            events[-1].append(hit)
            reach = max(reach, stop)
        else:
            events.append([hit])
            reach = stop
    merged = [(min(event, key=_rank), frozenset(hit.segment_id for hit in event)) for event in events]
    return sorted(merged, key=lambda item: _rank(item[0]))


def _rank(hit: Hit) -> tuple[float, str, float, str]:
    # Equal texts may differ in the last digits, by the batch they were embedded in.
    return (-round(hit.score, 5), str(hit.payload.get("session_id")), _interval(hit)[0], hit.segment_id)


def _event_key(hit: Hit) -> tuple[str, str, str]:
    behaviors = hit.payload.get("behaviors")
    leading = behaviors[0] if isinstance(behaviors, list) and behaviors else ""
    return (str(hit.payload.get("session_id")), str(hit.payload.get("individual") or ""), leading)


def _interval(hit: Hit) -> tuple[float, float]:
    start, stop = hit.payload["start_time"], hit.payload["stop_time"]
    if not isinstance(start, int | float) or not isinstance(stop, int | float):
        raise StaleIndexError(
            f"Expected times in the indexed segment {hit.segment_id!r}, found {start!r} and {stop!r}; "
            "run `ethochat ingest --rebuild-index` on the experiment."
        )
    return float(start), float(stop)


def _settled(found: Sequence[Hit], events: Sequence[tuple[Hit, frozenset[str]]], wanted: int) -> bool:
    """Whether no further candidate can be among the wanted: the last one is farther than the last kept."""
    return len(events) >= wanted and min(hit.score for hit in found) < events[wanted - 1][0].score - 1e-4
