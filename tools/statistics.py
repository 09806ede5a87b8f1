"""Tests and intervals on one value per animal; pure, and knowing nothing of sessions or tables.

Every function takes plain lists of finite numbers, one per animal. What cannot be computed (too few animals,
values that are all equal) is said in ``why`` with ``p_value=None``; no result ever holds a NaN.

The tests that are used unasked are written out on ``scipy.special``: importing ``scipy.stats`` or statsmodels
takes seconds, for which a question on the command line would have to wait. The test suite holds them equal to
those libraries; all rank tests come from ``scipy.stats``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ethochat.tools.errors import ToolFailedError, ToolRetryError
from ethochat.tools.evidence import GroupSummary, TestResult

Values = Sequence[float] | NDArray[np.float64]
Vector = NDArray[np.float64]
Effect = dict[str, float | list[float] | None]

TWO_GROUP_TESTS: Final = ("welch_t", "student_t", "mann_whitney_u", "permutation")
SEVERAL_GROUP_TESTS: Final = ("welch_anova", "anova", "kruskal_wallis")
PAIRED_TESTS: Final = ("paired_t", "wilcoxon")
REPEATED_TESTS: Final = ("rm_anova", "friedman")

N_PERMUTATIONS: Final = 9_999
_SEED: Final = 20_240_501
"""A permutation test answers the same question with the same p every time."""
_NORMAL_975: Final = 1.959963984540054


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


def holm(p_values: Values) -> list[float]:
    """Correct p values for their number, step by step (Holm), in the order given."""
    order = np.argsort(np.asarray(p_values))
    corrected = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(order.tolist()):
        highest = max(highest, min(1.0, float(p_values[index]) * (len(p_values) - rank)))
        corrected[index] = highest
    return corrected


# ----------------------------------------------------------------- independent groups
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
    _check_sizes(groups)
    two = len(groups) == 2
    fitting = TWO_GROUP_TESTS + SEVERAL_GROUP_TESTS if two else SEVERAL_GROUP_TESTS
    chosen = _chosen(test, "welch_t" if two else "welch_anova", fitting, f"{len(groups)} independent groups")
    arrays = [np.asarray(values, dtype=np.float64) for values in groups.values()]
    if all(float(np.ptp(array)) == 0.0 for array in arrays):
        result = _untested(chosen, "the values within each group are all equal")
    else:
        result = _INDEPENDENT[chosen](arrays)
        if two:
            result.effect_size = hedges_g(arrays[0], arrays[1])
        result.why = result.why or _because(_WHY_INDEPENDENT[chosen], len(groups), asked=test != "auto")
    result.groups = {name: summarize(values) for name, values in groups.items()}
    return result


def _welch_t(arrays: list[Vector]) -> TestResult:
    a, b = arrays
    spread_a, spread_b = a.var(ddof=1) / a.size, b.var(ddof=1) / b.size
    df = (spread_a + spread_b) ** 2 / (spread_a**2 / (a.size - 1) + spread_b**2 / (b.size - 1))
    return _t_result("welch_t", (a.mean() - b.mean()) / math.sqrt(spread_a + spread_b), float(df))


def _student_t(arrays: list[Vector]) -> TestResult:
    a, b = arrays
    df = a.size + b.size - 2
    pooled = ((a.size - 1) * a.var(ddof=1) + (b.size - 1) * b.var(ddof=1)) / df
    return _t_result(
        "student_t", (a.mean() - b.mean()) / math.sqrt(pooled * (1 / a.size + 1 / b.size)), float(df)
    )


def _mann_whitney_u(arrays: list[Vector]) -> TestResult:
    from scipy import stats

    found = stats.mannwhitneyu(arrays[0], arrays[1], alternative="two-sided")
    return _result("mann_whitney_u", found.statistic, found.pvalue)


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
        rng=np.random.default_rng(_SEED),
    )
    return _result("permutation", found.statistic, found.pvalue)


def _welch_anova(arrays: list[Vector]) -> TestResult:
    variances = np.array([array.var(ddof=1) for array in arrays])
    if np.any(variances == 0.0):
        return _untested("welch_anova", "the values of one group are all equal")
    sizes = np.array([array.size for array in arrays], dtype=np.float64)
    means = np.array([array.mean() for array in arrays])
    weights = sizes / variances
    center = np.sum(weights * means) / np.sum(weights)
    k = len(arrays)
    between = np.sum(weights * (means - center) ** 2) / (k - 1)
    imbalance = np.sum((1 - weights / np.sum(weights)) ** 2 / (sizes - 1))
    f = between / (1 + 2 * (k - 2) / (k**2 - 1) * imbalance)
    return _f_result("welch_anova", float(f), k - 1.0, float((k**2 - 1) / (3 * imbalance)))


def _anova(arrays: list[Vector]) -> TestResult:
    everything = np.concatenate(arrays)
    df_between, df_within = len(arrays) - 1.0, float(everything.size - len(arrays))
    within = sum(float(np.sum((array - array.mean()) ** 2)) for array in arrays)
    between = float(np.sum((everything - everything.mean()) ** 2)) - within
    return _f_result("anova", (between / df_between) / (within / df_within), df_between, df_within)


def _kruskal_wallis(arrays: list[Vector]) -> TestResult:
    from scipy import stats

    found = stats.kruskal(*arrays)
    return _result("kruskal_wallis", found.statistic, found.pvalue, float(len(arrays) - 1))


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


def hedges_g(first: Values, second: Values) -> Effect:
    """Hedges g (first minus second) with its 95 % interval by the large-sample variance.

    Returns
    -------
    dict
        ``hedges_g``, its ``ci95``, ``cohens_d`` and ``mean_difference``; ``None`` without pooled spread.
    """
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    difference = float(a.mean() - b.mean())
    df = a.size + b.size - 2
    pooled = math.sqrt(((a.size - 1) * a.var(ddof=1) + (b.size - 1) * b.var(ddof=1)) / df)
    if pooled == 0.0:
        return {"hedges_g": None, "ci95": None, "cohens_d": None, "mean_difference": difference}
    d = difference / pooled
    # The exact small-sample factor, of which 1 - 3 / (4 df - 1) is the common approximation.
    correction = (
        math.exp(math.lgamma(df / 2) - math.lgamma((df - 1) / 2)) / math.sqrt(df / 2) if df > 1 else 1.0
    )
    variance = (a.size + b.size) / (a.size * b.size) + d**2 / (2 * (a.size + b.size))
    g, half = d * correction, _NORMAL_975 * correction * math.sqrt(variance)
    return {"hedges_g": g, "ci95": [g - half, g + half], "cohens_d": d, "mean_difference": difference}


# ----------------------------------------------------------------- the same animals in every group
def compare_repeated(groups: Mapping[str, Values], test: str = "auto") -> TestResult:
    """Test whether repeated measures of the same units differ.

    Parameters
    ----------
    groups
        Condition name to values; value k of every condition belongs to the same unit (animal or session).
    test
        ``auto`` (paired t, or repeated-measures ANOVA for three and more conditions) or a name of
        :data:`PAIRED_TESTS` or :data:`REPEATED_TESTS`.

    Raises
    ------
    ToolFailedError
        When fewer than two units have all conditions.
    ToolRetryError
        When the test does not fit the number of conditions.
    ValueError
        When the conditions differ in length.
    """
    _check_sizes(groups)
    lengths = [len(values) for values in groups.values()]
    if len(set(lengths)) != 1:
        raise ValueError(f"Expected equally many values per condition, got {lengths!r}.")
    two = len(groups) == 2
    fitting = (*PAIRED_TESTS, "rm_anova") if two else REPEATED_TESTS
    chosen = _chosen(test, "paired_t" if two else "rm_anova", fitting, f"{len(groups)} repeated conditions")
    table = np.column_stack([np.asarray(values, dtype=np.float64) for values in groups.values()])
    if bool(np.all(np.ptp(table - table[:, :1], axis=0) == 0.0)):
        result = _untested(chosen, "the differences between the conditions are the same in every animal")
    else:
        result = _REPEATED[chosen](table)
        result.why = _because(_WHY_REPEATED[chosen], len(groups), asked=test != "auto")
    result.groups = {name: summarize(values) for name, values in groups.items()}
    return result


def _paired_t(table: Vector) -> TestResult:
    differences = table[:, 0] - table[:, 1]
    t = differences.mean() / (differences.std(ddof=1) / math.sqrt(differences.size))
    result = _t_result("paired_t", float(t), float(differences.size - 1))
    result.effect_size = _paired_effect(differences)
    return result


def _wilcoxon(table: Vector) -> TestResult:
    from scipy import stats

    found = stats.wilcoxon(table[:, 0], table[:, 1])
    result = _result("wilcoxon", found.statistic, found.pvalue)
    result.effect_size = _paired_effect(table[:, 0] - table[:, 1])
    return result


def _paired_effect(differences: Vector) -> Effect:
    """Mean difference in units of its standard deviation, and its 95 % interval in the unit of the values."""
    from scipy import special

    n, mean, sd = differences.size, float(differences.mean()), float(differences.std(ddof=1))
    half = float(special.stdtrit(n - 1, 0.975)) * sd / math.sqrt(n)
    return {
        "cohens_dz": mean / sd,
        "mean_difference": mean,
        "mean_difference_ci95": [mean - half, mean + half],
    }


def _rm_anova(table: Vector) -> TestResult:
    """One within-animal factor; p by Greenhouse and Geisser where there are three or more conditions."""
    n, k = table.shape
    grand, conditions, units = table.mean(), table.mean(axis=0), table.mean(axis=1)
    between = n * float(np.sum((conditions - grand) ** 2))
    residual = float(np.sum((table - conditions[None, :] - units[:, None] + grand) ** 2))
    df, df_error = k - 1.0, float((k - 1) * (n - 1))
    f = (between / df) / (residual / df_error)
    plain = _f_result("rm_anova", f, df, df_error)
    if k == 2:
        return plain
    epsilon = greenhouse_geisser_epsilon(table)
    result = _f_result("rm_anova", f, df * epsilon, df_error * epsilon)
    result.correction = "Greenhouse-Geisser"
    result.effect_size = {"epsilon": epsilon, "p_uncorrected": plain.p_value}
    return result


def greenhouse_geisser_epsilon(table: Vector) -> float:
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


def _friedman(table: Vector) -> TestResult:
    from scipy import stats

    found = stats.friedmanchisquare(*table.T)
    return _result("friedman", found.statistic, found.pvalue, float(table.shape[1] - 1))


_REPEATED: Final[Mapping[str, Callable[[Vector], TestResult]]] = {
    "paired_t": _paired_t,
    "wilcoxon": _wilcoxon,
    "rm_anova": _rm_anova,
    "friedman": _friedman,
}
_WHY_REPEATED: Final = {
    "paired_t": "Paired t test: both values come from the same animal",
    "wilcoxon": "Wilcoxon signed-rank test: both values come from the same animal, by ranks",
    "rm_anova": "Repeated-measures ANOVA: all {k} values come from the same animal",
    "friedman": "Friedman test: all {k} values come from the same animal, by ranks",
}


# ----------------------------------------------------------------- correlation
def correlate(x: Values, y: Values, method: str = "spearman") -> TestResult:
    """Correlate two quantities, one pair per animal.

    Returns
    -------
    TestResult
        ``statistic`` is r or rho with p by Student's t; for Pearson ``effect_size["ci95"]`` is the interval
        of r by Fisher's transformation.

    Raises
    ------
    ToolFailedError
        When there are fewer than three pairs.
    """
    a, b = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    n = int(a.size)
    if n < 3:
        raise ToolFailedError(f"Expected at least 3 animals with both values for a correlation, found {n}.")
    if np.ptp(a) == 0.0 or np.ptp(b) == 0.0:
        result = _untested(method, "one of the two quantities is the same in every animal")
        result.why = (result.why or "").replace("No test", "No correlation")
        return result
    if method == "spearman":
        a, b = _ranks(a), _ranks(b)
    r = float(np.clip(np.corrcoef(a, b)[0, 1], -1.0, 1.0))
    rest = 1.0 - r**2
    # A perfect correlation has an infinite t, whose p is zero.
    found = _t_result(method, r * math.sqrt((n - 2) / rest) if rest > 0 else math.inf, float(n - 2))
    result = TestResult(name=method, statistic=r, p_value=found.p_value if rest > 0 else 0.0, df=float(n - 2))
    if method == "pearson" and n > 3 and rest > 0:
        half = _NORMAL_975 / math.sqrt(n - 3)
        result.effect_size = {"ci95": [math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half)]}
    names = {"spearman": "Spearman rank correlation", "pearson": "Pearson correlation"}
    result.why = f"{names[method]}, one pair of values per animal."
    return result


def _ranks(values: Vector) -> Vector:
    """Ranks from 1; equal values share their mean rank."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: Vector = (last - (counts - 1) / 2)[places]
    return ranks


