"""Yes/no answers against the truth, and whether the probability of yes means what it says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ethochat.tools.vlm_quality.chance import AgainstChance, against_chance

N_BINS: Final = 10

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One question with what was answered."""

    place: int
    """Of the segment among those drawn."""
    behavior: str
    present: bool
    """Whether yes is right."""
    says: bool | None
    """``None``: neither yes nor no, which is never right."""
    probability: float | None
    """Of yes."""

    @property
    def right(self) -> bool:
        """Whether the answer is right."""
        return self.says is self.present


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What the probability of yes is worth, over the answers that came with one."""

    n: int
    auc: AgainstChance | None
    """Mean over behaviors; ``None`` where no behavior has a probability for either right answer."""
    brier: float
    """Mean square of probability less truth; 0.25 for always one half."""
    expected_calibration_error: float
    brier_always_no: float
    """Of probability 0 throughout: the share of questions to which yes is right. So is its calibration error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class YesNo:
    """How well yes/no questions are answered."""

    n: int
    n_neither: int
    accuracy: AgainstChance | None
    """Mean over behaviors of the mean share right among questions with either answer; ``None`` as for the AUC."""
    always_no: float
    """Share right of always no."""
    by_behavior: dict[str, tuple[int, float]]
    """Behavior to number of questions and share right."""
    calibration: Calibration | None
    """``None`` where the backend gives no probabilities."""


def score_yes_no(
    answers: Sequence[Answered], names: Sequence[str], shown: Mask, ruled_out: Mask, rng: np.random.Generator
) -> YesNo | None:
    """Compare answers with the truth; ``None`` without any.

    Parameters
    ----------
    names
        Of the columns.
    shown, ruled_out
        What the truth says of each drawn segment, shape ``(n_segments, n_names)``.

    Notes
    -----
    By chance: what segments show is exchanged between segments, a segment's row as a whole, since answers about the same
    segment are not independent; a question to which the other segment gives no right answer is left out of that exchange.
    """
    if not answers:
        return None
    names_asked = [item.behavior for item in answers]
    said = np.array([-1 if item.says is None else int(item.says) for item in answers])
    sheet = _Sheet(answers, names, shown, ruled_out)
    return YesNo(
        n=len(answers),
        n_neither=int((said == -1).sum()),
        accuracy=sheet.against_chance(lambda yes, no: (np.mean(yes == 1) + np.mean(no == 0)) / 2, said, rng),
        always_no=float(np.mean([not item.present for item in answers])),
        by_behavior={
            name: (
                names_asked.count(name),
                float(np.mean([item.right for item in answers if item.behavior == name])),
            )
            for name in dict.fromkeys(names_asked)
        },
        calibration=_calibration(answers, names, shown, ruled_out, rng),
    )


class _Sheet:
    """Questions by behavior, and what is right for each when segments are exchanged."""

    def __init__(
        self, answers: Sequence[Answered], names: Sequence[str], shown: Mask, ruled_out: Mask
    ) -> None:
        self._truth = np.where(shown, 1, np.where(ruled_out, 0, -1))
        self._columns = np.array([names.index(item.behavior) for item in answers], dtype=np.intp)
        self._places = np.array([item.place for item in answers], dtype=np.intp)

    def against_chance(
        self,
        figure: Callable[[NDArray[Any], NDArray[Any]], float],
        values: NDArray[Any],
        rng: np.random.Generator,
    ) -> AgainstChance | None:
        """Mean over behaviors of a figure of the values where yes is right and of those where no is, which is 0.5 by chance."""

        def mean(order: NDArray[np.intp]) -> float:
            each = self._each(figure, values, order)
            return float(np.mean(each)) if each else 0.5

        n = len(self._truth)
        return against_chance(mean, n, rng) if self._each(figure, values, np.arange(n)) else None

    def _each(
        self,
        figure: Callable[[NDArray[Any], NDArray[Any]], float],
        values: NDArray[Any],
        order: NDArray[np.intp],
    ) -> list[float]:
        right = self._truth[order][self._places, self._columns]
        each = []
        for column in np.unique(self._columns):
            yes = values[(self._columns == column) & (right == 1)]
            no = values[(self._columns == column) & (right == 0)]
            if len(yes) and len(no):
                each.append(float(figure(yes, no)))
        return each


def _calibration(
    answers: Sequence[Answered], names: Sequence[str], shown: Mask, ruled_out: Mask, rng: np.random.Generator
) -> Calibration | None:
    sure = [item for item in answers if item.probability is not None]
    if not sure:
        return None
    present = np.array([item.present for item in sure], dtype=np.bool_)
    p = np.array([item.probability for item in sure], dtype=np.float64).clip(0.0, 1.0)
    return Calibration(
        n=len(sure),
        auc=_Sheet(sure, names, shown, ruled_out).against_chance(area_under_curve, p, rng),
        brier=_brier(present, p),
        expected_calibration_error=expected_calibration_error(present, p),
        brier_always_no=float(present.mean()),
    )


def _brier(present: Mask, probability: NDArray[np.float64]) -> float:
    from sklearn.metrics import brier_score_loss

    return float(brier_score_loss(present, probability, pos_label=True))


def area_under_curve(yes: NDArray[np.float64], no: NDArray[np.float64]) -> float:
    """Area under the ROC curve as the share of pairs in the right order, half of equal ones (Hanley and McNeil 1982).

    Parameters
    ----------
    yes, no
        Probabilities of yes where yes is right, and where no is, shapes ``(n_yes,)`` and ``(n_no,)``.
    """
    pairs = np.sign(yes[:, None] - no[None, :])
    return float((pairs.mean() + 1) / 2)


def expected_calibration_error(
    present: NDArray[np.bool_], probability: NDArray[np.float64], n_bins: int = N_BINS
) -> float:
    """Mean difference between the probability of yes and how often yes is right, over bins of equal width.

    Parameters
    ----------
    present
        Whether yes is right, shape ``(n,)``, n > 0.
    probability
        Of yes, within [0, 1], same shape. Bins are closed on the right, the first one on both sides.

    Notes
    -----
    ECE = sum over bins of n_bin / n * abs(share of yes - mean probability): Naeini, Cooper and Hauskrecht 2015 (AAAI),
    equation 1, for the probability of one class rather than of the most likely one.
    """
    bins = np.clip(np.ceil(probability * n_bins).astype(np.intp) - 1, 0, n_bins - 1)
    gaps = np.bincount(bins, weights=probability - present, minlength=n_bins)
    return float(np.abs(gaps).sum() / len(probability))
