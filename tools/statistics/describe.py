"""One group of values: its size, middle and spread, and what lies far from it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from ethochat.tools.errors import ToolFailedError
from ethochat.tools.evidence import GroupSummary
from ethochat.tools.statistics.results import Values, Vector, all_equal, check_numbers

ROBUST_LIMIT: Final = 3.5
"""Modified z score beyond which a value is called an outlier (Iglewicz and Hoaglin 1993)."""
FEWEST_FOR_OUTLIERS: Final = 5
"""With four animals and fewer the median and its deviations rest on two values."""
_MAD_TO_SD: Final = 1.4826
"""1 / 0.6745: the standard deviation of a normal distribution in units of its median absolute deviation."""
_MEAN_AD_TO_SD: Final = 1.253314
"""sqrt(pi / 2): the same for the mean absolute deviation."""


def summarize(values: Values) -> GroupSummary:
    """Describe one group: n, mean, sd and sem with n - 1, median, and the 95 % interval of the mean.

    The interval is that of Student's t. What n is too small for is ``None``, and so is the interval of values that
    are all equal, since a width of zero would claim certainty.

    Raises
    ------
    ToolFailedError
        When a value is not a finite number, or too large to have a variance.
    """
    check_numbers(values, "the values")
    array = np.asarray(values, dtype=np.float64)
    n = int(array.size)
    if n == 0:
        return GroupSummary(n=0, mean=None, sd=None, median=None)
    equal = float(np.ptp(array)) == 0.0  # sums of equal values round: their mean would not be the value
    mean = float(array[0] if equal else array.mean())
    sd = None if n == 1 else 0.0 if equal else float(array.std(ddof=1))
    sem = None if sd is None else sd / math.sqrt(n)
    interval = None if not sem or all_equal(array) else _around(mean, sem, n - 1)
    return GroupSummary(n=n, mean=mean, sd=sd, median=float(np.median(array)), sem=sem, ci95=interval)


def _around(mean: float, sem: float, df: int) -> tuple[float, float]:
    from scipy import special

    half = float(special.stdtrit(df, 0.975)) * sem
    return mean - half, mean + half


def quartiles(values: Values) -> tuple[float, float]:
    """First and third quartile, by linear interpolation (Hyndman and Fan 1996, The American Statistician 50:361, type 7).

    Raises
    ------
    ToolFailedError
        When a value is not a finite number.
    """
    check_numbers(values, "the values")
    low, high = (float(q) for q in np.quantile(np.asarray(values, dtype=np.float64), [0.25, 0.75]))
    return low, high


def outlier_limits(values: Values) -> tuple[float, float]:
    """Fences of the 1.5 x IQR rule, quartiles by linear interpolation.

    Raises
    ------
    ToolFailedError
        When there are fewer than four values.
    """
    if len(values) < 4:
        raise ToolFailedError(f"Expected at least 4 values for the 1.5 x IQR rule, found {len(values)}.")
    low, high = quartiles(values)
    return low - 1.5 * (high - low), high + 1.5 * (high - low)


@dataclass(frozen=True, slots=True, kw_only=True)
class RobustOutliers:
    """Animals far from the median of their group; flagged, never left out."""

    animals: dict[str, float]
    """Flagged animal to its modified z score, the farthest first."""
    limits: tuple[float, float] | None
    """Values within are not flagged; ``None`` where the rule cannot judge."""
    rule: str
    """One sentence: the rule that was used, or why none could be."""


def robust_outliers(values: Mapping[str, float]) -> RobustOutliers:
    """Flag animals by their distance from the median in units of the median absolute deviation.

    The modified z score of Iglewicz and Hoaglin (1993, How to Detect and Handle Outliers, ASQC Basic References in
    Quality Control 16), |x - median| / (1.4826 MAD) > 3.5. Where half of the values and more are equal, MAD is zero
    and the mean absolute deviation takes its place, |x - median| / (1.2533 MeanAD), as in IBM's Cognos Analytics
    ("Modified z score" in its glossary). Of normal values in clean groups of 5, 10 and 30 animals the rule flags
    5 %, 1.7 % and 0.4 %.

    Parameters
    ----------
    values
        One value for each animal of one group, by the animal's name.

    Raises
    ------
    ToolFailedError
        When a value is not a finite number, or too large to have a variance.
    """
    check_numbers(list(values.values()), "the values")
    array = np.asarray(list(values.values()), dtype=np.float64)
    if array.size < FEWEST_FOR_OUTLIERS:
        few = f"Outliers cannot be judged among {array.size} animals; the rule needs {FEWEST_FOR_OUTLIERS}."
        return RobustOutliers(animals={}, limits=None, rule=few)
    if all_equal(array):
        return RobustOutliers(animals={}, limits=None, rule="There are no outliers: all values are equal.")
    center = float(np.median(array))
    distance = np.abs(array - center)
    unit, rule = _spread(distance)
    scores = dict(zip(values, (distance / unit).tolist(), strict=True))
    flagged = {name: score for name, score in scores.items() if score > ROBUST_LIMIT}
    return RobustOutliers(
        animals=dict(sorted(flagged.items(), key=lambda item: (-item[1], item[0]))),
        limits=(center - ROBUST_LIMIT * unit, center + ROBUST_LIMIT * unit),
        rule=rule,
    )


def _spread(distance: Vector) -> tuple[float, str]:
    """Unit of the modified z score, and the rule in words."""
    middle, largest = float(np.median(distance)), float(np.max(distance))
    if middle > largest * 1e-12:
        return _MAD_TO_SD * middle, "Farther from the median than 3.5 x 1.4826 median absolute deviations."
    return _MEAN_AD_TO_SD * float(distance.mean()), (
        "At least half of the values are equal, so the median absolute deviation is zero: farther from the median "
        "than 3.5 x 1.2533 mean absolute deviations."
    )
