"""Effect sizes with their 95 % intervals; all are first group minus second.

Which interval is used where was decided by how often it covers the truth in simulated experiments
(``benchmarks/coverage.py``, ``docs/coverage.md``). What cannot be computed (no spread, too few animals) is ``None``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np

from ethochat.tools.errors import ToolFailedError
from ethochat.tools.statistics.results import (
    LARGEST,
    NORMAL_975,
    Effect,
    Values,
    Vector,
    finite,
    scale_of,
    settled,
)

TAIL: Final = 0.025
_FAR: Final = 1000.0
"""Noncentralities (over the root of the degrees of freedom) from which the normal part of a statistic is nothing beside them."""
Interval = list[float] | None


def independent_effects(first: Values, second: Values) -> Effect:
    """Everything that is reported of two groups of different animals, the main effect first.

    Parameters
    ----------
    first, second
        One value per animal, at least two in each group.

    Returns
    -------
    dict
        Hedges g (its interval also under ``ci95``), Cohen's d, the differences of means and of medians in the unit
        of the values, and Cliff's delta, each with its interval under ``<name>_ci95``.

    Raises
    ------
    ToolFailedError
        When a group has fewer than two animals.
    """
    return (
        hedges_g(first, second)
        | mean_difference(first, second)
        | median_difference(first, second)
        | cliffs_delta(first, second)
    )


def paired_effects(first: Values, second: Values) -> Effect:
    """Everything that is reported of two values of the same animals, the main effect first.

    Cohen's dz is the mean difference in units of the standard deviation of the differences; Hedges g_av is the
    same difference in units of the mean spread of the two conditions, which is comparable to Hedges g of
    independent groups (Lakens 2013, Frontiers in Psychology 4:863).

    Parameters
    ----------
    first, second
        Value k of both belongs to the same animal; at least two animals.

    Returns
    -------
    dict
        ``cohens_dz`` (its interval also under ``ci95``), ``hedges_g_av``, ``mean_difference``,
        ``hodges_lehmann`` and ``rank_biserial``; intervals under ``<name>_ci95``.

    Raises
    ------
    ToolFailedError
        When there are fewer than two animals.
    ValueError
        When the two differ in length.
    """
    if len(first) != len(second):
        raise ValueError(f"Expected pairs of values, got {len(first)} and {len(second)}.")
    a, b = _groups(first, second)
    # Differences that are equal but for rounding are equal.
    differences = settled(a - b, scale_of(np.stack([a, b])))
    return (
        _standardized_pairs(a, b, differences)
        | _mean_of_differences(differences)
        | hodges_lehmann(differences)
        | {"rank_biserial": rank_biserial(differences)}
    )


def several_effects(groups: Sequence[Values], *, equal_spreads: bool = True) -> Effect:
    """Share of the variance that lies between several groups of different animals.

    ``omega_squared`` and ``epsilon_squared`` are the estimates of Okada (2013, Behaviormetrika 40:129), cut at zero.
    The interval is that of the noncentral F distribution (Steiger 2004, Psychological Methods 9:164). Where one of
    three groups spreads twice as much as the others it covers the share in as few as 78 % of experiments, so that it
    is given only to analyses that take the spreads for equal.

    Parameters
    ----------
    groups
        One value per animal in each of two and more groups.
    equal_spreads
        Whether the analysis takes the spreads for equal, as the ANOVA and its power do and Welch's ANOVA does not.

    Returns
    -------
    dict
        ``omega_squared``, its interval (also under ``ci95``; ``None`` unless ``equal_spreads``), ``epsilon_squared``
        and ``eta_squared``.

    Raises
    ------
    ToolFailedError
        When a group has fewer than two animals.
    """
    arrays = _groups(*groups)
    everything = np.concatenate(arrays)
    df, df_error = len(arrays) - 1, everything.size - len(arrays)
    within = sum((array.size - 1) * _variance(array) for array in arrays)
    total = (everything.size - 1) * _variance(everything)
    if within <= 0.0:
        return dict.fromkeys(
            ("omega_squared", "omega_squared_ci95", "ci95", "epsilon_squared", "eta_squared")
        )
    mean_within = within / df_error
    between = max(total - within, 0.0)
    interval = (
        share_interval(between / df / mean_within, df, df_error, everything.size) if equal_spreads else None
    )
    return {
        "omega_squared": max(0.0, (between - df * mean_within) / (total + mean_within)),
        "omega_squared_ci95": interval,
        "ci95": interval,
        "epsilon_squared": max(0.0, (between - df * mean_within) / total),
        "eta_squared": between / total,
    }


def rank_epsilon_squared(groups: Sequence[Values]) -> float | None:
    """Share of the variance of the ranks that lies between the groups (of the Kruskal-Wallis test).

    H / (n - 1), as in Tomczak and Tomczak (2014, Trends in Sport Sciences 21:19); it is eta squared of the ranks.
    """
    from scipy.stats import rankdata

    arrays = _groups(*groups)
    ranks = np.split(rankdata(np.concatenate(arrays)), np.cumsum([array.size for array in arrays])[:-1])
    everything = np.concatenate(ranks)
    total = float(np.sum((everything - everything.mean()) ** 2))
    between = sum(rank.size * float(rank.mean() - everything.mean()) ** 2 for rank in ranks)
    return between / total if total > 0.0 else None


def hedges_g(first: Values, second: Values) -> Effect:
    """Hedges g: the difference of the means in units of the pooled standard deviation, with its 95 % interval.

    The estimate has the exact small-sample factor (Hedges 1981, Journal of Educational Statistics 6:107). The
    interval is that of Shieh (2013, Behavior Research Methods 45:955) for unequal variances: Welch's statistic
    follows nearly a noncentral t distribution with Welch's degrees of freedom, and its noncentrality, found as by
    Steiger and Fouladi (1997), is turned into units of the pooled standard deviation. With groups of equal size
    and spread it is the usual interval by the noncentral t (Goulet-Pelletier and Cousineau 2018); with unequal
    ones the usual interval covers the truth in as few as 78 % of experiments, this one in 92 % and more. It holds
    zero exactly where Welch's test has p >= 0.05.

    Returns
    -------
    dict
        ``hedges_g``, its interval as ``hedges_g_ci95`` and ``ci95``, and ``cohens_d`` (without the factor).
    """
    a, b = _groups(first, second)
    df = a.size + b.size - 2
    pooled = math.sqrt(((a.size - 1) * _variance(a) + (b.size - 1) * _variance(b)) / df)
    if pooled == 0.0:
        return dict.fromkeys(("hedges_g", "hedges_g_ci95", "ci95", "cohens_d"))
    difference, error, welch_df = _welch(a, b)
    interval = _noncentral_interval(difference / error, welch_df, error / pooled)
    return {
        "hedges_g": difference / pooled * _small_sample_factor(df),
        "hedges_g_ci95": interval,
        "ci95": interval,
        "cohens_d": difference / pooled,
    }


def mean_difference(first: Values, second: Values) -> Effect:
    """Difference of the means with Welch's 95 % interval (Welch 1947, Biometrika 34:28)."""
    a, b = _groups(first, second)
    difference, error, df = _welch(a, b)
    return {
        "mean_difference": difference,
        "mean_difference_ci95": _around(difference, _t_quantile(df) * error),
    }


