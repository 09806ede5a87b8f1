"""Repeated sessions of an animal: linear mixed models with the animal as random intercept.

The model is fitted by REML (:mod:`.reml`) and its terms are tested by Kenward and Roger's F, whose denominator degrees
of freedom are those of the animals for what differs between animals and those of the sessions for what differs
within them. In complete balanced designs these are exactly the tests of the repeated-measures and of the split-plot
analysis of variance (the test suite compares them with statsmodels' ``AnovaRM``).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from ethochat.tools.errors import ToolFailedError
from ethochat.tools.evidence import AssumptionCheck, TestResult
from ethochat.tools.statistics.assumptions import brown_forsythe, shapiro_wilk
from ethochat.tools.statistics.design import Term, cell_name, small_cells
from ethochat.tools.statistics.factorial import caution, holm_corrected, two_way
from ethochat.tools.statistics.independent import compare_independent
from ethochat.tools.statistics.observations import Observation, Table, tabulate, untestable
from ethochat.tools.statistics.parametric import greenhouse_geisser_epsilon
from ethochat.tools.statistics.reml import Blocks, Fit, NotConvergedError, fit_reml, kenward_roger, told_apart
from ethochat.tools.statistics.results import ALPHA, Effect, Vector, f_result, scale_of

MAX_PAIRED_LEVELS: Final = 6
"""Levels of a main effect that are compared pair by pair; the pairs of more would be a list nobody reads."""


def mixed_model(rows: Sequence[Observation], *, follow_up: bool = True) -> list[TestResult]:
    """Test one or two factors, at least one of which varies within animals.

    Several observations of one animal at the same levels are averaged first, so that they do not count as
    independent. The animal is a random intercept; with two categories within animals, or a number that varies
    within them, its reaction to each is random too, since its sessions would otherwise pass for animals
    (Schielzeth and Forstmeier 2009, Behavioral Ecology 20:416). Categories of three and more levels within animals get
    Greenhouse and Geisser's correction (1959, Psychometrika 24:95), estimated from the animals that have all levels.

    Parameters
    ----------
    rows
        Observations with the same one or two factors.
    follow_up
        Also compare pairs of levels, and simple effects where the interaction is significant.

    Returns
    -------
    list of TestResult
        Of each factor and of their interaction. ``groups`` count animals, one value per animal in each. A term of one
        degree of freedom has its estimate with a 95 % interval (the difference of two unweighted level means, first
        minus second, or a slope). Factors that only differ between animals are tested by the equivalent simple
        test on one value per animal. Where no test can be made, ``why`` says why.

    Raises
    ------
    ToolFailedError
        When a factor has a single level.
    ValueError
        When there is no row, or the rows do not have the same one or two factors.
    """
    table = tabulate(rows)
    results = _tests(table)
    if follow_up and table.within and results[-1].statistic is not None:
        _follow_up(rows, table, results)
    return results


def _tests(table: Table) -> list[TestResult]:
    if not table.within and not any(factor.numeric for factor in table.design.factors):
        return _between(table)
    problem = untestable(table)
    if problem is not None:
        return _untested(table, problem)
    try:
        fitted = _fit(table)
    except NotConvergedError:
        return _untested(table, "No test: the mixed model did not converge on these values.")
    results = [_tested(fitted, term) for term in table.design.terms]
    results[-1].checks = _checks(fitted)
    return results


def _name(table: Table) -> str:
    return "mixed_model" if table.within else "linear_model"


def _untested(table: Table, why: str) -> list[TestResult]:
    return [
        TestResult(
            name=_name(table),
            statistic=None,
            p_value=None,
            term=term.name,
            why=why,
            groups=table.groups(term),
        )
        for term in table.design.terms
    ]


def _counts(table: Table) -> str:
    return f"{len(table.rows)} animals, {table.n_observations} observations"


def _between(table: Table) -> list[TestResult]:
    """One value per animal, and the simple test that the mixed model comes to."""
    factors = table.design.factors
    if len(factors) == 2:
        first, second = (
            {animal: str(levels[place]) for animal, levels in zip(table.animals, table.levels, strict=True)}
            for place in (0, 1)
        )
        values = dict(zip(table.animals, table.y.tolist(), strict=True))
        results = two_way(values, first, second, [factor.name for factor in factors])
    else:
        cells = table.cells([0])
        small = small_cells({cell: len(animals) for cell, animals in cells.items()})
        if small is not None:
            return _untested(table, small)
        results = [
            compare_independent({level: list(animals.values()) for (level,), animals in cells.items()})
        ]
        results[0].term = factors[0].name
    if table.n_observations > len(table.rows):
        for result in results:
            result.why = f"No factor varies within animals, so each animal's values were averaged ({_counts(table)}). {result.why}"
    return results


# ----------------------------------------------------------------- the model
_Part = Callable[[list[int]], Vector]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fitted:
    """A fitted model, in units of the values' spread."""

    table: Table
    blocks: Blocks
    fit: Fit
    random: tuple[str, ...]
    """What is random besides the residual, in the order of the fit's components."""
    scale: float


