"""Own formulas against scipy and statsmodels, and what cannot be tested."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ethochat.tools.errors import ToolFailedError, ToolRetryError
from ethochat.tools.statistics import (
    compare_independent,
    compare_repeated,
    correlate,
    greenhouse_geisser_epsilon,
    hedges_g,
    holm,
    outlier_limits,
    summarize,
)

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


def test_anova_equals_scipy():
    result = compare_independent({"a": A, "b": B, "c": C}, "anova")
    expected = stats.f_oneway(A, B, C)
    assert (result.statistic, result.p_value) == pytest.approx((expected.statistic, expected.pvalue))
    assert result.df == (2.0, 12.0)


def test_welch_anova_equals_statsmodels():
    from statsmodels.stats.oneway import anova_oneway

    result = compare_independent({"a": A, "b": B, "c": C})
    expected = anova_oneway([A, B, C], use_var="unequal", welch_correction=True)
    assert result.name == "welch_anova"
    assert (result.statistic, result.p_value) == pytest.approx((expected.statistic, expected.pvalue))
    assert result.df == pytest.approx((expected.df_num, expected.df_denom))


def test_rank_tests_equal_scipy():
    assert compare_independent({"a": A, "b": B}, "mann_whitney_u").p_value == stats.mannwhitneyu(A, B).pvalue
    assert (
        compare_independent({"a": A, "b": B, "c": C}, "kruskal_wallis").p_value
        == stats.kruskal(A, B, C).pvalue
    )
    assert compare_repeated({"a": A[:4], "b": B}, "wilcoxon").p_value == stats.wilcoxon(A[:4], B).pvalue
    friedman = compare_repeated({"a": A[:4], "b": B, "c": C[:4]}, "friedman")
    assert friedman.p_value == stats.friedmanchisquare(A[:4], B, C[:4]).pvalue


def test_permutation_gives_the_same_p_every_time():
    first = compare_independent({"a": A, "b": B}, "permutation")
    assert first.p_value == compare_independent({"a": A, "b": B}, "permutation").p_value
    assert first.p_value == pytest.approx(4 / 126, abs=0.02)  # exact: of the 126 ways to deal nine animals


def test_paired_t_equals_scipy():
    result = compare_repeated({"a": A[:4], "b": B})
    expected = stats.ttest_rel(A[:4], B)
    assert result.name == "paired_t"
    assert (result.statistic, result.p_value) == pytest.approx((expected.statistic, expected.pvalue))
    interval = expected.confidence_interval()
    assert result.effect_size["mean_difference_ci95"] == pytest.approx([interval.low, interval.high])
    assert result.groups["a"].n == 4


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
    assert result.p_value >= expected["Pr > F"]
    assert result.correction == "Greenhouse-Geisser"


def test_epsilon_is_one_under_sphericity_and_at_least_its_bound():
    spherical = np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]])
    assert greenhouse_geisser_epsilon(spherical) == pytest.approx(1.0)
    lopsided = np.array([[0.0, 1, 9], [0, 1, 3], [0, 1, 27], [0, 1, 2.0]])
    assert greenhouse_geisser_epsilon(lopsided) == pytest.approx(0.5)


def test_hedges_g_by_hand():
    # means 2 and 4, pooled sd 1: d = -2; the exact factor for 4 degrees of freedom is 0.7979
    effect = hedges_g([1.0, 2.0, 3.0], [3.0, 4.0, 5.0])
    assert effect["cohens_d"] == pytest.approx(-2.0)
    assert effect["hedges_g"] == pytest.approx(-2 * math.gamma(2) / (math.gamma(1.5) * math.sqrt(2)))
    low, high = effect["ci95"]
    assert low < effect["hedges_g"] < high < 1


@pytest.mark.parametrize("method", ["pearson", "spearman"])
def test_correlation_equals_scipy(method):
    x, y = [1.0, 2.0, 2.0, 4.0, 9.0, 3.0, 7.0, 5.0, 6.0], [2.0, 1.0, 5.0, 5.0, 8.0, 2.0, 3.0, 9.0, 4.0]
    result = correlate(x, y, method)
    expected = stats.pearsonr(x, y) if method == "pearson" else stats.spearmanr(x, y)
    assert (result.statistic, result.p_value) == pytest.approx((expected.statistic, expected.pvalue))
    if method == "pearson":
        interval = expected.confidence_interval()
        assert result.effect_size["ci95"] == pytest.approx([interval.low, interval.high])


def test_perfect_order_of_few_animals_is_no_certainty():
    # Two of the 24 orders of four animals are as extreme.
    result = correlate([1, 2, 3, 4], [2, 4, 6, 8])
    assert (result.statistic, result.p_value) == (1.0, pytest.approx(2 / 24))


def test_holm_equals_statsmodels():
    from statsmodels.stats.multitest import multipletests

    p_values = [0.04, 0.001, 0.03, 0.2]
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1].tolist())


def test_summary_and_fences_by_hand():
    summary = summarize([1.0, 2.0, 3.0, 6.0])
    assert (summary.n, summary.mean, summary.median) == (4, 3.0, 2.5)
    assert summary.sd == pytest.approx(math.sqrt(14 / 3))
    assert summary.sem == pytest.approx(math.sqrt(14 / 3) / 2)
    assert (summarize([5.0]).sd, summarize([]).mean) == (None, None)
    assert outlier_limits([1.0, 2.0, 3.0, 4.0, 5.0]) == (-1.0, 7.0)


class TestRefusals:
    def test_single_animal(self):
        with pytest.raises(ToolFailedError, match="'b' has 1"):
            compare_independent({"a": A, "b": [1.0]})

    def test_empty_group(self):
        with pytest.raises(ToolFailedError, match="'b' has 0"):
            compare_independent({"a": A, "b": []})

    def test_one_group(self):
        with pytest.raises(ToolFailedError, match="two groups"):
            compare_independent({"a": A})

    def test_test_of_two_groups_for_three(self):
        with pytest.raises(ToolRetryError, match="welch_anova"):
            compare_independent({"a": A, "b": B, "c": C}, "welch_t")

    def test_test_for_independent_groups_on_pairs(self):
        with pytest.raises(ToolRetryError, match="paired_t"):
            compare_repeated({"a": A[:4], "b": B}, "welch_t")

    def test_constant_values_have_no_p(self):
        result = compare_independent({"a": [1.0, 1.0], "b": [2.0, 2.0]})
        assert (result.p_value, result.statistic) == (None, None)
        assert "no spread" in (result.why or "")
        assert result.groups["a"].mean == 1.0

    def test_constant_group_among_three_has_no_welch_anova(self):
        assert compare_independent({"a": A, "b": B, "c": [1.0, 1.0]}).p_value is None

    def test_equal_differences_have_no_p(self):
        assert compare_repeated({"a": [1.0, 2.0, 3.0], "b": [2.0, 3.0, 4.0]}).p_value is None

    def test_constant_quantity_has_no_correlation(self):
        result = correlate([1.0, 1.0, 1.0], [1.0, 2.0, 3.0])
        assert result.statistic is None
        assert "No correlation" in (result.why or "")

    def test_two_animals_have_no_correlation(self):
        with pytest.raises(ToolFailedError, match="at least 3"):
            correlate([1.0, 2.0], [1.0, 2.0])


finite = st.floats(-1e6, 1e6).map(lambda x: round(x, 3))


@given(st.lists(finite, min_size=2, max_size=12), st.lists(finite, min_size=2, max_size=12))
def test_no_result_is_ever_a_nan(a, b):
    result = compare_independent({"a": a, "b": b})
    for number in (result.statistic, result.p_value, *result.effect_size.values()):
        assert number is None or isinstance(number, list) or math.isfinite(number)
    assert result.p_value is None or 0 <= result.p_value <= 1