def median_difference(first: Values, second: Values) -> Effect:
    """Difference of the medians with the 95 % interval of Price and Bonett.

    Price and Bonett (2002, Journal of Statistical Computation and Simulation 72:119): the standard error of each
    median comes from two order statistics, so neither equal shapes nor equal spreads are assumed.
    """
    a, b = _groups(first, second)
    difference = float(np.median(a) - np.median(b))
    error = math.hypot(_median_error(a), _median_error(b))
    return {
        "median_difference": difference,
        "median_difference_ci95": _around(difference, NORMAL_975 * error),
    }


def cliffs_delta(first: Values, second: Values) -> Effect:
    """Cliff's delta: P(first > second) - P(first < second), with its 95 % interval.

    The interval is the asymmetric one of Feng and Cliff (2004, Journal of Modern Applied Statistical Methods
    3:322) with the consistent variance of Cliff (1996, Multivariate Behavioral Research 31:331) and, instead of
    the normal, Student's t with the degrees of freedom of Brunner and Munzel (2000, Biometrical Journal 42:17),
    without which it covers as little as 87 % in groups of four.
    """
    a, b = _groups(first, second)
    dominance = np.sign(a[:, None] - b[None, :])
    delta = float(dominance.mean())
    rows, columns = dominance.mean(axis=1), dominance.mean(axis=0)
    quantile = _t_quantile(_placement_df(rows, columns))
    if abs(delta) == 1.0:
        # No overlap leaves no variance; Feng and Cliff take the smaller group as so many successes in a row.
        n = min(a.size, b.size)
        bound = (n - quantile**2) / (n + quantile**2)
        interval = [bound, 1.0] if delta > 0 else [-1.0, -bound]
    else:
        interval = _dominance_interval(delta, _dominance_variance(dominance, rows, columns), quantile)
    return {"cliffs_delta": delta, "cliffs_delta_ci95": interval}


