"""Tests and intervals on one value per animal; pure, and knowing nothing of sessions or tables.

Every function takes plain lists of finite numbers, one per animal. What cannot be computed (too few animals, values that
are all equal) is said in ``why`` with ``p_value=None``; no result ever holds a NaN.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from ethochat.tools.errors import ToolFailedError, ToolRetryError
from ethochat.tools.evidence import GroupSummary, TestResult
from numpy.typing import NDArray

Values = Sequence[float]
Vector = NDArray[np.float64]

TWO_GROUP_TESTS: Final = ("welch_t", "student_t", "mann_whitney_u", "permutation")
SEVERAL_GROUP_TESTS: Final = ("welch_anova", "anova", "kruskal_wallis")
PAIRED_TESTS: Final = ("paired_t", "wilcoxon")
REPEATED_TESTS: Final = ("rm_anova", "friedman")

N_PERMUTATIONS: Final = 9_999
_SEED: Final = 20_240_501  # a permutation test answers the same question with the same p every time


def summarize(values: Values) -> GroupSummary:
    """Describe one group: n, mean, sd and sem with n - 1, median; ``None`` where n is too small."""
    array = np.asarray(values, dtype=np.float64)
    n = int(array.size)
    sd = float(array.std(ddof=1)) if n > 1 else None
    return GroupSummary(
        n=n,
        mean=float(array.mean()) if n else None,
        sd=sd,
        median=float(np.median(array)) if n else None,
        sem=None if sd is None else sd / math.sqrt(n),
    )


def outlier_limits(values: Values) -> tuple[float, float]:
    """Fences of the 1.5 x IQR rule, quartiles by linear interpolation.

    Raises
    ------
    ToolFailedError
        When there are fewer than four values.
    """
    if len(values) < 4:
        raise ToolFailedError(f"Expected at least 4 values for the 1.5 x IQR rule, found {len(values)}.")
    low, high = (float(q) for q in np.quantile(np.asarray(values, dtype=np.float64), [0.25, 0.75]))
    return low - 1.5 * (high - low), high + 1.5 * (high - low)


# ----------------------------------------------------------------- independent groups
def compare_independent(groups: Mapping[str, Values], test: str = "auto") -> TestResult:
    """Test whether groups of different animals differ.

    Parameters
    ----------
    groups
        Group name to one value per animal, at least two groups of at least two animals.
    test
        ``auto`` (Welch's t test, or Welch's ANOVA for three and more groups) or a name of :data:`TWO_GROUP_TESTS` or
        :data:`SEVERAL_GROUP_TESTS`.

    Raises
    ------
    ToolFailedError
        When a group is empty or has a single animal.
    ToolRetryError
        When the test does not fit the number of groups.
    """
    _check_sizes(groups)
    chosen = test if test != "auto" else ("welch_t" if len(groups) == 2 else "welch_anova")
    fitting = TWO_GROUP_TESTS + SEVERAL_GROUP_TESTS if len(groups) == 2 else SEVERAL_GROUP_TESTS
    if chosen not in fitting:
        raise ToolRetryError(
            f"Expected a test for {len(groups)} independent groups ({', '.join(fitting)}), got {chosen!r}.", near=fitting
        )
    summaries = {name: summarize(values) for name, values in groups.items()}
    arrays = [np.asarray(values, dtype=np.float64) for values in groups.values()]
    if _all_constant(arrays):
        return TestResult(
            name=chosen, statistic=None, p_value=None, groups=summaries,
            why="No test: the values of every group are all equal, so there is no spread to test against.",
        )  # fmt: skip
    result = _INDEPENDENT[chosen](arrays)
    if len(arrays) == 2:
        result.effect_size = hedges_g(arrays[0], arrays[1])
    result.groups = summaries
    result.why = _why_independent(chosen, len(groups), asked=test != "auto")
    return result


def _welch_t(arrays: list[Vector]) -> TestResult:
    from scipy import stats

    found = stats.ttest_ind(arrays[0], arrays[1], equal_var=False)
    return _result("welch_t", found.statistic, found.pvalue, float(found.df))


def _student_t(arrays: list[Vector]) -> TestResult:
    from scipy import stats

    found = stats.ttest_ind(arrays[0], arrays[1], equal_var=True)
    return _result("student_t", found.statistic, found.pvalue, float(found.df))


def _mann_whitney_u(arrays: list[Vector]) -> TestResult:
    from scipy import stats

    found = stats.mannwhitneyu(arrays[0], arrays[1], alternative="two-sided")
    return _result("mann_whitney_u", found.statistic, found.pvalue)


def _permutation(arrays: list[Vector]) -> TestResult:
    """Permutation test of Welch's t, which also holds where variances differ in large samples."""
    from scipy import stats

    def welch_statistic(x: Vector, y: Vector, axis: int) -> Any:  # noqa: ANN401  (scipy hands over and takes any shape)
        spread = x.var(axis=axis, ddof=1) / x.shape[axis] + y.var(axis=axis, ddof=1) / y.shape[axis]
        return (x.mean(axis=axis) - y.mean(axis=axis)) / np.sqrt(np.maximum(spread, 1e-300))

    found = stats.permutation_test(
        (arrays[0], arrays[1]), welch_statistic, n_resamples=N_PERMUTATIONS, vectorized=True, rng=np.random.default_rng(_SEED)
    )  # fmt: skip
    return _result("permutation", found.statistic, found.pvalue)


