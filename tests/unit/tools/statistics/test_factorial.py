"""Two-way ANOVA against statsmodels, what robust tests hold, and what cannot be tested."""

from __future__ import annotations

import itertools
import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ethochat.tools.errors import ToolFailedError
from ethochat.tools.statistics.factorial import two_way

Design = tuple[dict[str, float], dict[str, str], dict[str, str]]


def design(cells: dict[tuple[str, str], list[float]]) -> Design:
    """Animals of cells, named by cell."""
    values, a, b = {}, {}, {}
    for (first, second), numbers in cells.items():
        for place, number in enumerate(numbers):
            animal = f"{first}{second}{place}"
            values[animal], a[animal], b[animal] = number, first, second
    return values, a, b


BALANCED = design(
    {
        ("female", "CSI"): [4.0, 5.0, 6.0],
        ("female", "Control"): [7.0, 8.0, 9.0],
        ("male", "CSI"): [5.0, 6.0, 7.0],
        ("male", "Control"): [2.0, 3.0, 4.0],
    }
)
"""Cell means 5, 8, 6, 3; variance 1 in each cell."""

UNBALANCED = design(
    {
        ("f", "x"): [4.1, 5.3, 6.2, 5.0],
        ("f", "y"): [7.7, 8.1],
        ("f", "z"): [3.0, 4.4, 2.9],
        ("m", "x"): [5.5, 6.1, 7.2],
        ("m", "y"): [2.4, 3.9, 4.4, 3.1, 3.0],
        ("m", "z"): [9.0, 6.6],
    }
)


def frame(of: Design):
    import pandas as pd

    values, a, b = of
    return pd.DataFrame({"value": pd.Series(values), "a": pd.Series(a), "b": pd.Series(b)})


class TestBalancedByHand:
    def test_sums_of_squares(self):
        # Grand mean 5.5; levels 6.5 and 4.5, so SS(sex) = 12 * 1 = 12; both treatments 5.5, so 0;
        # interaction: cells off by -1.5, 1.5, 1.5, -1.5, so 12 * 2.25 = 27; error 8 with 8 df.
        sex, treatment, interaction = two_way(*BALANCED, ("sex", "treatment"))
        assert [test.term for test in (sex, treatment, interaction)] == ["sex", "treatment", "sex:treatment"]
        assert (sex.statistic, treatment.statistic, interaction.statistic) == pytest.approx((12.0, 0.0, 27.0))
        assert sex.df == interaction.df == (1.0, 8.0)
        assert sex.p_value == pytest.approx(stats.f.sf(12.0, 1, 8))

    def test_shares_and_estimates(self):
        sex, _, interaction = two_way(*BALANCED, ("sex", "treatment"))
        assert sex.effect_size["partial_eta_squared"] == pytest.approx(12 / 20)
        assert sex.effect_size["partial_omega_squared"] == pytest.approx(11 / (11 + 12))
        half = stats.t.ppf(0.975, 8) * math.sqrt(1 / 6 + 1 / 6)
        assert sex.effect_size["mean_difference"] == pytest.approx(2.0)
        assert sex.effect_size["mean_difference_ci95"] == pytest.approx([2 - half, 2 + half])
        # (5 - 8) - (6 - 3): cells in the order of their names, CSI before Control
        assert interaction.effect_size["difference_of_differences"] == pytest.approx(-6.0)

    def test_cells_are_described(self):
        interaction = two_way(*BALANCED, ("sex", "treatment"))[2]
        assert list(interaction.groups) == ["female, CSI", "female, Control", "male, CSI", "male, Control"]
        cell = interaction.groups["female, Control"]
        assert (cell.n, cell.mean, cell.sd) == (3, 8.0, 1.0)

    def test_significant_interaction_brings_simple_effects_and_caution(self):
        sex, _, interaction = two_way(*BALANCED, ("sex", "treatment"))
        assert "interaction sex x treatment is significant" in (sex.why or "")
        assert [effect.term for effect in interaction.posthoc] == [
            "treatment within sex female",
            "treatment within sex male",
            "sex within treatment CSI",
            "sex within treatment Control",
        ]
        first = interaction.posthoc[0]
        raw = stats.ttest_ind([4, 5, 6], [7, 8, 9], equal_var=False).pvalue
        assert list(first.groups) == ["female, CSI", "female, Control"]
        assert first.effect_size["p_uncorrected"] == pytest.approx(raw)
        assert first.p_value == pytest.approx(3 * raw)  # the largest difference is the other, of 5
        assert (first.correction, first.n_tests) == ("Holm", 4)

    def test_interaction_that_is_not_significant_brings_none(self):
        parallel = design({(a, b): [x + 3 * (a == "q") for x in (1.0, 2, 3)] for a in "pq" for b in "xy"})
        tests = two_way(*parallel)
        assert tests[2].posthoc == []
        assert "Caution" not in "".join(test.why or "" for test in tests)


