"""P values corrected for how many there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from ethochat.tools.errors import ToolRetryError
from ethochat.tools.statistics.results import Values

CORRECTIONS: Final = ("holm", "fdr_bh", "fdr_by")
"""Holm holds the chance of any false finding; Benjamini-Hochberg and -Yekutieli the share of false ones."""


def corrected(p_values: Sequence[float | None], method: str) -> list[float | None]:
    """Correct the p values of a family of tests, in the order given.

    Parameters
    ----------
    p_values
        ``None`` where a test could not be made; it stays ``None`` and does not count as a test.
    method
        ``holm``; ``fdr_bh`` (Benjamini and Hochberg 1995, for tests that are independent or rise together); or
        ``fdr_by`` (Benjamini and Yekutieli 2001, for any dependence).

    Raises
    ------
    ToolRetryError
        When the method is none of these.
    ValueError
        When a p value lies outside of 0 to 1.
    """
    if method not in CORRECTIONS:
        raise ToolRetryError(
            f"Expected a correction ({', '.join(CORRECTIONS)}), got {method!r}.", near=CORRECTIONS
        )
    known = [p for p in p_values if p is not None]
    if not all(0.0 <= p <= 1.0 for p in known):
        raise ValueError(f"Expected p values from 0 to 1, got {known!r}.")
    found = iter(holm(known) if method == "holm" else _false_discovery(known, method))
    return [None if p is None else next(found) for p in p_values]


def holm(p_values: Values) -> list[float]:
    """Correct p values for their number, step by step, in the order given.

    Holm (1979, Scandinavian Journal of Statistics 6:65). By hand, since scipy has no Holm and statsmodels' takes a
    second and more to import; held equal to ``statsmodels.stats.multitest.multipletests`` by the tests.
    """
    order = np.argsort(np.asarray(p_values))
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(order.tolist()):
        highest = max(highest, min(1.0, float(p_values[index]) * (len(p_values) - rank)))
        adjusted[index] = highest
    return adjusted


def _false_discovery(p_values: Sequence[float], method: str) -> list[float]:
    from scipy.stats import false_discovery_control

    if not p_values:
        return []
    adjusted: list[float] = false_discovery_control(p_values, method=method.removeprefix("fdr_")).tolist()
    return adjusted
