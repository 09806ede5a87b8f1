"""Tests by ranks: how p is found, ties, zeros, and agreement with scipy."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from ethochat.tools.statistics import compare_independent, compare_repeated

A = [4.1, 5.0, 6.3, 5.5, 7.9]
B = [2.2, 3.1, 2.9, 4.8]
C = [9.0, 7.1, 8.8, 6.2, 7.7, 9.9]


def u_test(a, b):
    return compare_independent({"a": a, "b": b}, "mann_whitney_u")


def signed_ranks(differences):
    return compare_repeated({"a": differences, "b": [0.0] * len(differences)}, "wilcoxon")


def test_u_of_few_animals_without_ties_is_exact():
    result = u_test(A, B)
    # 19 of the 20 pairs have the first group above: with U = 19, two of 126 deals lie beyond on either side.
    assert result.statistic == 19.0
    assert result.p_value == pytest.approx(2 * 2 / math.comb(9, 4))
    assert "p is exact" in (result.why or "")


def test_u_with_ties_or_many_animals_is_approximate_and_says_why():
    tied = u_test([1.0, 2.0, 2.0, 5.0], [2.0, 6.0, 7.0])
    assert tied.p_value == stats.mannwhitneyu([1, 2, 2, 5], [2, 6, 7], method="asymptotic").pvalue
    assert "there are ties" in (tied.why or "")
    many, others = [float(k * k) for k in range(9)], [k + 0.5 for k in range(9)]
    assert u_test(many, others).p_value == stats.mannwhitneyu(many, others).pvalue
    assert "normal approximation" in (u_test(many, others).why or "")


def test_values_that_differ_by_rounding_are_ties():
    result = u_test([0.1 + 0.2, 0.5, 0.9], [0.3, 0.4, 0.45])
    assert result.statistic == 6.5
    assert "there are ties" in (result.why or "")


def test_kruskal_wallis_equals_scipy_and_says_where_it_is_rough():
    result = compare_independent({"a": A, "b": B, "c": C}, "kruskal_wallis")
    expected = stats.kruskal(A, B, C)
    assert (result.statistic, result.p_value, result.df) == (expected.statistic, expected.pvalue, 2.0)
    assert "rough for 4 animals" in (result.why or "")
    assert "rough" not in (compare_independent({"a": A, "c": C}, "kruskal_wallis").why or "")


def test_wilcoxon_of_few_animals_without_ties_is_exact():
    result = signed_ranks([1.0, 2.0, -3.0, 4.0, 5.0])
    # Only ranks that sum to 3 or less are as extreme: {}, {1}, {2}, {3}, {1, 2}, of 32 on either side.
    assert result.statistic == 3.0
    assert result.p_value == pytest.approx(2 * 5 / 32)


@pytest.mark.parametrize("differences", [[1.0, 1.0, -2.0, 3.0, 3.0], [0.3, 0.2, 0.3, -0.2, 0.5, 0.2]])
def test_wilcoxon_with_ties_goes_through_all_signs(differences):
    ranks = stats.rankdata(np.abs(differences))
    observed = float(ranks[np.array(differences) > 0].sum())
    sums = [
        sum(r for r, up in zip(ranks, signs, strict=True) if up)
        for signs in itertools.product((0, 1), repeat=ranks.size)
    ]
    tail = min(np.mean(np.array(sums) >= observed), np.mean(np.array(sums) <= observed))
    result = signed_ranks(differences)
    assert result.p_value == pytest.approx(min(1.0, 2 * tail))
    assert "exact" in (result.why or "")


def test_wilcoxon_sees_ties_of_differences_through_rounding():
    # 0.3 - 0.2 and 0.2 - 0.1 are equal; scipy ranks them apart.
    result = compare_repeated({"a": [0.3, 0.2, 0.5, 0.1], "b": [0.2, 0.1, 0.1, 0.3]}, "wilcoxon")
    assert result.statistic == 3.0  # 0.2 down, behind the two of 0.1 up
    # As extreme are the sums 0, 1.5, 1.5, 3 and 3 of the ranks 1.5, 1.5, 3 and 4.
    assert result.p_value == pytest.approx(2 * 5 / 16)


def test_animals_without_a_difference_are_left_out_and_counted():
    result = signed_ranks([0.0, 1.0, 2.0, 0.0, 3.0])
    assert result.p_value == pytest.approx(2 / 8)
    assert "2 of 5 animals do not differ" in (result.why or "")


def test_wilcoxon_of_many_animals_is_approximate_with_continuity_correction():
    differences = [(-1) ** k * (k + 1.0) + 7 for k in range(60)]
    result = signed_ranks(differences)
    expected = stats.wilcoxon(differences, correction=True, method="asymptotic")
    assert (result.statistic, result.p_value) == (expected.statistic, expected.pvalue)
    assert "continuity correction" in (result.why or "")


def test_friedman_equals_scipy_and_has_kendalls_w():
    result = compare_repeated({"a": A[:4], "b": B, "c": C[:4]}, "friedman")
    expected = stats.friedmanchisquare(A[:4], B, C[:4])
    assert (result.statistic, result.p_value) == (expected.statistic, expected.pvalue)
    assert result.effect_size["kendalls_w"] == pytest.approx(expected.statistic / 8)
    agreed = compare_repeated({"a": [1.0, 2.0], "b": [2.0, 3.0], "c": [3.0, 9.0]}, "friedman")
    assert agreed.effect_size["kendalls_w"] == pytest.approx(1.0)
    assert "rough for 2 animals" in (agreed.why or "")
