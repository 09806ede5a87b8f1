"""Segments found by way of their texts.

Thousands of segments share one description. So vectors are kept once for each text, by a point of its own, and a
segment is a point without vectors that names its text. A search ranks texts, which are few, and takes the segments of
the best ones; otherwise the best text over and over would be all that a part of the query proposes, and what is second
in every part and best in sum would never be seen.

Two ways lead from texts to segments. Where few segments meet the conditions, their texts are the ones that are ranked.
Where many do, texts are taken best first until there are enough segments.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Protocol

from ethochat.index.store.base import FieldCondition
from ethochat.index.store.encoding import rounded
from ethochat.index.store.querying import Asked

_FEW_SEGMENTS: Final = 2048
_FEWEST_TEXTS: Final = 64
_GROWTH: Final = 4


class Shelf(Protocol):
    """What an engine is asked for; keys are ids of texts, ids those of segments."""

    def rank(self, asked: Asked, *, limit: int, among: Sequence[str] | None) -> Mapping[str, float]:
        """Score the best texts, or among some all that are candidates."""
        ...

    def estimate(self, conditions: Sequence[FieldCondition]) -> int:
        """Estimate how many segments meet the conditions."""
        ...

    def members(
        self, conditions: Sequence[FieldCondition], *, among: Sequence[str] | None, limit: int
    ) -> list[tuple[str, str]]:
        """Give ids and keys of the first segments by id that meet the conditions, of some texts or of all."""
        ...


def choose(
    shelf: Shelf, asked: Asked, *, limit: int, conditions: Sequence[FieldCondition]
) -> dict[str, float]:
    """Choose the best segments; gives scores by id, equal ones in order of id where the limit cuts."""
    if conditions and shelf.estimate(conditions) <= _FEW_SEGMENTS:
        found = shelf.members(conditions, among=None, limit=2 * _FEW_SEGMENTS)
        if not found:
            return {}
        if len(found) < 2 * _FEW_SEGMENTS:  # the estimate was about right
            scores = shelf.rank(asked, limit=len(found), among=sorted({key for _, key in found}))
            return _best(found, scores, limit)
    return _walk(shelf, asked, limit, conditions)


def _walk(shelf: Shelf, asked: Asked, limit: int, conditions: Sequence[FieldCondition]) -> dict[str, float]:
    chosen: dict[str, float] = {}
    done: set[str] = set()
    n_texts = max(limit, _FEWEST_TEXTS)
    while True:
        scores = shelf.rank(asked, limit=n_texts, among=None)
        fresh = sorted(
            (key for key in scores if key not in done), key=lambda key: (-rounded(scores[key]), key)
        )
        for keys in _chunks(fresh):
            chosen |= _take(shelf, keys, scores, limit - len(chosen), conditions)
            if len(chosen) >= limit:
                return chosen
        done.update(fresh)
        if len(scores) < n_texts:
            return chosen
        n_texts *= _GROWTH


def _take(
    shelf: Shelf,
    keys: Sequence[str],
    scores: Mapping[str, float],
    limit: int,
    conditions: Sequence[FieldCondition],
) -> dict[str, float]:
    """Choose the best segments of some texts."""
    most = limit if len(keys) == 1 else max(2 * limit, _FEWEST_TEXTS)
    found = shelf.members(conditions, among=keys, limit=most)
    if len(keys) == 1 or len(found) < most:
        return _best(found, scores, limit)
    chosen: dict[
        str, float
    ] = {}  # there are more than were read: text by text, of each no more than is missing
    for key in keys:
        chosen |= _take(shelf, [key], scores, limit - len(chosen), conditions)
        if len(chosen) >= limit:
            break
    return chosen


def _best(found: Sequence[tuple[str, str]], scores: Mapping[str, float], limit: int) -> dict[str, float]:
    candidates = [(name, scores[key]) for name, key in found if key in scores]
    candidates.sort(key=lambda item: (-rounded(item[1]), item[0]))
    return dict(candidates[:limit])


def _chunks(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    """First the best text alone, which often has enough segments, then ever more at once."""
    start, size = 0, 1
    while start < len(keys):
        yield keys[start : start + size]
        start, size = start + size, size * _GROWTH


def without_members(shelf: Shelf, keys: Sequence[str]) -> list[str]:
    """Tell texts that no segment has any more."""
    left = set(keys)
    while left:
        found = {key for _, key in shelf.members((), among=sorted(left), limit=_FEW_SEGMENTS)}
        if not found:
            break
        left -= found
    return sorted(left)
