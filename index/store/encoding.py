"""How points and conditions are written in Qdrant, the same in every engine."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from importlib.metadata import version
from typing import Final, Literal, Protocol, TypeVar

import numpy as np

from ethochat.index.embedders.sparse import SparseVector
from ethochat.index.errors import StaleIndexError
from ethochat.index.store.base import FieldCondition, Hit, PayloadValue, SegmentPoint

SCHEMA_VERSION: Final = 3
"""Raised whenever ids, field names or the kinds of vectors change; older collections must be rebuilt."""
ID_FIELD: Final = "segment_id"
TEXT_FIELD: Final = "text"
KEY_FIELD: Final = "text_key"
"""Of a segment: the id of the point that holds the vectors of its text."""
MARK_FIELD: Final = "is_text"
VECTOR_NAME: Final = "text"
SPARSE_NAME: Final = "words"
_NAMESPACE: Final = uuid.UUID("5d0e1a3c-6a0b-5c1f-9f44-0b9f3d5b8a21")
_OWN_FIELDS: Final = frozenset({ID_FIELD, TEXT_FIELD, KEY_FIELD, MARK_FIELD})
_UNSAFE = re.compile(r"[^A-Za-z0-9_]")
_ESCAPED = re.compile(r"-([0-9a-f]+)-")

FilterT = TypeVar("FilterT")
FilterT_co = TypeVar("FilterT_co", covariant=True)
ClauseT = TypeVar("ClauseT")


def size_kb(n_points: int, dimension: int) -> int:
    """Size of that many dense vectors, in which engines are told when to build a graph over them."""
    return n_points * dimension * 4 // 1024


def point_id(segment_id: str) -> str:
    """Give the point's id: the same for the same segment in every run and on every machine."""
    return str(uuid.uuid5(_NAMESPACE, segment_id))


@lru_cache(maxsize=4096)
def field_key(field: str) -> str:
    """Write a field's name so that no engine reads ``meta.dose mg/kg`` as nested, or refuses it."""
    return _UNSAFE.sub(lambda match: f"-{ord(match.group()):x}-", field)


@lru_cache(maxsize=4096)
def field_name(key: str) -> str:
    """Undo :func:`field_key`."""
    return _ESCAPED.sub(lambda match: chr(int(match.group(1), 16)), key)


def to_payload(point: SegmentPoint) -> dict[str, PayloadValue]:
    """Give a point's payload as stored.

    Raises
    ------
    ValueError
        When the payload uses a name that the store needs.
    """
    reserved = _OWN_FIELDS & set(point.payload)
    if reserved:
        names = ", ".join(sorted(reserved))
        raise ValueError(
            f"Expected no {names} in the payload of {point.segment_id!r}; the store writes them."
        )
    fields = {field_key(name): value for name, value in point.payload.items()}
    return {ID_FIELD: point.segment_id, TEXT_FIELD: point.text, KEY_FIELD: text_key(point), **fields}


def text_key(point: SegmentPoint) -> str:
    """Give the id of the point that holds a segment's vectors: the same for the same vectors."""
    # Equal texts may differ in the last digits, by the batch they were embedded in.
    parts = (np.round(point.vector, 4) + 0.0, point.sparse.indices, np.round(point.sparse.values, 4))
    digest = hashlib.blake2b(b"|".join(part.tobytes() for part in parts), digest_size=16)
    return str(uuid.UUID(bytes=digest.digest()))


def to_hits(scored: Iterable[tuple[Mapping[str, PayloadValue], float]], *, cosine: bool) -> list[Hit]:
    """Turn stored payloads and scores into hits, equal scores by ``segment_id``.

    Parameters
    ----------
    scored
        Payloads as stored, with their scores.
    cosine
        Whether the scores are the cosines of the dense vectors.
    """
    hits = [
        Hit(
            segment_id=str(stored[ID_FIELD]),
            score=(score := rounded(exact)),
            text=str(stored[TEXT_FIELD]),
            payload=_from_payload(stored),
            similarity=score if cosine else None,
        )
        for stored, exact in scored
    ]
    return sorted(hits, key=lambda hit: (-hit.score, hit.segment_id))


def rounded(score: float) -> float:
    """Drop the digits in which equals differ by the order of additions."""
    return round(score, 6)


def best_scores(found: Mapping[str, float], limit: int) -> dict[str, float]:
    """Keep the best of scores by id, equal ones by id."""
    kept = sorted(found, key=lambda name: (-rounded(found[name]), name))[:limit]
    return {name: found[name] for name in kept}


def to_point(
    stored: Mapping[str, PayloadValue],
    vector: Sequence[float],
    indices: Sequence[int] = (),
    values: Sequence[float] = (),
) -> SegmentPoint:
    """Turn what is stored of a point, its payload and both vectors, into the point."""
    return SegmentPoint(
        segment_id=str(stored[ID_FIELD]),
        vector=np.asarray(vector, dtype=np.float32),
        sparse=SparseVector(
            indices=np.asarray(indices, dtype=np.uint32), values=np.asarray(values, dtype=np.float32)
        ),
        text=str(stored[TEXT_FIELD]),
        payload=_from_payload(stored),
    )


def _from_payload(stored: Mapping[str, PayloadValue]) -> dict[str, PayloadValue]:
    return {field_name(key): value for key, value in stored.items() if key not in _OWN_FIELDS}


