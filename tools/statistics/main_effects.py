"""Which effects are told with which test, the main one first and its interval under ``ci95``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from ethochat.tools.statistics.effects import (
    cliffs_delta,
    hedges_g,
    independent_effects,
    mean_difference,
    median_difference,
    paired_effects,
    rank_biserial,
    rank_epsilon_squared,
    several_effects,
)
from ethochat.tools.statistics.ranks import settle_together
from ethochat.tools.statistics.results import Effect, Vector, all_equal, constant, scale_of, settled

STEEPEST: Final = 1e5
"""Differences over their standard error above which no effect in units of spread is told: there is next to no spread."""
BY_RANKS: Final = ("mann_whitney_u", "kruskal_wallis")
_MAIN_OF_PAIRS: Final = {
    "paired_t": "cohens_dz",
    "rm_anova": "cohens_dz",
    "wilcoxon": "hodges_lehmann",
    "paired_permutation": "mean_difference",
}


def independent_main(test: str, groups: Sequence[Vector]) -> float | None:
    """Only the effect that is told first with a test of different animals; for two groups first minus second."""
    arrays = settle_together(groups)
    if len(arrays) > 2:
        if test == "kruskal_wallis":
            return rank_epsilon_squared(arrays)
        return _number(several_effects(arrays)["omega_squared"])
    if test in BY_RANKS:
        return _number(cliffs_delta(*arrays)["cliffs_delta"])
    return None if steep(*arrays) else _number(hedges_g(*arrays)["hedges_g"])


def independent_told(test: str, groups: Sequence[Vector]) -> Effect:
    """Effects of a test of different animals that could be made."""
    arrays = settle_together(groups)
    if len(arrays) > 2:
        # Neither Welch's ANOVA nor ranks take the spreads for equal, which the interval of a share does.
        shares = {} if all(constant(arrays)) else several_effects(arrays, equal_spreads=test == "anova")
        if test != "kruskal_wallis":
            return shares
        return {"rank_epsilon_squared": rank_epsilon_squared(arrays)} | _without_main_interval(shares)
    by_ranks, differences = cliffs_delta(*arrays), median_difference(*arrays) | mean_difference(*arrays)
    by_ranks["ci95"] = by_ranks["cliffs_delta_ci95"]
    if steep(*arrays):
        return by_ranks | differences
    if test in BY_RANKS:
        return by_ranks | differences | _without_main_interval(hedges_g(*arrays))
    return independent_effects(*arrays)


def repeated_main(test: str, table: Vector) -> float | None:
    """Only the effect that is told first with a test of two conditions of the same animals, first minus second."""
    told = repeated_told(test, table)
    return _number(next(iter(told.values()), None))


def repeated_told(test: str, table: Vector) -> Effect:
    """Effects of a test of two conditions of the same animals; several conditions have their test's own.

    Parameters
    ----------
    table
        Shape ``(n_units, k_conditions)``.
    """
    if table.shape[1] > 2:
        return {}
    first, second = table.T
    differences = settled(first - second, scale_of(table))
    if all_equal(differences) or steep_pairs(differences):
        # Next to no spread: nothing to standardize by, and no interval.
        middle = float(np.median(differences))
        effects: Effect = {
            "mean_difference": float(differences.mean()),
            "hodges_lehmann": middle,
            "rank_biserial": rank_biserial(differences),
        }
    else:
        effects = paired_effects(first, second)
    main = _MAIN_OF_PAIRS[test] if _MAIN_OF_PAIRS[test] in effects else "mean_difference"
    interval = effects.get(f"{main}_ci95")
    rest = {key: value for key, value in effects.items() if key not in (main, f"{main}_ci95", "ci95")}
    return {main: effects[main], f"{main}_ci95": interval, "ci95": interval} | rest


def steep(a: Vector, b: Vector) -> bool:
    """Whether two groups have next to no spread, compared with their difference."""
    spreads = [
        0.0 if equal else float(values.std(ddof=1)) / math.sqrt(values.size)
        for values, equal in zip((a, b), constant((a, b)), strict=True)
    ]
    error = math.hypot(*spreads)
    return abs(float(a.mean() - b.mean())) > STEEPEST * error


def steep_pairs(differences: Vector) -> bool:
    """Whether differences have next to no spread, compared with their mean."""
    error = float(differences.std(ddof=1)) / math.sqrt(differences.size)
    return abs(float(differences.mean())) > STEEPEST * error


def _without_main_interval(effects: Effect) -> Effect:
    return {key: value for key, value in effects.items() if key != "ci95"}


def _number(value: float | list[float] | None) -> float | None:
    return value if isinstance(value, float) else None
