from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ethochat.tools.vlm_quality.sampling import draw_checks, draw_segments
from ethochat.tools.vlm_quality.truth import Judged

NAMES = ("groom", "rear", "walk")


def judged(*shown: str, near: tuple[str, ...] = (), place: int = 0) -> Judged:
    return Judged(
        segment={"segment_id": f"x{place}", "session_id": "s1"},
        known=frozenset(NAMES),
        shown=frozenset(shown),
        near=frozenset((*shown, *near)),
        n_animals=1,
    )


def test_rare_behavior_is_drawn_as_often_as_a_common_one_as_far_as_it_goes():
    pool = [judged("walk", place=k) for k in range(100)]
    pool += [judged("rear", place=100 + k) for k in range(5)] + [judged("groom", place=200)]
    pool += [judged(place=300 + k) for k in range(50)]
    drawn = draw_segments(pool, NAMES, 20, np.random.default_rng(0))
    counts = {name: sum(name in item.shown for item in drawn) for name in NAMES}
    assert len(drawn) == 20
    assert counts == {"groom": 1, "rear": 5, "walk": 7}
    assert sum(not item.shown for item in drawn) == 7


def test_same_seed_draws_the_same_and_another_one_does_not():
    pool = [judged("walk", place=k) for k in range(100)]
    first, again, other = (draw_segments(pool, NAMES, 10, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first == again != other


@given(st.lists(st.sets(st.sampled_from(NAMES)), max_size=30), st.integers(1, 40), st.integers(0, 3))
def test_each_segment_is_drawn_at_most_once_and_as_many_as_there_are(shown, n, seed):
    pool = [judged(*names, place=k) for k, names in enumerate(shown)]
    drawn = draw_segments(pool, NAMES, n, np.random.default_rng(seed))
    ids = [item.segment["segment_id"] for item in drawn]
    assert len(set(ids)) == len(ids) == min(n, len(pool))
    assert ids == [item.segment["segment_id"] for item in pool if item in drawn]


def test_as_many_questions_have_the_answer_yes_as_no():
    drawn = [judged("rear"), judged("rear", "walk"), judged(near=("rear",)), judged("walk")]
    checks = draw_checks(drawn, NAMES, np.random.default_rng(0))
    asked = {(check.behavior, check.place): check.present for check in checks}
    # One segment rules rearing out (the third has it near); nothing shows grooming.
    assert {place for (name, place), present in asked.items() if name == "rear" and not present} == {3}
    assert sum(present for (name, _), present in asked.items() if name == "rear") == 1
    assert "groom" not in {name for name, _ in asked}
    assert sorted(place for (name, place), present in asked.items() if name == "walk" and present) == [1, 3]


def test_questions_of_a_behavior_are_limited():
    drawn = [judged("rear") for _ in range(30)] + [judged() for _ in range(30)]
    checks = draw_checks(drawn, NAMES, np.random.default_rng(0), most=4)
    assert [sum(check.present is kind for check in checks) for kind in (True, False)] == [4, 4]
