"""What the tests share: the types of their values, and how a result is made without a NaN."""

from __future__ import annotations

import math
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ethochat.tools.errors import ToolFailedError, ToolRetryError
from ethochat.tools.evidence import TestResult

Values = Sequence[float] | NDArray[np.float64]
Vector = NDArray[np.float64]
Effect = dict[str, float | list[float] | None]

NORMAL_975: Final = 1.959963984540054
SEED: Final = 20_240_501
"""What is resampled gives the same number every time."""
ALPHA: Final = 0.05
"""Side of p on which a difference is called significant."""
LARGEST: Final = 1e70
"""Beyond it the squares of squares that a variance's degrees of freedom need leave the range of float64."""
_ROUNDING: Final = 1e-12
"""Differences smaller than this share of the values come from rounding in sums, not from the animals."""
_FILTERS: Final = threading.Lock()


def check_sizes(groups: Mapping[str, Values]) -> None:
    """Refuse fewer than two groups, groups of fewer than two animals, and numbers that cannot be computed with."""
    if len(groups) < 2:
        raise ToolFailedError(f"Expected at least two groups to compare, found {list(groups)!r}.")
    small = {name: len(values) for name, values in groups.items() if len(values) < 2}
    if small:
        listed = ", ".join(f"{name!r} has {n}" for name, n in small.items())
        raise ToolFailedError(
            f"Expected at least two animals in every group, but {listed}; no test can be made."
        )
    for name, values in groups.items():
        check_numbers(values, f"group {name!r}")


def check_numbers(values: Values, what: str) -> None:
    """Refuse values that are not finite, or so large that their variance is not."""
    array = np.asarray(values, dtype=np.float64)
    bad = array[~(np.abs(array) <= LARGEST)]
    if bad.size:
        raise ToolFailedError(
            f"Expected finite numbers of at most {LARGEST:g} in {what}, found {float(bad[0])!r}."
        )


def vectors(groups: Mapping[str, Values]) -> dict[str, Vector]:
    """Give every group as an array."""
    return {name: np.asarray(values, dtype=np.float64) for name, values in groups.items()}


def scale_of(values: Vector) -> float:
    """Largest magnitude, of an array of any shape: how finely differences of its values are known."""
    return float(np.max(np.abs(values), initial=0.0))


def all_equal(values: Vector, scale: float = 0.0) -> bool:
    """Whether values differ by no more than rounding.

    Parameters
    ----------
    scale
        Largest magnitude of the values that these were computed from, such as of pairs for their differences.
    """
    if values.size == 0:
        return True
    largest = max(float(np.max(np.abs(values))), scale)
    return float(np.ptp(values)) <= max(_ROUNDING * largest, 1.0 / LARGEST)


def constant(groups: Sequence[Vector]) -> list[bool]:
    """Tell of each group whether its values are all equal, but for rounding at the scale of all groups."""
    scale = max(map(scale_of, groups))
    return [all_equal(values, scale) for values in groups]


def settled(values: Vector, scale: float = 0.0) -> Vector:
    """Round what lies below the precision of sums, so that ranks see ties where there are ties.

    0.3 - 0.2 and 0.2 - 0.1 differ in float64; by ranks they would be different values.

    Parameters
    ----------
    scale
        As in :func:`all_equal`.
    """
    largest = max(float(np.max(np.abs(values), initial=0.0)), scale)
    if largest <= 1.0 / LARGEST:
        return np.zeros_like(values)
    rounded: Vector = np.round(values, -math.floor(math.log10(largest * _ROUNDING)))
    return rounded + 0.0  # no negative zero


def chosen_test(test: str, default: str, fitting: Sequence[str], what: str) -> str:
    """Resolve ``auto`` and refuse a test that does not fit the design."""
    chosen = default if test == "auto" else test
    if chosen not in fitting:
        raise ToolRetryError(
            f"Expected a test for {what} ({', '.join(fitting)}), got {chosen!r}.", near=tuple(fitting)
        )
    return chosen


def because(text: str, k: int, *, asked: bool) -> str:
    """Say in one line which test was made and whether it was asked for."""
    return text.format(k=k) + (", as asked." if asked else ".")


def untested(name: str, reason: str) -> TestResult:
    """Make a result without a p value that says why there is none."""
    why = f"No test: {reason}, so there is no spread to test against."
    return TestResult(name=name, statistic=None, p_value=None, why=why)


@contextmanager
def quietly() -> Iterator[None]:
    """Silence a library's warnings about precision, where it is known what they mean.

    Python's filters belong to the whole process, so that only one thread at a time may change them.
    """
    with _FILTERS, warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


def noted(result: TestResult, *sentences: str | None) -> TestResult:
    """Add sentences to what a result says of itself."""
    result.why = " ".join(part for part in (result.why, *sentences) if part) or None
    return result


def t_result(name: str, t: float, df: float) -> TestResult:
    """Two-sided p of a t statistic."""
    from scipy import special

    return result_of(name, t, 2 * float(special.stdtr(df, -abs(t))), df)


def f_result(name: str, f: float, df_num: float, df_den: float) -> TestResult:
    """Upper p of an F statistic."""
    from scipy import special

    return result_of(name, f, float(special.fdtrc(df_num, df_den, f)), (df_num, df_den))


def result_of(
    name: str, statistic: float, p_value: float, df: float | tuple[float, float] | None = None
) -> TestResult:
    """Make a result; a number that is not finite becomes ``None``."""
    return TestResult(name=name, statistic=finite(statistic), p_value=finite(p_value), df=df)


def finite(value: float) -> float | None:
    """Return the number, ``None`` where it is not finite."""
    number = float(value)
    return number if math.isfinite(number) else None