def new_fields(
    payloads: Iterable[Mapping[str, PayloadValue]], known: set[str]
) -> dict[str, Literal["bool", "float", "keyword"]]:
    """Kinds of the stored fields that no index covers yet, by their first known value."""
    kinds: dict[str, Literal["bool", "float", "keyword"]] = {}
    for payload in payloads:
        for key, value in payload.items():
            if key in known or key in kinds or key == TEXT_FIELD or value is None or value == []:
                continue
            number = isinstance(value, int | float)
            kinds[key] = "bool" if isinstance(value, bool) else "float" if number else "keyword"
    return kinds


def describe_collection(*, embedder: str, dimension: int) -> dict[str, PayloadValue]:
    """Say what is recorded when a collection is made."""
    return {
        "embedder": embedder,
        "dimension": dimension,
        "schema": SCHEMA_VERSION,
        "version": version("ethochat"),
    }


def check_description(
    found: Mapping[str, PayloadValue], expected: Mapping[str, PayloadValue], *, where: str
) -> None:
    """Compare what a collection says of itself with what the caller will ask of it.

    Raises
    ------
    StaleIndexError
        Naming both sides and the command that rebuilds the index.
    """
    for key in ("embedder", "dimension", "schema"):
        if found.get(key) != expected[key]:
            raise StaleIndexError(
                f"{where}: expected an index with {key} {expected[key]!r}, found {found.get(key)!r} "
                f"(written by ethochat {found.get('version')}); "
                "run `ethochat ingest --rebuild-index` on the experiment."
            )


class Dialect(Protocol[ClauseT, FilterT_co]):
    """The clauses of one engine's filters."""

    def equals(self, key: str, value: str | bool) -> ClauseT:
        """Ask that the field, or an element of it, is the value."""
        ...

    def any_of(self, key: str, values: list[str]) -> ClauseT:
        """Ask that the field, or an element of it, is one of the values."""
        ...

    def within(self, key: str, **limits: float) -> ClauseT:
        """Ask that the number lies within ``gt``, ``gte``, ``lt``, ``lte``."""
        ...

    def empty(self, key: str) -> ClauseT:
        """Ask that the field is null, absent or an empty list."""
        ...

    def ids(self, names: list[str]) -> ClauseT:
        """Ask that the point is one of these."""
        ...

    def any_clause(self, clauses: list[ClauseT]) -> ClauseT:
        """Ask that at least one of the clauses holds."""
        ...

    def combine(self, must: list[ClauseT], must_not: list[ClauseT]) -> FilterT_co:
        """Ask that all of the first and none of the second hold."""
        ...


LIMITS: Final[Mapping[str, str]] = {">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}


def segments_filter(
    dialect: Dialect[ClauseT, FilterT],
    conditions: Sequence[FieldCondition],
    *,
    of_texts: Sequence[str] | None = None,
) -> FilterT:
    """Translate conditions on segments, of some texts or of all; points that are texts meet none.

    Parameters
    ----------
    of_texts
        Keys of texts.

    Raises
    ------
    ValueError
        When an ordering is asked of anything but a number.
    """
    must: list[ClauseT] = []
    must_not: list[ClauseT] = []
    for condition in conditions:
        key = field_key(condition.field)
        if condition.op in LIMITS:
            must.append(dialect.within(key, **{LIMITS[condition.op]: ordered_value(condition)}))
        elif condition.op in ("==", "in"):
            must.append(_membership(dialect, key, condition))
        else:
            must_not += [_membership(dialect, key, condition), dialect.empty(key)]
    if of_texts is not None:
        must.append(dialect.any_of(KEY_FIELD, list(of_texts)))
    if not must and not must_not:
        must_not.append(dialect.equals(MARK_FIELD, "yes"))
    return dialect.combine(must, must_not)


def texts_filter(dialect: Dialect[ClauseT, FilterT], among: Sequence[str] | None) -> FilterT | None:
    """Ask for some texts; ``None`` for all, which needs no filter where only texts have vectors."""
    return None if among is None else dialect.combine([dialect.ids(list(among))], [])


TEXT_PAYLOAD: Final[Mapping[str, PayloadValue]] = {MARK_FIELD: "yes"}


def ordered_value(condition: FieldCondition) -> float:
    """Return the number that an ordering compares with.

    Raises
    ------
    ValueError
        When it is not a number.
    """
    if isinstance(condition.value, int | float) and not isinstance(condition.value, bool):
        return float(condition.value)
    raise ValueError(f"Expected a number after {condition.field!r} {condition.op}, got {condition.value!r}.")


def member_values(condition: FieldCondition) -> tuple[str | float | int | bool, ...]:
    """Return the values that ``==``, ``!=``, ``in`` or ``not in`` compare with.

    Raises
    ------
    ValueError
        When ``in`` is given one value, or ``==`` several.
    """
    several = isinstance(condition.value, tuple)
    if several != (condition.op in ("in", "not in")):
        raise ValueError(
            f"Expected {'one value' if several else 'a tuple'} after {condition.field!r} {condition.op}."
        )
    return condition.value if isinstance(condition.value, tuple) else (condition.value,)


def _membership(dialect: Dialect[ClauseT, FilterT], key: str, condition: FieldCondition) -> ClauseT:
    values = member_values(condition)
    words = [value for value in values if isinstance(value, str)]
    if len(words) == len(values):
        return dialect.equals(key, words[0]) if condition.op in ("==", "!=") else dialect.any_of(key, words)
    # Equality of numbers is a range of no width, since the engine's match knows integers only.
    clauses = [
        dialect.equals(key, value)
        if isinstance(value, str | bool)
        else dialect.within(key, gte=value, lte=value)
        for value in values
    ]
    return clauses[0] if len(clauses) == 1 else dialect.any_clause(clauses)
