"""How many animals an experiment needs, and what a given number can show."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from ethochat.tools.errors import ToolFailedError, ToolRetryError
from ethochat.tools.statistics.effects import hedges_g, paired_effects, several_effects
from ethochat.tools.statistics.main_effects import steep, steep_pairs
from ethochat.tools.statistics.repeated import table_of
from ethochat.tools.statistics.results import (
    Values,
    Vector,
    all_equal,
    check_sizes,
    constant,
    finite,
    scale_of,
    vectors,
)

Design = Literal["independent", "paired", "several"]
DESIGNS: Final = ("independent", "paired", "several")
MOST_ANIMALS: Final = 1_000_000
"""Animals per group beyond which a number is not worth naming."""
LARGEST_EFFECT: Final = 100.0
"""Effects above it need no more than two animals in any design."""

_EFFECT: Final = {"independent": "hedges_g", "paired": "cohens_dz", "several": "cohens_f"}
_ASSUMPTIONS: Final = {
    "independent": "Assumes a two-sided t test of two groups of different animals, one value per animal, with normal values and "
    "equal variances in both groups; the effect is the difference of the means in standard deviations.",
    "paired": "Assumes a two-sided paired t test, two values per animal, with normal differences; the effect is the mean difference "
    "in standard deviations of the differences.",
    "several": "Assumes a one-way ANOVA of {k} groups of equal size of different animals, one value per animal, with normal values "
    "and equal variances; the effect is Cohen's f, the standard deviation of the group means over that within groups.",
}
_NO_NEWS: Final = (
    "The power of a finished test at the effect it observed says nothing that its p value does not say (Hoenig and Heisey 2001); "
    "plan with the smallest effect that matters."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerAnalysis:
    """Numbers of animals, effect and power that belong together."""

    design: Design
    effect: float
    """Without its sign."""
    effect_name: str
    """``hedges_g``, ``cohens_dz`` or ``cohens_f``."""
    alpha: float
    power: float
    """At these whole numbers of animals; never below the power asked for."""
    n_per_group: tuple[int, ...] | None
    """One number for a paired design; ``None`` above :data:`MOST_ANIMALS`."""
    n_total: int | None
    """Animals in all."""
    effect_interval: tuple[float, float] | None = None
    """95 % interval of an effect that was observed, turned so that the effect is above zero."""
    n_at_interval: tuple[int | None, int | None] | None = None
    """Animals per group (the first, where they differ) at the smallest and at the largest effect of the interval;
    ``None`` where no number is enough, since the interval holds zero, and above :data:`MOST_ANIMALS`."""
    sentences: tuple[str, ...] = ()
    """What is assumed, and how far to trust it."""


def sample_size(
    effect: float | Mapping[str, Values],
    power: float = 0.8,
    alpha: float = 0.05,
    design: Design = "independent",
    *,
    ratio: float = 1.0,
    n_groups: int | None = None,
    interval: tuple[float, float] | None = None,
) -> PowerAnalysis:
    """Smallest number of animals with which a test finds an effect with a given chance.

    Parameters
    ----------
    effect
        Hedges g or Cohen's d (``independent``), Cohen's dz (``paired``), Cohen's f (``several``; Cohen 1988,
        Statistical Power Analysis for the Behavioral Sciences) — or groups with one value per animal, whose effect
        is then used.
    power
        Chance of p < ``alpha``, between ``alpha`` and 1.
    alpha
        Two-sided level of the test.
    ratio
        Animals in the second group for each in the first, for two independent groups.
    n_groups
        How many groups, for ``several`` without groups to count.
    interval
        95 % interval of an effect given as a number; taken from the groups where there are groups.

    Returns
    -------
    PowerAnalysis
        With the numbers at the bounds of the effect's interval where there is one.

    Raises
    ------
    ToolFailedError
        When the groups have no effect or no spread.
    ToolRetryError
        When the effect is zero, or a number is out of range.
    """
    k = _check(design, alpha, ratio, n_groups, effect)
    if not alpha < power < 1.0:
        raise ToolRetryError(f"Expected a power between alpha ({alpha:g}) and 1, got {power!r}.")
    size, span, observed = _effect(effect, interval, design)
    plan = _Plan(design=design, alpha=alpha, ratio=ratio, k=k)
    n = plan.smallest(size, power)
    at_interval = None if span is None else _at_bounds(plan, span, power)
    counts = None if n is None else plan.counts(n)
    return PowerAnalysis(
        design=design,
        effect=size,
        effect_name=_EFFECT[design],
        alpha=alpha,
        power=power if n is None else plan.power(size, n),
        n_per_group=counts,
        n_total=None if counts is None else sum(counts),
        effect_interval=span,
        n_at_interval=at_interval,
        sentences=_sentences(design, k, n, span, at_interval, observed=observed),
    )


def achieved_power(
    effect: float | Mapping[str, Values],
    n: int | tuple[int, int],
    alpha: float = 0.05,
    design: Design = "independent",
    *,
    n_groups: int | None = None,
) -> PowerAnalysis:
    """Chance that a test with so many animals finds an effect.

    Parameters
    ----------
    effect
        As for :func:`sample_size`.
    n
        Animals per group; two numbers for two independent groups of unequal size.

    Raises
    ------
    ToolFailedError
        When the groups have no effect or no spread.
    ToolRetryError
        When the effect is zero, or a number is out of range.
    """
    first, ratio = _numbers(n, design)
    k = _check(design, alpha, ratio, n_groups, effect)
    size, span, observed = _effect(effect, None, design)
    plan = _Plan(design=design, alpha=alpha, ratio=ratio, k=k)
    counts = plan.counts(first)
    return PowerAnalysis(
        design=design,
        effect=size,
        effect_name=_EFFECT[design],
        alpha=alpha,
        power=plan.power(size, first),
        n_per_group=counts,
        n_total=sum(counts),
        effect_interval=span,
        sentences=(_ASSUMPTIONS[design].format(k=k), *([_NO_NEWS] if observed else [])),
    )


def smallest_detectable_effect(
    n: int | tuple[int, int],
    power: float = 0.8,
    alpha: float = 0.05,
    design: Design = "independent",
    *,
    n_groups: int | None = None,
) -> PowerAnalysis:
    """Smallest effect that a test with so many animals finds with a given chance.

    Parameters
    ----------
    n
        Animals per group; two numbers for two independent groups of unequal size.

    Raises
    ------
    ToolRetryError
        When a number is out of range.
    """
    from scipy import optimize

    first, ratio = _numbers(n, design)
    k = _check(design, alpha, ratio, n_groups, None)
    if not alpha < power < 1.0:
        raise ToolRetryError(f"Expected a power between alpha ({alpha:g}) and 1, got {power!r}.")
    plan = _Plan(design=design, alpha=alpha, ratio=ratio, k=k)
    if plan.power(LARGEST_EFFECT, first) < power:
        raise ToolRetryError(
            f"{n!r} animals per group have a power of {power:g} for no effect up to {LARGEST_EFFECT:g}."
        )
    size = float(optimize.brentq(lambda effect: plan.power(effect, first) - power, 0.0, LARGEST_EFFECT))
    counts = plan.counts(first)
    smaller = "Smaller effects may be there and be missed: no significant difference is not no difference."
    return PowerAnalysis(
        design=design,
        effect=size,
        effect_name=_EFFECT[design],
        alpha=alpha,
        power=power,
        n_per_group=counts,
        n_total=sum(counts),
        sentences=(_ASSUMPTIONS[design].format(k=k), smaller),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """A test to come; statsmodels gives its power from the noncentral t and F distributions."""

    design: Design
    alpha: float
    ratio: float
    k: int

    def counts(self, n: int) -> tuple[int, ...]:
        """Animals in each group when the first has ``n``."""
        if self.design == "paired":
            return (n,)
        if self.design == "several":
            return (n,) * self.k
        return n, max(2, math.ceil(round(n * self.ratio, 9)))

    def power(self, effect: float, n: int) -> float:
        from statsmodels.stats.power import FTestAnovaPower

        if self.design == "several":
            found = float(FTestAnovaPower().power(effect, n * self.k, self.alpha, k_groups=self.k))
            return min(1.0, found) if math.isfinite(found) else 1.0
        # One tail after the other: where one cannot be computed, it is all or nothing.
        above = self._tail(effect, n, "larger")
        return 1.0 if above is None else min(1.0, above + (self._tail(effect, n, "smaller") or 0.0))

    def _tail(self, effect: float, n: int, alternative: str) -> float | None:
        from statsmodels.stats.power import TTestIndPower, TTestPower

        if self.design == "paired":
            return finite(TTestPower().power(effect, n, self.alpha / 2, alternative=alternative))
        first, second = self.counts(n)
        found = TTestIndPower().power(
            effect, first, self.alpha / 2, ratio=second / first, alternative=alternative
        )
        return finite(found)

    def smallest(self, effect: float, power: float) -> int | None:
        """Smallest first group with at least this power: doubled until it is enough, then halved in between."""
        low, high = 1, 2
        while self.power(effect, high) < power:
            low, high = high, high * 2
            if high > MOST_ANIMALS:
                return None
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.power(effect, middle) >= power else (middle, high)
        return high


def _check(
    design: str, alpha: float, ratio: float, n_groups: int | None, effect: float | Mapping[str, Values] | None
) -> int:
    """Refuse numbers out of range, and give the number of groups."""
    if design not in DESIGNS:
        raise ToolRetryError(f"Expected a design ({', '.join(DESIGNS)}), got {design!r}.", near=DESIGNS)
    if not 0.0 < alpha < 0.5:
        raise ToolRetryError(f"Expected a level alpha between 0 and 0.5, got {alpha!r}.")
    if not 0.01 <= ratio <= 100.0:
        raise ToolRetryError(f"Expected a ratio of group sizes between 0.01 and 100, got {ratio!r}.")
    given = len(effect) if isinstance(effect, Mapping) else n_groups
    if design != "several":
        if given not in (None, 2):
            raise ToolRetryError(f"The design {design!r} has two groups, got {given}; say 'several'.")
        return 2
    if given is None or given < 2:
        raise ToolRetryError(f"Expected the number of groups (2 and more) of several, got {given!r}.")
    return given


def _numbers(n: int | tuple[int, int], design: str) -> tuple[int, float]:
    """Animals of the first group, and how many times as many the second has."""
    first, second = n if isinstance(n, tuple) else (n, n)
    if min(first, second) < 2 or max(first, second) > MOST_ANIMALS:
        raise ToolRetryError(f"Expected 2 to {MOST_ANIMALS} animals per group, got {n!r}.")
    if first != second and design != "independent":
        raise ToolRetryError(f"Only two independent groups may differ in size, got {n!r}.")
    return first, second / first


def _effect(
    effect: float | Mapping[str, Values], interval: tuple[float, float] | None, design: str
) -> tuple[float, tuple[float, float] | None, bool]:
    """Effect without its sign, its interval, and whether it was observed in groups."""
    observed = isinstance(effect, Mapping)
    size = _observed(effect, design) if isinstance(effect, Mapping) else (float(effect), interval)
    value, span = size
    if not math.isfinite(value) or (not observed and span is not None and not span[0] <= value <= span[1]):
        raise ToolRetryError(f"Expected a finite effect within its interval, got {value!r} and {span!r}.")
    if value == 0.0:
        raise ToolRetryError(
            "An effect of zero is found by no number of animals; give the smallest effect that would matter."
        )
    if design == "several" and value < 0.0:
        raise ToolRetryError(f"Cohen's f is above zero, got {value!r}.")
    if abs(value) > LARGEST_EFFECT:
        raise ToolRetryError(
            f"Expected an effect of at most {LARGEST_EFFECT:g} standard deviations, got {value!r}."
        )
    if value < 0.0 and span is not None:
        span = (-span[1], -span[0])
    return abs(value), span, observed


def _observed(groups: Mapping[str, Values], design: str) -> tuple[float, tuple[float, float] | None]:
    """Effect of groups and its interval."""
    check_sizes(groups)
    arrays = list(vectors(groups).values())
    if design == "several":
        return _cohens_f(arrays)
    if design == "paired":
        table = table_of(groups)
        differences = table[:, 0] - table[:, 1]
        if all_equal(differences, scale_of(table)) or steep_pairs(differences):
            raise ToolFailedError(
                "The differences are the same in every animal, so that no effect can be taken from them."
            )
        found, name = paired_effects(*arrays), "cohens_dz"
    else:
        if all(constant(arrays)) or steep(*arrays):
            raise ToolFailedError(
                "The values within each group are all equal, so that no effect can be taken from them."
            )
        found, name = hedges_g(*arrays), "hedges_g"
    value, span = found[name], found["ci95"]
    if not isinstance(value, float):
        raise ToolFailedError(f"The groups have no {name}, so that no number of animals can be given.")
    return value, (span[0], span[1]) if isinstance(span, list) else None


def _cohens_f(arrays: list[Vector]) -> tuple[float, tuple[float, float] | None]:
    """Cohen's f of groups, its interval from that of the share of variance between groups: f² = share / (1 - share).

    The estimate is that of omega squared, which is less too large than eta squared (Okada 2013).
    """
    if all(constant(arrays)):
        raise ToolFailedError(
            "The values within each group are all equal, so that no effect can be taken from them."
        )
    found = several_effects(arrays)
    share, span = found["omega_squared"], found["ci95"]
    if not isinstance(share, float) or share == 0.0:
        raise ToolFailedError(
            "The groups differ no more than chance lets them, so that no effect can be taken from them; give the smallest effect "
            "(Cohen's f) that would matter."
        )
    if not isinstance(span, list):
        return _f_of(share), None
    return _f_of(share), (_f_of(span[0]), _f_of(span[1]))


def _f_of(share: float) -> float:
    return math.sqrt(share / (1.0 - share)) if share < 1.0 else LARGEST_EFFECT


def _at_bounds(plan: _Plan, span: tuple[float, float], power: float) -> tuple[int | None, int | None]:
    """Animals per group at the smallest and at the largest effect of an interval."""

    def needed(bound: float) -> int | None:
        return plan.smallest(min(bound, LARGEST_EFFECT), power) if bound > 0.0 else None

    return needed(span[0]), needed(span[1])


def _sentences(
    design: str,
    k: int,
    n: int | None,
    span: tuple[float, float] | None,
    at_interval: tuple[int | None, int | None] | None,
    *,
    observed: bool,
) -> tuple[str, ...]:
    said = [_ASSUMPTIONS[design].format(k=k)]
    if n is None:
        said.append(f"More than {MOST_ANIMALS} animals per group would be needed.")
    if span is not None and at_interval is not None:
        said.append(_uncertain(design, span, at_interval))
    elif observed:
        said.append("The observed effect is itself uncertain; here not even its interval is known.")
    else:
        said.append(
            "An effect that comes from a study is itself uncertain; give its 95 % interval to see what that means."
        )
    if observed:
        said.append(_NO_NEWS)
    return tuple(said)


def _uncertain(design: str, span: tuple[float, float], at_interval: tuple[int | None, int | None]) -> str:
    unit = "animals" if design == "paired" else "animals per group"
    most, fewest = (f"more than {MOST_ANIMALS}" if n is None else str(n) for n in at_interval)
    start = f"The effect is itself uncertain (95 % interval {span[0]:.3g} to {span[1]:.3g}): {fewest} {unit} at its largest"
    if span[0] <= 0.0 <= span[1]:
        return f"{start}, and at its smallest no number is enough, as the interval reaches zero."
    return f"{start}, {most} at its smallest."
