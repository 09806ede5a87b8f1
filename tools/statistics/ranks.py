"""Tests by ranks: Mann-Whitney, Kruskal-Wallis, Wilcoxon and Friedman, on arrays that were checked before.

A result has a p value, or says in ``why`` that there is none; a ``why`` beside a p value says how p was found.
Values are settled first, so that what differs by rounding alone is a tie.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from ethochat.tools.evidence import TestResult
from ethochat.tools.statistics.results import Vector, noted, result_of, scale_of, settled, untested

Groups = Mapping[str, Vector]

MOST_FOR_EXACT_U: Final = 8
"""Animals in the smaller group up to which the distribution of U is enumerated, as scipy does by itself."""
MOST_FOR_EXACT_W: Final = 50
"""Pairs up to which the distribution of W is enumerated; with ties or zeros only up to the next limit."""
MOST_FOR_EXACT_TIED_W: Final = 13
FEWEST_FOR_CHI_SQUARE: Final = 5
"""Animals per group under which the chi-square distribution is a rough guide to H and Friedman's statistic."""


def mann_whitney_u(groups: Groups) -> TestResult:
    """Mann-Whitney U test (Mann and Whitney 1947); the statistic is U of the first group."""
    from scipy import stats

    a, b = settle_together(list(groups.values()))
    everything = np.concatenate([a, b])
    if float(np.ptp(everything)) == 0.0:
        return untested("mann_whitney_u", "all values are equal")
    tied = np.unique(everything).size < everything.size
    exact = not tied and min(a.size, b.size) <= MOST_FOR_EXACT_U
    found = stats.mannwhitneyu(a, b, method="exact" if exact else "asymptotic")
    result = result_of("mann_whitney_u", found.statistic, found.pvalue)
    if exact:
        return noted(result, "p is exact.")
    reason = "there are ties" if tied else f"no group has {MOST_FOR_EXACT_U} animals or fewer"
    return noted(result, f"p is by the normal approximation with continuity correction, as {reason}.")


def kruskal_wallis(groups: Groups) -> TestResult:
    """Kruskal-Wallis test with the correction for ties (Kruskal and Wallis 1952)."""
    from scipy import stats

    arrays = settle_together(list(groups.values()))
    if float(np.ptp(np.concatenate(arrays))) == 0.0:
        return untested("kruskal_wallis", "all values are equal")
    found = stats.kruskal(*arrays)
    result = result_of("kruskal_wallis", found.statistic, found.pvalue, float(len(arrays) - 1))
    return noted(result, _chi_square_note(min(array.size for array in arrays), "in a group"))


def wilcoxon(table: Vector) -> TestResult:
    """Wilcoxon's signed-rank test (Wilcoxon 1945); the statistic is the smaller of the two rank sums.

    Animals without a difference are left out, as Wilcoxon did. Exact p values with ties are those of all sign
    changes of the ranks at hand.

    Parameters
    ----------
    table
        Shape ``(n_units, 2)``.
    """
    from scipy import stats

    differences = settled(table[:, 0] - table[:, 1], scale_of(table))
    differences = np.sort(differences[differences != 0.0])
    n, dropped = differences.size, len(table) - differences.size
    if n == 0:
        return untested("wilcoxon", "no animal differs between the two conditions")
    tied = np.unique(np.abs(differences)).size < n
    exact = n <= (MOST_FOR_EXACT_TIED_W if tied else MOST_FOR_EXACT_W)
    found = stats.wilcoxon(
        differences, correction=True, method="exact" if exact and not tied else "asymptotic"
    )
    p = _p_of_all_signs(differences) if exact and tied else found.pvalue
    result = result_of("wilcoxon", found.statistic, p)
    zeros = f"{dropped} of {len(table)} animals do not differ and are left out." if dropped else None
    if exact:
        return noted(result, "p is exact.", zeros)
    reason = "there are ties" if tied else f"there are more than {MOST_FOR_EXACT_W} animals"
    how = f"p is by the normal approximation with continuity correction, as {reason}."
    return noted(result, how, zeros)


def _p_of_all_signs(differences: Vector) -> float:
    """Exact two-sided p of a rank sum with ties; scipy's ``wilcoxon`` takes half a second for the same."""
    from scipy import stats

    signed = stats.rankdata(np.abs(differences)) * np.sign(differences)
    found = stats.permutation_test(
        (signed,), np.sum, permutation_type="samples", n_resamples=2**signed.size, vectorized=True
    )
    return float(found.pvalue)


def friedman(table: Vector) -> TestResult:
    """Friedman test with the correction for ties (Friedman 1937); the effect is Kendall's W.

    Parameters
    ----------
    table
        Shape ``(n_units, k_conditions)``, at least three conditions.
    """
    from scipy import stats

    n, k = table.shape
    values = settled(table)
    if all(float(np.ptp(row)) == 0.0 for row in values):
        return untested("friedman", "no animal differs between the conditions")
    found = stats.friedmanchisquare(*values.T)
    result = result_of("friedman", found.statistic, found.pvalue, float(k - 1))
    # W is Friedman's statistic as a share of its largest value (Kendall and Babington Smith 1939).
    result.effect_size = {"kendalls_w": float(found.statistic) / (n * (k - 1))}
    return noted(result, _chi_square_note(n, ""))


def settle_together(arrays: Sequence[Vector]) -> list[Vector]:
    """Settle several groups on one grid, so that equal values are equal in all of them."""
    sizes = [array.size for array in arrays]
    return np.split(settled(np.concatenate(arrays)), np.cumsum(sizes)[:-1])


def _chi_square_note(n: int, where: str) -> str:
    rough = f", which is rough for {n} animals {where}".rstrip() if n < FEWEST_FOR_CHI_SQUARE else ""
    return f"p is by the chi-square approximation{rough}."
