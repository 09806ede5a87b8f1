"""Two factors between animals: the two-way analysis of variance."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, Protocol

import numpy as np

from ethochat.tools.errors import ToolFailedError
from ethochat.tools.evidence import AssumptionCheck, GroupSummary, TestResult
from ethochat.tools.statistics.assumptions import brown_forsythe, shapiro_wilk
from ethochat.tools.statistics.corrections import holm
from ethochat.tools.statistics.design import (
    Design,
    Factor,
    Term,
    cell_name,
    design_of,
    factor_of,
    small_cells,
    summaries,
)
from ethochat.tools.statistics.effects import share_interval
from ethochat.tools.statistics.independent import compare_independent
from ethochat.tools.statistics.results import (
    ALPHA,
    Effect,
    Vector,
    all_equal,
    check_numbers,
    f_result,
    finite,
    scale_of,
    t_result,
)

if TYPE_CHECKING:
    from statsmodels.regression.linear_model import RegressionResults

Robust = bool | Literal["hc3"]
_NAMES: Final[Mapping[Robust, str]] = {
    False: "two_way_anova",
    True: "two_way_welch",
    "hc3": "two_way_anova_hc3",
}
_WHY: Final[Mapping[Robust, str]] = {
    False: "Two-way ANOVA: two factors between animals, one value per animal, type III sums of squares with sum-to-zero "
    "contrasts, equal variances in the cells assumed",
    True: "Two-way ANOVA that does not assume equal variances in the cells (Brunner, Dette and Munk), one value per animal",
    "hc3": "Two-way ANOVA: two factors between animals, one value per animal, type III with sum-to-zero contrasts and the "
    "covariance HC3, which does not assume equal variances in the cells",
}
_UNEVEN_SIZES: Final = 2.0
"""Times that the largest cell has the animals of the smallest, from which sizes count as uneven."""
_UNEVEN_SPREADS: Final = 1.5
"""Times that one cell's standard deviation is another's, from which spreads count as uneven."""


def two_way(
    values: Mapping[str, float],
    factor_a: Mapping[str, str],
    factor_b: Mapping[str, str],
    names: Sequence[str] = ("a", "b"),
    *,
    robust: Robust = False,
) -> list[TestResult]:
    """Test two factors between animals and their interaction.

    Each term is tested in the full model with sum-to-zero contrasts, which is type III sums of squares: main effects
    are those of unweighted means of the cells (Maxwell, Delaney, Kelley 2018, Designing Experiments and Analyzing
    Data, ch. 7). In balanced designs types I, II and III are the same.

    Parameters
    ----------
    values
        Animal to its value.
    factor_a, factor_b
        Animal to its level of each factor; animals that lack one are left out.
    names
        Names of the two factors, used as terms.
    robust
        Do not assume equal variances in the cells. ``True``: the test of Brunner, Dette and Munk (1997, JASA
        92:1494), which is Welch's where a term has one degree of freedom. ``"hc3"``: least squares with the covariance
        HC3 (MacKinnon and White 1985, J. Econometrics 29:305); in simulated experiments without any difference it
        rejected 1.5 to 2.5 % with three or four animals per cell and 8.5 % where the smallest cell varied most, the
        other 3 to 7 % throughout.

    Returns
    -------
    list of TestResult
        Of the first factor, the second, and the interaction. ``groups`` are the levels, or the cells
        ("female, CSI") of the interaction, which also carries the checks. ``posthoc``: pairs of a factor's unweighted level
        means where it has three and more; simple effects where the interaction is significant. Where a cell has
        fewer than two animals, or nothing varies within the cells, no test has a p value and ``why`` says why.

    Raises
    ------
    ToolFailedError
        When a factor has fewer than two levels, or a value is not a finite number.
    """
    table = _table(values, (factor_a, factor_b), names, robust)
    terms = table.design.terms
    problem = _problem(table)
    if problem is not None:
        return [_untested(table, term, problem) for term in terms]
    model = _CellVariances(table) if robust is True else _LeastSquares(table)
    results = [_tested(table, term, model) for term in terms]
    interaction = results[-1]
    interaction.checks = _checks(table)
    if interaction.p_value is not None and interaction.p_value < ALPHA:
        interaction.posthoc = _simple_effects(table)
        for result in results[:-1]:
            result.why = f"{result.why} {caution(interaction)}"
    return results


def caution(interaction: TestResult) -> str:
    """Say what a significant interaction means for the main effects."""
    first, second = str(interaction.term).split(":", 1)
    return (
        f"Caution: the interaction {first} x {second} is significant, so what one factor makes up depends on the other; this "
        "main effect is an average over levels that differ, and the simple effects within each level say more."
    )


# ----------------------------------------------------------------- the design
@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """Animals of a two-way design in one fixed order, so that the order given makes no difference."""

    y: Vector
    factors: tuple[Factor, Factor]
    design: Design
    robust: Robust

    def of(self, places: Sequence[int]) -> dict[tuple[str, ...], Vector]:
        """Values by level of one factor, or by combination of levels; empty combinations too."""
        factors = [self.factors[place] for place in places]
        rows: dict[tuple[str, ...], list[int]] = {
            levels: [] for levels in itertools.product(*(factor.levels for factor in factors))
        }
        for row in range(self.y.size):
            rows[tuple(factor.level_of(row) for factor in factors)].append(row)
        return {levels: self.y[found] for levels, found in rows.items()}

    def cells(self) -> dict[tuple[str, ...], Vector]:
        """Values by combination of levels."""
        return self.of((0, 1))

    def groups(self, term: Term) -> dict[str, GroupSummary]:
        """Summaries of the levels or cells of a term."""
        return summaries(self.of(term.factors))


def _table(
    values: Mapping[str, float],
    factors: tuple[Mapping[str, str], Mapping[str, str]],
    names: Sequence[str],
    robust: Robust,
) -> _Table:
    animals = sorted(animal for animal in values if all(animal in levels for levels in factors))
    y = np.array([values[animal] for animal in animals], dtype=np.float64)
    check_numbers(y, "the animals' values")
    made = []
    for name, levels in zip(names, factors, strict=True):
        factor = factor_of(name, [str(levels[animal]) for animal in animals])
        if len(factor.levels) < 2:
            raise ToolFailedError(
                f"Expected at least two levels of {name!r} among the animals, found "
                f"{', '.join(map(repr, factor.levels)) or 'none'}."
            )
        made.append(factor)
    return _Table(y=y, factors=(made[0], made[1]), design=design_of(made), robust=robust)


def _problem(table: _Table) -> str | None:
    """Say in one sentence why there can be no test; ``None`` where there can."""
    cells = table.cells()
    if (said := small_cells({cell: numbers.size for cell, numbers in cells.items()})) is not None:
        return said
    if all(all_equal(numbers, scale_of(table.y)) for numbers in cells.values()):
        return "No test: the values within each cell are all equal, so there is no spread to test against."
    return None


def _untested(table: _Table, term: Term, why: str) -> TestResult:
    return TestResult(
        name=_NAMES[table.robust],
        statistic=None,
        p_value=None,
        term=term.name,
        why=why,
        groups=table.groups(term),
    )


# ----------------------------------------------------------------- two ways to the errors
@dataclass(frozen=True, slots=True, kw_only=True)
class _Contrast:
    """An estimate in the unit of the values, its standard error and degrees of freedom."""

    estimate: float
    error: float
    df: float


class _Model(Protocol):
    def f_test(self, term: Term) -> tuple[float, float, float]:
        """F of a term with its two degrees of freedom; not finite where it has no error."""

    def contrast(self, weights: Vector) -> _Contrast:
        """Estimate a weighted sum of the coefficients."""


class _LeastSquares:
    """Ordinary least squares of statsmodels, with the usual covariance or HC3."""

    def __init__(self, table: _Table) -> None:
        from statsmodels.regression.linear_model import OLS

        # Brought near one, so that no square overflows or vanishes.
        self._scale = scale_of(table.y)
        self._width = table.design.x.shape[1]
        fit: RegressionResults = OLS(table.y / self._scale, table.design.x).fit()
        self._df = float(fit.df_resid)
        self._fit: RegressionResults = (
            fit.get_robustcov_results("HC3", use_t=True) if table.robust == "hc3" else fit
        )

    def f_test(self, term: Term) -> tuple[float, float, float]:
        found = self._fit.f_test(np.eye(self._width)[list(term.columns)])
        return float(found.fvalue), float(len(term.columns)), self._df

    def contrast(self, weights: Vector) -> _Contrast:
        found = self._fit.t_test(weights[None])
        estimate, error = (float(np.squeeze(item)) * self._scale for item in (found.effect, found.sd))
        return _Contrast(estimate=estimate, error=error, df=self._df)


class _CellVariances:
    """Means of the cells, each with a variance of its own (Brunner, Dette and Munk 1997, section 3)."""

    def __init__(self, table: _Table) -> None:
        self._scale = scale_of(table.y)
        cells = list(table.cells().items())
        levels = list(zip(*(cell for cell, _ in cells), strict=True))
        design = design_of(
            [factor_of(factor.name, names) for factor, names in zip(table.factors, levels, strict=True)]
        )
        self._of_means = np.asarray(np.linalg.inv(design.x), dtype=np.float64)
        """Coefficients from the means of the cells."""
        numbers = [values / self._scale for _, values in cells]
        self._means = np.array([values.mean() for values in numbers])
        self._sizes = np.array([values.size for values in numbers], dtype=np.float64)
        self._errors = np.array([values.var(ddof=1) for values in numbers]) / self._sizes

    def f_test(self, term: Term) -> tuple[float, float, float]:
        hypothesis = self._of_means[list(term.columns)]
        projection = hypothesis.T @ np.linalg.solve(hypothesis @ hypothesis.T, hypothesis)
        own = np.diagonal(projection)
        trace = float(own @ self._errors)
        squares = np.einsum("ij,ji,i,j->", projection, projection, self._errors, self._errors)
        df = trace**2 / float(squares)
        df_error = trace**2 / float(np.sum(own**2 * self._errors**2 / (self._sizes - 1.0)))
        return float(self._means @ projection @ self._means) / trace, df, df_error

    def contrast(self, weights: Vector) -> _Contrast:
        of_means = weights @ self._of_means
        parts = of_means**2 * self._errors
        variance = float(parts.sum())
        below = float(np.sum(parts**2 / (self._sizes - 1.0)))
        return _Contrast(
            estimate=float(of_means @ self._means) * self._scale,
            error=math.sqrt(variance) * self._scale,
            df=variance**2 / below if below > 0.0 else math.inf,
        )


# ----------------------------------------------------------------- the tests
def _tested(table: _Table, term: Term, model: _Model) -> TestResult:
    f, df, df_error = model.f_test(term)
    if not (math.isfinite(f) and math.isfinite(df_error)) or f < 0.0:
        return _untested(table, term, "No test: the cells leave no error to test against.")
    result = f_result(_NAMES[table.robust], f, df, df_error)
    result.term = term.name
    result.groups = table.groups(term)
    result.effect_size = _shares(table, term)
    contrast = table.design.contrast(term)
    if contrast is not None:
        result.effect_size |= _estimate(contrast[0], model.contrast(contrast[1]))
    elif len(term.factors) == 1:
        result.posthoc = _pairs(table, term, model)
    result.why = f"{_WHY[table.robust]}; {_balance(table)}.{_uneven(table)}"
    return result


def _balance(table: _Table) -> str:
    sizes = [numbers.size for numbers in table.cells().values()]
    if len(set(sizes)) == 1:
        return f"balanced, {sizes[0]} animals in each of {len(sizes)} cells"
    return (
        f"unbalanced, {min(sizes)} to {max(sizes)} animals in each of {len(sizes)} cells, so main effects compare unweighted "
        "means of the cells"
    )


def _uneven(table: _Table) -> str:
    """Warn where equal variances are assumed of cells that differ both in size and in spread."""
    cells = list(table.cells().values())
    sizes, spreads = [numbers.size for numbers in cells], [float(numbers.std(ddof=1)) for numbers in cells]
    if (
        table.robust
        or max(sizes) < _UNEVEN_SIZES * min(sizes)
        or max(spreads) < _UNEVEN_SPREADS * min(spreads)
    ):
        return ""
    return (
        " The cells differ in size and in spread, with which this F can mislead (where the smallest of four cells varied most, 29 % "
        "of simulated experiments without any difference were called significant); the robust test allows for it."
    )


def _shares(table: _Table, term: Term) -> Effect:
    """Share of the variance left by the other terms that a term takes up.

    Partial omega squared as in Olejnik and Algina (2003, Psychological Methods 8:434), cut at zero; partial eta
    squared is that of the sums of squares. The interval is that of the noncentral F (Steiger 2004, Psychological
    Methods 9:164), ``noncentrality / (noncentrality + n)``. All are of the F with equal variances; beside a
    robust test they have no interval.
    """
    y, x = table.y / scale_of(table.y), table.design.x
    n, df = y.size, len(term.columns)
    df_error = n - x.shape[1]
    error = _residual(y, x)
    f = (_residual(y, np.delete(x, term.columns, axis=1)) - error) / df / (error / df_error)
    interval = None if table.robust else share_interval(f, df, df_error, n)
    return {
        "partial_omega_squared": finite(max(0.0, df * (f - 1.0) / (df * (f - 1.0) + n))),
        "partial_omega_squared_ci95": interval,
        "ci95": interval,
        "partial_eta_squared": finite(df * f / (df * f + df_error)),
    }


def _residual(y: Vector, x: Vector) -> float:
    """Sum of squares that a design leaves."""
    return float(np.sum((y - x @ np.linalg.lstsq(x, y, rcond=None)[0]) ** 2))


def _estimate(name: str, found: _Contrast) -> Effect:
    """Estimate of a contrast with its 95 % interval by Student's t."""
    from scipy import special

    half = float(special.stdtrit(found.df, 0.975)) * found.error
    interval = [found.estimate - half, found.estimate + half] if math.isfinite(half) else None
    return {name: found.estimate, f"{name}_ci95": interval}