def hodges_lehmann(differences: Values) -> Effect:
    """Hodges-Lehmann estimate of paired differences with the exact interval of Wilcoxon's test.

    The median of the means of all pairs of differences (Hodges and Lehmann 1963, Annals of Mathematical Statistics
    34:598); the interval holds the shifts that Wilcoxon's signed-rank test does not reject (Hollander, Wolfe and
    Chicken 2014). Fewer than six animals have no 95 % interval of this kind: ``None``.
    """
    array = np.asarray(differences, dtype=np.float64)
    left, right = np.triu_indices(array.size)
    walsh = np.sort((array[left] + array[right]) / 2.0)
    dropped = _signed_rank_tail(array.size)
    low, high = (float(walsh[dropped - 1]), float(walsh[-dropped])) if dropped else (0.0, 0.0)
    return {
        "hodges_lehmann": float(np.median(walsh)),
        "hodges_lehmann_ci95": [low, high] if high > low else None,
    }


def rank_biserial(differences: Values) -> float | None:
    """Matched-pairs rank-biserial correlation: the share of the rank sum that is positive minus the negative.

    Kerby (2014, Comprehensive Psychology 3, article 11.IT.3.1); differences of zero are left out, as Wilcoxon's test does.
    ``None`` when all are zero.
    """
    from scipy.stats import rankdata

    array = np.asarray(differences, dtype=np.float64)
    array = array[array != 0.0]
    if array.size == 0:
        return None
    ranks = rankdata(np.abs(array))
    return float(np.sum(ranks * np.sign(array)) / np.sum(ranks))


def ratio_of_means(first: Values, second: Values) -> Effect:
    """Ratio of the means, first by second, with Fieller's 95 % interval for unequal variances.

    Fieller (1954, Journal of the Royal Statistical Society B 16:175) with the degrees of freedom of Tamhane and
    Logan (2004, Journal of Biopharmaceutical Statistics 14:843). A second mean that is not well apart from zero leaves
    the ratio unbounded: then the interval is ``None``. The ratio itself is ``None`` unless the second mean is above zero.
    """
    a, b = _groups(first, second)
    top, bottom = _mean(a), _mean(b)
    if bottom <= abs(top) / LARGEST or bottom <= 1.0 / LARGEST:  # a mean of zero, but for rounding
        return {"ratio_of_means": None, "ratio_of_means_ci95": None}
    ratio = top / bottom
    spread_a, spread_b = _variance(a) / a.size, _variance(b) / b.size
    df = _satterthwaite(spread_a, ratio**2 * spread_b, a.size, b.size)
    quantile = _t_quantile(df)
    # The roots of (top - r bottom)^2 = quantile^2 (spread_a + r^2 spread_b).
    square = bottom**2 - quantile**2 * spread_b
    root = (top * bottom) ** 2 - square * (top**2 - quantile**2 * spread_a)
    interval: Interval = None
    if square > 0.0 and root > 0.0:
        interval = [(top * bottom + sign * math.sqrt(root)) / square for sign in (-1.0, 1.0)]
    return {"ratio_of_means": ratio, "ratio_of_means_ci95": interval}


def paired_effect(differences: Vector) -> Effect:
    """Mean difference in units of its standard deviation, and its 95 % interval in the unit of the values."""
    return _standardized_differences(differences) | _mean_of_differences(differences)


def _groups(*groups: Values) -> list[Vector]:
    """Give the groups as arrays, each of two and more animals."""
    arrays = [np.asarray(values, dtype=np.float64) for values in groups]
    if any(array.size < 2 for array in arrays):
        sizes = ", ".join(str(array.size) for array in arrays)
        raise ToolFailedError(
            f"Expected at least two animals in every group for an effect size, found {sizes}."
        )
    return arrays


