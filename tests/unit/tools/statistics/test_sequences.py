"""Transitions and simultaneous behavior against chance, on sequences small enough to list every order."""

from __future__ import annotations

import itertools
import time
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ethochat.index.behaviors.bouts import intersect, total, unite
from ethochat.tools.statistics import sequences as module
from ethochat.tools.statistics.sequences import (
    Stretch,
    alternating_hub,
    compare_with_chance,
    count_transitions,
    distance_from_chance,
    shifted_overlaps,
    shuffled_transitions,
    to_circle,
)

patient = settings(deadline=None)
"""The machine may be busy."""


def stretch(codes, lag: int = 1) -> Stretch:
    array = np.asarray(codes, dtype=np.int16)
    return Stretch(codes=array, counts=np.ones(max(len(array) - lag, 0), dtype=np.bool_))


def every_order(codes, *, alternating: bool) -> list[tuple[int, ...]]:
    orders = sorted(set(itertools.permutations(codes)))
    return [o for o in orders if not alternating or all(a != b for a, b in itertools.pairwise(o))]


def exact_mean(codes, n_codes: int, *, alternating: bool) -> np.ndarray:
    orders = every_order(codes, alternating=alternating)
    return np.mean([count_transitions([stretch(order)], n_codes) for order in orders], axis=0)


codes_of = st.lists(st.integers(0, 3), min_size=0, max_size=15)


class TestCounts:
    def test_transitions_of_two_stretches_never_cross(self):
        counts = count_transitions([stretch([0, 1, 1, 2]), stretch([2, 0])], 3)
        assert counts.tolist() == [[0, 1, 0], [0, 1, 1], [1, 0, 0]]

    def test_only_places_that_count(self):
        some = Stretch(codes=np.array([0, 1, 0, 1], dtype=np.int16), counts=np.array([True, False, True]))
        assert count_transitions([some], 2).tolist() == [[0, 2], [0, 0]]

    def test_second_next_bout(self):
        assert count_transitions([stretch([0, 1, 2, 0], lag=2)], 3, lag=2).tolist() == [
            [0, 0, 1],
            [1, 0, 0],
            [0, 0, 0],
        ]

    def test_short_stretches_have_none(self):
        assert count_transitions([stretch([]), stretch([1])], 2).sum() == 0


class TestShuffles:
    @patient
    @given(st.lists(codes_of, min_size=1, max_size=4))
    def test_free_orders_keep_how_often_each_behavior_occurs(self, parts):
        stretches = [stretch(part) for part in parts]
        null = shuffled_transitions(stretches, 4, alternating=False, n_shuffles=20)
        assert null.shape == (20, 4, 4)
        assert np.all(null.sum(axis=(1, 2)) == sum(max(len(part) - 1, 0) for part in parts))

    @settings(deadline=None, max_examples=40)  # two thousand array operations an example
    @given(st.lists(codes_of, min_size=1, max_size=4))
    def test_alternating_orders_never_repeat(self, parts):
        stretches = [stretch([code for code, _ in itertools.groupby(part)]) for part in parts]
        null = shuffled_transitions(stretches, 4, alternating=True, n_shuffles=20)
        assert not np.einsum("nii->n", null).any()
        assert np.all(null.sum(axis=(1, 2)) == sum(max(len(item.codes) - 1, 0) for item in stretches))

    @pytest.mark.parametrize("alternating", [False, True])
    @pytest.mark.parametrize(
        "codes", [(0, 1, 0, 1), (0, 1, 2, 0), (0, 1, 0, 2, 0), (0, 1, 2, 0, 1, 2), (0, 1, 0, 1, 0, 1, 2)]
    )
    def test_mean_is_that_of_all_orders(self, codes, alternating):
        n = max(codes) + 1
        null = shuffled_transitions([stretch(codes)], n, alternating=alternating, n_shuffles=8_000)
        assert null.mean(axis=0) == pytest.approx(exact_mean(codes, n, alternating=alternating), abs=0.05)

    @pytest.mark.parametrize(
        "codes", [(0, 1, 0, 1), (0, 1, 2, 0, 1), (0, 1, 0, 1, 2, 3), (0, 1, 0, 2, 0, 1, 2)]
    )
    def test_every_alternating_order_is_equally_likely(self, codes):
        """Pearson's chi-square over all allowed orders stays below its 99.9 % point."""
        from scipy import stats

        orders = every_order(codes, alternating=True)
        rng = np.random.default_rng(3)
        found: Counter[tuple[int, ...]] = Counter()
        for _ in range(10):
            drawn = alternating_hub(np.array(codes, dtype=np.int16), rng).orders(400, rng)
            found.update(map(tuple, drawn.T.tolist()))
        assert set(found) == set(orders)
        share = 4_000 / len(orders)
        chi_square = sum((found[order] - share) ** 2 / share for order in orders)
        assert chi_square < stats.chi2.ppf(0.999, len(orders) - 1)

    def test_refuses_equal_neighbors(self):
        with pytest.raises(ValueError, match="no two equal"):
            alternating_hub(np.array([0, 0, 1], dtype=np.int16), np.random.default_rng(0))

    def test_many_behaviors_fit(self):
        codes = np.tile(np.arange(200), 3)
        null = shuffled_transitions([stretch(codes)], 200, alternating=True, n_shuffles=3)
        assert null.sum(axis=(1, 2)).tolist() == [599] * 3

    def test_blocks_change_nothing_but_the_random_numbers(self, monkeypatch):
        codes = [0, 1, 2, 0, 1, 2, 1, 0]
        monkeypatch.setattr(module, "_BLOCK", 100)
        null = shuffled_transitions([stretch(codes)], 3, alternating=False, n_shuffles=3_000)
        assert null.mean(axis=0) == pytest.approx(exact_mean(codes[:8], 3, alternating=False), abs=0.08)

    def test_two_thousand_orders_of_a_cage_study_are_quick(self):
        """Twenty-one animals with sixty bouts each, nine behaviors: 2,000 orders in under a second of processor time."""
        rng = np.random.default_rng(0)
        stretches = []
        for _ in range(21):
            codes = rng.choice(9, size=90, p=np.array([33, 22, 12, 10, 8, 6, 4, 4, 1]) / 100)
            stretches.append(stretch([code for code, _ in itertools.groupby(codes.tolist())][:60]))
        times = []
        for _ in range(3):
            start = time.process_time()
            shuffled_transitions(stretches, 9, alternating=True)
            times.append(time.process_time() - start)
        assert min(times) < 1.0