class TestAgainstStatsmodels:
    @pytest.mark.parametrize("robust", [False, "hc3"])
    def test_unbalanced_is_type_three(self, robust):
        import statsmodels.formula.api as smf
        from statsmodels.stats.anova import anova_lm

        fit = smf.ols("value ~ C(a, Sum) * C(b, Sum)", frame(UNBALANCED)).fit()
        table = anova_lm(fit, typ=3, robust="hc3" if robust else None)
        expected = table.loc[["C(a, Sum)", "C(b, Sum)", "C(a, Sum):C(b, Sum)"]]
        found = two_way(*UNBALANCED, robust=robust)
        assert [test.statistic for test in found] == pytest.approx(expected["F"].tolist())
        assert [test.p_value for test in found] == pytest.approx(expected["PR(>F)"].tolist())

    def test_pairs_of_a_three_level_factor(self):
        import statsmodels.formula.api as smf

        fit = smf.ols("value ~ C(a, Sum) * C(b, Sum)", frame(UNBALANCED)).fit()
        pairs = two_way(*UNBALANCED)[1].posthoc
        assert [pair.term for pair in pairs] == ["b: x - y", "b: x - z", "b: y - z"]
        expected = fit.t_test("C(b, Sum)[S.x] - C(b, Sum)[S.y] = 0")
        assert pairs[0].effect_size["mean_difference"] == pytest.approx(expected.effect[0])
        assert pairs[0].effect_size["p_uncorrected"] == pytest.approx(float(expected.pvalue))
        assert pairs[0].effect_size["mean_difference_ci95"] == pytest.approx(expected.conf_int()[0].tolist())

    def test_share_interval_holds_the_noncentralities(self):
        # Steiger (2004): at its bounds the F found lies at the upper and the lower 2.5 %.
        test = two_way(*BALANCED)[0]
        low, high = test.effect_size["ci95"]
        assert stats.ncf.cdf(12.0, 1, 8, 12 * low / (1 - low)) == pytest.approx(0.975, abs=1e-6)
        assert stats.ncf.cdf(12.0, 1, 8, 12 * high / (1 - high)) == pytest.approx(0.025, abs=1e-6)


class TestUnequalVariances:
    def test_two_by_two_is_welch_on_the_contrast(self):
        # With one degree of freedom the test is Welch's: the estimate over the root of the cells' own errors.
        cells = {
            ("p", "x"): [1.0, 9, 3],
            ("p", "y"): [2.0, 2.5, 3],
            ("q", "x"): [5.0, 6, 4, 8],
            ("q", "y"): [1.0, 0],
        }
        errors = [np.var(numbers, ddof=1) / len(numbers) for numbers in cells.values()]
        below = sum(e**2 / (len(n) - 1) for e, n in zip(errors, cells.values(), strict=True))
        means = [np.mean(numbers) for numbers in cells.values()]
        test = two_way(*design(cells), robust=True)[0]
        assert test.name == "two_way_welch"
        assert test.statistic == pytest.approx((means[0] + means[1] - means[2] - means[3]) ** 2 / sum(errors))
        assert test.df == pytest.approx((1.0, sum(errors) ** 2 / below))
        half = stats.t.ppf(0.975, sum(errors) ** 2 / below) * math.sqrt(sum(errors)) / 2
        low, high = test.effect_size["mean_difference_ci95"]
        assert (high - low) / 2 == pytest.approx(half)

    def test_equal_spread_and_size_is_the_usual_f(self):
        # With equal variances and sizes in all cells the statistic is that of the ANOVA.
        plain, robust = two_way(*BALANCED), two_way(*BALANCED, robust=True)
        assert [test.statistic for test in robust] == pytest.approx([test.statistic for test in plain])
        assert robust[0].df == pytest.approx((1.0, 8.0))
        assert robust[0].effect_size["ci95"] is None  # the share's interval takes equal variances for granted

    def test_uneven_cells_are_warned_of(self):
        cells = {
            ("p", "x"): [1.0, 2, 3, 2, 1, 3],
            ("p", "y"): [2.0, 3, 3, 2],
            ("q", "x"): [1.0, 2, 2, 1],
            ("q", "y"): [9.0, 0, 5],
        }
        assert "can mislead" in (two_way(*design(cells))[0].why or "")
        assert "can mislead" not in (two_way(*design(cells), robust=True)[0].why or "")
        assert "can mislead" not in (two_way(*BALANCED)[0].why or "")

    @pytest.mark.slow
    def test_size_where_the_smallest_cell_varies_most(self):
        rng = np.random.default_rng(1)
        sizes = {("p", "x"): (12, 1), ("p", "y"): (12, 1), ("q", "x"): (12, 1), ("q", "y"): (4, 3)}
        rejected = {True: 0, False: 0}
        for _ in range(600):
            drawn = design({cell: rng.normal(0, sd, n).tolist() for cell, (n, sd) in sizes.items()})
            for robust in rejected:
                rejected[robust] += two_way(*drawn, robust=robust)[2].p_value < 0.05
        assert 0.03 <= rejected[True] / 600 <= 0.09
        assert rejected[False] / 600 > 0.2  # what equal variances would do to it


