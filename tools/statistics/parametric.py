"""Tests of means: t tests and analyses of variance, on arrays that were checked before.

A result has a p value, or says in ``why`` that there is none; a ``why`` beside a p value is a note to add.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ethochat.tools.evidence import TestResult
from ethochat.tools.statistics.results import (
    Vector,
    all_equal,
    constant,
    f_result,
    noted,
    result_of,
    scale_of,
    untested,
)

Groups = Mapping[str, Vector]


def two_sample_t(groups: Groups, *, equal_var: bool) -> TestResult:
    """Welch's t test (Welch 1947), or Student's for equal variances; first group minus second."""
    from scipy import stats

    name = "student_t" if equal_var else "welch_t"
    flat = [label for label, equal in zip(groups, constant(list(groups.values())), strict=True) if equal]
    if len(flat) == 2:
        return untested(name, "the values within each group are all equal")
    # t does not depend on where zero is; with a constant group there, scipy sees no loss of precision.
    zero = float(groups[flat[0]][0]) if flat else 0.0
    a, b = (values - zero for values in groups.values())
    found = stats.ttest_ind(a, b, equal_var=equal_var)
    result = result_of(name, found.statistic, found.pvalue, float(found.df))
    return noted(result, *(f"All values of {label!r} are equal and add no spread." for label in flat))


def anova(groups: Groups) -> TestResult:
    """One-way analysis of variance, equal variances assumed (Fisher 1925)."""
    if all(constant(list(groups.values()))):
        return untested("anova", "the values within each group are all equal")
    return _one_way("anova", groups, use_var="equal")


def welch_anova(groups: Groups) -> TestResult:
    """One-way analysis of variance without equal variances (Welch 1951, Biometrika 38:330)."""
    flat = [label for label, equal in zip(groups, constant(list(groups.values())), strict=True) if equal]
    if flat:
        result = untested("welch_anova", f"the values of {', '.join(map(repr, flat))} are all equal")
        return noted(result, "A Kruskal-Wallis test, by ranks, can be asked for.")
    return _one_way("welch_anova", groups, use_var="unequal")


def _one_way(name: str, groups: Groups, *, use_var: str) -> TestResult:
    """Analysis of variance by statsmodels.

    Scipy's ``f_oneway`` keeps Welch's degrees of freedom to itself, and takes a difference of sums of squares that is
    negative where the groups are far apart.
    """
    from statsmodels.stats.oneway import anova_oneway

    # Where zero is does not matter; near the values less precision is lost.
    zero = float(next(iter(groups.values()))[0])
    found = anova_oneway([values - zero for values in groups.values()], use_var=use_var)
    return result_of(name, found.statistic, found.pvalue, (float(found.df_num), float(found.df_denom)))


def paired_t(table: Vector) -> TestResult:
    """Paired t test (Student 1908).

    Parameters
    ----------
    table
        Shape ``(n_units, 2)``; first column minus second.
    """
    from scipy import stats

    differences = table[:, 0] - table[:, 1]
    if all_equal(differences, scale_of(table)):
        return untested("paired_t", "the differences between the conditions are the same in every animal")
    found = stats.ttest_1samp(differences, 0.0)
    return result_of("paired_t", found.statistic, found.pvalue, float(found.df))


def rm_anova(table: Vector) -> TestResult:
    """Analysis of variance with one within-animal factor; p by Greenhouse and Geisser for three and more conditions.

    The sums of squares are the textbook's (Winer 1971, Statistical Principles in Experimental Design, chapter 4), the
    correction of the degrees of freedom is Greenhouse and Geisser's (1959, Psychometrika 24:95). By hand, since
    statsmodels' ``AnovaRM`` has no correction and takes 14 ms a fit, too long to leave out every animal once; its
    F and uncorrected p are what the tests hold this one equal to. Generalized eta squared, the condition's share of
    all variance, is comparable to designs between animals (Olejnik and Algina 2003, Psychological Methods 8:434).

    Parameters
    ----------
    table
        Shape ``(n_units, k_conditions)``.
    """
    n, k = table.shape
    if _parallel(table):
        return untested("rm_anova", "the differences between the conditions are the same in every animal")
    between, units, residual = sums_of_squares(table)
    df, df_error = k - 1.0, float((k - 1) * (n - 1))
    f = (between / df) / (residual / df_error)
    plain = f_result("rm_anova", f, df, df_error)
    plain.effect_size = {
        "generalized_eta_squared": between / (between + units + residual),
        "partial_eta_squared": between / (between + residual),
    }
    if k == 2:
        return plain
    epsilon = greenhouse_geisser_epsilon(table)
    result = f_result("rm_anova", f, df * epsilon, df_error * epsilon)
    result.correction = "Greenhouse-Geisser"
    result.effect_size = plain.effect_size | {"epsilon": epsilon, "p_uncorrected": plain.p_value}
    return noted(
        result, f"Degrees of freedom corrected by Greenhouse and Geisser's epsilon of {epsilon:.3g}."
    )


def sums_of_squares(table: Vector) -> tuple[float, float, float]:
    """Sums of squares of a table of units by conditions: conditions, units, and what both leave."""
    n, k = table.shape
    conditions = table.mean(axis=0) - table.mean()
    units = table.mean(axis=1) - table.mean()
    rest = residuals(table)
    return n * float(conditions @ conditions), k * float(units @ units), float(np.sum(rest**2))


def residuals(table: Vector) -> Vector:
    """What the means of units and conditions leave of a table, shape ``(n_units, k_conditions)``."""
    rest: Vector = table - table.mean(axis=0) - table.mean(axis=1)[:, None] + table.mean()
    return rest


def greenhouse_geisser_epsilon(table: Vector) -> float:
    """Departure from sphericity, between ``1 / (k - 1)`` and 1 (Greenhouse and Geisser 1959, Psychometrika 24:95).

    Parameters
    ----------
    table
        Shape ``(n_units, k_conditions)``.
    """
    k = table.shape[1]
    centering = np.eye(k) - 1.0 / k
    covariance = centering @ np.cov(table, rowvar=False) @ centering
    covariance = covariance / np.max(np.abs(covariance))
    epsilon = float(np.trace(covariance) ** 2 / ((k - 1) * np.sum(covariance**2)))
    return float(np.clip(epsilon, 1.0 / (k - 1), 1.0))


def _parallel(table: Vector) -> bool:
    """Whether all animals change alike from condition to condition."""
    scale = scale_of(table)
    differences = table - table[:, :1]
    return all(all_equal(column, scale) for column in differences.T)
