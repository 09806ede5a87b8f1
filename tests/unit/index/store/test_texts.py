"""From ranked texts to segments, against looking at all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ethochat.index.store import texts
from ethochat.index.store.base import FieldCondition
from ethochat.index.store.querying import Asked
from ethochat.index.store.texts import choose, without_members

ASKED = Asked(dense=np.float32([1, 0]), sparse=None, like=(), unlike=())
SOME = (FieldCondition(field="wanted", op="==", value=True),)


class Shelf:
    """Texts with scores, segments with a text and whether they meet the conditions."""

    def __init__(
        self, scores: Mapping[str, float], segments: Mapping[str, tuple[str, bool]], guess: int = 1
    ) -> None:
        self.scores, self.segments, self.guess = scores, segments, guess
        self.n_read = 0

    def rank(self, asked: Asked, *, limit: int, among: Sequence[str] | None) -> dict[str, float]:
        known = (
            self.scores if among is None else {key: self.scores[key] for key in among if key in self.scores}
        )
        best = sorted(known, key=lambda key: (-known[key], key))[:limit]
        return {key: known[key] for key in best}

    def estimate(self, conditions: Sequence[FieldCondition]) -> int:
        return self.guess * len(self.all_of(conditions, None))

    def all_of(
        self, conditions: Sequence[FieldCondition], among: Sequence[str] | None
    ) -> list[tuple[str, str]]:
        return [
            (name, key)
            for name, (key, wanted) in sorted(self.segments.items())
            if (wanted or not conditions) and (among is None or key in among)
        ]

    def members(
        self, conditions: Sequence[FieldCondition], *, among: Sequence[str] | None, limit: int
    ) -> list[tuple[str, str]]:
        found = self.all_of(conditions, among)[:limit]
        self.n_read += len(found)
        return found


def best_of_all(shelf: Shelf, limit: int, conditions: Sequence[FieldCondition]) -> dict[str, float]:
    scored = [
        (name, shelf.scores[key]) for name, key in shelf.all_of(conditions, None) if key in shelf.scores
    ]
    return dict(sorted(scored, key=lambda item: (-item[1], item[0]))[:limit])


@st.composite
def shelves(draw: st.DrawFn) -> Shelf:
    n_texts = draw(st.integers(1, 40))
    scores = {f"t{n:02d}": draw(st.integers(-3, 6)) / 4 for n in range(n_texts)}
    n_segments = draw(st.integers(0, 120))
    segments = {
        str(UUID(int=n * 7919 % 1009)): (f"t{draw(st.integers(0, n_texts - 1)):02d}", draw(st.booleans()))
        for n in range(n_segments)
    }
    unscored = draw(st.integers(0, 3))  # texts that share no word with the query
    kept = dict(sorted(scores.items())[unscored:])
    return Shelf(kept, segments, guess=draw(st.sampled_from([0, 1, 100])))


@given(
    shelf=shelves(), limit=st.integers(1, 60), conditions=st.sampled_from([(), SOME]), few=st.integers(1, 50)
)
def test_the_best_are_chosen_whichever_way_is_taken(shelf, limit, conditions, few):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(texts, "_FEW_SEGMENTS", few)
        patch.setattr(texts, "_FEWEST_TEXTS", 2)
        chosen = choose(shelf, ASKED, limit=limit, conditions=conditions)
    expected = best_of_all(shelf, limit, conditions)
    assert sorted(chosen.values()) == sorted(expected.values())
    assert set(chosen) <= {name for name, _ in shelf.all_of(conditions, None)}
    least = min(expected.values(), default=0)
    assert {name for name in chosen if chosen[name] > least} == {
        name for name in expected if expected[name] > least
    }


def test_of_a_text_that_thousands_share_only_what_is_wanted_is_read():
    segments = {str(UUID(int=n)): ("t0", True) for n in range(5000)}
    shelf = Shelf({"t0": 1.0, "t1": 0.5}, segments)
    chosen = choose(shelf, ASKED, limit=10, conditions=())
    assert list(chosen) == sorted(segments)[:10]
    assert shelf.n_read == 10


def test_texts_without_segments_are_told():
    shelf = Shelf({}, {str(UUID(int=n)): (f"t{n % 3}", True) for n in range(9)})
    assert without_members(shelf, ["t0", "t1", "t7", "t8"]) == ["t7", "t8"]
    assert without_members(shelf, []) == []
