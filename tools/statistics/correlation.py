"""Two quantities, one pair of values per animal."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from ethochat.tools.errors import ToolFailedError
from ethochat.tools.evidence import TestResult
from ethochat.tools.statistics.results import (
    NORMAL_975,
    Values,
    Vector,
    all_equal,
    check_numbers,
    chosen_test,
    noted,
    result_of,
    settled,
    untested,
)

CORRELATION_TESTS: Final = ("spearman", "pearson")
MOST_FOR_EXACT_RHO: Final = 8
"""Animals up to which all orders are gone through for Spearman's p; nine would be 362 880 orders."""
_PERFECT: Final = 1e-12
"""Distance from 1 that is left to rounding."""


def correlate(x: Values, y: Values, method: str = "spearman") -> TestResult:
    """Correlate two quantities, one pair per animal.

    Parameters
    ----------
    method
        A name of :data:`CORRELATION_TESTS`.

    Returns
    -------
    TestResult
        ``statistic`` is r or rho, and ``effect_size["ci95"]`` its interval for four and more animals that do not lie
        on a line: for r by Fisher's transformation, for rho by the same with the standard error of Bonett and Wright
        (2000, Psychometrika 65:23). p is by Student's t; Spearman's is exact for up to eight animals.

    Raises
    ------
    ToolFailedError
        When there are fewer than three pairs, or a value is not a finite number.
    ToolRetryError
        When the method is unknown.
    ValueError
        When there are not as many x as y.
    """
    chosen_test(method, method, CORRELATION_TESTS, "a correlation")
    check_numbers(x, "the first quantity")
    check_numbers(y, "the second quantity")
    a, b = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if a.size != b.size:
        raise ValueError(f"Expected pairs of values, got {a.size} and {b.size}.")
    if a.size < 3:
        raise ToolFailedError(
            f"Expected at least 3 animals with both values for a correlation, found {a.size}."
        )
    if all_equal(a) or all_equal(b):
        result = untested(method, "one of the two quantities is the same in every animal")
        result.why = (result.why or "").replace("No test", "No correlation")
        return result
    return _pearson(a, b) if method == "pearson" else _spearman(settled(a), settled(b))


def _pearson(a: Vector, b: Vector) -> TestResult:
    from scipy import stats

    # Where zero is does not matter to r; near the values less precision is lost.
    found = stats.pearsonr(a - a[0], b - b[0])
    df = float(a.size - 2)
    why = "Pearson correlation, one pair of values per animal."
    if 1.0 - abs(found.statistic) <= _PERFECT:
        result = result_of("pearson", math.copysign(1.0, found.statistic), 0.0, df)
        return noted(result, why, "The values lie on a line, so that p is zero and there is no interval.")
    result = result_of("pearson", found.statistic, found.pvalue, df)
    if a.size > 3:
        interval = found.confidence_interval(0.95)
        result.effect_size = {"ci95": [float(interval.low), float(interval.high)]}
    return noted(result, why)


def _spearman(a: Vector, b: Vector) -> TestResult:
    from scipy import stats

    rank_a, rank_b = stats.rankdata(a), stats.rankdata(b)
    n = a.size
    rho = float(stats.spearmanr(a, b).statistic)
    perfect = 1.0 - abs(rho) <= _PERFECT
    exact = n <= MOST_FOR_EXACT_RHO
    if exact:
        p = _exact_p(rank_a, rank_b)
    else:
        p = _p_of_one_order(rank_a) if perfect else float(stats.spearmanr(a, b).pvalue)
    result = result_of("spearman", math.copysign(1.0, rho) if perfect else rho, p, float(n - 2))
    if n > 3 and not perfect:
        half = NORMAL_975 * math.sqrt((1.0 + rho**2 / 2.0) / (n - 3))
        result.effect_size = {"ci95": [math.tanh(math.atanh(rho) - half), math.tanh(math.atanh(rho) + half)]}
    note = "p is exact, from all orders of the animals." if exact or perfect else None
    return noted(result, "Spearman rank correlation, one pair of values per animal.", note)


def _exact_p(rank_a: Vector, rank_b: Vector) -> float:
    """Two-sided p of rho by all orders of the second ranks."""
    from scipy import stats

    found = stats.permutation_test(
        (rank_a,),
        lambda ranks, axis: (ranks * rank_b).sum(axis=axis),
        permutation_type="pairings",
        n_resamples=math.factorial(rank_a.size),
        vectorized=True,
    )
    return float(found.pvalue)


def _p_of_one_order(ranks: Vector) -> float:
    """Two-sided chance that two quantities order the animals alike; as many orders as ties allow are that one."""
    _, counts = np.unique(ranks, return_counts=True)
    ways = sum(math.lgamma(count + 1) for count in counts.tolist()) - math.lgamma(ranks.size + 1)
    return min(1.0, 2.0 * math.exp(ways))
