"""How well raters agree: coefficients of tables of frames, and their intervals over recordings; pure.

Every coefficient is a function of *terms* that add up: the table of a study is the sum of the tables of its recordings.
Terms may be stacked (leading axes), which is what makes resampling of recordings one array operation. Where a coefficient is not
defined the array functions give NaN; :func:`defined` turns that into ``None`` before anything leaves this module's callers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from ethochat.index.behaviors.bouts import Interval
from ethochat.tools.statistics.results import SEED, Vector

Coefficient = Callable[[Vector], Vector]
"""From terms, shape ``(..., *shape)``, to coefficients, shape ``(...)``."""

MIN_RECORDINGS: Final = 5
"""Fewer recordings give no interval: there is too little to resample."""
N_RESAMPLES: Final = 2_000
_MAX_FLOATS: Final = 4_000_000
"""Terms resampled at once (32 MB)."""
_MIN_DEFINED: Final = 0.8
"""Share of resamples in which a coefficient must be defined for an interval to be given."""


# ----------------------------------------------------------------- two raters
def f1(tables: Vector) -> Vector:
    """F1 of the frames marked by two raters: ``2 both / (2 both + only one)`` (Dice 1945; van Rijsbergen 1979).

    Parameters
    ----------
    tables
        Frames, shape ``(..., 2, 2)``: ``[[neither, second only], [first only, both]]``.
    """
    both = tables[..., 1, 1]
    return _ratio(2 * both, 2 * both + tables[..., 0, 1] + tables[..., 1, 0])


def cohen_kappa(tables: Vector) -> Vector:
    """Cohen's kappa, ``(p_observed - p_chance) / (1 - p_chance)`` (Cohen 1960, Educ Psychol Meas 20:37-46).

    Parameters
    ----------
    tables
        Frames by the label of the first and of the second rater, shape ``(..., k, k)``.
    """
    n = tables.sum(axis=(-2, -1))
    chance = (tables.sum(axis=-1) * tables.sum(axis=-2)).sum(axis=-1)
    agreed = np.trace(tables, axis1=-2, axis2=-1)
    return _ratio(n * agreed - chance, n**2 - chance)


def percent_agreement(tables: Vector) -> Vector:
    """Percent of frames with the same label, shape ``(..., k, k)``; not corrected for chance."""
    return 100.0 * _ratio(np.trace(tables, axis1=-2, axis2=-1), tables.sum(axis=(-2, -1)))


def precision(tables: Vector) -> Vector:
    """Share of the frames marked by the second rater that the first, the reference, marks as well."""
    return _ratio(tables[..., 1, 1], tables[..., :, 1].sum(axis=-1))


def recall(tables: Vector) -> Vector:
    """Share of the frames marked by the first rater, the reference, that the second marks as well."""
    return _ratio(tables[..., 1, 1], tables[..., 1, :].sum(axis=-1))


def bout_f1(terms: Vector) -> Vector:
    """F1 of bouts: ``2 matched / (bouts of the first + bouts of the second)``.

    Parameters
    ----------
    terms
        Shape ``(..., 3)``: matched bouts (see :func:`matched_bouts`), bouts of the first, bouts of the second.
    """
    return _ratio(2 * terms[..., 0], terms[..., 1] + terms[..., 2])


def matched_bouts(first: Sequence[Interval], second: Sequence[Interval]) -> int:
    """Count the pairs of bouts that share more than half of the time that either of them covers.

    Overlap over union is how segments of behavior are scored (Lea et al. 2017, CVPR, F1@50). Above one half a bout can have
    one partner only, whichever rater comes first (Kirillov et al. 2019, CVPR, *Panoptic segmentation*), so that nothing has to
    be decided in matching.

    Parameters
    ----------
    first, second
        Bouts of two raters, sorted and disjoint within a rater, as :func:`ethochat.index.behaviors.bouts.unite` gives them.
    """
    matched = i = j = 0
    while i < len(first) and j < len(second):
        (a_start, a_stop), (b_start, b_stop) = first[i], second[j]
        shared = min(a_stop, b_stop) - max(a_start, b_start)
        matched += 2 * shared > (a_stop - a_start) + (b_stop - b_start) - shared
        if a_stop <= b_stop:
            i += 1
        else:
            j += 1
    return matched


PAIR_COEFFICIENTS: Final[Mapping[str, Coefficient]] = {
    "f1": f1,
    "kappa": cohen_kappa,
    "percent_agreement": percent_agreement,
    "precision": precision,
    "recall": recall,
}
"""Coefficients of a table of two raters."""


# ----------------------------------------------------------------- several raters
def fleiss_terms(ratings: ArrayLike, times: ArrayLike = 1.0) -> Vector:
    """Terms of Fleiss' kappa that add up over units.

    Parameters
    ----------
    ratings
        How many raters gave a unit each label, shape ``(n_units, k)``; every row has the same sum, at least 2.
    times
        How often each unit occurs, shape ``(n_units,)``.

    Returns
    -------
    Vector
        Shape ``(k + 2,)``: units, sum of the agreement of each unit, ratings per label.
    """
    counts = np.asarray(ratings, dtype=np.float64)
    raters = counts.sum(axis=1)
    if counts.size and (np.ptp(raters) > 0 or raters[0] < 2):
        raise ValueError(f"Expected the same number of raters, at least 2, for every unit, got {raters!r}.")
    agreement = ((counts**2).sum(axis=1) - raters) / (raters * (raters - 1))
    weights = np.broadcast_to(np.asarray(times, dtype=np.float64), raters.shape)
    return np.concatenate(([weights.sum(), weights @ agreement], weights @ counts))


def fleiss_kappa(terms: Vector) -> Vector:
    """Fleiss' kappa (Fleiss 1971, Psychol Bull 76:378-382) of terms of shape ``(..., k + 2)``."""
    labels = terms[..., 2:]
    observed = _ratio(terms[..., 1], terms[..., 0])
    chance = _ratio((labels**2).sum(axis=-1), labels.sum(axis=-1) ** 2)
    return _ratio(observed - chance, 1.0 - chance)


