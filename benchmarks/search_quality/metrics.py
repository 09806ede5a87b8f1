"""Scores of a ranking of found intervals against the events that are right.

A found interval hits an event when both share time (half-open), session and, where both name one, an animal. An event is
hit once: each further interval on it is a false positive. Intervals that touch nothing but doubtful time are left out.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

DEPTH = 1000
"""A ranking is judged so far; it is the most that a search returns."""
TOP = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An interval that a search should find."""

    session_id: str
    start: float
    stop: float
    animals: frozenset[str] = frozenset()
    """Whose it is; empty where nobody knows or all are meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An interval that a search returned."""

    session_id: str
    start: float
    stop: float
    animal: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What is right for one query."""

    relevant: tuple[Event, ...]
    doubtful: tuple[Event, ...] = ()
    """Neither right nor wrong: at the edge of a limit that the words leave open."""
    longest_excess: float = 30.0
    """A found interval may be this much longer than its event, in the sessions' time unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """What one ranking is worth."""

    average_precision: float
    recall: float
    """Of at most ten events within the first ten."""
    precision: float
    ndcg: float
    returned: int = 0


def overlap(first: Event | Found, second: Event | Found) -> float:
    """Time that two intervals share; 0 or less where they only touch, or stand in different sessions."""
    if first.session_id != second.session_id:
        return 0.0
    return min(first.stop, second.stop) - max(first.start, second.start)


@dataclass(frozen=True, slots=True)
class Links:
    """What one found interval meets: events that it may hit (most shared time first), any event, doubtful time."""

    fresh: tuple[int, ...]
    meets_event: bool
    meets_doubt: bool


class Judge:
    """Tells hits from false positives of many rankings against one truth."""

    def __init__(self, truth: Truth) -> None:
        """Sort the events by session; what an interval meets is looked up once."""
        self.truth = truth
        self._relevant: dict[str, list[tuple[int, Event]]] = defaultdict(list)
        self._doubtful: dict[str, list[Event]] = defaultdict(list)
        for place, event in enumerate(truth.relevant):
            self._relevant[event.session_id].append((place, event))
        for event in truth.doubtful:
            self._doubtful[event.session_id].append(event)
        self._known: dict[Found, Links] = {}

    def judge(self, ranking: Sequence[Found]) -> list[bool]:
        """Tell hits from false positives, in rank order; intervals on doubtful time alone are left out.

        Each event is given to the first interval that meets it; where an interval meets several that are still
        free, the one that it shares most time with.
        """
        return _walk(self.links(found) for found in ranking)

    def score(self, ranking: Sequence[Found]) -> Scores:
        """Judge and score a ranking."""
        return score(self.judge(ranking), len(self.truth.relevant))

    def links(self, found: Found) -> Links:
        """Look up what a found interval meets."""
        if found not in self._known:
            self._known[found] = self._look_up(found)
        return self._known[found]

    def _look_up(self, found: Found) -> Links:
        met = [
            (shared, place, event)
            for place, event in self._relevant[found.session_id]
            if (shared := overlap(found, event)) > 0 and _same_animal(found, event)
        ]
        fitting = [
            (-shared, place)
            for shared, place, event in met
            if found.stop - found.start <= event.stop - event.start + self.truth.longest_excess
        ]
        doubt = any(
            overlap(found, event) > 0 and _same_animal(found, event)
            for event in self._doubtful[found.session_id]
        )
        return Links(tuple(place for _, place in sorted(fitting)), bool(met), doubt)


def _same_animal(found: Found, event: Event) -> bool:
    """Whether animals agree, as far as both are known; ``mouse1, mouse3`` names two."""
    if not event.animals or not found.animal:
        return True
    named = {name.strip() for name in found.animal.replace(" and ", ",").replace("+", ",").split(",")}
    return bool(named & event.animals)


def score(hits: Sequence[bool], n_relevant: int) -> Scores:
    """Score a judged ranking.

    Average precision is the sum of the precisions at the hits over the number of events (Manning, Raghavan and Schütze 2008,
    section 8.4), to a depth of a thousand; nDCG has gains of one and a discount of log2(rank + 1) (Järvelin and Kekäläinen 2002).

    Raises
    ------
    ValueError
        When nothing is relevant: then there is nothing to find and no score.
    """
    if n_relevant < 1:
        raise ValueError("Expected at least one relevant event, got none.")
    judged = np.asarray(hits[:DEPTH], dtype=float)
    ranks = np.arange(1, len(judged) + 1)
    precisions = np.cumsum(judged) / ranks
    top = judged[:TOP]
    discount = 1 / np.log2(np.arange(2, TOP + 2))
    ideal = discount[: min(TOP, n_relevant)].sum()
    return Scores(
        average_precision=float((precisions * judged).sum() / min(n_relevant, DEPTH)),
        recall=float(top.sum() / min(TOP, n_relevant)),
        precision=float(top.mean()) if len(top) else 0.0,
        ndcg=float((top * discount[: len(top)]).sum() / ideal),
        returned=len(hits),
    )


def random_scores(candidates: Sequence[Found], judge: Judge, *, shuffles: int, seed: int) -> Scores:
    """Mean scores of the candidates in random order."""
    rng = np.random.default_rng(seed)
    known = [judge.links(found) for found in candidates]
    orders = (rng.permutation(len(known)).tolist() for _ in range(shuffles))
    n_relevant = len(judge.truth.relevant)
    return mean_scores([score(_walk(known[place] for place in order), n_relevant) for order in orders])


def _walk(ranking: Iterable[Links]) -> list[bool]:
    """Give events to intervals in rank order, to the depth that counts."""
    used: set[int] = set()
    hits: list[bool] = []
    for item in ranking:
        event = next((place for place in item.fresh if place not in used), None) if item.fresh else None
        if event is not None:
            used.add(event)
        elif not item.meets_event and item.meets_doubt:
            continue
        hits.append(event is not None)
        if len(hits) == DEPTH:
            break
    return hits


def mean_scores(some: Sequence[Scores]) -> Scores:
    """Mean over queries, each of which counts the same."""
    return Scores(
        average_precision=fmean(item.average_precision for item in some),
        recall=fmean(item.recall for item in some),
        precision=fmean(item.precision for item in some),
        ndcg=fmean(item.ndcg for item in some),
        returned=math.ceil(fmean(item.returned for item in some)),
    )
