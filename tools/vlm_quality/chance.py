"""A figure beside what it would be if the model's words had nothing to do with the clips."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

N_SHUFFLES: Final = 500
BAND: Final = (0.025, 0.975)
Verdict = Literal["above chance", "below chance", "not distinguishable from chance"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgainstChance:
    """A figure, and the same figure of the same words shuffled over the segments."""

    value: float
    mean: float
    low: float
    high: float
    """Mean and central 95 % of the shuffled figures."""

    @property
    def verdict(self) -> Verdict:
        """Whether the figure lies outside the band, as far as rounding can tell."""
        if self.value > self.high + 1e-9:
            return "above chance"
        return "below chance" if self.value < self.low - 1e-9 else "not distinguishable from chance"


def against_chance(
    figure: Callable[[NDArray[np.intp]], float],
    n: int,
    rng: np.random.Generator,
    *,
    strata: NDArray[np.intp] | None = None,
    n_shuffles: int = N_SHUFFLES,
) -> AgainstChance:
    """Compute a figure as it is and with the words of segments exchanged at random (a permutation distribution).

    Parameters
    ----------
    figure
        Of an order: segment ``k`` is given the words of segment ``order[k]``, shape ``(n,)``.
    n
        Segments.
    strata
        Words are exchanged only between segments of the same stratum, shape ``(n,)``; between all by default.
    n_shuffles
        How often.
    """
    order = np.arange(n)
    groups = [order] if strata is None else [np.flatnonzero(strata == mark) for mark in np.unique(strata)]
    shuffled = np.empty(n_shuffles)
    for k in range(n_shuffles):
        mixed = order.copy()
        for group in groups:
            mixed[group] = rng.permutation(group)
        shuffled[k] = figure(mixed)
    low, high = np.quantile(shuffled, BAND)
    return AgainstChance(
        value=float(figure(order)), mean=float(shuffled.mean()), low=float(low), high=float(high)
    )
