"""One group of values: its size, middle and spread, and what lies far from it."""

from __future__ import annotations

import math

import numpy as np

from ethochat.tools.errors import ToolFailedError
from ethochat.tools.evidence import GroupSummary
from ethochat.tools.statistics.results import Values


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