def _standardized_pairs(a: Vector, b: Vector, differences: Vector) -> Effect:
    """Cohen's dz and Hedges g_av of pairs.

    The interval of g_av turns the noncentrality of the paired t into units of the mean spread (Algina and Keselman
    2003, Educational and Psychological Measurement 63:537).
    """
    found = _standardized_differences(differences)
    spread = math.sqrt((_variance(a) + _variance(b)) / 2.0)
    name = "hedges_g_av"
    if spread == 0.0 or found["cohens_dz"] is None:
        return found | {name: None, f"{name}_ci95": None}
    difference, error = _mean(differences), math.sqrt(_variance(differences) / differences.size)
    return found | {
        name: difference / spread * _small_sample_factor(a.size - 1),
        f"{name}_ci95": _noncentral_interval(difference / error, a.size - 1.0, error / spread),
    }


def _standardized_differences(differences: Vector) -> Effect:
    n, mean, sd = differences.size, _mean(differences), math.sqrt(_variance(differences))
    if sd == 0.0:
        return dict.fromkeys(("cohens_dz", "cohens_dz_ci95", "ci95"))
    interval = _noncentral_interval(mean / sd * math.sqrt(n), n - 1.0, 1.0 / math.sqrt(n))
    return {"cohens_dz": mean / sd, "cohens_dz_ci95": interval, "ci95": interval}


def _mean_interval(values: Vector) -> Interval:
    """95 % interval of a mean by Student's t; ``None`` without spread."""
    return _around(_mean(values), _t_quantile(values.size - 1) * math.sqrt(_variance(values) / values.size))


def _mean_of_differences(differences: Vector) -> Effect:
    return {
        "mean_difference": _mean(differences),
        "mean_difference_ci95": _mean_interval(differences),
    }


def _mean(values: Vector) -> float:
    """Mean, exact for values that are all equal: of 0.1 three times the plain sum is not 0.3."""
    return float(values[0] + (values - values[0]).mean())


def _variance(values: Vector) -> float:
    """Variance with n - 1, exactly zero for values that are all equal."""
    return float((values - values[0]).var(ddof=1))


def _welch(a: Vector, b: Vector) -> tuple[float, float, float]:
    """Difference of the means, its standard error without assuming equal variances, and Welch's degrees of freedom."""
    spread_a, spread_b = _variance(a) / a.size, _variance(b) / b.size
    df = _satterthwaite(spread_a, spread_b, a.size, b.size)
    return _mean(a) - _mean(b), math.sqrt(spread_a + spread_b), df


def _satterthwaite(spread_a: float, spread_b: float, n_a: int, n_b: int) -> float:
    """Degrees of freedom of a sum of two variances (Satterthwaite 1946, Biometrics Bulletin 2:110)."""
    largest = max(spread_a, spread_b)
    if largest == 0.0:
        return float(n_a + n_b - 2)
    # In units of the larger, so that the fourth powers of tiny spreads do not vanish.
    a, b = spread_a / largest, spread_b / largest
    return (a + b) ** 2 / (a**2 / (n_a - 1) + b**2 / (n_b - 1))


def _placement_df(rows: Vector, columns: Vector) -> float:
    """Degrees of freedom of Brunner and Munzel, from how each animal stands to the other group."""
    return _satterthwaite(
        _variance(rows) / rows.size, _variance(columns) / columns.size, rows.size, columns.size
    )


def _dominance_variance(dominance: Vector, rows: Vector, columns: Vector) -> float:
    """Unbiased variance of Cliff's delta (Cliff 1996), not below its least possible value."""
    n, m, delta = rows.size, columns.size, float(dominance.mean())
    by_row, by_column = float(np.sum((rows - delta) ** 2)), float(np.sum((columns - delta) ** 2))
    single = float(np.sum((dominance - delta) ** 2))
    unbiased = (m**2 * by_row + n**2 * by_column - single) / (n * m * (n - 1) * (m - 1))
    return max(unbiased, (1.0 - delta**2) / (n * m - 1))


def _dominance_interval(delta: float, variance: float, quantile: float) -> list[float]:
    """Asymmetric interval of Cliff's delta, which stays within -1 and 1 (Feng and Cliff 2004)."""
    scaled = quantile**2 * variance
    half = quantile * math.sqrt(variance) * math.sqrt((1.0 - delta**2) ** 2 + scaled)
    below = 1.0 - delta**2 + scaled
    return [(delta - delta**3 - half) / below, (delta - delta**3 + half) / below]


