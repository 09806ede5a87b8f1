"""Pairs after several groups: against scipy and hand-worked ranks, their corrections and intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from ethochat.tools.errors import ToolRetryError
from ethochat.tools.statistics import holm, posthoc_independent, posthoc_repeated
from ethochat.tools.statistics.posthoc import _critical_range

GROUPS = {
    "a": [4.1, 5.0, 6.3, 5.5, 7.9],
    "b": [2.2, 3.1, 2.9, 4.8],
    "c": [9.0, 7.1, 8.8, 6.2, 7.7, 9.9],
}
REPEATED = {
    "a": [4.1, 5.0, 6.3, 5.5, 7.9, 6.0],
    "b": [2.2, 3.1, 2.9, 4.8, 6.1, 6.6],
    "c": [9.0, 7.1, 8.8, 6.2, 7.7, 9.9],
}
PAIRS = [("a", "b"), ("a", "c"), ("b", "c")]


def pairs_of(results):
    return [tuple(result.groups) for result in results]


@pytest.mark.parametrize(
    ("test", "method", "equal_var"), [("welch_anova", "games_howell", False), ("anova", "tukey_hsd", True)]
)
def test_studentized_range_equals_scipy(test, method, equal_var):
    results = posthoc_independent(GROUPS, test)
    expected = stats.tukey_hsd(*GROUPS.values(), equal_var=equal_var)
    interval = expected.confidence_interval(0.95)
    assert pairs_of(results) == PAIRS
    for result, (i, j) in zip(results, [(0, 1), (0, 2), (1, 2)], strict=True):
        assert result.name == method
        assert result.p_value == pytest.approx(expected.pvalue[i, j])
        assert result.effect_size["mean_difference"] == pytest.approx(expected.statistic[i, j])
        assert result.effect_size["mean_difference_ci95"] == pytest.approx(
            [interval.low[i, j], interval.high[i, j]], rel=1e-4
        )
        assert (result.n_tests, result.correction) == (
            3,
            {"games_howell": "Games-Howell"}.get(method, "Tukey"),
        )


def test_statistic_of_games_howell_is_welchs_t():
    result = posthoc_independent(GROUPS, "welch_anova")[0]
    expected = stats.ttest_ind(GROUPS["a"], GROUPS["b"], equal_var=False)
    assert (result.statistic, result.df) == pytest.approx((expected.statistic, expected.df))


def test_statistic_of_tukey_is_the_studentized_range():
    result = posthoc_independent(GROUPS, "anova")[0]
    df = sum(map(len, GROUPS.values())) - 3
    assert result.df == df
    assert stats.studentized_range.sf(abs(result.statistic), 3, df) == pytest.approx(result.p_value)


@pytest.mark.parametrize("k", [3, 7, 12])
@pytest.mark.parametrize("df", [1.3, 2.0, 4.7, 60.0, 900.0])
def test_critical_range_is_that_of_scipy(k, df):
    assert stats.studentized_range.sf(_critical_range(k, df), k, df) == pytest.approx(0.05, abs=1e-6)


def test_interval_and_p_agree_about_zero():
    rng = np.random.default_rng(3)
    for _ in range(6):
        groups = {name: rng.normal(rng.normal(), rng.uniform(0.5, 2), size=6) for name in "abc"}
        for test in ("welch_anova", "anova"):
            for result in posthoc_independent(groups, test):
                low, high = result.effect_size["mean_difference_ci95"]
                assert (result.p_value < 0.05) == (not low <= 0.0 <= high)


def test_dunn_by_hand():
    # Mean ranks 2, 5 and 8 of nine animals without ties: standard error sqrt(9 x 10 / 12 x 2 / 3) = sqrt(5).
    groups = {"a": [1.0, 2.0, 3.0], "b": [4.0, 5.0, 6.0], "c": [7.0, 8.0, 9.0]}
    results = posthoc_independent(groups, "kruskal_wallis")
    assert [result.statistic for result in results] == pytest.approx(
        [-3 / math.sqrt(5), -6 / math.sqrt(5), -3 / math.sqrt(5)]
    )
    single = [2 * stats.norm.sf(abs(result.statistic)) for result in results]
    assert [result.p_value for result in results] == pytest.approx(holm(single))
    assert results[1].effect_size == {"cliffs_delta": -1.0, "mean_rank_difference": -6.0}
    assert {result.correction for result in results} == {"Holm"}


def test_dunn_corrects_for_ties():
    # Ranks 1.5 1.5 | 3.5 3.5 | 5.5 5.5: three ties of two take 3 x (8 - 2) / (12 x 5) = 0.3 off 6 x 7 / 12.
    groups = {"a": [1.0, 1.0], "b": [2.0, 2.0], "c": [3.0, 3.0]}
    result = posthoc_independent(groups, "kruskal_wallis")[0]
    assert result.statistic == pytest.approx(-2 / math.sqrt(3.5 - 0.3))


def test_two_groups_of_dunn_are_kruskal_wallis():
    # The squared z of all animals in two groups is H.
    a, b = GROUPS["a"], GROUPS["c"]
    (result,) = posthoc_independent({"a": a, "b": b}, "kruskal_wallis")
    assert result.statistic**2 == pytest.approx(stats.kruskal(a, b).statistic)


def test_dunnett_equals_scipy():
    results = posthoc_independent(GROUPS, "anova", control="b")
    expected = stats.dunnett(GROUPS["a"], GROUPS["c"], control=GROUPS["b"], rng=np.random.default_rng(0))
    interval = expected.confidence_interval()
    assert pairs_of(results) == [("a", "b"), ("c", "b")]
    for place, result in enumerate(results):
        assert (result.name, result.correction, result.n_tests) == ("dunnett", "Dunnett", 2)
        assert result.statistic == pytest.approx(expected.statistic[place])
        assert result.p_value == pytest.approx(expected.pvalue[place], abs=2e-4)
        # Both integrate at random points: the half-widths agree to about a thousandth.
        low, high = result.effect_size["mean_difference_ci95"]
        assert high - low == pytest.approx(interval.high[place] - interval.low[place], rel=5e-3)


def test_dunnett_of_far_groups_is_not_lost_in_the_integration():
    far = {"control": [0.0, 1.0, 2.0, 1.0], "x": [100.0, 101.0, 102.0, 101.0], "y": [1.0, 2.0, 1.0, 0.0]}
    result = posthoc_independent(far, "anova", control="control")[0]
    single = 2 * stats.t.sf(abs(result.statistic), 9)
    assert single <= result.p_value <= 2 * single


def test_dunnett_with_constant_groups_warns_of_nothing():
    results = posthoc_independent(
        {"a": [5.0] * 3, "b": [7.0] * 3, "c": [1.0, 2.0, 4.0]}, "anova", control="a"
    )
    assert [result.p_value < 0.05 for result in results] == [False, True]


def test_welch_against_a_control_with_holm():
    results = posthoc_independent(GROUPS, "welch_anova", control="b")
    single = [stats.ttest_ind(GROUPS[name], GROUPS["b"], equal_var=False).pvalue for name in ("a", "c")]
    assert [result.p_value for result in results] == pytest.approx(holm(single))
    assert {result.name for result in results} == {"welch_t_holm"}
    assert all("mean_difference_ci95" not in result.effect_size for result in results)


@pytest.mark.parametrize(
    ("test", "method", "single"),
    [
        ("rm_anova", "paired_t_holm", lambda a, b: stats.ttest_rel(a, b).pvalue),
        ("friedman", "wilcoxon_holm", lambda a, b: stats.wilcoxon(a, b).pvalue),
    ],
)
def test_pairs_of_conditions_with_holm(test, method, single):
    results = posthoc_repeated(REPEATED, test)
    assert pairs_of(results) == PAIRS
    expected = holm([single(REPEATED[first], REPEATED[second]) for first, second in PAIRS])
    assert [result.p_value for result in results] == pytest.approx(expected)
    assert {(result.name, result.correction, result.n_tests) for result in results} == {(method, "Holm", 3)}
    against = posthoc_repeated(REPEATED, test, control="c")
    assert pairs_of(against) == [("a", "c"), ("b", "c")]


def test_a_pair_that_cannot_be_tested_is_said_and_not_counted():
    groups = {"a": [1.0, 2.0, 4.0], "b": [1.0, 2.0, 4.0], "c": [3.0, 3.0, 9.0]}
    results = posthoc_repeated(groups, "friedman")
    assert (results[0].p_value, results[1].n_tests) == (None, 2)
    assert "No test" in (results[0].why or "")
    flat = posthoc_independent(
        {"a": [1.0, 1.0], "b": [2.0, 2.0], "c": [1.0, 5.0]}, "anova", method="games_howell"
    )
    assert [result.p_value is None for result in flat] == [True, False, False]


def test_words_name_method_and_direction():
    assert posthoc_independent(GROUPS, "welch_anova")[2].why == (
        "Games-Howell test of all pairs, variances not assumed equal; differences are b minus c."
    )
    assert "p is exact" in (posthoc_repeated(REPEATED, "friedman")[0].why or "")


def test_names_that_do_not_fit_are_refused():
    with pytest.raises(ToolRetryError, match="games_howell, tukey_hsd"):
        posthoc_independent(GROUPS, "anova", method="scheffe")
    with pytest.raises(ToolRetryError, match="name the control"):
        posthoc_independent(GROUPS, "anova", method="dunnett")
    with pytest.raises(ToolRetryError, match="all pairs"):
        posthoc_independent(GROUPS, "anova", method="tukey_hsd", control="a")
    with pytest.raises(ToolRetryError, match="no group 'vehicle'"):
        posthoc_independent(GROUPS, "anova", control="vehicle")
    with pytest.raises(ToolRetryError, match="paired_t_holm"):
        posthoc_repeated(REPEATED, "rm_anova", method="tukey_hsd")