def alpha_terms(ratings: ArrayLike, times: ArrayLike = 1.0) -> Vector:
    """Terms of Krippendorff's alpha that add up over units.

    Parameters
    ----------
    ratings
        How many raters gave a unit each label, shape ``(n_units, k)``. Rows may differ in their sum, since a rater who did not
        look at a unit gives none; units with fewer than two labels cannot be paired and do not count.
    times
        How often each unit occurs, shape ``(n_units,)``.

    Returns
    -------
    Vector
        Shape ``(k + 1,)``: diagonal of the coincidence matrix, summed, and values per label.
    """
    counts = np.asarray(ratings, dtype=np.float64)
    paired = counts.sum(axis=1) >= 2
    weights = np.broadcast_to(np.asarray(times, dtype=np.float64), paired.shape)[paired]
    counts = counts[paired]
    pairs = (counts * (counts - 1)).sum(axis=1) / (counts.sum(axis=1) - 1)
    return np.concatenate(([weights @ pairs], weights @ counts))


def krippendorff_alpha(terms: Vector) -> Vector:
    """Krippendorff's alpha for nominal data, of terms of shape ``(..., k + 1)``.

    ``((n - 1) * o - c) / (n * (n - 1) - c)`` with n values, o on the diagonal of the coincidence matrix and c the sum of
    ``n_label * (n_label - 1)`` (Krippendorff 2011, *Computing Krippendorff's Alpha-Reliability*, section C).
    """
    labels = terms[..., 1:]
    n = labels.sum(axis=-1)
    chance = (labels * (labels - 1)).sum(axis=-1)
    return _ratio((n - 1) * terms[..., 0] - chance, n * (n - 1) - chance)


# ----------------------------------------------------------------- what is not defined, and how sure it is
def defined(value: Vector | float) -> float | None:
    """One coefficient as a number, ``None`` where it is not defined."""
    number = float(value)
    return number if math.isfinite(number) else None


def interval_over_recordings(
    terms: Vector,
    coefficient: Coefficient,
    *,
    limits: tuple[float, float],
    n_resamples: int = N_RESAMPLES,
    seed: int = SEED,
) -> tuple[float, float] | None:
    """95 % interval of a coefficient of summed terms, by resampling recordings.

    Studentized bootstrap with the jackknife's standard error (Efron and Tibshirani 1993, sections 11.5 and 12.5; Davison and Hinkley
    1997, section 5.2.1). Frames are not resampled: neighboring frames are not independent, recordings are.

    Parameters
    ----------
    terms
        One row per recording, shape ``(n_recordings, *shape)``.
    limits
        Between which the coefficient lies by definition; the interval is cut to them.

    Returns
    -------
    tuple of (low, high), or None
        ``None`` with fewer than five recordings, without spread between them, and where the coefficient is not defined in more than a
        fifth of the resamples.
    """
    stack = np.asarray(terms, dtype=np.float64)
    n = len(stack)
    if n < MIN_RECORDINGS:
        return None
    estimate, error = _estimate_and_error(stack[None], coefficient)
    if not (math.isfinite(estimate[0]) and math.isfinite(error[0]) and error[0] > 1e-12):
        return None
    rng = np.random.default_rng(seed)
    chosen = rng.integers(0, n, size=(n_resamples, n))
    step = max(1, _MAX_FLOATS // stack.size)
    parts = [
        _estimate_and_error(stack[chosen[k : k + step]], coefficient) for k in range(0, n_resamples, step)
    ]
    estimates, errors = (np.concatenate([part[place] for part in parts]) for place in (0, 1))
    pivots = _ratio(estimates - estimate[0], np.where(errors > 1e-12, errors, 0.0))
    pivots = pivots[np.isfinite(pivots)]
    if len(pivots) < _MIN_DEFINED * n_resamples:
        return None
    low, high = estimate[0] - error[0] * np.quantile(pivots, [0.975, 0.025])
    return max(limits[0], float(low)), min(limits[1], float(high))


def _estimate_and_error(stacks: Vector, coefficient: Coefficient) -> tuple[Vector, Vector]:
    """Coefficient and its jackknife standard error for stacks of recordings, shape ``(n_stacks, n_recordings, *shape)``."""
    n = stacks.shape[1]
    sums = stacks.sum(axis=1)
    without = coefficient(sums[:, None] - stacks)
    spread = ((without - without.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    return coefficient(sums), np.sqrt(spread * (n - 1) / n)


def _ratio(numerator: ArrayLike, denominator: ArrayLike) -> Vector:
    """Divide; NaN where the denominator is zero."""
    top, bottom = np.broadcast_arrays(
        np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
    )
    result: Vector = np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom != 0)
    return result
