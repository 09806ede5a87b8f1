"""Slopes against scipy and statsmodels, doses by hand, and what has no trend."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ethochat.tools.errors import ToolFailedError
from ethochat.tools.statistics import correlate
from ethochat.tools.statistics.trend import dose_response, doses, linear_trend, time_trend

DOSE = [0.0, 0.0, 0.0, 0.5, 0.5, 0.5, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0]
VALUE = [10.0, 12, 11, 14, 12, 15, 13, 19, 16, 20, 29, 17]


class TestSlope:
    def test_equals_scipy(self):
        test = linear_trend(DOSE, VALUE)
        expected = stats.linregress(DOSE, VALUE)
        assert test.effect_size["slope"] == pytest.approx(expected.slope)
        assert test.effect_size["intercept"] == pytest.approx(expected.intercept)
        assert test.effect_size["r_squared"] == pytest.approx(expected.rvalue**2)
        assert (test.statistic, test.p_value, test.df) == pytest.approx(
            (expected.slope / expected.stderr, expected.pvalue, 10.0)
        )
        half = stats.t.ppf(0.975, 10) * expected.stderr
        assert test.effect_size["slope_ci95"] == pytest.approx([expected.slope - half, expected.slope + half])

    def test_hc3_equals_statsmodels(self):
        from statsmodels.regression.linear_model import OLS

        test = linear_trend(DOSE, VALUE, "hc3")
        design = np.column_stack([np.ones(12), DOSE])
        expected = OLS(VALUE, design).fit().get_robustcov_results("HC3", use_t=True)
        assert (test.statistic, test.p_value) == pytest.approx((expected.tvalues[1], expected.pvalues[1]))
        assert test.effect_size["slope_ci95"] == pytest.approx(expected.conf_int()[1].tolist())

    def test_permutation_goes_through_all_orders_of_few_animals(self):
        # Of 24 orders of four values only the given one and its mirror lie as close to a line.
        test = linear_trend([1.0, 2, 3, 4], [1.0, 2.1, 2.9, 4.2], "permutation")
        assert test.p_value == pytest.approx(2 / 24)
        again = linear_trend(DOSE, VALUE, "permutation")
        assert again.p_value == linear_trend(DOSE, VALUE, "permutation").p_value
        assert again.p_value < 0.01

    def test_values_on_a_line(self):
        test = linear_trend([0.0, 1, 2], [1.0, 3, 5])
        assert (test.statistic, test.p_value, test.effect_size["slope"]) == (None, 0.0, 2.0)
        assert "slope_ci95" not in test.effect_size
        assert "on a line" in (test.why or "")

    def test_checks_look_at_residuals_and_doses(self):
        test = linear_trend(DOSE, VALUE)
        assert [check.name for check in test.checks] == ["shapiro_wilk", "brown_forsythe"]
        groups = [[v for d, v in zip(DOSE, VALUE, strict=True) if d == dose] for dose in (0, 0.5, 1, 2)]
        assert test.checks[1].p_value == pytest.approx(stats.levene(*groups, center="median").pvalue)


class TestDoses:
    def test_every_dose_is_described(self):
        groups = linear_trend(DOSE, VALUE).groups
        assert list(groups) == ["0", "0.5", "1", "2"]
        assert (groups["0"].n, groups["0"].mean, groups["2"].median) == (3, 11.0, 20.0)

    def test_continuous_quantity_has_no_doses(self):
        assert doses([1.0, 2, 3], [1.0, 1, 2]) == {}
        assert doses([*range(13), 0.0], [0.0] * 14) == {}

    def test_dose_response_is_monotone_and_linear(self):
        monotone, trend = dose_response(DOSE, VALUE)
        assert monotone.statistic == correlate(DOSE, VALUE, "spearman").statistic
        assert trend == linear_trend(DOSE, VALUE)
        assert monotone.groups == trend.groups


class TestWhatHasNoTrend:
    @pytest.mark.parametrize("method", ["t", "hc3", "permutation"])
    @pytest.mark.parametrize(("x", "y"), [([1, 1, 1], [1, 2, 3]), ([1, 2, 3], [4, 4, 4])])
    def test_constant_quantity(self, x, y, method):
        test = linear_trend(x, y, method)
        assert test.p_value is None
        assert "the same in every animal" in (test.why or "")

    def test_too_few_animals(self):
        with pytest.raises(ToolFailedError, match="at least 3 animals"):
            linear_trend([1.0, 2], [1.0, 2])

    def test_infinite_value(self):
        with pytest.raises(ToolFailedError, match="finite"):
            linear_trend([1.0, 2, math.inf], [1.0, 2, 3])

    def test_unequal_numbers(self):
        with pytest.raises(ValueError, match="pairs"):
            linear_trend([1.0, 2, 3], [1.0, 2])

    def test_single_animal_at_a_dose_has_no_robust_error(self):
        test = linear_trend([0.0, 0, 0, 1], [1.0, 2, 4, 3], "hc3")
        assert test.p_value is None
        assert "single animal" in (test.why or "")


@pytest.mark.slow
def test_size_where_the_spread_grows_with_the_dose():
    """500 experiments without a trend: HC3 holds about 5 %, the usual t does not."""
    rng = np.random.default_rng(3)
    x = np.repeat([0, 0.5, 1, 2, 4], 4)
    drawn = [rng.normal(size=20) * (1 + x) for _ in range(500)]
    share = {
        method: np.mean([linear_trend(x, y, method).p_value < 0.05 for y in drawn]) for method in ("t", "hc3")
    }
    assert 0.03 <= share["hc3"] <= 0.09
    assert share["t"] > 0.1


pairs = st.lists(
    st.tuples(
        st.floats(-1e6, 1e6) | st.integers(0, 3).map(float),
        st.floats(-1e6, 1e6) | st.integers(-2, 2).map(float),
    ),
    min_size=3,
    max_size=12,
)


@settings(deadline=None, max_examples=80)
@given(pairs, st.sampled_from(["t", "hc3"]))
def test_every_number_is_finite(drawn, method):
    x, y = zip(*drawn, strict=True)
    for test in dose_response(x, y, method):
        found = [test.statistic, test.p_value, *test.effect_size.values()]
        flat = [n for item in found for n in (item if isinstance(item, list) else [item]) if n is not None]
        assert all(math.isfinite(n) for n in flat)
        assert test.p_value is None or 0.0 <= test.p_value <= 1.0
        assert test.why


@settings(deadline=None, max_examples=40)
@given(pairs, st.randoms(use_true_random=False))
def test_order_of_animals_changes_nothing(drawn, shuffler: random.Random):
    shuffled = list(drawn)
    shuffler.shuffle(shuffled)
    before, after = (linear_trend(*zip(*rows, strict=True)) for rows in (drawn, shuffled))
    assert after == before


@settings(deadline=None, max_examples=40)
@given(pairs)
def test_mirrored_dose_flips_the_sign_and_nothing_else(drawn):
    x, y = zip(*drawn, strict=True)
    before, after = linear_trend(x, y), linear_trend([-value for value in x], y)
    assert after.p_value == (None if before.p_value is None else pytest.approx(before.p_value, abs=1e-9))
    if before.p_value is not None:
        assert after.effect_size["slope"] == pytest.approx(-before.effect_size["slope"])


class TestTimeTrend:
    STARTS = {"0": 0.0, "1": 60.0, "2": 120.0}  # noqa: RUF012 - never changed

    def bins(self, lines):
        """Bins of animals whose values are listed in order of time."""
        return {
            name: {animal: line[place] for animal, line in lines.items() if place < len(line)}
            for place, name in enumerate(self.STARTS)
        }

    def test_is_the_t_test_of_the_animals_slopes(self):
        found = time_trend(self.bins({"a": [0, 1, 2], "b": [5, 5, 9], "c": [3, 1, 2]}), self.STARTS, "s")
        expected = stats.ttest_1samp([1.0, 2.0, -0.5], 0.0)  # per minute
        assert (found.statistic, found.p_value, found.df) == pytest.approx((*expected, 2))
        assert found.effect_size["slope"] == pytest.approx(2.5 / 3)
        assert found.effect_size["ci95"] == pytest.approx(list(expected.confidence_interval()))

    def test_slopes_that_differ_by_rounding_alone_give_no_p(self):
        lines = {"a": [0.1, 0.2, 0.3], "b": [0.3, 0.4, 0.5], "c": [1.1, 1.2, 1.3]}
        found = time_trend(self.bins(lines), self.STARTS, "s")
        assert found.p_value is None
        assert "the slope over time is the same in every animal" in found.why

    def test_animals_with_too_few_bins_are_counted_out_aloud(self):
        lines = {"a": [0, 1, 2], "b": [5, 5, 9], "c": [3, 1]}
        assert (
            "1 with fewer than three bins not counted" in time_trend(self.bins(lines), self.STARTS, "s").why
        )
        alone = time_trend(self.bins({"a": [0, 1, 2], "c": [3, 1]}), self.STARTS, "s")
        assert alone.p_value is None
        assert alone.why == "No test: expected at least two animals with three time bins and more, found 1."
