"""Permutation tests, on arrays that were checked before.

Groups and animals are put into an order of their own first, so that p does not depend on the order they came in.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from ethochat.tools.evidence import TestResult
from ethochat.tools.statistics.results import (
    SEED,
    Vector,
    constant,
    noted,
    result_of,
    scale_of,
    settled,
    untested,
)

Groups = Mapping[str, Vector]

N_PERMUTATIONS: Final = 9_999
"""Random arrangements; when there are no more than these, all are gone through."""


def permutation(groups: Groups) -> TestResult:
    """Permute the animals between two groups; the statistic is Welch's t.

    Welch's t keeps the test's size where the variances differ and the means do not (Janssen 1997, Statistics and
    Probability Letters 36:9). Two-sided p is twice the smaller tail, the observed arrangement counted (Phipson and
    Smyth 2010, Statistical Applications in Genetics and Molecular Biology 9:39).
    """
    from scipy import stats

    if all(constant(list(groups.values()))):
        result = untested("permutation", "the values within each group are all equal")
        return noted(result, "A Mann-Whitney U test, by ranks, can be asked for.")
    arrays = [np.sort(values) for values in groups.values()]
    turned = (arrays[0].size, *arrays[0]) > (arrays[1].size, *arrays[1])
    first, second = reversed(arrays) if turned else arrays
    # Where zero is does not matter to t; near the values less precision is lost.
    zero = min(float(first[0]), float(second[0]))
    found = stats.permutation_test(
        (first - zero, second - zero),
        _welch_statistic,
        n_resamples=N_PERMUTATIONS,
        vectorized=True,
        rng=np.random.default_rng(SEED),
    )
    result = result_of("permutation", -found.statistic if turned else found.statistic, found.pvalue)
    return noted(result, _how_many(math.comb(first.size + second.size, first.size)))


def paired_permutation(table: Vector) -> TestResult:
    """Flip the signs of the animals' differences; the statistic is the mean difference (Fisher 1935).

    Assumes that without an effect a difference is as likely in one direction as in the other.

    Parameters
    ----------
    table
        Shape ``(n_units, 2)``; first column minus second.
    """
    from scipy import stats

    differences = np.sort(settled(table[:, 0] - table[:, 1], scale_of(table)))
    if float(np.max(np.abs(differences))) == 0.0:
        return untested("paired_permutation", "no animal differs between the two conditions")
    mirrored = -differences[::-1]
    turned = tuple(differences) < tuple(mirrored)
    found = stats.permutation_test(
        (mirrored if turned else differences,),
        np.mean,
        permutation_type="samples",
        n_resamples=N_PERMUTATIONS,
        vectorized=True,
        rng=np.random.default_rng(SEED),
    )
    result = result_of("paired_permutation", -found.statistic if turned else found.statistic, found.pvalue)
    return noted(result, _how_many(2**differences.size))


def _welch_statistic(x: Vector, y: Vector, axis: int) -> Any:  # noqa: ANN401 - scipy takes and hands over any shape
    spread = x.var(axis=axis, ddof=1) / x.shape[axis] + y.var(axis=axis, ddof=1) / y.shape[axis]
    difference = x.mean(axis=axis) - y.mean(axis=axis)
    # An arrangement without spread is as far out as can be, unless the groups are the same.
    return difference / np.sqrt(np.maximum(spread, 1e-300))


def _how_many(arrangements: int) -> str:
    if arrangements <= N_PERMUTATIONS:
        return f"All {arrangements} arrangements were gone through; the smallest p they allow is {2 / arrangements:.2g}."
    return f"p is from {N_PERMUTATIONS} random arrangements, the same ones every time."
