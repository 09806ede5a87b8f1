"""Correlations against scipy, their intervals, and what cannot be correlated."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from ethochat.tools.errors import ToolFailedError, ToolRetryError
from ethochat.tools.statistics import CORRELATION_TESTS, correlate

X = [1.0, 2.0, 2.0, 4.0, 9.0, 3.0, 7.0, 5.0, 6.0]
Y = [2.0, 1.0, 5.0, 5.0, 8.0, 2.0, 3.0, 9.0, 4.0]


def test_pearson_equals_scipy():
    result, expected = correlate(X, Y, "pearson"), stats.pearsonr(X, Y)
    assert (result.statistic, result.p_value) == pytest.approx((expected.statistic, expected.pvalue))
    interval = expected.confidence_interval()
    assert result.effect_size["ci95"] == pytest.approx([interval.low, interval.high])
    assert result.df == 7.0


def test_spearman_of_many_equals_scipy():
    result, expected = correlate(X, Y), stats.spearmanr(X, Y)
    assert (result.statistic, result.p_value) == pytest.approx((expected.statistic, expected.pvalue))


def test_interval_of_rho_by_hand():
    # Bonett and Wright: atanh(rho) ± 1.96 sqrt((1 + rho²/2) / (n - 3)).
    result = correlate(X, Y)
    rho = result.statistic
    half = 1.959964 * math.sqrt((1 + rho**2 / 2) / 6)
    expected = [math.tanh(math.atanh(rho) - half), math.tanh(math.atanh(rho) + half)]
    assert result.effect_size["ci95"] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("y", [[2.0, 1.0, 4.0, 3.0, 5.0], [1.0, 1.0, 2.0, 3.0, 0.0]])
def test_spearman_of_few_goes_through_all_orders(y):
    x = [1.0, 2.0, 3.0, 4.0, 5.0]
    result = correlate(x, y)
    ranks = stats.rankdata(y)
    sums = np.array([np.dot(x, order) for order in itertools.permutations(ranks)])
    observed = np.dot(x, ranks)
    tail = min(np.mean(sums >= observed - 1e-9), np.mean(sums <= observed + 1e-9))
    assert result.p_value == pytest.approx(min(1.0, 2 * tail))
    assert "exact" in (result.why or "")


def test_perfect_order_of_few_animals_is_no_certainty():
    # Two of the 24 orders of four animals are as extreme.
    result = correlate([1, 2, 3, 4], [2, 4, 6, 8])
    assert (result.statistic, result.p_value) == (1.0, pytest.approx(2 / 24))
    assert "ci95" not in result.effect_size


def test_perfect_order_of_many_counts_the_orders_that_ties_allow():
    x = [float(k) for k in range(10)]
    assert correlate(x, x).p_value == pytest.approx(2 / math.factorial(10))
    tied = [0.0, 0.0, *x[2:]]
    assert correlate(tied, [-v for v in tied]).p_value == pytest.approx(4 / math.factorial(10))
    assert correlate(tied, [-v for v in tied]).statistic == -1.0


def test_values_on_a_line_have_p_zero_and_no_interval():
    result = correlate([1, 2, 3, 5], [3, 5, 7, 11], "pearson")
    assert (result.statistic, result.p_value, result.effect_size) == (1.0, 0.0, {})
    assert "on a line" in (result.why or "")


@pytest.mark.parametrize("method", CORRELATION_TESTS)
@pytest.mark.parametrize("x", [[1.0, 1.0, 1.0], [0.1 + 0.2, 0.3, 0.3]])
def test_constant_quantity_has_no_correlation(method, x):
    result = correlate(x, [1.0, 2.0, 3.0], method)
    assert (result.statistic, result.p_value) == (None, None)
    assert "No correlation" in (result.why or "")


def test_refusals():
    with pytest.raises(ToolFailedError, match="at least 3"):
        correlate([1.0, 2.0], [1.0, 2.0])
    with pytest.raises(ToolFailedError, match="finite"):
        correlate([1.0, 2.0, math.nan], [1.0, 2.0, 3.0])
    with pytest.raises(ToolRetryError, match="spearman, pearson"):
        correlate(X, Y, "kendall")
    with pytest.raises(ValueError, match="pairs"):
        correlate(X, Y[:-1])


pairs = st.lists(st.tuples(st.integers(-50, 50), st.integers(-50, 50)), min_size=3, max_size=14)


@pytest.mark.parametrize("method", CORRELATION_TESTS)
@settings(deadline=None, max_examples=40)
@given(pairs=pairs, shift=st.integers(-1000, 1000), random=st.randoms(use_true_random=False))
def test_order_shift_and_sign(method, pairs, shift, random):
    x, y = (np.array(values, dtype=float) for values in zip(*pairs, strict=True))
    assume(np.ptp(x) > 0 and np.ptp(y) > 0)
    result = correlate(x, y, method)
    assert 0.0 <= result.p_value <= 1.0
    low, high = result.effect_size.get("ci95", [-1.0, 1.0])
    assert -1.0 <= low <= result.statistic <= high <= 1.0
    places = list(range(x.size))
    random.shuffle(places)
    for other, sign in (
        (correlate(x[places], y[places], method), 1),
        (correlate(x + shift, y, method), 1),
        (correlate(y, x, method), 1),
        (correlate(x, -y, method), -1),
    ):
        assert other.statistic == pytest.approx(sign * result.statistic, abs=1e-9)
        assert other.p_value == pytest.approx(result.p_value, rel=1e-6, abs=1e-12)
