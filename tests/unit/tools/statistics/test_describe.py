"""One group of values: hand-worked summaries, fences and robust outliers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ethochat.tools.errors import ToolFailedError
from ethochat.tools.statistics import outlier_limits, robust_outliers, summarize
from ethochat.tools.statistics.describe import FEWEST_FOR_OUTLIERS


def named(values):
    return {f"m{place}": value for place, value in enumerate(values)}


def test_summary_by_hand():
    summary = summarize([1.0, 2.0, 3.0, 6.0])
    assert (summary.n, summary.mean, summary.median) == (4, 3.0, 2.5)
    assert summary.sd == pytest.approx(math.sqrt(14 / 3))
    assert summary.sem == pytest.approx(math.sqrt(14 / 3) / 2)
    # Student's t with 3 degrees of freedom is exceeded by 3.182446 in 2.5 %.
    half = 3.182446 * math.sqrt(14 / 3) / 2
    assert summary.ci95 == pytest.approx((3 - half, 3 + half), rel=1e-6)


def test_interval_of_the_mean_equals_scipy():
    values = [4.1, 5.0, 6.3, 5.5, 7.9]
    expected = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    assert summarize(values).ci95 == pytest.approx((expected.low, expected.high))


def test_summary_of_too_few_values():
    assert (summarize([5.0]).sd, summarize([5.0]).ci95, summarize([]).mean) == (None, None, None)


def test_equal_values_have_their_own_mean_and_no_interval():
    summary = summarize([0.1, 0.1, 0.1])  # whose sum is 0.30000000000000004
    assert (summary.mean, summary.sd, summary.sem, summary.ci95) == (0.1, 0.0, 0.0, None)


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e300])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(ToolFailedError, match="finite numbers"):
        summarize([1.0, value])


def test_fences_by_hand():
    assert outlier_limits([1.0, 2.0, 3.0, 4.0, 5.0]) == (-1.0, 7.0)
    with pytest.raises(ToolFailedError, match="at least 4"):
        outlier_limits([1.0, 2.0, 3.0])


def test_robust_outlier_by_hand():
    # Median 4, deviations 3 2 1 0 1 2 96: MAD 2, so that the limits are 4 ± 3.5 x 1.4826 x 2.
    found = robust_outliers(named([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 100.0]))
    assert found.animals == {"m6": pytest.approx(96 / (1.4826 * 2))}
    assert found.limits == pytest.approx((4 - 10.3782, 4 + 10.3782))
    assert "median absolute deviations" in found.rule


def test_where_half_the_values_are_equal_the_mean_deviation_takes_over():
    # Median 0 and MAD 0; the mean absolute deviation is 10 / 10 = 1.
    found = robust_outliers(named([0.0] * 9 + [10.0]))
    assert found.animals == {"m9": pytest.approx(10 / 1.253314)}
    assert "mean absolute deviations" in found.rule


def test_outliers_that_cannot_be_judged():
    few = robust_outliers(named([1.0, 2.0, 3.0, 1000.0]))
    assert (few.animals, few.limits) == ({}, None)
    assert str(FEWEST_FOR_OUTLIERS) in few.rule
    equal = robust_outliers(named([0.1 + 0.2, 0.3, 0.3, 0.3, 0.3]))
    assert (equal.animals, equal.limits) == ({}, None)
    assert "equal" in equal.rule


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(-1000, 1000), min_size=5, max_size=30), st.randoms(use_true_random=False))
def test_outliers_do_not_depend_on_order_and_lie_beyond_the_limits(values, random):
    animals = named(map(float, values))
    found = robust_outliers(animals)
    shuffled = list(animals.items())
    random.shuffle(shuffled)
    assert robust_outliers(dict(shuffled)) == found
    if found.limits is not None:
        low, high = found.limits
        beyond = {name for name, value in animals.items() if not low <= value <= high}
        # On the limit itself either side of rounding may fall.
        assert beyond ^ set(found.animals) <= {
            n for n, v in animals.items() if np.isclose(v, (low, high)).any()
        }
