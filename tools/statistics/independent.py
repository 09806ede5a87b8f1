"""Groups of different animals."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from ethochat.tools.evidence import TestResult
from ethochat.tools.statistics.describe import summarize
from ethochat.tools.statistics.effects import hedges_g
from ethochat.tools.statistics.results import (
    SEED,
    Values,
    Vector,
    because,
    check_sizes,
    chosen_test,
    f_result,
    result_of,
    t_result,
    untested,
)

TWO_GROUP_TESTS: Final = ("welch_t", "student_t", "mann_whitney_u", "permutation")
SEVERAL_GROUP_TESTS: Final = ("welch_anova", "anova", "kruskal_wallis")

N_PERMUTATIONS: Final = 9_999


def compare_independent(groups: Mapping[str, Values], test: str = "auto") -> TestResult:
    """Test whether groups of different animals differ.

    Parameters
    ----------
    groups
        Group name to one value per animal, at least two groups of at least two animals.
    test
        ``auto`` (Welch's t test, or Welch's ANOVA for three and more groups) or a name of
        :data:`TWO_GROUP_TESTS` or :data:`SEVERAL_GROUP_TESTS`.

    Returns
    -------
    TestResult
        For two groups with Hedges g, first minus second.

    Raises
    ------
    ToolFailedError
        When a group is empty or has a single animal.
    ToolRetryError
        When the test does not fit the number of groups.
    """
    check_sizes(groups)
    two = len(groups) == 2
    fitting = TWO_GROUP_TESTS + SEVERAL_GROUP_TESTS if two else SEVERAL_GROUP_TESTS
    chosen = chosen_test(
        test, "welch_t" if two else "welch_anova", fitting, f"{len(groups)} independent groups"
    )
    arrays = [np.asarray(values, dtype=np.float64) for values in groups.values()]
    if all(float(np.ptp(array)) == 0.0 for array in arrays):
        result = untested(chosen, "the values within each group are all equal")
    else:
        result = _INDEPENDENT[chosen](arrays)
        if two:
            result.effect_size = hedges_g(arrays[0], arrays[1])
        result.why = result.why or because(_WHY_INDEPENDENT[chosen], len(groups), asked=test != "auto")
    result.groups = {name: summarize(values) for name, values in groups.items()}
    return result


def _welch_t(arrays: list[Vector]) -> TestResult:
    a, b = arrays
    spread_a, spread_b = a.var(ddof=1) / a.size, b.var(ddof=1) / b.size
    df = (spread_a + spread_b) ** 2 / (spread_a**2 / (a.size - 1) + spread_b**2 / (b.size - 1))
    return t_result("welch_t", (a.mean() - b.mean()) / math.sqrt(spread_a + spread_b), float(df))


def _student_t(arrays: list[Vector]) -> TestResult:
    a, b = arrays
    df = a.size + b.size - 2
    pooled = ((a.size - 1) * a.var(ddof=1) + (b.size - 1) * b.var(ddof=1)) / df
    return t_result(
        "student_t", (a.mean() - b.mean()) / math.sqrt(pooled * (1 / a.size + 1 / b.size)), float(df)
    )


def _mann_whitney_u(arrays: list[Vector]) -> TestResult:
    from scipy import stats

    found = stats.mannwhitneyu(arrays[0], arrays[1], alternative="two-sided")
    return result_of("mann_whitney_u", found.statistic, found.pvalue)


def _permutation(arrays: list[Vector]) -> TestResult:
    """Permute the animals between the groups; the statistic is Welch's t."""
    from scipy import stats

    def welch_statistic(x: Vector, y: Vector, axis: int) -> Any:  # noqa: ANN401 - scipy takes and hands over any shape
        spread = x.var(axis=axis, ddof=1) / x.shape[axis] + y.var(axis=axis, ddof=1) / y.shape[axis]
        return (x.mean(axis=axis) - y.mean(axis=axis)) / np.sqrt(np.maximum(spread, 1e-300))

    found = stats.permutation_test(
        (arrays[0], arrays[1]),
        welch_statistic,
        n_resamples=N_PERMUTATIONS,
        vectorized=True,
        rng=np.random.default_rng(SEED),
    )
    return result_of("permutation", found.statistic, found.pvalue)


def _welch_anova(arrays: list[Vector]) -> TestResult:
    variances = np.array([array.var(ddof=1) for array in arrays])
    if np.any(variances == 0.0):
        return untested("welch_anova", "the values of one group are all equal")
    sizes = np.array([array.size for array in arrays], dtype=np.float64)
    means = np.array([array.mean() for array in arrays])
    weights = sizes / variances
    center = np.sum(weights * means) / np.sum(weights)
    k = len(arrays)
    between = np.sum(weights * (means - center) ** 2) / (k - 1)
    imbalance = np.sum((1 - weights / np.sum(weights)) ** 2 / (sizes - 1))
    f = between / (1 + 2 * (k - 2) / (k**2 - 1) * imbalance)
    return f_result("welch_anova", float(f), k - 1.0, float((k**2 - 1) / (3 * imbalance)))


def _anova(arrays: list[Vector]) -> TestResult:
    everything = np.concatenate(arrays)
    df_between, df_within = len(arrays) - 1.0, float(everything.size - len(arrays))
    within = sum(float(np.sum((array - array.mean()) ** 2)) for array in arrays)
    between = float(np.sum((everything - everything.mean()) ** 2)) - within
    return f_result("anova", (between / df_between) / (within / df_within), df_between, df_within)


def _kruskal_wallis(arrays: list[Vector]) -> TestResult:
    from scipy import stats

    found = stats.kruskal(*arrays)
    return result_of("kruskal_wallis", found.statistic, found.pvalue, float(len(arrays) - 1))


_INDEPENDENT: Final[Mapping[str, Callable[[list[Vector]], TestResult]]] = {
    "welch_t": _welch_t,
    "student_t": _student_t,
    "mann_whitney_u": _mann_whitney_u,
    "permutation": _permutation,
    "welch_anova": _welch_anova,
    "anova": _anova,
    "kruskal_wallis": _kruskal_wallis,
}
_WHY_INDEPENDENT: Final = {
    "welch_t": "Welch's t test: two groups of different animals, one value per animal, variances not assumed "
    "equal",
    "student_t": "Student's t test: two groups of different animals, one value per animal, variances assumed "
    "equal",
    "mann_whitney_u": "Mann-Whitney U test: two groups of different animals, one value per animal, by ranks",
    "permutation": f"Permutation test of Welch's t ({N_PERMUTATIONS} permutations), one value per animal",
    "welch_anova": "Welch's ANOVA: {k} groups of different animals, one value per animal, variances not "
    "assumed equal",
    "anova": "One-way ANOVA: {k} groups of different animals, one value per animal, variances assumed equal",
    "kruskal_wallis": "Kruskal-Wallis test: {k} groups of different animals, one value per animal, by ranks",
}
