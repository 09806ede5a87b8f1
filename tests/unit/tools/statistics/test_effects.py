"""Effect sizes against hand-worked numbers and libraries, and what cannot be computed."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import special, stats

from ethochat.tools.errors import ToolFailedError
from ethochat.tools.statistics.effects import (
    _noncentral_interval,
    cliffs_delta,
    hedges_g,
    hodges_lehmann,
    independent_effects,
    mean_difference,
    median_difference,
    paired_effects,
    rank_biserial,
    rank_epsilon_squared,
    ratio_of_means,
    several_effects,
    share_interval,
)

A = [4.1, 5.0, 6.3, 5.5, 7.9]
B = [2.2, 3.1, 2.9, 4.8]
C = [9.0, 7.1, 8.8, 6.2, 7.7, 9.9]


def numbers(effects):
    """All numbers of an effect, intervals taken apart."""
    for item in effects.values():
        yield from item if isinstance(item, list) else [item]


def test_independent_effects_name_the_main_effect_first_and_every_interval():
    found = independent_effects(A, B)
    assert list(found) == [
        "hedges_g",
        "hedges_g_ci95",
        "ci95",
        "cohens_d",
        "mean_difference",
        "mean_difference_ci95",
        "median_difference",
        "median_difference_ci95",
        "cliffs_delta",
        "cliffs_delta_ci95",
    ]
    assert found["ci95"] == found["hedges_g_ci95"]


def test_hedges_g_by_hand():
    # means 2 and 4, pooled sd 1: d = -2; the exact factor for 4 degrees of freedom is 0.7979
    found = hedges_g([1.0, 2.0, 3.0], [3.0, 4.0, 5.0])
    assert found["cohens_d"] == pytest.approx(-2.0)
    assert found["hedges_g"] == pytest.approx(-2 * math.gamma(2) / (math.gamma(1.5) * math.sqrt(2)))


def test_hedges_g_interval_is_the_noncentral_t_of_groups_alike():
    first = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    low, high = hedges_g(first + 2.0, first)["ci95"]
    d, n, df = 2.0 / first.std(ddof=1), 5, 8
    t = d * math.sqrt(n / 2)
    assert stats.nct.cdf(t, df, low * math.sqrt(n / 2)) == pytest.approx(0.975, abs=1e-6)
    assert stats.nct.cdf(t, df, high * math.sqrt(n / 2)) == pytest.approx(0.025, abs=1e-6)


def test_hedges_g_interval_follows_the_spread_of_the_small_group():
    """A small group that spreads widely makes g less certain; the pooled interval would not see it."""
    wide, narrow = [-9.0, -3.0, 0.0, 3.0, 9.0], list(np.linspace(-1.0, 1.0, 15))
    low, high = hedges_g(wide, narrow)["ci95"]
    pooled = 2 * 1.96 * math.sqrt(1 / 5 + 1 / 15)
    assert high - low > 1.5 * pooled


@settings(deadline=None)
@given(
    st.lists(st.floats(-50, 50, width=32), min_size=3, max_size=12),
    st.lists(st.floats(-50, 50, width=32), min_size=3, max_size=12),
)
def test_intervals_of_g_and_of_the_means_hold_zero_where_welch_does_not_reject(first, second):
    assume(np.std(first) > 1e-3 and np.std(second) > 1e-3)
    p = stats.ttest_ind(first, second, equal_var=False).pvalue
    assume(abs(p - 0.05) > 1e-4)
    for low, high in (
        hedges_g(first, second)["ci95"],
        mean_difference(first, second)["mean_difference_ci95"],
    ):
        assert (low <= 0.0 <= high) == (p >= 0.05)


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 9), min_size=2, max_size=9),
    st.lists(st.integers(0, 9), min_size=2, max_size=9),
)
def test_swapping_the_groups_flips_the_sign_and_nothing_else(first, second):
    there, back = independent_effects(first, second), independent_effects(second, first)
    for name, item in there.items():
        other = back[name]
        if item is None:
            assert other is None
        elif isinstance(item, list):
            assert item == pytest.approx([-other[1], -other[0]], rel=1e-6, abs=1e-9)
        else:
            assert item == pytest.approx(-other, rel=1e-9, abs=1e-12)


def test_mean_difference_equals_scipys_welch_interval():
    found = mean_difference(A, B)
    expected = stats.ttest_ind(A, B, equal_var=False).confidence_interval()
    assert found["mean_difference"] == pytest.approx(np.mean(A) - np.mean(B))
    assert found["mean_difference_ci95"] == pytest.approx([expected.low, expected.high])


def test_median_difference_by_hand():
    # Nine animals: c = round(5 - 3) = 2, the second smallest and second largest; the chance of fewer than two
    # below the median is 10 / 512, whose normal deviate is 2.0624.
    first, second = [float(k) for k in range(1, 10)], [0.0] * 8 + [1.0]
    error = (8.0 - 2.0) / (2 * stats.norm.isf(10 / 512))
    found = median_difference(first, second)
    assert found["median_difference"] == 5.0
    assert found["median_difference_ci95"] == pytest.approx(
        [5 - 1.959964 * error, 5 + 1.959964 * error], rel=1e-6
    )


def test_cliffs_delta_by_hand():
    # 1 ties with 1 and loses to 3, 4 beats both: (0 - 1 + 1 + 1) / 4
    assert cliffs_delta([1.0, 4.0], [1.0, 3.0])["cliffs_delta"] == pytest.approx(0.25)
    assert cliffs_delta(A, B)["cliffs_delta"] == pytest.approx(
        2 * stats.mannwhitneyu(A, B).statistic / (len(A) * len(B)) - 1
    )


def test_cliffs_delta_has_the_consistent_variance():
    """Where the interval is nearly symmetric (delta 0) its half-width is t x se / sqrt(1 + t^2 se^2)."""
    first, second = [1.0, 4.0, 5.0, 8.0], [2.0, 3.0, 6.0, 7.0]
    found = cliffs_delta(first, second)
    dominance = np.sign(np.subtract.outer(first, second))
    rows, columns = dominance.mean(axis=1), dominance.mean(axis=0)
    n = m = 4
    variance = (m**2 * np.sum(rows**2) + n**2 * np.sum(columns**2) - np.sum(dominance**2)) / (
        n * m * (n - 1) * (m - 1)
    )
    # Rows stand -1, 0, 0, 1 to the columns (variance 2/3), these 1/2, 1/2, -1/2, -1/2 to the rows (1/3), so that
    # Brunner and Munzel's df is 1 / ((2/3)^2 / 3 + (1/3)^2 / 3) = 5.4.
    t = stats.t.isf(0.025, 5.4)
    scaled = t**2 * max(variance, 1 / (n * m - 1))
    half = math.sqrt(scaled) * math.sqrt(1 + scaled) / (1 + scaled)
    assert found["cliffs_delta"] == 0.0
    assert found["cliffs_delta_ci95"] == pytest.approx([-half, half])


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_cliffs_delta_of_groups_apart_still_has_an_interval(sign):
    found = cliffs_delta([10.0 * sign + k for k in range(6)], [float(k) for k in range(6)])
    low, high = found["cliffs_delta_ci95"]
    assert found["cliffs_delta"] == sign
    assert low < high
    assert (high == 1.0) if sign > 0 else (low == -1.0)


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 4), min_size=2, max_size=9),
    st.lists(st.integers(0, 4), min_size=2, max_size=9),
)
def test_cliffs_delta_and_its_interval_stay_within_one(first, second):
    found = cliffs_delta(first, second)
    low, high = found["cliffs_delta_ci95"]
    assert -1.0 <= low <= found["cliffs_delta"] + 1e-12
    assert found["cliffs_delta"] - 1e-12 <= high <= 1.0


def test_paired_effects_by_hand_and_by_scipy():
    first, second = A[:4], B
    differences = np.subtract(first, second)
    found = paired_effects(first, second)
    assert next(iter(found)) == "cohens_dz"
    assert found["cohens_dz"] == pytest.approx(differences.mean() / differences.std(ddof=1))
    interval = stats.ttest_rel(first, second).confidence_interval()
    assert found["mean_difference_ci95"] == pytest.approx([interval.low, interval.high])
    low, high = found["cohens_dz_ci95"]
    t = found["cohens_dz"] * 2.0
    assert stats.nct.cdf(t, 3, low * 2.0) == pytest.approx(0.975, abs=1e-6)
    assert stats.nct.cdf(t, 3, high * 2.0) == pytest.approx(0.025, abs=1e-6)
    spread = math.sqrt((np.var(first, ddof=1) + np.var(second, ddof=1)) / 2)
    correction = math.gamma(1.5) / (math.gamma(1.0) * math.sqrt(1.5))
    assert found["hedges_g_av"] == pytest.approx(differences.mean() / spread * correction)
    ratio = differences.std(ddof=1) / spread
    assert found["hedges_g_av_ci95"] == pytest.approx([low * ratio, high * ratio])


def test_hodges_lehmann_interval_holds_what_wilcoxon_does_not_reject():
    differences = np.array([1.2, -0.7, 2.9, 3.4, 0.3, 1.9, -1.1, 2.2, 4.6])
    found = hodges_lehmann(differences)
    low, high = found["hodges_lehmann_ci95"]
    assert low < found["hodges_lehmann"] < high
    for shift in np.linspace(-3.03, 6.03, 97):
        rejected = stats.wilcoxon(differences - shift, method="exact").pvalue < 0.05
        assert rejected == (not low <= shift <= high)


def test_hodges_lehmann_has_no_interval_below_six_animals():
    found = hodges_lehmann([1.0, 2.0, 3.0, 4.5, 7.0])
    assert found["hodges_lehmann"] == pytest.approx(3.25)  # of the 15 means of pairs
    assert found["hodges_lehmann_ci95"] is None
    assert hodges_lehmann([1.0, 2.0, 3.0, 4.5, 7.0, 8.0])["hodges_lehmann_ci95"] == [1.0, 8.0]


def test_hodges_lehmann_interval_of_many_animals_agrees_with_the_exact_one():
    rng = np.random.default_rng(3)
    differences = rng.normal(1.0, 2.0, 100)
    exact = hodges_lehmann(differences)["hodges_lehmann_ci95"]
    approximate = hodges_lehmann(np.append(differences, np.median(differences)))["hodges_lehmann_ci95"]
    assert approximate == pytest.approx(exact, abs=0.05)


def test_rank_biserial_by_hand():
    # ranks 1 (−1), 2 (2), 3 (3): (2 + 3 − 1) / 6; the animal without a difference is left out
    assert rank_biserial([-1.0, 2.0, 0.0, 3.0]) == pytest.approx(4 / 6)
    assert rank_biserial([0.0, 0.0]) is None


def test_shares_of_variance_by_hand():
    # means 1, 2, 6, all 3: between 3 x (4 + 1 + 9) = 42, within 2 + 2 + 2 = 6, ms within 1
    groups = [[0.0, 1.0, 2.0], [1.0, 2.0, 3.0], [5.0, 6.0, 7.0]]
    found = several_effects(groups)
    assert found["eta_squared"] == pytest.approx(42 / 48)
    assert found["epsilon_squared"] == pytest.approx(40 / 48)
    assert found["omega_squared"] == pytest.approx(40 / 49)
    low, high = found["omega_squared_ci95"]
    for bound, tail in ((low, 0.975), (high, 0.025)):
        assert stats.ncf.cdf(21.0, 2, 6, 9 * bound / (1 - bound)) == pytest.approx(tail, abs=1e-5)


def test_share_of_variance_of_like_groups_is_zero_and_not_below():
    found = several_effects([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [3.0, 2.0, 1.0]])
    assert found["omega_squared"] == found["eta_squared"] == 0.0
    assert found["omega_squared_ci95"] == [0.0, 0.0]


def test_share_of_variance_has_an_interval_only_where_spreads_are_taken_for_equal():
    found = several_effects([A, B, C], equal_spreads=False)
    assert found["omega_squared"] > 0.0
    assert found["omega_squared_ci95"] is found["ci95"] is None


def test_rank_share_is_that_of_kruskal_wallis():
    n = len(A) + len(B) + len(C)
    assert rank_epsilon_squared([A, B, C]) == pytest.approx(stats.kruskal(A, B, C).statistic / (n - 1))
    assert rank_epsilon_squared([[1, 1], [1, 1]]) is None


def test_ratio_of_means_solves_fiellers_equation():
    found = ratio_of_means(A, B)
    assert found["ratio_of_means"] == pytest.approx(np.mean(A) / np.mean(B))
    va, vb = np.var(A, ddof=1) / 5, np.var(B, ddof=1) / 4
    ratio = found["ratio_of_means"]
    df = (va + ratio**2 * vb) ** 2 / (va**2 / 4 + (ratio**2 * vb) ** 2 / 3)
    for bound in found["ratio_of_means_ci95"]:
        t = (np.mean(A) - bound * np.mean(B)) / math.sqrt(va + bound**2 * vb)
        assert abs(t) == pytest.approx(stats.t.isf(0.025, df))


@pytest.mark.parametrize("second", [[0.0, 0.0, 0.0], [-1.0, -2.0, 0.5], [0.0, 0.0, 9.0]])
def test_ratio_with_a_mean_near_zero_has_no_interval(second):
    found = ratio_of_means(A, second)
    assert found["ratio_of_means_ci95"] is None
    assert (found["ratio_of_means"] is None) == (sum(second) <= 0)


@pytest.mark.parametrize(
    ("first", "second"),
    [([0.0, 0.0], [0.0, 0.0]), ([1.0, 1.0, 1.0], [2.0, 2.0]), ([0.1] * 3, [0.1] * 9)],
)
def test_groups_without_spread_have_differences_and_no_standardized_effects(first, second):
    found = independent_effects(first, second)
    assert found["hedges_g"] is found["ci95"] is found["cohens_d"] is None
    assert found["mean_difference"] == first[0] - second[0]
    assert found["mean_difference_ci95"] is found["median_difference_ci95"] is None
    assert found["cliffs_delta"] == np.sign(first[0] - second[0])


def test_pairs_that_all_differ_alike_have_a_difference_and_no_standardized_effects():
    found = paired_effects([2.0, 3.0, 4.0], [1.0, 2.0, 3.0])
    assert found["cohens_dz"] is found["hedges_g_av"] is found["mean_difference_ci95"] is None
    assert found["mean_difference"] == found["hodges_lehmann"] == found["rank_biserial"] == 1.0


def test_differences_that_are_equal_but_for_rounding_have_no_standardized_effects():
    found = paired_effects([0.3, 0.2, 0.9], [0.2, 0.1, 0.8])
    assert found["cohens_dz"] is None
    assert found["mean_difference"] == pytest.approx(0.1)


def test_two_animals_per_group_give_wide_intervals():
    found = independent_effects([1.0, 2.0], [4.0, 6.0])
    low, high = found["mean_difference_ci95"]
    assert low < found["mean_difference"] < high
    assert all(item is not None for item in numbers(found))


@settings(deadline=None)
@given(
    st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=6),
    st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=6),
)
def test_no_number_is_ever_infinite_or_missing_its_value(first, second):
    n = min(len(first), len(second))
    for found in (
        independent_effects(first, second),
        paired_effects(first[:n], second[:n]),
        several_effects([first, second, first]),
        ratio_of_means(first, second),
    ):
        assert all(item is None or math.isfinite(item) for item in numbers(found))


def test_single_animals_and_unequal_pairs_are_refused():
    with pytest.raises(ToolFailedError, match="two animals in every group"):
        independent_effects([1.0], [1.0, 2.0])
    with pytest.raises(ToolFailedError, match="two animals in every group"):
        several_effects([[1.0, 2.0], []])
    with pytest.raises(ValueError, match="pairs"):
        paired_effects([1.0, 2.0], [1.0, 2.0, 3.0])


@pytest.mark.parametrize("t", [999.0, 1001.0, 2e3])
@pytest.mark.parametrize("df", [2.0, 9.0])
def test_noncentral_interval_far_from_zero_has_its_tails(t, df):
    low, high = _noncentral_interval(t, df, 1.0)
    assert special.nctdtr(df, low, t) == pytest.approx(0.975, abs=1e-4)
    assert special.nctdtr(df, high, t) == pytest.approx(0.025, abs=1e-4)


def test_noncentral_interval_with_next_to_no_spread_ends_and_flips_with_the_sign():
    low, high = _noncentral_interval(1e6, 5.0, 1.0)
    chi = [math.sqrt(stats.chi2.ppf(p, 5) / 5) * 1e6 for p in (0.025, 0.975)]
    assert [low, high] == pytest.approx(chi)
    assert _noncentral_interval(-1e6, 5.0, 1.0) == [-high, -low]


@pytest.mark.parametrize("f", [9.0, 1e3, 1e5, 1e9])
def test_share_of_nearly_all_variance_has_an_interval_with_its_tails(f):
    n = 23
    low, high = (share / (1.0 - share) * n for share in share_interval(f, 2, 20, n))
    assert low < 2 * f < high
    if f < 1e8:
        assert special.ncfdtr(2, 20, low, f) == pytest.approx(0.975, abs=1e-5)
        assert special.ncfdtr(2, 20, high, f) == pytest.approx(0.025, abs=1e-5)