class TestWhatCannotBeTested:
    def test_empty_cell_is_named(self):
        missing = design({("f", "x"): [1.0, 2], ("f", "y"): [3.0, 5], ("m", "x"): [2.0, 2.5]})
        tests = two_way(*missing, ("sex", "treatment"))
        assert [test.p_value for test in tests] == [None, None, None]
        assert "no animal in (m, y)" in (tests[0].why or "")
        assert tests[2].groups["m, y"].n == 0

    def test_cell_with_one_animal_is_named(self):
        single = design(
            {("f", "x"): [1.0, 2], ("f", "y"): [3.0, 5], ("m", "x"): [2.0, 2.5], ("m", "y"): [1.0]}
        )
        assert "only one animal in (m, y)" in (two_way(*single)[0].why or "")

    @pytest.mark.parametrize("robust", [False, True, "hc3"])
    def test_constant_cells_give_no_test(self, robust):
        constant = design({(a, b): [float(ord(a)), float(ord(a))] for a in "pq" for b in "xy"})
        tests = two_way(*constant, robust=robust)
        assert all(test.p_value is None and "all equal" in (test.why or "") for test in tests)

    def test_single_level_is_refused(self):
        values, a, _ = BALANCED
        with pytest.raises(ToolFailedError, match=r"two levels of 'day'.*'1'"):
            two_way(values, a, dict.fromkeys(values, "1"), ("sex", "day"))

    def test_animals_without_a_level_are_left_out(self):
        values, a, b = BALANCED
        fewer = {animal: level for animal, level in b.items() if animal != "maleCSI0"}
        assert two_way(values, a, fewer)[2].groups["male, CSI"].n == 2

    def test_infinite_value_is_refused(self):
        values, a, b = BALANCED
        with pytest.raises(ToolFailedError, match="finite"):
            two_way(values | {"maleCSI0": math.inf}, a, b)


def test_checks_are_of_residuals_and_cells():
    shapiro, spread = two_way(*UNBALANCED)[2].checks
    values, a, b = UNBALANCED
    cells = itertools.product("fm", "xyz")
    numbers = [[values[animal] for animal in values if (a[animal], b[animal]) == cell] for cell in cells]
    expected = stats.shapiro(np.concatenate([np.array(n) - np.mean(n) for n in numbers]))
    assert (shapiro.about, shapiro.p_value) == ("residuals", pytest.approx(expected.pvalue))
    assert spread.p_value == pytest.approx(stats.levene(*numbers, center="median").pvalue)


# ----------------------------------------------------------------- properties
numbers = st.floats(-1e6, 1e6, allow_nan=False) | st.integers(-3, 3).map(float)


@st.composite
def designs(draw: st.DrawFn) -> Design:
    """Two or three by two cells of one to four animals, often with ties."""
    levels = ["x", "y", "z"][: draw(st.integers(2, 3))]
    return design(
        {(a, b): draw(st.lists(numbers, min_size=1, max_size=4)) for a in ("p", "q") for b in levels}
    )


def all_numbers(test) -> list[float]:
    """Every number a result holds, of its pairs and groups too."""
    found = [test.statistic, test.p_value]
    for item in (*test.effect_size.values(), test.df):
        found += list(item) if isinstance(item, list | tuple) else [item]
    for group in test.groups.values():
        found += [group.mean, group.sd, group.sem, *(group.ci95 or ())]
    for check in test.checks:
        found += [check.statistic, check.p_value]
    for pair in test.posthoc:
        found += all_numbers(pair)
    return [number for number in found if number is not None]


@settings(deadline=None, max_examples=60)
@given(designs(), st.sampled_from([False, True, "hc3"]))
def test_every_number_is_finite(drawn, robust):
    for test in two_way(*drawn, robust=robust):
        assert all(math.isfinite(number) for number in all_numbers(test))
        assert test.p_value is None or 0.0 <= test.p_value <= 1.0
        assert test.p_value is not None or test.why


@settings(deadline=None, max_examples=30)
@given(designs(), st.randoms(use_true_random=False))
def test_order_of_animals_changes_nothing(drawn, shuffler: random.Random):
    values, a, b = drawn
    animals = list(values)
    shuffler.shuffle(animals)
    again = two_way({animal: values[animal] for animal in animals}, a, b)
    assert again == two_way(values, a, b)


@settings(deadline=None, max_examples=30)
@given(designs())
def test_swapping_two_levels_flips_the_sign_and_nothing_else(drawn):
    values, a, b = drawn
    swapped = {animal: {"p": "q", "q": "p"}[level] for animal, level in a.items()}
    before, after = two_way(values, a, b)[0], two_way(values, swapped, b)[0]
    assert (after.p_value is None) == (before.p_value is None)
    if before.p_value is not None:
        assert after.p_value == pytest.approx(before.p_value, abs=1e-7)
        size = max(map(abs, values.values()))
        assert after.effect_size["mean_difference"] == pytest.approx(
            -before.effect_size["mean_difference"], abs=1e-9 * size
        )