def _fit(table: Table) -> _Fitted:
    largest = scale_of(table.y)
    scaled = table.y / largest
    spread = float(np.std(scaled))
    parts = _random_parts(table)
    blocks = _blocks(table, (scaled - scaled.mean()) / spread, [part for _, part in parts])
    kept = told_apart(blocks)
    blocks = Blocks(y=blocks.y, x=blocks.x, parts=blocks.parts[kept], padding=blocks.padding)
    # With the intercept alone V is singular at one point only, and bounds would make the tests too careful (2 instead of
    # 5 % of simulated experiments without any difference between animals); more parts need complete data to be free.
    fit = fit_reml(blocks, bounded=not table.complete and len(kept) > 2)
    if any(kenward_roger(fit, hypothesis) is None for hypothesis in _hypotheses(table)):
        # So close to where V ceases to be positive definite that no test is left.
        fit = fit_reml(blocks, bounded=True)
    random = tuple(parts[place][0] for place in kept if place > 0)
    return _Fitted(table=table, blocks=blocks, fit=fit, random=random, scale=spread * largest)


def _hypotheses(table: Table) -> list[Vector]:
    """Matrix L of every term."""
    return [np.eye(table.design.x.shape[1])[list(term.columns)] for term in table.design.terms]


def _random_parts(table: Table) -> list[tuple[str, _Part]]:
    """Matrices of the variance components over an animal's rows: residual, intercept, reactions to factors."""
    parts: list[tuple[str, _Part]] = [
        ("residual", lambda rows: np.eye(len(rows))),
        ("animal", lambda rows: np.ones((len(rows), len(rows)))),
    ]
    for place in table.within:
        factor = table.design.factors[place]
        if factor.numeric:
            parts.append((f"animal x {factor.name}", partial(_slopes, factor.column)))
            if table.complete:
                parts.append(("", partial(_slopes_with_intercepts, factor.column)))
        elif len(table.within) > 1 and 2 * table.varying[place] > len(table.rows):
            # Where a factor varies within few animals, the spread of their reactions could hardly be estimated.
            parts.append((f"animal x {factor.name}", partial(_same_level, factor.column)))
    return parts


def _same_level(column: Vector, rows: list[int]) -> Vector:
    same: Vector = (column[rows][:, None] == column[rows][None]).astype(np.float64)
    return same


def _slopes(column: Vector, rows: list[int]) -> Vector:
    products: Vector = np.outer(column[rows], column[rows]) / scale_of(column) ** 2
    return products


def _slopes_with_intercepts(column: Vector, rows: list[int]) -> Vector:
    """Covariance of an animal's slope and intercept."""
    sums: Vector = (column[rows][:, None] + column[rows][None]) / scale_of(column)
    return sums


def _blocks(table: Table, y: Vector, parts: Sequence[_Part]) -> Blocks:
    rows = list(table.rows.values())
    m, p = max(len(found) for found in rows), table.design.x.shape[1]
    blocks = Blocks(
        y=np.zeros((len(rows), m)),
        x=np.zeros((len(rows), m, p)),
        parts=np.zeros((len(parts), len(rows), m, m)),
        padding=np.zeros((len(rows), m, m)),
    )
    for place, found in enumerate(rows):
        k = len(found)
        blocks.y[place, :k] = y[found]
        blocks.x[place, :k] = table.design.x[found]
        blocks.padding[place, range(k, m), range(k, m)] = 1.0
        for number, part in enumerate(parts):
            blocks.parts[number, place, :k, :k] = part(found)
    return blocks


def _tested(fitted: _Fitted, term: Term) -> TestResult:
    table, fit = fitted.table, fitted.fit
    found = kenward_roger(fit, _hypotheses(table)[table.design.terms.index(term)])
    if found is None:
        why = "No test: the estimates leave no finite test."
        result = TestResult(name=_name(table), statistic=None, p_value=None, why=why)
    else:
        result = f_result(_name(table), found.f, found.df_num, found.df_den)
        contrast = table.design.contrast(term)
        estimate = _estimate(fitted, *contrast) if contrast is not None else {}
        share = found.f * found.df_num / (found.f * found.df_num + found.df_den)
        result.effect_size = estimate | {"partial_eta_squared": share}
        result.why = " ".join([_method(fitted), *_sphericity(table, term, result), *_remarks(fitted)])
    result.term = term.name
    result.groups = table.groups(term)
    return result


