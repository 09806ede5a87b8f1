"""Yes/no answers against the truth, and whether the probability of yes means what it says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ethochat.tools.vlm_quality.chance import AgainstChance, against_chance

N_BINS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One question with what was answered."""

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
    auc: AgainstChance
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
    accuracy: AgainstChance
    always_no: float
    """Accuracy of always no."""
    by_behavior: dict[str, tuple[int, float]]
    """Behavior to number of questions and accuracy."""
    calibration: Calibration | None
    """``None`` where the backend gives no probabilities, or all those with one have the same right answer."""


def score_yes_no(answers: Sequence[Answered], rng: np.random.Generator) -> YesNo | None:
    """Compare answers with the truth; ``None`` without any.

    Answers are shuffled among the questions about the same behavior.
    """
    if not answers:
        return None
    present = np.array([item.present for item in answers])
    says = np.array([-1 if item.says is None else int(item.says) for item in answers])
    names = [item.behavior for item in answers]
    strata = np.unique(names, return_inverse=True)[1]

    def accuracy(order: NDArray[np.intp]) -> float:
        return float((says[order] == present).mean())

    return YesNo(
        n=len(answers),
        n_neither=int((says == -1).sum()),
        accuracy=against_chance(accuracy, len(answers), rng, strata=strata),
        always_no=float(1 - present.mean()),
        by_behavior={
            name: (
                names.count(name),
                float(np.mean([item.right for item in answers if item.behavior == name])),
            )
            for name in dict.fromkeys(names)
        },
        calibration=_calibration([item for item in answers if item.probability is not None], rng),
    )


def _calibration(answers: Sequence[Answered], rng: np.random.Generator) -> Calibration | None:
    """Score probabilities; the area under the ROC curve is Mann and Whitney's U / (n_yes * n_no) (Hanley and McNeil 1982)."""
    present = np.array([item.present for item in answers], dtype=np.bool_)
    if not 0 < present.sum() < len(present):
        return None
    from scipy.stats import rankdata
    from sklearn.metrics import brier_score_loss

    p = np.array([item.probability for item in answers], dtype=np.float64).clip(0.0, 1.0)
    strata = np.unique([item.behavior for item in answers], return_inverse=True)[1]

    ranks, n_yes, n_no = rankdata(p), int(present.sum()), int((~present).sum())

    def auc(order: NDArray[np.intp]) -> float:
        return float((ranks[order][present].sum() - n_yes * (n_yes + 1) / 2) / (n_yes * n_no))

    return Calibration(
        n=len(answers),
        auc=against_chance(auc, len(answers), rng, strata=strata),
        brier=float(brier_score_loss(present, p)),
        expected_calibration_error=expected_calibration_error(present, p),
        brier_always_no=float(present.mean()),
    )


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
