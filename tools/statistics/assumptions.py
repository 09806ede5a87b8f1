"""Assumptions of the tests, looked at and shown. No test is chosen by how they turn out.

Choosing a test by a test of its assumptions on the same data changes the chance of a false finding (Rochon, Gondan
and Kieser 2012, BMC Medical Research Methodology 12:81); in small groups these checks see little besides.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import numpy as np

from ethochat.tools.evidence import AssumptionCheck
from ethochat.tools.statistics.parametric import greenhouse_geisser_epsilon, residuals
from ethochat.tools.statistics.results import ALPHA, Vector, all_equal, finite, scale_of

FEWEST_FOR_SHAPIRO: Final = 3
FEW_FOR_SHAPIRO: Final = 20
"""Under so many values Shapiro-Wilk seldom sees a departure from normality."""
MANY_FOR_SHAPIRO: Final = 5_000
"""Above so many values Royston's approximation of p is not known to hold."""

_MEANS: Final = ("welch_t", "student_t", "welch_anova", "anova")
_EQUAL_VARIANCES: Final = ("student_t", "anova")


def check_independent(test: str, groups: Mapping[str, Vector]) -> list[AssumptionCheck]:
    """Look at what a test of groups of different animals assumes.

    Parameters
    ----------
    test
        Name of the test that is made.
    groups
        Group name to one value per animal.

    Returns
    -------
    list of AssumptionCheck
        Normality in each group for tests of means; equal variances for all, with a note where the test does not
        assume them.
    """
    checks = [shapiro_wilk(values, name) for name, values in groups.items()] if test in _MEANS else []
    spread = brown_forsythe(groups)
    if test not in _EQUAL_VARIANCES:
        spread.note = " ".join(part for part in (spread.note, _spread_note(test)) if part)
    return [*checks, spread]


def check_repeated(test: str, table: Vector) -> list[AssumptionCheck]:
    """Look at what a test of repeated measures assumes.

    Parameters
    ----------
    table
        Shape ``(n_units, k_conditions)``.

    Returns
    -------
    list of AssumptionCheck
        Normality of the differences (two conditions) or residuals (more), and sphericity for three and more; nothing
        for tests by ranks or by permutation.
    """
    if test not in ("paired_t", "rm_anova"):
        return []
    scale = scale_of(table)
    if table.shape[1] == 2:
        return [shapiro_wilk(table[:, 0] - table[:, 1], "differences", scale)]
    return [shapiro_wilk(residuals(table).ravel(), "residuals", scale), mauchly(table)]


def shapiro_wilk(values: Vector, about: str, scale: float = 0.0) -> AssumptionCheck:
    """Shapiro and Wilk's test of normality (1965, Biometrika 52:591).

    Parameters
    ----------
    about
        What the values are: a group's name, ``differences``, ``residuals``.
    scale
        Largest magnitude of the values that these were computed from.
    """
    from scipy import stats

    check = AssumptionCheck(name="shapiro_wilk", about=about)
    n = values.size
    if n < FEWEST_FOR_SHAPIRO:
        check.note = f"{n} values cannot be judged; at least {FEWEST_FOR_SHAPIRO} are needed."
    elif all_equal(values, scale):
        check.note = "All values are equal, so their distribution cannot be judged."
    elif n > MANY_FOR_SHAPIRO:
        check.note = f"Not judged: the p value is not known to hold above {MANY_FOR_SHAPIRO} values."
    else:
        # In units of their own spread, since scipy takes a small range for none.
        found = stats.shapiro((values - values.mean()) / values.std())
        _fill(check, found.statistic, found.pvalue)
        if n < FEW_FOR_SHAPIRO and check.holds:
            check.note = f"With {n} values a departure from normality is seldom seen."
    return check


def brown_forsythe(groups: Mapping[str, Vector]) -> AssumptionCheck:
    """Test equal variances by the distances from the medians (Brown and Forsythe 1974, JASA 69:364)."""
    from scipy import stats

    check = AssumptionCheck(name="brown_forsythe", about="all groups")
    distances = {name: np.abs(values - np.median(values)) for name, values in groups.items()}
    if all(all_equal(distances[name], scale_of(values)) for name, values in groups.items()):
        # Of two animals both are equally far from their median, whatever the variance.
        check.note = (
            "Cannot be judged: within each group all animals are equally far from the group's median."
        )
        return check
    found = stats.levene(*groups.values(), center="median")
    _fill(check, found.statistic, found.pvalue)
    smallest = min(values.size for values in groups.values())
    if smallest < 10 and check.holds:
        check.note = f"With {smallest} animals in a group unequal variances are seldom seen."
    return check


def mauchly(table: Vector) -> AssumptionCheck:
    """Mauchly's test of sphericity (1940, Annals of Mathematical Statistics 11:204), p by Box's chi-square.

    W is the determinant of the covariance of orthonormal contrasts, over the power of its mean variance; with n units
    and d contrasts, -(n - 1 - (2 d^2 + d + 2) / (6 d)) ln W is nearly chi-square with d (d + 1) / 2 - 1 degrees of
    freedom (Anderson 2003, An Introduction to Multivariate Statistical Analysis, section 10.7). By hand, since
    neither scipy nor statsmodels has it.

    Parameters
    ----------
    table
        Shape ``(n_units, k_conditions)``, at least three conditions.
    """
    from scipy import special

    n, k = table.shape
    d = k - 1
    check = AssumptionCheck(name="mauchly", about="sphericity")
    contrasts = _orthonormal_contrasts(k)
    covariance = np.atleast_2d(np.cov(table @ contrasts, rowvar=False))
    mean_variance = float(np.trace(covariance)) / d
    if mean_variance <= (1e-12 * scale_of(table)) ** 2:
        check.note = "Cannot be judged: all animals change alike between the conditions."
        return check
    epsilon = greenhouse_geisser_epsilon(table)
    check.note = f"Greenhouse-Geisser epsilon {epsilon:.3g} (1 is sphericity); p of the ANOVA is corrected by it whatever this shows."
    w = float(np.linalg.det(covariance / mean_variance))
    if n <= d or w <= 0.0:
        check.note = f"Cannot be judged with {n} animals and {k} conditions. {check.note}"
        return check
    chi_square = -(n - 1 - (2 * d**2 + d + 2) / (6 * d)) * math.log(min(w, 1.0))
    _fill(check, w, float(special.chdtrc(d * (d + 1) / 2 - 1, max(chi_square, 0.0))))
    return check


def _orthonormal_contrasts(k: int) -> Vector:
    """Columns that are orthonormal and sum to zero, shape ``(k, k - 1)`` (Helmert)."""
    contrasts = np.zeros((k, k - 1))
    for column in range(k - 1):
        contrasts[: column + 1, column] = 1.0
        contrasts[column + 1, column] = -(column + 1.0)
    scaled: Vector = contrasts / np.linalg.norm(contrasts, axis=0)
    return scaled


def _fill(check: AssumptionCheck, statistic: float, p_value: float) -> None:
    check.statistic, check.p_value = finite(statistic), finite(p_value)
    if check.p_value is not None:
        check.holds = check.p_value >= ALPHA


def _spread_note(test: str) -> str:
    if test in ("welch_t", "welch_anova"):
        return "The test does not assume equal variances."
    if test == "permutation":
        return (
            "The test needs equal distributions for an exact p; its statistic allows for unequal variances."
        )
    return "By ranks a difference is one of medians only where the groups' distributions have one shape."
