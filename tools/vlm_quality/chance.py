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
    n_shuffles: int = N_SHUFFLES,
) -> AgainstChance:
    """Compute a figure as it is and with the words of segments exchanged at random (a permutation distribution).

    Parameters
    ----------
    figure
        Of an order: segment ``k`` is given the words of segment ``order[k]``, shape ``(n,)``.
    n
        Segments.
    n_shuffles
        How often.
    """
    shuffled = np.array([figure(rng.permutation(n)) for _ in range(n_shuffles)])
    low, high = np.quantile(shuffled, BAND)
    return AgainstChance(
        value=float(figure(np.arange(n))), mean=float(shuffled.mean()), low=float(low), high=float(high)
    )
