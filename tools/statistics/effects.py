"""Effect sizes with their 95 % intervals."""

from __future__ import annotations

import math

import numpy as np

from ethochat.tools.statistics.results import NORMAL_975, Effect, Values, Vector


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
    g, half = d * correction, NORMAL_975 * correction * math.sqrt(variance)
    return {"hedges_g": g, "ci95": [g - half, g + half], "cohens_d": d, "mean_difference": difference}


def paired_effect(differences: Vector) -> Effect:
    """Mean difference in units of its standard deviation, and its 95 % interval in the unit of the values."""
    from scipy import special

    n, mean, sd = differences.size, float(differences.mean()), float(differences.std(ddof=1))
    half = float(special.stdtrit(n - 1, 0.975)) * sd / math.sqrt(n)
    return {
        "cohens_dz": mean / sd,
        "mean_difference": mean,
        "mean_difference_ci95": [mean - half, mean + half],
    }