def _welch_anova(arrays: list[Vector]) -> TestResult:
    if any(float(array.var(ddof=1)) == 0.0 for array in arrays):
        return TestResult(name="welch_anova", statistic=None, p_value=None)
    from statsmodels.stats.oneway import anova_oneway

    found = anova_oneway(arrays, use_var="unequal", welch_correction=True)
    return _result("welch_anova", found.statistic, found.pvalue, (float(found.df_num), float(found.df_denom)))


def _anova(arrays: list[Vector]) -> TestResult:
    from scipy import stats

    found = stats.f_oneway(*arrays)
    n_groups, n_values = len(arrays), sum(array.size for array in arrays)
    return _result("anova", found.statistic, found.pvalue, (float(n_groups - 1), float(n_values - n_groups)))


def _kruskal_wallis(arrays: list[Vector]) -> TestResult:
    from scipy import stats

    found = stats.kruskal(*arrays)
    return _result("kruskal_wallis", found.statistic, found.pvalue, float(len(arrays) - 1))


_INDEPENDENT: Final[dict[str, Callable[[list[Vector]], TestResult]]] = {
    "welch_t": _welch_t,
    "student_t": _student_t,
    "mann_whitney_u": _mann_whitney_u,
    "permutation": _permutation,
    "welch_anova": _welch_anova,
    "anova": _anova,
    "kruskal_wallis": _kruskal_wallis,
}


def _why_independent(test: str, n_groups: int, *, asked: bool) -> str:
    reasons = {
        "welch_t": "Welch's t test: two groups of different animals, one value per animal, variances not assumed equal",
        "student_t": "Student's t test: two groups of different animals, one value per animal, variances assumed equal",
        "mann_whitney_u": "Mann-Whitney U test: two groups of different animals, one value per animal, by ranks",
        "permutation": f"permutation test of Welch's t ({N_PERMUTATIONS} permutations), one value per animal",
        "welch_anova": f"Welch's ANOVA: {n_groups} groups of different animals, one value per animal, variances not assumed equal",
        "anova": f"one-way ANOVA: {n_groups} groups of different animals, one value per animal, variances assumed equal",
        "kruskal_wallis": f"Kruskal-Wallis test: {n_groups} groups of different animals, one value per animal, by ranks",
    }  # fmt: skip
    return reasons[test] + (", as asked." if asked else ".")


def hedges_g(first: Values, second: Values) -> dict[str, float | list[float] | None]:
    """Hedges g (first minus second) with its 95 % interval by the large-sample variance.

    Returns
    -------
    dict
        ``hedges_g``, ``cohens_d``, ``ci95`` (of g), ``mean_difference``; ``None`` without pooled spread.
    """
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    n_a, n_b = a.size, b.size
    difference = float(a.mean() - b.mean())
    df = n_a + n_b - 2
    pooled = math.sqrt(((n_a - 1) * a.var(ddof=1) + (n_b - 1) * b.var(ddof=1)) / df)
    if pooled == 0.0:
        return {"hedges_g": None, "cohens_d": None, "ci95": None, "mean_difference": difference}
    d = difference / pooled
    # The exact small-sample factor; 1 - 3 / (4 df - 1) is its common approximation.
    correction = math.exp(math.lgamma(df / 2) - math.lgamma((df - 1) / 2)) / math.sqrt(df / 2) if df > 1 else 1.0
    g = d * correction
    half = 1.959963984540054 * correction * math.sqrt((n_a + n_b) / (n_a * n_b) + d**2 / (2 * (n_a + n_b)))
    return {"hedges_g": g, "cohens_d": d, "ci95": [g - half, g + half], "mean_difference": difference}


