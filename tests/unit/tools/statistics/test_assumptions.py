"""Assumptions are looked at, with what few animals can show, and what cannot be judged."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from ethochat.tools.statistics import brown_forsythe, mauchly, shapiro_wilk
from ethochat.tools.statistics.assumptions import check_independent, check_repeated

A = np.array([4.1, 5.0, 6.3, 5.5, 7.9])
B = np.array([2.2, 3.1, 2.9, 14.8])


def test_shapiro_wilk_equals_scipy():
    check, expected = shapiro_wilk(A, "a"), stats.shapiro(A)
    assert (check.statistic, check.p_value) == pytest.approx((expected.statistic, expected.pvalue))
    assert (check.about, check.holds) == ("a", True)
    assert "seldom seen" in (check.note or "")
    skewed = shapiro_wilk(B, "b")
    assert (skewed.holds, skewed.note) == (False, None)


@pytest.mark.parametrize("scale", [1e-40, 1e40])
def test_shapiro_wilk_does_not_depend_on_the_unit(scale):
    assert shapiro_wilk(A * scale, "a").p_value == pytest.approx(stats.shapiro(A).pvalue)


def test_normality_that_cannot_be_judged():
    for values, words in (
        (np.array([1.0, 2.0]), "at least 3"),
        (np.array([0.1 + 0.2, 0.3, 0.3]), "All values are equal"),
        (np.random.default_rng(0).normal(size=5001), "5000"),
    ):
        check = shapiro_wilk(values, "a")
        assert (check.holds, check.p_value) == (None, None)
        assert words in (check.note or "")


def test_brown_forsythe_equals_scipy():
    check = brown_forsythe({"a": A, "b": B})
    expected = stats.levene(A, B, center="median")
    assert (check.statistic, check.p_value) == pytest.approx((expected.statistic, expected.pvalue))
    assert check.holds is True
    assert "4 animals" in (check.note or "")


def test_variances_of_two_animals_each_cannot_be_judged():
    check = brown_forsythe({"a": np.array([1.0, 2.0]), "b": np.array([1.0, 9.0])})
    assert (check.holds, check.p_value) == (None, None)
    assert "Cannot be judged" in (check.note or "")


def test_mauchly_as_other_software_gives_it():
    # W 0.2104 and p 0.0965 for five animals under three conditions.
    table = np.column_stack([[2.2, 3.1, 4.3, 4.1, 7.2], [1.1, 2.5, 4.1, 5.2, 6.4], [8.2, 4.5, 3.4, 6.2, 7.2]])
    check = mauchly(table)
    assert (check.statistic, check.p_value) == pytest.approx((0.21037, 0.09649), abs=5e-6)
    assert check.holds is True
    assert "epsilon 0.559" in (check.note or "")


def test_mauchly_holds_its_size_and_sees_lopsided_covariances():
    rng = np.random.default_rng(4)
    round_ones = [mauchly(rng.normal(size=(12, 4))).holds for _ in range(400)]
    assert 0.02 < 1 - np.mean(round_ones) < 0.09
    lopsided = rng.normal(size=(12, 4)) * [1.0, 1.0, 1.0, 20.0]
    assert mauchly(lopsided).holds is False


def test_sphericity_that_cannot_be_judged():
    few = mauchly(np.random.default_rng(0).normal(size=(3, 4)))
    assert few.holds is None
    assert "3 animals and 4 conditions" in (few.note or "")
    parallel = mauchly(np.add.outer([0.1, 0.2, 0.3, 0.7, 0.9], [0.1, 0.3, 0.2]))
    assert parallel.holds is None
    assert "change alike" in (parallel.note or "")


def test_what_is_looked_at_for_which_test():
    groups = {"a": A, "b": B}
    for test, names in (
        ("welch_t", ["shapiro_wilk", "shapiro_wilk", "brown_forsythe"]),
        ("anova", ["shapiro_wilk", "shapiro_wilk", "brown_forsythe"]),
        ("mann_whitney_u", ["brown_forsythe"]),
        ("permutation", ["brown_forsythe"]),
    ):
        assert [check.name for check in check_independent(test, groups)] == names
    notes = {
        test: check_independent(test, groups)[-1].note or ""
        for test in ("welch_t", "anova", "mann_whitney_u")
    }
    assert "does not assume equal variances" in notes["welch_t"]
    assert "does not assume" not in notes["anova"]
    assert "medians only where" in notes["mann_whitney_u"]
    table = np.random.default_rng(0).normal(size=(6, 3))
    assert [check.about for check in check_repeated("rm_anova", table)] == ["residuals", "sphericity"]
    assert [check.about for check in check_repeated("paired_t", table[:, :2])] == ["differences"]
    assert check_repeated("friedman", table) == []
    assert check_repeated("wilcoxon", table[:, :2]) == []