def _estimate(fitted: _Fitted, name: str, weights: Vector) -> Effect:
    """What a contrast estimates, in the unit of the values, with its 95 % interval by Student's t."""
    from scipy import special

    fit = fitted.fit
    found = kenward_roger(fit, weights[None])
    if found is None:
        return {}
    estimate = float(weights @ fit.beta)
    half = float(special.stdtrit(found.df_den, 0.975)) * math.sqrt(float(weights @ fit.adjusted @ weights))
    interval: list[float] = [(estimate - half) * fitted.scale, (estimate + half) * fitted.scale]
    return {name: estimate * fitted.scale, f"{name}_ci95": interval, "ci95": interval}


def _method(fitted: _Fitted) -> str:
    table = fitted.table
    if not table.within:
        return f"Linear model, one value per animal ({_counts(table)})."
    places = [
        f"{factor.name} {'within' if place in table.within else 'between'} animals"
        for place, factor in enumerate(table.design.factors)
    ]
    random = ", ".join(name for name in fitted.random if name) or "none"
    return (
        f"Linear mixed model by REML, random effects: {random}; F and degrees of freedom of Kenward and Roger; "
        f"{', '.join(places)}; {_counts(table)}."
    )


def _remarks(fitted: _Fitted) -> list[str]:
    """What a reader of any term must know: averaging, and an animal variance that is not above zero."""
    table, said = fitted.table, []
    if table.n_observations > len(table.y):
        said.append("Observations of one animal at the same levels were averaged.")
    if fitted.random == ("animal",) and float(fitted.fit.theta[1]) <= 0.0:
        said.append(
            "The values of one animal are no more alike than those of different animals: the animal variance is estimated "
            + (
                "as zero."
                if fitted.fit.bounded
                else "at or below zero, and the tests are those of repeated-measures ANOVA."
            )
        )
    return said


# ----------------------------------------------------------------- sphericity
def _sphericity(table: Table, term: Term, result: TestResult) -> list[str]:
    """Correct the p value of a category of three and more levels within animals, and say what was done.

    Greenhouse and Geisser's epsilon where all animals have all levels, as in repeated-measures ANOVA. Where some do
    not, the epsilon of the few that do lies too low, so that simulated experiments without any difference were
    called significant in 2 % only; Huynh and Feldt's (1976, J. Educational Statistics 1:69, as corrected by Lecoutre
    1991, 16:371) makes it 3 to 6 %.
    """
    places = [
        place for place in term.factors if place in table.within and not table.design.factors[place].numeric
    ]
    df = math.prod(len(table.design.factors[place].levels) - 1 for place in places)
    if not places or df < 2 or not isinstance(result.df, tuple) or result.statistic is None:
        return []
    within = table.categories(table.within)
    cells = table.cells(within)
    complete = [animal for animal in table.rows if all(animal in animals for animals in cells.values())]
    error_df = len(complete) - len(set(_animal_groups(table, complete)))
    values = _projected(table, complete, within, places) if error_df >= 2 else None
    if values is None:
        return ["Too few animals have all levels to look at sphericity, which the p value takes for granted."]
    # The function's own divisor is for all cells; the term has fewer dimensions.
    epsilon = min(1.0, greenhouse_geisser_epsilon(values) * (values.shape[1] - 1) / df)
    said = []
    result.correction = "Greenhouse-Geisser"
    if len(complete) < len(table.rows):
        epsilon = _huynh_feldt(epsilon, df, error_df)
        result.correction = "Huynh-Feldt"
        said = [f"Epsilon is of the {len(complete)} animals that have all levels."]
    before = result.p_value
    corrected_result = f_result(result.name, result.statistic, result.df[0] * epsilon, result.df[1] * epsilon)
    result.p_value, result.df = corrected_result.p_value, corrected_result.df
    result.effect_size |= {"epsilon": epsilon, "p_uncorrected": before}
    who = {"Greenhouse-Geisser": "Greenhouse and Geisser's", "Huynh-Feldt": "Huynh and Feldt's"}[
        result.correction
    ]
    return [f"Degrees of freedom corrected by {who} epsilon of {epsilon:.3g}.", *said]


def _huynh_feldt(epsilon: float, df: int, error_df: int) -> float:
    below = df * (error_df - df * epsilon)
    return min(1.0, max(epsilon, ((error_df + 1.0) * df * epsilon - 2.0) / below)) if below > 0.0 else 1.0


