"""Scores of rankings whose value is known by hand."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.search_quality.metrics import (
    Event,
    Found,
    Judge,
    Truth,
    mean_scores,
    overlap,
    random_scores,
    score,
)


def event(start, stop, session="a", animals=()):
    return Event(session_id=session, start=start, stop=stop, animals=frozenset(animals))


def found(start, stop, session="a", animal=None):
    return Found(session_id=session, start=start, stop=stop, animal=animal)


def hits(ranking, relevant, doubtful=(), **kwargs):
    return Judge(Truth(relevant=tuple(relevant), doubtful=tuple(doubtful), **kwargs)).judge(ranking)


def test_touching_intervals_share_no_time():
    assert overlap(found(0, 2), event(2, 4)) == 0
    assert hits([found(0, 2), found(4, 6)], [event(2, 4)]) == [False, False]
    assert hits([found(0, 2.01)], [event(2, 4)]) == [True]


def test_same_time_in_another_session_is_no_hit():
    assert hits([found(2, 4, "b")], [event(2, 4, "a")]) == [False]


def test_second_hit_on_one_event_is_a_false_positive():
    assert hits([found(0, 1), found(1, 2), found(5, 6)], [event(0, 2), event(5, 6)]) == [True, False, True]


def test_wide_hit_takes_the_event_it_shares_most_with_and_leaves_the_other():
    relevant = [event(0, 1), event(2, 5)]
    assert hits([found(0, 5), found(2, 5)], relevant) == [True, False]
    assert hits([found(0, 5), found(0, 1)], relevant) == [True, True]
    assert hits([found(0, 5), found(0, 5)], relevant) == [True, True]


def test_interval_much_longer_than_its_event_is_no_hit():
    assert hits([found(0, 32)], [event(10, 12)], longest_excess=30.0) == [True]
    assert hits([found(0, 33)], [event(10, 12)], longest_excess=30.0) == [False]


def test_animals_must_agree_where_both_are_known():
    mine = [event(0, 2, animals=("m1",))]
    assert hits([found(0, 2, animal="m2"), found(0, 2, animal="m1")], mine) == [False, True]
    assert hits([found(0, 2, animal=None)], mine) == [True]
    assert hits([found(0, 2, animal="m2")], [event(0, 2)]) == [True]
    assert hits([found(0, 2, animal="m2, m1")], mine) == [True]
    assert hits([found(0, 2, animal="m3")], [event(0, 2, animals=("m1", "m2"))]) == [False]


def test_doubtful_time_counts_for_nothing_unless_an_event_is_met():
    relevant, doubtful = [event(0, 2)], [event(0, 4), event(10, 12)]
    assert hits([found(10, 11), found(0, 1)], relevant, doubtful) == [True]
    assert hits([found(0, 1), found(1, 3)], relevant, doubtful) == [True, False]
    assert hits([found(2, 3), found(20, 21)], relevant, doubtful) == [False]


def test_scores_of_a_ranking_by_hand():
    item = score([True, False, True, False], 3)
    assert item.average_precision == pytest.approx((1 / 1 + 2 / 3) / 3)
    assert item.recall == pytest.approx(2 / 3)
    assert item.precision == pytest.approx(2 / 4)
    ideal = 1 + 1 / math.log2(3) + 1 / math.log2(4)
    assert item.ndcg == pytest.approx((1 + 1 / math.log2(4)) / ideal)
    assert item.returned == 4


def test_recall_is_of_at_most_ten_and_hits_below_the_tenth_count_for_average_precision_only():
    ranking = [True] * 5 + [False] * 5 + [True] * 10
    item = score(ranking, 20)
    assert item.recall == pytest.approx(0.5)
    assert item.precision == pytest.approx(0.5)
    assert item.average_precision == pytest.approx((5 + sum((5 + k) / (10 + k) for k in range(1, 11))) / 20)


def test_perfect_and_empty_rankings():
    perfect = score([True] * 12, 12)
    assert (perfect.average_precision, perfect.recall, perfect.precision) == (1.0, 1.0, 1.0)
    assert perfect.ndcg == pytest.approx(1.0)
    nothing = score([], 3)
    assert (nothing.average_precision, nothing.recall, nothing.precision, nothing.ndcg) == (0, 0, 0, 0)


def test_there_is_no_score_without_anything_to_find():
    with pytest.raises(ValueError, match="at least one relevant"):
        score([False], 0)


def test_chance_is_the_mean_over_all_orders():
    candidates = [found(0, 1), found(10, 11), found(20, 21), found(30, 31)]
    judge = Judge(Truth(relevant=(event(0, 1), event(20, 21))))
    exact = mean_scores([judge.score(order) for order in itertools.permutations(candidates)])
    drawn = random_scores(candidates, judge, shuffles=4000, seed=3)
    assert drawn.average_precision == pytest.approx(exact.average_precision, abs=0.01)
    assert drawn.ndcg == pytest.approx(exact.ndcg, abs=0.01)
    assert random_scores(candidates, judge, shuffles=7, seed=3) == random_scores(
        candidates, judge, shuffles=7, seed=3
    )


@given(ranking=st.lists(st.booleans(), max_size=30), more=st.integers(0, 20))
def test_average_precision_falls_when_a_hit_moves_down(ranking, more):
    n_relevant = sum(ranking) + more
    if n_relevant == 0:
        return
    first = score(ranking, n_relevant)
    assert 0 <= first.average_precision <= 1
    assert 0 <= first.ndcg <= 1 + 1e-12
    later = score([False, *ranking], n_relevant)
    assert later.average_precision <= first.average_precision
    assert later.ndcg <= first.ndcg + 1e-12
