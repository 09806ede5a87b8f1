"""Equivalence: both one-sided tests against statsmodels, margins in all units, and the words of the verdict."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.weightstats import ttost_ind, ttost_paired

from ethochat.tools.errors import ToolFailedError, ToolRetryError
from ethochat.tools.statistics import equivalence

A = [4.1, 5.0, 6.3, 5.5, 7.9, 6.2]
B = [4.4, 5.2, 6.0, 5.1, 7.0]


def test_welch_equals_statsmodels_and_scipy():
    result = equivalence({"a": A, "b": B}, 2.0)
    p, lower, upper = ttost_ind(A, B, -2.0, 2.0, usevar="unequal")
    assert result.name == "tost_welch"
    assert result.p_value == pytest.approx(p)
    assert result.effect_size["p_above_lower_margin"] == pytest.approx(lower[1])
    assert result.effect_size["p_below_upper_margin"] == pytest.approx(upper[1])
    assert result.p_value == pytest.approx(max(lower[1], upper[1]))
    welch = stats.ttest_ind(A, B, equal_var=False)
    interval = welch.confidence_interval(0.9)
    assert result.effect_size["mean_difference_ci90"] == pytest.approx([interval.low, interval.high])
    assert result.df == pytest.approx(welch.df)


def test_paired_equals_statsmodels():
    result = equivalence({"a": A[:5], "b": B}, 1.0, repeated=True)
    p, _, _ = ttost_paired(np.array(A[:5]), np.array(B), -1.0, 1.0)
    assert (result.name, result.p_value, result.df) == ("tost_paired", pytest.approx(p), 4.0)
    interval = stats.ttest_rel(A[:5], B).confidence_interval(0.9)
    assert result.effect_size["mean_difference_ci90"] == pytest.approx([interval.low, interval.high])


def test_margins_in_all_units():
    groups = {"a": A, "b": B}

    def margin(*args, **kwargs):
        return equivalence(groups, *args, **kwargs).effect_size["margin"]

    pooled = np.sqrt((5 * np.var(A, ddof=1) + 4 * np.var(B, ddof=1)) / 9)
    assert margin(1.5) == 1.5
    assert margin(0.5, unit="sd") == pytest.approx(0.5 * pooled)
    assert margin(0.5, unit="sd", reference="a") == pytest.approx(0.5 * np.std(A, ddof=1))
    assert margin(20, unit="percent") == pytest.approx(0.2 * np.mean(B))
    assert margin(20, unit="percent", reference="a") == pytest.approx(0.2 * np.mean(A))


def test_words_of_the_verdict():
    same = equivalence({"a": A, "b": B}, 5.0)
    assert same.p_value < 0.05
    assert "are equivalent within ±5" in same.why
    wide = equivalence({"a": A, "b": B}, 0.1)
    assert "not shown to be equivalent within ±0.1" in wide.why
    assert "does not show that they differ" in wide.why
    assert "fixed beforehand" in equivalence({"a": A, "b": B}, 0.5, unit="sd").why
    assert "20 % of the mean of 'b'" in equivalence({"a": A, "b": B}, 20, unit="percent").why
    assert "fixed beforehand" not in same.why


numbers = st.lists(st.integers(-20, 20).map(float), min_size=2, max_size=8)


def test_verdict_names_the_interval_it_rests_on():
    result = equivalence({"a": [1.0, 2.0, 3.0, 4.0], "b": [1.5, 2.5, 2.0, 3.5]}, 5.0)
    low, high = result.effect_size["mean_difference_ci90"]
    assert f"the 90 % interval of their difference ({low:.4g} to {high:.4g}) lies within it" in result.why


@settings(deadline=None, max_examples=50)
@given(a=numbers, b=numbers, margin=st.sampled_from([0.5, 2.0, 10.0]))
def test_significant_exactly_where_the_interval_lies_within_and_the_same_both_ways(a, b, margin):
    result = equivalence({"a": a, "b": b}, margin)
    turned = equivalence({"b": b, "a": a}, margin)
    if result.p_value is None:
        assert turned.p_value is None
        return
    low, high = result.effect_size["mean_difference_ci90"]
    if abs(result.p_value - 0.05) > 1e-9:
        assert (result.p_value < 0.05) == (-margin < low and high < margin)
    assert turned.p_value == pytest.approx(result.p_value)
    assert turned.effect_size["mean_difference_ci90"] == pytest.approx([-high, -low])


def test_without_spread_there_is_no_test():
    result = equivalence({"a": [1.0, 1.0], "b": [1.0, 1.0]}, 1.0)
    assert (result.p_value, result.why.startswith("No test")) == (None, True)
    paired = equivalence({"a": [0.1, 0.2, 0.3], "b": [0.2, 0.3, 0.4]}, 1.0, repeated=True)
    assert paired.p_value is None


def test_margins_that_the_data_cannot_give():
    with pytest.raises(ToolFailedError, match="mean of 'b' is zero"):
        equivalence({"a": A, "b": [-1.0, 1.0]}, 10, unit="percent")
    with pytest.raises(ToolFailedError, match="'b' are all equal"):
        equivalence({"a": A, "b": [1.0, 1.0]}, 1, unit="sd", reference="b")
    with pytest.raises(ToolFailedError, match="both groups are all equal"):
        equivalence({"a": [2.0, 2.0], "b": [1.0, 1.0]}, 1, unit="sd")


def test_refusals():
    with pytest.raises(ToolRetryError, match="two groups, got 3"):
        equivalence({"a": A, "b": B, "c": A}, 1.0)
    for margin in (0.0, -1.0, float("nan")):
        with pytest.raises(ToolRetryError, match="above zero"):
            equivalence({"a": A, "b": B}, margin)
    with pytest.raises(ToolRetryError, match="reference"):
        equivalence({"a": A, "b": B}, 1.0, unit="sd", reference="vehicle")
    with pytest.raises(ToolRetryError, match="raw, sd or percent"):
        equivalence({"a": A, "b": B}, 1.0, unit="cm")
