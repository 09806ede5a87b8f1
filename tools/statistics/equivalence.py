"""Are two groups the same, for all that matters: two one-sided tests."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, Literal

import numpy as np

from ethochat.tools.errors import ToolFailedError, ToolRetryError
from ethochat.tools.evidence import TestResult
from ethochat.tools.statistics.describe import summarize
from ethochat.tools.statistics.repeated import table_of
from ethochat.tools.statistics.results import (
    ALPHA,
    Values,
    Vector,
    all_equal,
    check_sizes,
    constant,
    noted,
    result_of,
    scale_of,
    untested,
    vectors,
)

EQUIVALENCE_TESTS: Final = ("tost_welch", "tost_paired")
MarginUnit = Literal["raw", "sd", "percent"]


def equivalence(
    groups: Mapping[str, Values],
    margin: float,
    *,
    unit: MarginUnit = "raw",
    reference: str | None = None,
    repeated: bool = False,
) -> TestResult:
    """Test whether the means of two groups differ by less than a margin, in either direction.

    Two one-sided t tests (Schuirmann 1987, Journal of Pharmacokinetics and Biopharmaceutics 15:657): Welch's for
    different animals (Dannenberg, Dette and Munk 1994, Biometrie und Informatik 25:97), paired ones for the same.
    Both p values below 0.05 say the same as a 90 % interval within the margin.

    Parameters
    ----------
    groups
        Two groups, each with one value per animal; for repeated measures value k of both belongs to the same animal.
    margin
        Largest difference that does not matter, above zero.
    unit
        ``raw`` (the unit of the values), ``sd`` (standard deviations: those of the reference group, or without one
        pooled over both groups) or ``percent`` of the mean of the reference group (without one, of the second).
    reference
        Group that a margin in ``sd`` or ``percent`` is taken from.
    repeated
        Whether the same animals are in both groups.

    Returns
    -------
    TestResult
        ``tost_welch`` or ``tost_paired``. ``p_value`` is the larger of the two one-sided ones, ``statistic`` its t;
        ``effect_size`` has the difference of the means (first minus second) with its 90 % interval, both p values,
        and the margin in the unit of the values.

    Raises
    ------
    ToolFailedError
        When a group has fewer than two animals, or the data give no margin in the unit asked for.
    ToolRetryError
        When there are not two groups, the margin is not above zero, or the reference is unknown.
    """
    _check(groups, margin, unit, reference)
    arrays = vectors(groups)
    raw, basis = _raw_margin(arrays, margin, unit, reference)
    result = _paired(table_of(groups), raw) if repeated else _independent(arrays, raw)
    if result.p_value is not None:
        result.why, why = None, result.why
        noted(result, why, _verdict(result, raw, list(groups)), basis)
    result.groups = {name: summarize(values) for name, values in groups.items()}
    return result


def _check(groups: Mapping[str, Values], margin: float, unit: str, reference: str | None) -> None:
    check_sizes(groups)
    if len(groups) != 2:
        raise ToolRetryError(f"Equivalence is tested for two groups, got {len(groups)}: {list(groups)!r}.")
    if not (math.isfinite(margin) and margin > 0.0):
        raise ToolRetryError(f"Expected a margin above zero, got {margin!r}.")
    if unit not in ("raw", "sd", "percent"):
        raise ToolRetryError(f"Expected a margin in raw, sd or percent, got {unit!r}.")
    if reference is not None and reference not in groups:
        raise ToolRetryError(
            f"Expected the reference to be one of {', '.join(map(repr, groups))}, got {reference!r}.",
            near=tuple(groups),
        )


def _raw_margin(
    groups: Mapping[str, Vector], margin: float, unit: str, reference: str | None
) -> tuple[float, str | None]:
    """Margin in the unit of the values, and where it comes from."""
    if unit == "raw":
        return margin, None
    told = "it was taken from these animals, and a margin fixed beforehand would be firmer"
    if unit == "percent":
        name = reference or list(groups)[1]
        raw = abs(float(groups[name].mean())) * margin / 100.0
        basis, missing = f"the mean of {name!r}", f"the mean of {name!r} is zero"
    elif reference is not None:
        raw = 0.0 if all_equal(groups[reference]) else float(groups[reference].std(ddof=1)) * margin
        basis, missing = (
            f"the standard deviation of {reference!r}",
            f"the values of {reference!r} are all equal",
        )
    else:
        raw = _pooled_sd(groups) * margin
        basis, missing = "the pooled standard deviation", "the values within both groups are all equal"
    if raw <= 0.0:
        raise ToolFailedError(
            f"No margin can be taken from {basis}: {missing}. Give it in the unit of the values."
        )
    share = f"{margin:g} %" if unit == "percent" else f"{margin:g} times"
    return raw, f"The margin is {share}{' of' if unit == 'percent' else ''} {basis}; {told}."


def _pooled_sd(groups: Mapping[str, Vector]) -> float:
    if all(constant(list(groups.values()))):
        return 0.0
    within = sum(float(np.sum((values - values.mean()) ** 2)) for values in groups.values())
    return math.sqrt(within / sum(values.size - 1 for values in groups.values()))


def _independent(groups: Mapping[str, Vector], margin: float) -> TestResult:
    from statsmodels.stats.weightstats import CompareMeans

    a, b = groups.values()
    if all(constant((a, b))):
        return untested("tost_welch", "the values within each group are all equal")
    # Where zero is does not matter to a difference; near the values less precision is lost.
    zero = float(b[0])
    means = CompareMeans.from_data(a - zero, b - zero)
    _, (lower, upper) = means.ttost_ind(-margin, margin, usevar="unequal")
    interval = means.tconfint_diff(alpha=2 * ALPHA, usevar="unequal")
    why = "Two one-sided Welch t tests: two groups of different animals, one value per animal."
    difference = float(a.mean() - b.mean())
    result = _result("tost_welch", lower, upper, difference=difference, interval=interval, margin=margin)
    return noted(result, why)


def _paired(table: Vector, margin: float) -> TestResult:
    from statsmodels.stats.weightstats import DescrStatsW

    differences = table[:, 0] - table[:, 1]
    if all_equal(differences, scale_of(table)):
        return untested("tost_paired", "the differences between the conditions are the same in every animal")
    described = DescrStatsW(differences)
    _, lower, upper = described.ttost_mean(-margin, margin)
    interval = described.tconfint_mean(alpha=2 * ALPHA)
    why = "Two one-sided paired t tests: both values come from the same animal."
    difference = float(differences.mean())
    result = _result("tost_paired", lower, upper, difference=difference, interval=interval, margin=margin)
    return noted(result, why)


def _result(
    name: str,
    lower: tuple[float, float, float],
    upper: tuple[float, float, float],
    *,
    difference: float,
    interval: tuple[float, float],
    margin: float,
) -> TestResult:
    """Put both one-sided tests (t, p, degrees of freedom) together."""
    t, p, df = max(lower, upper, key=lambda one: float(one[1]))
    result = result_of(name, t, p, float(df))
    result.effect_size = {
        "mean_difference": difference,
        "mean_difference_ci90": [float(bound) for bound in interval],
        "p_above_lower_margin": float(lower[1]),
        "p_below_upper_margin": float(upper[1]),
        "margin": margin,
    }
    return result


def _verdict(result: TestResult, margin: float, names: list[str]) -> str:
    both = f"The means of {names[0]} and {names[1]}"
    bounds = result.effect_size["mean_difference_ci90"]
    span = f"{bounds[0]:.4g} to {bounds[1]:.4g}" if isinstance(bounds, list) else "not known"
    if result.p_value is not None and result.p_value < ALPHA:
        return f"{both} are equivalent within ±{margin:.4g}: the 90 % interval of their difference ({span}) lies within it."
    return (
        f"{both} are not shown to be equivalent within ±{margin:.4g}: the 90 % interval of their difference ({span}) reaches "
        "beyond it. That does not show that they differ."
    )
