"""The tool ``power``: how many animals a comparison needs, and what a number of animals can show."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from ethochat.tools.arguments import CompareArguments, PowerArguments
from ethochat.tools.base import Tool
from ethochat.tools.compare import Comparison, comparisons
from ethochat.tools.context import ToolContext
from ethochat.tools.errors import ToolFailedError, ToolRetryError
from ethochat.tools.evidence import Evidence, Value
from ethochat.tools.selection import listing
from ethochat.tools.statistics import (
    PowerAnalysis,
    achieved_power,
    sample_size,
    smallest_detectable_effect,
    summarize,
)
from ethochat.tools.statistics.power import MOST_ANIMALS, Design
from ethochat.tools.wording import number, quantity, some

_EFFECTS: Final = {"hedges_g": "Hedges g", "cohens_dz": "Cohen's dz", "cohens_f": "Cohen's f"}


def power(context: ToolContext, arguments: PowerArguments) -> Evidence:
    """Give the animals needed for an effect, the power of a number of animals, or the effect that they can show."""
    one = _observed(context, arguments)
    analysis, asked = _analysis(arguments, one)
    values = _values(analysis, one)
    flags = list(analysis.sentences)
    if one is not None:
        # What is said of a mixed model is no matter of a plan, which pairs the animals.
        modeled = one.contrast.tests[0].name == "mixed_model"
        flags += [*one.outcome.measured.flags, *([] if modeled else one.contrast.flags), *_incomplete(one)]
    evidence = Evidence(
        evidence_id="",
        tool=TOOL.name,
        arguments=arguments.model_dump(mode="json", exclude_defaults=True),
        values=values,
        n_rows=sum(row.n_rows for row in one.part.rows) if one is not None else 0,
        flags=list(dict.fromkeys(flags)),
    )
    evidence.summary = _said(analysis, asked, one, arguments)
    return evidence


def _observed(context: ToolContext, arguments: PowerArguments) -> Comparison | None:
    """The comparison whose effect or spread is used; ``None`` where the effect is given in standard deviations."""
    if not arguments.measure:
        if arguments.effect is None and arguments.n_per_group is None:
            raise ToolRetryError(
                "Expected a measure and a group_column whose difference is to be found, an `effect` in standard deviations, or "
                "`n_per_group`."
            )
        return None
    given = {name: getattr(arguments, name) for name in CompareArguments.model_fields}
    found = comparisons(context, CompareArguments.model_validate(given | {"test": "auto"}))
    if len(found) > 1:
        names = ", ".join(one.name for one in found[:6])
        raise ToolRetryError(
            f"A sample size is for one comparison, but there are several: {names}. Name one."
        )
    return found[0]


def _analysis(arguments: PowerArguments, one: Comparison | None) -> tuple[PowerAnalysis, str]:
    """The analysis and what it gives: ``n``, ``power`` or ``effect``."""
    design, n_groups = _design(one)
    groups = None if one is None else _values_of(one)
    given = arguments.effect if arguments.difference is None else _standardized(arguments, one)
    effect = given if given is not None else groups
    n, alpha = arguments.n_per_group, arguments.alpha
    if n is not None and given is None:
        found = smallest_detectable_effect(n, arguments.wanted_power, alpha, design, n_groups=n_groups)
        return found, "effect"
    assert effect is not None
    if n is not None:
        return achieved_power(effect, n, alpha, design, n_groups=n_groups), "power"
    return sample_size(effect, arguments.wanted_power, alpha, design, n_groups=n_groups), "n"


def _standardized(arguments: PowerArguments, one: Comparison | None) -> float:
    """A difference in the measure's unit or in percent, in standard deviations: pooled ones, or those of the paired differences.

    Raises
    ------
    ToolRetryError
        Without a measure, beside an effect, or for more than two groups.
    ToolFailedError
        Where the values do not vary, or a percentage is of a mean of zero.
    """
    if one is None or arguments.effect is not None:
        raise ToolRetryError(
            "A `difference` needs the measure and the groups whose spread tells how large it is, and stands instead of `effect`."
        )
    groups = _values_of(one)
    if len(groups) != 2:
        raise ToolRetryError(f"A `difference` is of two groups, got {listing(groups)}; name two in `groups`.")
    first, second = (np.asarray(values) for values in groups.values())
    whole = arguments.difference or 0.0
    if arguments.difference_unit == "percent":
        whole *= abs(float(second.mean())) / 100
    if one.contrast.repeated:
        spread = float((first - second).std(ddof=1))
    else:
        df = first.size - 1, second.size - 1
        spread = math.sqrt((df[0] * first.var(ddof=1) + df[1] * second.var(ddof=1)) / sum(df))
    if not spread or not whole:
        raise ToolFailedError(
            "Expected values that vary and a mean other than zero; a difference has no size in standard deviations."
        )
    return whole / spread


def _values_of(one: Comparison) -> dict[str, list[float]]:
    """One value per animal in each group; of the same animals in the same order, those that lack a value left out."""
    groups = one.contrast.groups
    if not one.contrast.repeated:
        return {name: list(animals.values()) for name, animals in groups.items()}
    every, _ = _complete(one)
    return {name: [animals[animal] for animal in every] for name, animals in groups.items()}


def _complete(one: Comparison) -> tuple[list[str], list[str]]:
    """Animals with a value in every group, and those without."""
    groups = one.contrast.groups
    everyone = dict.fromkeys(animal for animals in groups.values() for animal in animals)
    every = [animal for animal in everyone if all(animal in animals for animals in groups.values())]
    return every, [animal for animal in everyone if animal not in every]


def _incomplete(one: Comparison) -> list[str]:
    """Name the animals that a paired plan leaves out."""
    every, missing = _complete(one)
    if not one.contrast.repeated or not missing:
        return []
    return [
        f"The effect is that of the {len(every)} animals with a value in every one of {listing(one.groups)}; "
        f"{some(len(missing), 'animal')} without are not counted: {listing(missing, 5)}."
    ]


def _design(one: Comparison | None) -> tuple[Design, int | None]:
    if one is None:
        return "independent", None
    k = len(one.groups)
    if one.contrast.repeated and k > 2:
        raise ToolFailedError(
            "Sample sizes are computed for two conditions of the same animals, or for groups of different animals; name two groups."
        )
    if one.contrast.repeated:
        return "paired", None
    return ("independent", None) if k == 2 else ("several", k)


def _values(analysis: PowerAnalysis, one: Comparison | None) -> list[Value]:
    about = {} if one is None else {"measure": one.name, one.column: " and ".join(one.groups)}
    per_group = analysis.n_per_group
    values = [
        Value(
            name="n_per_group",
            value=None if per_group is None else float(per_group[0]),
            unit="animals",
            group=about,
            note=f"More than {MOST_ANIMALS}." if per_group is None else None,
        ),
        Value(
            name="n_total",
            value=None if analysis.n_total is None else float(analysis.n_total),
            unit="animals",
            group=about,
        ),
        Value(name=analysis.effect_name, value=analysis.effect, group=about),
        Value(name="power", value=100.0 * analysis.power, unit="%", group=about),
        Value(name="alpha", value=analysis.alpha, group=about),
    ]
    raw = None if one is None else _in_the_unit(analysis, one)
    if raw is not None and one is not None:
        values.append(Value(name="difference", value=raw, unit=one.outcome.measured.unit, group=about))
    return values


def _in_the_unit(analysis: PowerAnalysis, one: Comparison) -> float | None:
    """The effect in the unit of the measure: as observed, else times the pooled standard deviation of two groups."""
    if analysis.effect_name != "hedges_g":
        return None
    if (
        analysis.effect_interval is not None
    ):  # the groups' own effect, of which g is slightly smaller than the ratio
        observed = one.contrast.tests[0].effect_size.get("mean_difference")
        return abs(observed) if isinstance(observed, float) else None
    groups = [summarize(list(animals.values())) for animals in one.groups.values()]
    df = sum(group.n - 1 for group in groups)
    pooled = math.sqrt(sum((group.n - 1) * (group.sd or 0.0) ** 2 for group in groups) / df)
    return analysis.effect * pooled


def _said(analysis: PowerAnalysis, asked: str, one: Comparison | None, arguments: PowerArguments) -> str:
    """The result in a sentence."""
    effect = f"{_EFFECTS[analysis.effect_name]} = {number(analysis.effect)}"
    raw = None if one is None else _in_the_unit(analysis, one)
    if raw is not None and one is not None:
        effect += f", a difference of {quantity(raw, one.outcome.measured.unit)}"
    what = "" if one is None else f" of {one.name}"
    level = f"the {analysis.alpha:g} level"
    if asked == "n":
        observed = _which_effect(arguments, one)
        if analysis.n_per_group is None:
            return f"More than {MOST_ANIMALS} animals per group would be needed to find {observed}{what} ({effect}) at {level}."
        need = _animals(analysis)
        return f"To find {observed}{what} ({effect}) with a power of {arguments.wanted_power * 100:g}% at {level}, {need} are needed."
    if asked == "power":
        return f"With {_animals(analysis)}, the power to find an effect{what} ({effect}) at {level} is {number(100 * analysis.power)}%."
    return (
        f"With {_animals(analysis)}, the smallest effect{what} that is found with a power of {arguments.wanted_power * 100:g}% at "
        f"{level} is {effect}."
    )


def _which_effect(arguments: PowerArguments, one: Comparison | None) -> str:
    if arguments.difference is not None and arguments.difference_unit == "percent" and one is not None:
        return f"a difference of {arguments.difference:g}% of the mean of {list(one.groups)[-1]}"
    given = arguments.effect is not None or arguments.difference is not None
    return "an effect" if given else "the observed effect"


def _animals(analysis: PowerAnalysis) -> str:
    assert analysis.n_per_group is not None
    if analysis.design == "paired":
        return f"{analysis.n_per_group[0]} animals, each under both conditions,"
    return f"{analysis.n_per_group[0]} animals per group ({analysis.n_total} in all)"


TOOL: Tool[PowerArguments] = Tool(
    name="power",
    description="Sample size and power: how many animals per group are needed to find the observed difference of a measure (or an "
    "effect given in standard deviations) with a given power; the power of a number of animals; or the smallest effect that they "
    "can show. States its assumptions.",
    arguments=PowerArguments,
    function=power,
)