# ----------------------------------------------------------------- helpers
def _check_sizes(groups: Mapping[str, Values]) -> None:
    if len(groups) < 2:
        raise ToolFailedError(f"Expected at least two groups to compare, found {list(groups)!r}.")
    small = {name: len(values) for name, values in groups.items() if len(values) < 2}
    if small:
        listed = ", ".join(f"{name!r} has {n}" for name, n in small.items())
        raise ToolFailedError(
            f"Expected at least two animals in every group, but {listed}; no test can be made."
        )


def _chosen(test: str, default: str, fitting: Sequence[str], what: str) -> str:
    chosen = default if test == "auto" else test
    if chosen not in fitting:
        raise ToolRetryError(
            f"Expected a test for {what} ({', '.join(fitting)}), got {chosen!r}.", near=tuple(fitting)
        )
    return chosen


def _because(text: str, k: int, *, asked: bool) -> str:
    return text.format(k=k) + (", as asked." if asked else ".")


def _untested(name: str, reason: str) -> TestResult:
    why = f"No test: {reason}, so there is no spread to test against."
    return TestResult(name=name, statistic=None, p_value=None, why=why)


def _t_result(name: str, t: float, df: float) -> TestResult:
    """Two-sided p of a t statistic."""
    from scipy import special

    return _result(name, t, 2 * float(special.stdtr(df, -abs(t))), df)


def _f_result(name: str, f: float, df_num: float, df_den: float) -> TestResult:
    """Upper p of an F statistic."""
    from scipy import special

    return _result(name, f, float(special.fdtrc(df_num, df_den, f)), (df_num, df_den))


def _result(
    name: str, statistic: float, p_value: float, df: float | tuple[float, float] | None = None
) -> TestResult:
    """Make a result; a number that is not finite becomes ``None``."""
    return TestResult(name=name, statistic=_finite(statistic), p_value=_finite(p_value), df=df)


def _finite(value: float) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None