class TestChance:
    def test_by_hand(self):
        found = compare_with_chance(9, np.array([1, 2, 3, 2, 2, 2, 2, 2, 2]))
        assert (found.observed, found.expected, found.ratio) == (9.0, 2.0, 4.5)
        assert found.p_value == pytest.approx(1 / 10)
        assert found.z == pytest.approx(7 / 0.5)

    def test_two_sided(self):
        null = np.array([0, 1, 2, 3, 4] * 4)
        assert compare_with_chance(0, null).p_value == compare_with_chance(4, null).p_value

    def test_no_choice_gives_no_p(self):
        found = compare_with_chance(3, np.full(50, 3))
        assert (found.z, found.p_value, found.ratio) == (None, None, 1.0)
        assert compare_with_chance(0, np.zeros(50)).ratio is None

    def test_distance_counts_the_observed_order(self):
        null = np.array([[2, 2], [2, 2], [3, 1]])
        chi_square, p = distance_from_chance(np.array([4, 0]), null)
        assert chi_square == pytest.approx(1.25**2 / 2.75 + 1.25**2 / 1.25)
        assert p == pytest.approx(1 / 4)
        assert distance_from_chance(np.array([2]), np.full((9, 1), 2)) == (0.0, None)

    @pytest.mark.parametrize("alternating", [False, True])
    def test_random_orders_are_called_unlikely_as_often_as_they_should_be(self, alternating):
        """150 random sequences, tested at 0.1 for one transition each."""
        rng = np.random.default_rng(11)
        codes = np.array([0, 1, 0, 2, 0, 1, 2, 1, 0, 3] * 4, dtype=np.int16)
        rejected = 0
        for k in range(150):
            if alternating:
                order = alternating_hub(codes, rng).orders(1, rng)[:, 0]
            else:
                order = rng.permutation(codes)
            one = [stretch(order)]
            null = shuffled_transitions(one, 4, alternating=alternating, n_shuffles=199, seed=k)
            p = compare_with_chance(count_transitions(one, 4)[0, 1], null[:, 0, 1]).p_value
            rejected += p is not None and p <= 0.1
        assert rejected / 150 <= 0.16

    def test_what_always_follows_is_found(self):
        codes = np.tile([0, 1, 2, 3, 0, 1, 3, 2], 10)
        null = shuffled_transitions([stretch(codes)], 4, alternating=True, n_shuffles=499)
        found = compare_with_chance(count_transitions([stretch(codes)], 4)[0, 1], null[:, 0, 1])
        assert found.p_value == pytest.approx(1 / 500)
        assert found.ratio is not None
        assert found.ratio > 2


spans = st.lists(
    st.tuples(st.integers(0, 90), st.integers(1, 15)).map(
        lambda p: (float(p[0]), float(min(100, p[0] + p[1])))
    ),
    max_size=8,
).map(unite)


class TestCircle:
    def test_gaps_are_taken_out(self):
        looked = [(0.0, 10.0), (20.0, 30.0)]
        assert to_circle([(5.0, 22.0), (25.0, 40.0)], looked) == [(5.0, 10.0), (10.0, 12.0), (15.0, 20.0)]

    @patient
    @given(spans, spans, st.integers(0, 99))
    def test_overlap_is_that_of_intervals_moved_by_hand(self, first, second, shift):
        moved = [
            piece
            for start, stop in second
            for a, b in [(start + shift, stop + shift)]
            for piece in [(a, min(b, 100.0)), (max(a, 100.0) - 100.0, b - 100.0)]
            if piece[0] < piece[1]
        ]
        found = shifted_overlaps(first, second, 100.0, np.array([float(shift)]))
        assert found[0] == pytest.approx(total(intersect(first, moved)))

    @patient
    @given(spans)
    def test_not_shifted_a_behavior_overlaps_itself_fully(self, intervals):
        assert shifted_overlaps(intervals, intervals, 100.0, np.zeros(1))[0] == pytest.approx(
            total(intervals)
        )

    @patient
    @given(spans, spans)
    def test_mean_over_all_shifts_is_the_product_of_the_shares(self, first, second):
        shifts = np.arange(0.5, 100.0, 1.0)  # exact for edges at whole numbers
        found = shifted_overlaps(first, second, 100.0, shifts).mean()
        assert found == pytest.approx(total(first) * total(second) / 100.0)