def _projected(
    table: Table, animals: Sequence[str], within: Sequence[int], places: Sequence[int]
) -> Vector | None:
    """The part of the complete animals' values that a within-animal term is about, less the mean of their group.

    Returns
    -------
    array or None
        Shape ``(n_animals, n_cells)`` in units of their size; ``None`` where nothing is left.
    """
    values = np.array([[of[animal] for of in table.cells(within).values()] for animal in animals])
    groups = _animal_groups(table, animals)
    for group in set(groups):
        members = [row for row, name in enumerate(groups) if name == group]
        values[members] -= values[members].mean(axis=0)
    cube = values.reshape(len(animals), *(len(table.design.factors[place].levels) for place in within))
    for axis, place in enumerate(within, start=1):
        mean = cube.mean(axis=axis, keepdims=True)
        cube = cube - mean if place in places else np.broadcast_to(mean, cube.shape)
    flat = cube.reshape(len(animals), -1)
    size = scale_of(flat)
    return None if size <= 1e-12 * scale_of(table.y) else flat / size


def _animal_groups(table: Table, animals: Sequence[str]) -> list[tuple[str, ...]]:
    """Levels of the factors that differ between animals only."""
    between = [
        place
        for place, factor in enumerate(table.design.factors)
        if place not in table.within and not factor.numeric
    ]
    return [tuple(str(table.levels[table.rows[animal][0]][place]) for place in between) for animal in animals]


# ----------------------------------------------------------------- after the tests
def _follow_up(rows: Sequence[Observation], table: Table, results: list[TestResult]) -> None:
    """Simple effects after a significant interaction; pairs of levels of each main effect."""
    factors = table.design.factors
    interaction = results[-1] if len(factors) == 2 else None
    if interaction is not None and interaction.p_value is not None and interaction.p_value < ALPHA:
        interaction.posthoc = _simple_effects(rows, table)
        for result in results[:-1]:
            result.why = f"{result.why} {caution(interaction)}"
    for place, factor in enumerate(factors):
        if 3 <= len(factor.levels) <= MAX_PAIRED_LEVELS:
            results[place].posthoc = _pairs(rows, table, place)


def _pairs(rows: Sequence[Observation], table: Table, place: int) -> list[TestResult]:
    """Two levels at a time, each pair with a model and so an error of its own; Holm-corrected."""
    name = table.design.factors[place].name
    results = []
    for pair in itertools.combinations(table.design.factors[place].levels, 2):
        result = _part([row for row in rows if str(row.factors[name]) in pair], place)
        result.term = f"{name}: {pair[0]} - {pair[1]}"
        results.append(result)
    return holm_corrected(results)


def _simple_effects(rows: Sequence[Observation], table: Table) -> list[TestResult]:
    """One factor within each level of the other, on the rows of that level; Holm-corrected."""
    names = [factor.name for factor in table.design.factors]
    results = []
    for place in reversed(table.categories((0, 1))):
        other, factor = names[1 - place], table.design.factors[place]
        for level in factor.levels:
            part = [
                Observation(animal=row.animal, value=row.value, factors={other: row.factors[other]})
                for row in rows
                if str(row.factors[factor.name]) == level
            ]
            result = _part(part, 0)
            result.term = f"{other} within {factor.name} {level}"
            result.groups = {
                cell_name((level, group) if place == 0 else (group, level)): summary
                for group, summary in result.groups.items()
            }
            results.append(result)
    return holm_corrected(results)


def _part(rows: Sequence[Observation], place: int) -> TestResult:
    """Test one term on a part of the rows."""
    try:
        return _tests(tabulate(rows))[place]
    except ToolFailedError as error:
        return TestResult(name="mixed_model", statistic=None, p_value=None, why=f"No test: {error}")


# ----------------------------------------------------------------- assumptions
def _checks(fitted: _Fitted) -> list[AssumptionCheck]:
    """Normality of what is left and of the animals, and equal spread of the groups of animals."""
    fit, blocks, table = fitted.fit, fitted.blocks, fitted.table
    scale = scale_of(table.y) / fitted.scale
    # What is left after the best predictions of the animals' own parts, theta_0 V^-1 (y - X beta): Searle et al. 1992, 7.4.
    left = fit.theta[0] * np.einsum("nml,nl->nm", fit.inverse, fit.residuals)
    present = np.diagonal(blocks.parts[0], axis1=1, axis2=2) > 0.0
    checks = [shapiro_wilk(left[present], "residuals", scale)]
    if not table.within:
        return checks
    animals = np.array([float(one[there].mean()) for one, there in zip(fit.residuals, present, strict=True)])
    checks.append(shapiro_wilk(animals, "means of the animals", scale))
    groups: dict[str, list[float]] = {}
    for group, mean in zip(_animal_groups(table, list(table.rows)), animals.tolist(), strict=True):
        groups.setdefault(cell_name(group), []).append(mean)
    if len(groups) > 1:
        spread = brown_forsythe({group: np.array(means) for group, means in groups.items()})
        spread.about = "means of the animals"
        checks.append(spread)
    return checks