# ----------------------------------------------------------------- the same animals in every group
def compare_repeated(groups: Mapping[str, Values], test: str = "auto") -> TestResult:
    """Test whether repeated measures of the same units differ.

    Parameters
    ----------
    groups
        Condition name to values; value k of every condition belongs to the same unit (animal or session).
    test
        ``auto`` (paired t, or repeated-measures ANOVA for three and more conditions) or a name of :data:`PAIRED_TESTS` or
        :data:`REPEATED_TESTS`.

    Raises
    ------
    ToolFailedError
        When fewer than two units have all conditions.
    ToolRetryError
        When the test does not fit the number of conditions.
    """
    _check_sizes(groups)
    if len({len(values) for values in groups.values()}) != 1:
        raise ValueError(f"Expected equally many values per condition, got {[len(v) for v in groups.values()]!r}.")
    chosen = test if test != "auto" else ("paired_t" if len(groups) == 2 else "rm_anova")
    fitting = PAIRED_TESTS + ("rm_anova",) if len(groups) == 2 else REPEATED_TESTS
    if chosen not in fitting:
        raise ToolRetryError(
            f"Expected a test for {len(groups)} repeated conditions ({', '.join(fitting)}), got {chosen!r}.", near=fitting
        )
    summaries = {name: summarize(values) for name, values in groups.items()}
    table = np.column_stack([np.asarray(values, dtype=np.float64) for values in groups.values()])
    if bool(np.all(np.ptp(table - table[:, :1], axis=0) == 0.0)):
        return TestResult(
            name=chosen, statistic=None, p_value=None, groups=summaries,
            why="No test: the differences between the conditions are the same in every unit, so there is no spread to test against.",
        )  # fmt: skip
    result = _REPEATED[chosen](table)
    result.groups = summaries
    result.why = _WHY_REPEATED[chosen].format(k=len(groups)) + (", as asked." if test != "auto" else ".")
    return result


def _paired_t(table: NDArray[np.float64]) -> TestResult:
    from scipy import stats

    found = stats.ttest_rel(table[:, 0], table[:, 1])
    result = _result("paired_t", found.statistic, found.pvalue, float(found.df))
    result.effect_size = _paired_effect(table)
    return result


def _wilcoxon(table: NDArray[np.float64]) -> TestResult:
    from scipy import stats

    found = stats.wilcoxon(table[:, 0], table[:, 1])
    result = _result("wilcoxon", found.statistic, found.pvalue)
    result.effect_size = _paired_effect(table)
    return result


def _paired_effect(table: NDArray[np.float64]) -> dict[str, float | list[float] | None]:
    from scipy import stats

    differences = table[:, 0] - table[:, 1]
    n, mean, sd = differences.size, float(differences.mean()), float(differences.std(ddof=1))
    half = float(stats.t.ppf(0.975, n - 1)) * sd / math.sqrt(n)
    return {"cohens_dz": mean / sd, "mean_difference": mean, "ci95": [mean - half, mean + half]}


def _rm_anova(table: NDArray[np.float64]) -> TestResult:
    """One within-subject factor; p corrected by Greenhouse and Geisser where there are three or more conditions."""
    import pandas as pd
    from scipy import stats
    from statsmodels.stats.anova import AnovaRM

    n, k = table.shape
    long = pd.DataFrame(
        {"unit": np.repeat(np.arange(n), k), "condition": np.tile(np.arange(k), n), "value": table.ravel()}
    )
    found = AnovaRM(long, depvar="value", subject="unit", within=["condition"]).fit().anova_table.iloc[0]
    f, df_num, df_den = (float(found[name]) for name in ("F Value", "Num DF", "Den DF"))
    if k == 2:
        return _result("rm_anova", f, float(found["Pr > F"]), (df_num, df_den))
    epsilon = greenhouse_geisser_epsilon(table)
    corrected = float(stats.f.sf(f, df_num * epsilon, df_den * epsilon))
    result = _result("rm_anova", f, corrected, (df_num * epsilon, df_den * epsilon))
    result.correction = "Greenhouse-Geisser"
    result.effect_size = {"epsilon": epsilon, "p_uncorrected": float(found["Pr > F"])}
    return result


