"""Tests of means against scipy and statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from ethochat.tools.statistics import compare_independent, compare_repeated, greenhouse_geisser_epsilon

A = [4.1, 5.0, 6.3, 5.5, 7.9]
B = [2.2, 3.1, 2.9, 4.8]
C = [9.0, 7.1, 8.8, 6.2, 7.7, 9.9]


@pytest.mark.parametrize(("test", "equal_var"), [("welch_t", False), ("student_t", True)])
def test_t_tests_equal_scipy(test, equal_var):
    result = compare_independent({"a": A, "b": B}, test)
    expected = stats.ttest_ind(A, B, equal_var=equal_var)
    assert (result.statistic, result.p_value, result.df) == pytest.approx(
        (expected.statistic, expected.pvalue, expected.df)
    )


def test_welch_with_a_constant_group_is_a_one_sample_test():
    # Without spread in the second group, t and its degrees of freedom are those of the first alone.
    result = compare_independent({"a": A, "b": [2.0, 2.0, 2.0]})
    expected = stats.ttest_1samp(A, 2.0)
    assert (result.statistic, result.p_value, result.df) == pytest.approx(
        (expected.statistic, expected.pvalue, 4.0)
    )


def test_anova_equals_scipy():
    result = compare_independent({"a": A, "b": B, "c": C}, "anova")
    expected = stats.f_oneway(A, B, C)
    assert (result.statistic, result.p_value) == pytest.approx((expected.statistic, expected.pvalue))
    assert result.df == (2.0, 12.0)


def test_anova_of_groups_far_apart_keeps_its_precision():
    # Within each group the variance is exactly 1e-6; scipy's difference of sums of squares is off here.
    step = 1e-3
    groups = {
        name: [center - step, center, center + step] for name, center in (("a", 0.0), ("b", 1e6), ("c", -1e6))
    }
    result = compare_independent(groups, "anova")
    assert result.statistic == pytest.approx(3 * 1e12 / 1e-6, rel=1e-4)


def test_welch_anova_equals_scipy_and_has_degrees_of_freedom():
    result = compare_independent({"a": A, "b": B, "c": C})
    expected = stats.f_oneway(A, B, C, equal_var=False)
    assert (result.statistic, result.p_value) == pytest.approx((expected.statistic, expected.pvalue))
    assert stats.f.sf(result.statistic, *result.df) == pytest.approx(result.p_value)


def test_welch_anova_of_two_groups_is_welchs_t_test():
    t, f = compare_independent({"a": A, "b": B}), compare_independent({"a": A, "b": B}, "welch_anova")
    assert (f.statistic, f.p_value) == pytest.approx((t.statistic**2, t.p_value))


def test_paired_t_equals_scipy():
    result = compare_repeated({"a": A[:4], "b": B})
    expected = stats.ttest_rel(A[:4], B)
    assert (result.statistic, result.p_value, result.df) == pytest.approx(
        (expected.statistic, expected.pvalue, 3.0)
    )
    interval = expected.confidence_interval()
    assert result.effect_size["mean_difference_ci95"] == pytest.approx([interval.low, interval.high])


def test_repeated_measures_anova_equals_statsmodels():
    import pandas as pd
    from statsmodels.stats.anova import AnovaRM

    table = np.column_stack([A, [3.0, 3.5, 2.2, 5.1, 4.4], C[:5]])
    long = pd.DataFrame(
        {"unit": np.repeat(range(5), 3), "condition": list("abc") * 5, "value": table.ravel()}
    )
    expected = AnovaRM(long, "value", "unit", ["condition"]).fit().anova_table.iloc[0]
    result = compare_repeated(dict(zip("abc", table.T, strict=True)))
    assert result.statistic == pytest.approx(expected["F Value"])
    assert result.effect_size["p_uncorrected"] == pytest.approx(expected["Pr > F"])
    epsilon = result.effect_size["epsilon"]
    assert result.df == pytest.approx((2 * epsilon, 8 * epsilon))
    assert result.p_value == pytest.approx(stats.f.sf(result.statistic, *result.df))


def test_shares_of_variance_by_hand():
    # Conditions 1 and 3, animals 0, 0 and 3 above them, and residuals of ±1 that cancel in rows and columns.
    table = {"a": [1.0 + 1, 1.0 - 1, 4.0], "b": [3.0 - 1, 3.0 + 1, 6.0]}
    effects = compare_repeated(table, "rm_anova").effect_size
    # Sums of squares: conditions 6 x 1, animals 2 x (1 + 1 + 4), residuals 4.
    assert effects["generalized_eta_squared"] == pytest.approx(6 / (6 + 12 + 4))
    assert effects["partial_eta_squared"] == pytest.approx(6 / (6 + 4))


def test_epsilon_is_one_under_sphericity_and_at_least_its_bound():
    spherical = np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]])
    assert greenhouse_geisser_epsilon(spherical) == pytest.approx(1.0)
    lopsided = np.array([[0.0, 1, 9], [0, 1, 3], [0, 1, 27], [0, 1, 2.0]])
    assert greenhouse_geisser_epsilon(lopsided) == pytest.approx(0.5)
    # Five animals under three conditions, whose epsilon other software gives as 0.558775.
    table = np.column_stack([[2.2, 3.1, 4.3, 4.1, 7.2], [1.1, 2.5, 4.1, 5.2, 6.4], [8.2, 4.5, 3.4, 6.2, 7.2]])
    assert greenhouse_geisser_epsilon(table) == pytest.approx(0.558775, abs=5e-7)