# ----------------------------------------------------------------- after the tests
def _pairs(table: _Table, term: Term, model: _Model) -> list[TestResult]:
    """Unweighted means of two levels at a time, with the errors of the model; Holm-corrected."""
    groups = table.groups(term)
    results = []
    for (first, second), weights in table.design.level_contrasts(term):
        found = model.contrast(weights)
        if found.error > 1e-12 * scale_of(table.y) and math.isfinite(found.df):
            result = t_result("marginal_means_t", found.estimate / found.error, found.df)
            result.effect_size = _estimate("mean_difference", found)
            result.why = f"Difference of the unweighted means of {first} and {second}."
        else:
            result = TestResult(name="marginal_means_t", statistic=None, p_value=None)
            result.why = f"No test: {first} and {second} leave no error to test against."
        result.groups = {level: groups[level] for level in (first, second)}
        result.term = f"{term.name}: {first} - {second}"
        results.append(result)
    return holm_corrected(results)


def _simple_effects(table: _Table) -> list[TestResult]:
    """One factor within each level of the other, by Welch's test on the animals of that level; Holm-corrected."""
    cells = table.cells()
    results = []
    for place, other in ((1, 0), (0, 1)):
        for level in table.factors[other].levels:
            within = {cell_name(cell): numbers for cell, numbers in cells.items() if cell[other] == level}
            result = compare_independent(within)
            result.term = f"{table.factors[place].name} within {table.factors[other].name} {level}"
            results.append(result)
    return holm_corrected(results)


def holm_corrected(results: Sequence[TestResult]) -> list[TestResult]:
    """Put Holm's corrected p values in the place of the raw ones, which stay in ``effect_size``."""
    known = [(result, result.p_value) for result in results if result.p_value is not None]
    for (result, raw), p in zip(known, holm([raw for _, raw in known]), strict=True):
        result.p_value, result.correction, result.n_tests = p, "Holm", len(known)
        result.corrected = {"holm": p}
        result.effect_size["p_uncorrected"] = raw
    return list(results)


# ----------------------------------------------------------------- assumptions
def _checks(table: _Table) -> list[AssumptionCheck]:
    cells = {cell_name(cell): numbers for cell, numbers in table.cells().items()}
    residuals = np.concatenate([numbers - numbers.mean() for numbers in cells.values()])
    spread = brown_forsythe(cells)
    spread.about = "all cells"
    return [shapiro_wilk(residuals, "residuals", scale_of(table.y)), spread]