def greenhouse_geisser_epsilon(table: NDArray[np.float64]) -> float:
    """Departure from sphericity, between ``1 / (k - 1)`` and 1.

    Parameters
    ----------
    table
        Shape ``(n_units, k_conditions)``.
    """
    k = table.shape[1]
    centering = np.eye(k) - 1.0 / k
    covariance = centering @ np.cov(table, rowvar=False) @ centering
    return float(min(1.0, np.trace(covariance) ** 2 / ((k - 1) * np.sum(covariance**2))))


def _friedman(table: NDArray[np.float64]) -> TestResult:
    from scipy import stats

    found = stats.friedmanchisquare(*table.T)
    return _result("friedman", found.statistic, found.pvalue, float(table.shape[1] - 1))


_REPEATED: Final[dict[str, Callable[[NDArray[np.float64]], TestResult]]] = {
    "paired_t": _paired_t,
    "wilcoxon": _wilcoxon,
    "rm_anova": _rm_anova,
    "friedman": _friedman,
}
_WHY_REPEATED: Final = {
    "paired_t": "paired t test: both values come from the same unit",
    "wilcoxon": "Wilcoxon signed-rank test: both values come from the same unit, by ranks",
    "rm_anova": "repeated-measures ANOVA: all {k} values come from the same unit, p with the Greenhouse-Geisser correction",
    "friedman": "Friedman test: all {k} values come from the same unit, by ranks",
}


# ----------------------------------------------------------------- correlation
def correlate(x: Values, y: Values, method: str = "spearman") -> TestResult:
    """Correlate two quantities, one pair per animal.

    Returns
    -------
    TestResult
        ``statistic`` is r or rho; for Pearson ``effect_size["ci95"]`` is its interval by Fisher's transformation.

    Raises
    ------
    ToolFailedError
        When there are fewer than three pairs.
    """
    from scipy import stats

    a, b = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if a.size < 3:
        raise ToolFailedError(f"Expected at least 3 animals with both values for a correlation, found {a.size}.")
    if np.ptp(a) == 0.0 or np.ptp(b) == 0.0:
        return TestResult(
            name=method, statistic=None, p_value=None,
            why="No correlation: one of the two quantities is the same in every animal.",
        )  # fmt: skip
    if method == "pearson":
        found = stats.pearsonr(a, b)
        result = _result("pearson", found.statistic, found.pvalue, float(a.size - 2))
        if a.size > 3:
            interval = found.confidence_interval(0.95)
            result.effect_size = {"ci95": [float(interval.low), float(interval.high)]}
        result.why = "Pearson correlation, one pair of values per animal."
        return result
    found = stats.spearmanr(a, b)
    result = _result("spearman", found.statistic, found.pvalue, float(a.size - 2))
    result.why = "Spearman rank correlation, one pair of values per animal."
    return result


# ----------------------------------------------------------------- helpers
def _check_sizes(groups: Mapping[str, Values]) -> None:
    if len(groups) < 2:
        raise ToolFailedError(f"Expected at least two groups to compare, found {list(groups)!r}.")
    small = {name: len(values) for name, values in groups.items() if len(values) < 2}
    if small:
        listed = ", ".join(f"{name!r} has {n}" for name, n in small.items())
        raise ToolFailedError(f"Expected at least two animals in every group, but {listed}; no test can be made.")


def _all_constant(arrays: Sequence[Vector]) -> bool:
    return all(float(np.ptp(array)) == 0.0 for array in arrays)


def _result(
    name: str, statistic: float, p_value: float, df: float | tuple[float, float] | None = None
) -> TestResult:
    """Make a result of scipy's numbers; a NaN becomes ``None``."""
    return TestResult(name=name, statistic=_finite(statistic), p_value=_finite(p_value), df=df)


def _finite(value: float) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None
