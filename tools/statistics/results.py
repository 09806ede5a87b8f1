"""What the tests share: the types of their values, and how a result is made without a NaN."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
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


def check_sizes(groups: Mapping[str, Values]) -> None:
    """Refuse fewer than two groups, and groups of fewer than two animals."""
    if len(groups) < 2:
        raise ToolFailedError(f"Expected at least two groups to compare, found {list(groups)!r}.")
    small = {name: len(values) for name, values in groups.items() if len(values) < 2}
    if small:
        listed = ", ".join(f"{name!r} has {n}" for name, n in small.items())
        raise ToolFailedError(
            f"Expected at least two animals in every group, but {listed}; no test can be made."
        )


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
