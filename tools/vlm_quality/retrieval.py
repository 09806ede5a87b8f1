"""Whether descriptions are found by the names of what their segments show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ethochat.tools.vlm_quality.chance import AgainstChance, against_chance

AT: Final = 10
_DIGITS: Final = 5
"""Equal texts may differ in the last digits, by the batch they were embedded in."""

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundBehavior:
    """How well the segments of one behavior are found by its name."""

    behavior: str
    n: int
    """Segments ranked."""
    n_shown: int
    average_precision: float
    recall: float
    """Of at most ten segments that show it, those among the first ten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrieval:
    """How well segments are found."""

    behaviors: tuple[FoundBehavior, ...]
    """Those that some of the ranked segments show and some do not."""
    average_precision: AgainstChance | None
    recall: AgainstChance | None
    """Means over these behaviors; ``None`` where there is none."""


def score_retrieval(
    names: tuple[str, ...], likeness: Floats, shown: Mask, known: Mask, rng: np.random.Generator
) -> Retrieval:
    """Rank segments by the likeness of their descriptions to each behavior's name.

    Parameters
    ----------
    likeness
        Cosine of the description's vector with the name's, shape ``(n_segments, n_names)``.
    shown, known
        Same shape; a segment of which a behavior is not known is not ranked for it.
    """
    scores = np.round(likeness, _DIGITS)
    columns = [k for k in range(len(names)) if 0 < (shown & known)[:, k].sum() < known[:, k].sum()]
    found = tuple(
        FoundBehavior(
            behavior=names[k],
            n=int(known[:, k].sum()),
            n_shown=int((shown & known)[:, k].sum()),
            average_precision=average_precision(shown[known[:, k], k], scores[known[:, k], k]),
            recall=recall_at(shown[known[:, k], k], scores[known[:, k], k]),
        )
        for k in columns
    )
    if not found:
        return Retrieval(behaviors=(), average_precision=None, recall=None)

    def mean_of(figure: Callable[[Mask, Floats], float]) -> AgainstChance:
        def mean(order: NDArray[np.intp]) -> float:
            each = [figure(shown[known[:, k], k], scores[order, k][known[:, k]]) for k in columns]
            return float(np.mean(each))

        return against_chance(mean, len(scores), rng)

    return Retrieval(
        behaviors=found, average_precision=mean_of(quick_average_precision), recall=mean_of(recall_at)
    )


def average_precision(shown: Mask, scores: Floats) -> float:
    """Average precision by scikit-learn: equal scores are one step, so that their order counts for nothing."""
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(shown, scores))


def quick_average_precision(shown: Mask, scores: Floats) -> float:
    """Do the same in a fiftieth of the time, for shuffling.

    Sum over the ranks n at which a group of equal scores ends of (R_n - R_n-1) * P_n, as ``average_precision_score`` states it.
    """
    order = np.argsort(-scores)
    ends = np.flatnonzero(np.diff(scores[order], append=-np.inf))
    right = np.cumsum(shown[order])[ends]
    return float((np.diff(right, prepend=0) * right / (ends + 1)).sum() / right[-1])


def recall_at(shown: Mask, scores: Floats, at: int = AT) -> float:
    """Share of the segments that show it, at most ``at`` of them, which are among the first ``at``.

    Where equal scores reach over the last place, the mean over their orders is given.
    """
    n = min(at, len(scores))
    last = np.sort(scores)[::-1][n - 1]
    above, equal = scores > last, scores == last
    left = n - int(above.sum())
    hits = int(shown[above].sum()) + left * float(shown[equal].mean())
    return hits / min(at, int(shown.sum()))
