"""Transitions against the same bouts in random order: expected counts, ratios and p values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ethochat.tools.evidence import TestResult
from ethochat.tools.statistics import holm
from ethochat.tools.statistics.sequences import (
    N_SHUFFLES,
    ChanceComparison,
    Counts,
    compare_with_chance,
    count_transitions,
    distance_from_chance,
    shuffled_transitions,
)
from ethochat.tools.successions import BoutSequence, Rule, behaviors_of

Pair = tuple[str, str]

NAME: Final = "transition_permutation"
_MOST_SHUFFLES: Final = 10_000
_MOST_BOUTS: Final = 30_000_000
"""Bouts put into random order when nobody says how often: some seconds."""
_FEWEST_SHUFFLES: Final = 499


@dataclass(frozen=True, slots=True, kw_only=True)
class AgainstChance:
    """Transitions of some sequences against chance."""

    pairs: tuple[Pair, ...]
    found: tuple[ChanceComparison, ...]
    """One for each pair."""
    distance: float
    p_value: float | None
    """Of all pairs together."""
    n_shuffles: int
    alternating: bool


def against_chance(
    sequences: Sequence[BoutSequence],
    pairs: Sequence[Pair],
    rule: Rule,
    *,
    alternating: bool,
    n_shuffles: int,
) -> AgainstChance:
    """Compare the counts of pairs with those of random orders.

    Parameters
    ----------
    alternating
        No behavior follows itself; the sequences must have no such place and the pairs be of two behaviors.
    """
    behaviors = tuple(sorted({*behaviors_of(sequences), *(name for pair in pairs for name in pair)}))
    codes = {name: place for place, name in enumerate(behaviors)}
    stretches = [rule.stretch(item, codes) for item in sequences]
    rows, columns = (np.array([codes[pair[side]] for pair in pairs], dtype=np.intp) for side in (0, 1))
    observed = count_transitions(stretches, len(codes), lag=rule.lag)[rows, columns]
    null: Counts = shuffled_transitions(
        stretches, len(codes), alternating=alternating, lag=rule.lag, n_shuffles=n_shuffles
    )[:, rows, columns]
    distance, p_value = distance_from_chance(observed, null)
    return AgainstChance(
        pairs=tuple(pairs),
        found=tuple(
            compare_with_chance(n, column) for n, column in zip(observed.tolist(), null.T, strict=True)
        ),
        distance=distance,
        p_value=p_value,
        n_shuffles=n_shuffles,
        alternating=alternating,
    )


def how_many(asked: int | None, n_bouts: int, n_tests: int) -> int:
    """Random orders to make: as asked, else enough for Holm's correction to leave something, as far as time allows."""
    if asked is not None:
        return asked
    wanted = min(max(N_SHUFFLES, 50 * n_tests), _MOST_SHUFFLES)
    return max(_FEWEST_SHUFFLES, min(wanted, _MOST_BOUTS // max(n_bouts, 1)))


def correct(compared: Sequence[AgainstChance]) -> list[list[float | None]]:
    """P values of all pairs of a call, corrected for their number (Holm)."""
    known = [one.p_value for item in compared for one in item.found if one.p_value is not None]
    corrected = iter(holm(known))
    return [[None if one.p_value is None else next(corrected) for one in item.found] for item in compared]


def tests_of(
    item: AgainstChance, corrected: Sequence[float | None], n_tests: int, about: str
) -> list[TestResult]:
    """One test of the only pair, or one of all pairs together with each of them after it."""
    why = (
        f"Permutation test: the bouts of each animal in {item.n_shuffles:,} random orders"
        f"{', no behavior following itself' if item.alternating else ''}; two-sided."
    )
    pairs = [
        TestResult(
            name=NAME,
            statistic=one.z,
            p_value=p,
            term=f"{pair[0]} → {pair[1]}",
            measure=about,
            correction="holm" if n_tests > 1 else None,
            n_tests=n_tests,
            effect_size={"ratio": one.ratio, "observed": one.observed, "expected": one.expected},
            why=None if p is not None else "No test: every order gives the same count.",
        )
        for pair, one, p in zip(item.pairs, item.found, corrected, strict=True)
    ]
    if len(pairs) == 1:
        only = pairs[0]
        raw = item.found[0].p_value
        known = {"holm": corrected[0]} if corrected[0] is not None and n_tests > 1 else {}
        update = {"p_value": raw, "measure": f"{only.term} ({about})", "corrected": known, "correction": None}
        return [only.model_copy(update=update | ({"why": why} if raw is not None else {}))]
    pairs.sort(
        key=lambda test: (math.inf if test.p_value is None else test.p_value, -abs(test.statistic or 0.0))
    )
    whole = TestResult(
        name=NAME,
        statistic=item.distance if item.p_value is not None else None,
        p_value=item.p_value,
        measure=f"order of bouts ({about})",
        n_tests=n_tests,
        posthoc=pairs,
        why=f"{why} All pairs together: sum of squared differences from the expected counts over these."
        if item.p_value is not None
        else "No test: every order gives the same counts.",
    )
    return [whole]