def _noncentral_interval(t: float, df: float, scale: float) -> Interval:
    """Noncentralities under which a t statistic lies at its upper and lower 2.5 %, times ``scale``.

    A t statistic is ``(z + noncentrality) / sqrt(chi_square / df)``. Beyond :data:`_FAR` the normal z is nothing beside the
    noncentrality, which then is ``t sqrt(chi_square / df)`` at the quantiles of chi-square; scipy's inverse loses digits
    there, and far out does not come to an end.
    """
    from scipy import special

    if abs(t) > _FAR * max(1.0, math.sqrt(df)):
        bounds = sorted(t * math.sqrt(float(special.chdtri(df, p)) / df) for p in (1.0 - TAIL, TAIL))
        low, high = (finite(bound) for bound in bounds)
    else:
        low, high = (finite(special.nctdtrinc(df, p, t)) for p in (1.0 - TAIL, TAIL))
    return None if low is None or high is None else [low * scale, high * scale]


def share_interval(f: float, df: float, df_error: float, n: int) -> Interval:
    """95 % interval of the share of the variance that lies between groups, from the noncentralities of F.

    ``noncentrality / (noncentrality + n)`` at the noncentralities under which F lies at its upper and lower 2.5 %
    (Steiger 2004, Psychological Methods 9:164). Scipy's own inverse stops at a noncentrality of 10,000.

    Parameters
    ----------
    f
        F with ``df`` and ``df_error`` degrees of freedom.
    n
        Animals in all.
    """
    bounds = [_noncentrality_of_f(f, df, df_error, p) for p in (1.0 - TAIL, TAIL)]
    return [bound / (bound + n) for bound in bounds] if all(map(math.isfinite, bounds)) else None


def _noncentrality_of_f(f: float, df: float, df_error: float, p: float) -> float:
    """Noncentrality under which an F as large as ``f`` or smaller has the chance ``p``; 0 where it is rarer among equal groups."""
    from scipy import optimize, special

    if f <= 0.0 or float(special.fdtr(df, df_error, f)) <= p:
        return 0.0
    # As for t: far from zero only the spread of the error counts.
    far = df * f * float(special.chdtri(df_error, p)) / df_error
    if far > _FAR**2 * max(1.0, df_error):
        return far
    high = 2.0 * far + 100.0
    while float(special.ncfdtr(df, df_error, high, f)) > p:
        high *= 2.0
    return float(optimize.brentq(lambda nc: float(special.ncfdtr(df, df_error, nc, f)) - p, 0.0, high))


def _small_sample_factor(df: int) -> float:
    """Exact correction of Hedges, of which 1 - 3 / (4 df - 1) is the common approximation; 1 where it has none."""
    if df < 2:
        return 1.0
    return math.exp(math.lgamma(df / 2) - math.lgamma((df - 1) / 2)) / math.sqrt(df / 2)


def _median_error(values: Vector) -> float:
    """Standard error of a median from two order statistics (Price and Bonett 2002)."""
    ordered = np.sort(values)
    place, width = _median_places(values.size)
    return float(ordered[-place] - ordered[place - 1]) / width


@lru_cache(maxsize=256)
def _median_places(n: int) -> tuple[int, float]:
    """Which order statistic from either end, and how many standard errors lie between the two."""
    from scipy import special

    place = max(1, round((n + 1) / 2 - math.sqrt(n)))
    tail = float(special.bdtr(place - 1, n, 0.5))
    return place, -2.0 * float(special.ndtri(tail))


@lru_cache(maxsize=256)
def _signed_rank_tail(n: int) -> int:
    """How many of the ordered Walsh averages lie outside of the 95 % interval, on each side; exact up to 100 animals."""
    if n > 100:
        spread = math.sqrt(n * (n + 1) * (2 * n + 1) / 24.0)
        return math.floor(n * (n + 1) / 4.0 - NORMAL_975 * spread)
    ways = np.zeros(n * (n + 1) // 2 + 1)
    ways[0] = 1.0
    for rank in range(1, n + 1):
        ways[rank:] = ways[rank:] + ways[:-rank]
        ways /= 2.0
    return int(np.searchsorted(np.cumsum(ways), TAIL, side="right"))


def _t_quantile(df: float) -> float:
    from scipy import special

    return float(special.stdtrit(df, 1.0 - TAIL))


def _around(middle: float, half: float) -> Interval:
    """Symmetric interval; ``None`` where there is no spread to make one of."""
    return [middle - half, middle + half] if half > 0.0 and math.isfinite(half) else None
