"""Two quantities, one pair of values per animal."""

from __future__ import annotations

import math

import numpy as np

from ethochat.tools.errors import ToolFailedError
from ethochat.tools.evidence import TestResult
from ethochat.tools.statistics.results import NORMAL_975, Values, Vector, t_result, untested


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
        result = untested(method, "one of the two quantities is the same in every animal")
        result.why = (result.why or "").replace("No test", "No correlation")
        return result
    if method == "spearman":
        a, b = _ranks(a), _ranks(b)
    r = float(np.clip(np.corrcoef(a, b)[0, 1], -1.0, 1.0))
    rest = 1.0 - r**2
    # A perfect correlation has an infinite t, whose p is zero.
    found = t_result(method, r * math.sqrt((n - 2) / rest) if rest > 0 else math.inf, float(n - 2))
    result = TestResult(name=method, statistic=r, p_value=found.p_value if rest > 0 else 0.0, df=float(n - 2))
    if method == "pearson" and n > 3 and rest > 0:
        half = NORMAL_975 / math.sqrt(n - 3)
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
