"""The same animals in every group."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from ethochat.tools.evidence import TestResult
from ethochat.tools.statistics.describe import summarize
from ethochat.tools.statistics.effects import paired_effect
from ethochat.tools.statistics.results import (
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

PAIRED_TESTS: Final = ("paired_t", "wilcoxon")
REPEATED_TESTS: Final = ("rm_anova", "friedman")


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
    check_sizes(groups)
    lengths = [len(values) for values in groups.values()]
    if len(set(lengths)) != 1:
        raise ValueError(f"Expected equally many values per condition, got {lengths!r}.")
    two = len(groups) == 2
    fitting = (*PAIRED_TESTS, "rm_anova") if two else REPEATED_TESTS
    chosen = chosen_test(
        test, "paired_t" if two else "rm_anova", fitting, f"{len(groups)} repeated conditions"
    )
    table = np.column_stack([np.asarray(values, dtype=np.float64) for values in groups.values()])
    if bool(np.all(np.ptp(table - table[:, :1], axis=0) == 0.0)):
        result = untested(chosen, "the differences between the conditions are the same in every animal")
    else:
        result = _REPEATED[chosen](table)
        result.why = because(_WHY_REPEATED[chosen], len(groups), asked=test != "auto")
    result.groups = {name: summarize(values) for name, values in groups.items()}
    return result


def _paired_t(table: Vector) -> TestResult:
    differences = table[:, 0] - table[:, 1]
    t = differences.mean() / (differences.std(ddof=1) / math.sqrt(differences.size))
    result = t_result("paired_t", float(t), float(differences.size - 1))
    result.effect_size = paired_effect(differences)
    return result


def _wilcoxon(table: Vector) -> TestResult:
    from scipy import stats

    found = stats.wilcoxon(table[:, 0], table[:, 1])
    result = result_of("wilcoxon", found.statistic, found.pvalue)
    result.effect_size = paired_effect(table[:, 0] - table[:, 1])
    return result


def _rm_anova(table: Vector) -> TestResult:
    """One within-animal factor; p by Greenhouse and Geisser where there are three or more conditions."""
    n, k = table.shape
    grand, conditions, units = table.mean(), table.mean(axis=0), table.mean(axis=1)
    between = n * float(np.sum((conditions - grand) ** 2))
    residual = float(np.sum((table - conditions[None, :] - units[:, None] + grand) ** 2))
    df, df_error = k - 1.0, float((k - 1) * (n - 1))
    f = (between / df) / (residual / df_error)
    plain = f_result("rm_anova", f, df, df_error)
    if k == 2:
        return plain
    epsilon = greenhouse_geisser_epsilon(table)
    result = f_result("rm_anova", f, df * epsilon, df_error * epsilon)
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
    return result_of("friedman", found.statistic, found.pvalue, float(table.shape[1] - 1))


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
