"""Pairs of groups, after a test of three and more; every p value is corrected for the number of pairs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Final

import numpy as np

from ethochat.tools.errors import ToolRetryError
from ethochat.tools.evidence import GroupSummary, TestResult
from ethochat.tools.statistics.corrections import corrected
from ethochat.tools.statistics.describe import summarize
from ethochat.tools.statistics.effects import cliffs_delta, hodges_lehmann, mean_difference, rank_biserial
from ethochat.tools.statistics.parametric import paired_t, two_sample_t
from ethochat.tools.statistics.ranks import settle_together, wilcoxon
from ethochat.tools.statistics.results import (
    ALPHA,
    SEED,
    Effect,
    Values,
    Vector,
    constant,
    noted,
    quietly,
    result_of,
    scale_of,
    settled,
    untested,
    vectors,
)

INDEPENDENT_POSTHOC: Final = ("games_howell", "tukey_hsd", "dunn", "dunnett", "welch_t_holm")
REPEATED_POSTHOC: Final = ("paired_t_holm", "wilcoxon_holm")
MOST_GROUPS: Final = 12
"""Groups of which all pairs are still compared: 66 pairs."""

_FEWEST_DF: Final = 2.0
"""Degrees of freedom below which the standard deviation spreads too far for a quadrature of few nodes."""
_NORMAL_END: Final = 8.0
"""Standard deviations beyond which a normal value does not lie."""

Groups = Mapping[str, Vector]
Pair = tuple[str, str]

_FITTING: Final = {
    "welch_anova": "games_howell",
    "anova": "tukey_hsd",
    "kruskal_wallis": "dunn",
    "rm_anova": "paired_t_holm",
    "friedman": "wilcoxon_holm",
}
_FITTING_CONTROL: Final = _FITTING | {"welch_anova": "welch_t_holm", "anova": "dunnett"}


def posthoc_independent(
    groups: Mapping[str, Values], test: str, *, method: str = "auto", control: str | None = None
) -> list[TestResult]:
    """Compare pairs of groups of different animals.

    Parameters
    ----------
    groups
        Group name to one value per animal, at least three groups of at least two animals.
    test
        The test of all groups that came before; ``auto`` takes what goes with it: Games-Howell after Welch's ANOVA,
        Tukey's HSD after ANOVA, Dunn's test with Holm after Kruskal-Wallis. Against a control, Welch's t tests with
        Holm after Welch's ANOVA, Dunnett's test after ANOVA.
    method
        ``auto``, ``none`` or a name of :data:`INDEPENDENT_POSTHOC`.
    control
        Group that every other one is compared with, instead of all pairs.

    Returns
    -------
    list of TestResult
        One for each pair, first minus second (or group minus control), with its corrected p value; the difference of
        the means has a simultaneous 95 % interval where the method gives one. Empty above :data:`MOST_GROUPS` groups
        without a control.

    Raises
    ------
    ToolRetryError
        When a name is unknown, or the method does not go with a control.
    """
    arrays = vectors(groups)
    chosen = _method(test, method, INDEPENDENT_POSTHOC, control)
    pairs = _pairs(list(groups), control)
    if chosen is None or not pairs:
        return []
    if chosen == "dunnett" and control is not None:
        return _described(_dunnett(arrays, control), chosen, groups)
    if chosen in ("games_howell", "tukey_hsd"):
        return _described(_studentized_range(arrays, chosen), chosen, groups)
    if chosen == "dunn":
        return _described(_holm(_dunn(arrays, pairs)), chosen, groups)
    return _described(_holm([_welch_pair(arrays, pair) for pair in pairs]), chosen, groups)


def posthoc_repeated(
    groups: Mapping[str, Values], test: str, *, method: str = "auto", control: str | None = None
) -> list[TestResult]:
    """Compare pairs of conditions of the same animals.

    Parameters
    ----------
    groups
        Condition name to values; value k of every condition belongs to the same animal.
    test
        The test of all conditions that came before: paired t tests with Holm go with RM-ANOVA, Wilcoxon's tests with
        Holm with Friedman's.
    method, control
        As for :func:`posthoc_independent`; names of :data:`REPEATED_POSTHOC`.

    Returns
    -------
    list of TestResult
        As for :func:`posthoc_independent`; Holm's correction gives no simultaneous intervals.

    Raises
    ------
    ToolRetryError
        When a name is unknown.
    """
    arrays = vectors(groups)
    chosen = _method(test, method, REPEATED_POSTHOC, control)
    pairs = _pairs(list(groups), control)
    if chosen is None or not pairs:
        return []
    one = _paired_t_pair if chosen == "paired_t_holm" else _wilcoxon_pair
    return _described(_holm([one(arrays, pair) for pair in pairs]), chosen, groups)


def _method(test: str, method: str, known: Sequence[str], control: str | None) -> str | None:
    if method == "none":
        return None
    if method == "auto":
        return (_FITTING if control is None else _FITTING_CONTROL)[test]
    if method not in known:
        raise ToolRetryError(
            f"Expected a comparison of pairs (auto, none, {', '.join(known)}), got {method!r}.",
            near=tuple(known),
        )
    if method == "dunnett" and control is None:
        raise ToolRetryError("Dunnett's test compares every group with a control; name the control.")
    if control is not None and method in ("games_howell", "tukey_hsd"):
        fitting = ("dunnett", "welch_t_holm", "dunn")
        raise ToolRetryError(
            f"{method} compares all pairs; against a control ask for one of {', '.join(fitting)}.",
            near=fitting,
        )
    return method


def _pairs(names: Sequence[str], control: str | None) -> list[Pair]:
    """All pairs in the order of the groups, or every group with the control."""
    if control is None:
        return list(itertools.combinations(names, 2)) if len(names) <= MOST_GROUPS else []
    if control not in names:
        raise ToolRetryError(
            f"There is no group {control!r} to be the control; the groups are {', '.join(map(repr, names))}.",
            near=tuple(names),
        )
    return [(name, control) for name in names if name != control]


def _studentized_range(groups: Groups, name: str) -> list[TestResult]:
    """Tukey's HSD for unequal sizes (Kramer 1956) or Games and Howell's test (1976, Journal of Educational Statistics 1:113).

    Pair by pair on scipy's distribution of the studentized range: ``scipy.stats.tukey_hsd`` gives the same p values,
    but fails where two groups have no spread and takes two seconds for three intervals of Games and Howell.
    """
    from scipy import stats

    k, results = len(groups), []
    for first, second in itertools.combinations(groups, 2):
        a, b = groups[first], groups[second]
        error, df = _pooled_error(groups, a, b) if name == "tukey_hsd" else _welch_error(a, b)
        if error == 0.0:
            results.append(
                _named(untested(name, "the values within both groups are all equal"), first, second)
            )
            continue
        difference = float(a.mean() - b.mean())
        t = difference / error
        p = float(stats.studentized_range.sf(abs(t) * math.sqrt(2), k, df))
        # Tukey's statistic is the studentized range q, that of Games and Howell Welch's t (q over the root of two).
        statistic = t * math.sqrt(2) if name == "tukey_hsd" else t
        result = result_of(name, statistic, min(1.0, max(0.0, p)), df)
        half = _critical_range(k, df) / math.sqrt(2) * error
        result.effect_size = _simultaneous(difference, half)
        results.append(_named(result, first, second))
    for result in results:
        result.correction, result.n_tests = _CORRECTIONS[name], len(results)
    return results


def _pooled_error(groups: Groups, a: Vector, b: Vector) -> tuple[float, float]:
    """Standard error of a difference of means by the variance within all groups, and its degrees of freedom."""
    df = float(sum(values.size - 1 for values in groups.values()))
    within = sum(float(np.sum((values - values.mean()) ** 2)) for values in groups.values())
    return math.sqrt(within / df * (1 / a.size + 1 / b.size)), df


def _welch_error(a: Vector, b: Vector) -> tuple[float, float]:
    """Standard error of a difference of means by the variances of both groups, and Welch's degrees of freedom."""
    if all(constant((a, b))):
        return 0.0, 0.0
    spread_a, spread_b = float(a.var(ddof=1)) / a.size, float(b.var(ddof=1)) / b.size
    share = spread_a / (spread_a + spread_b)
    df = 1.0 / (share**2 / (a.size - 1) + (1.0 - share) ** 2 / (b.size - 1))
    return math.sqrt(spread_a + spread_b), df


@lru_cache(maxsize=1024)
def _critical_range(k: int, df: float) -> float:
    """Studentized range that is exceeded in 5 %, between those of a single pair and of Bonferroni's correction."""
    from scipy import optimize, special, stats

    n_pairs = k * (k - 1) / 2
    low, high = (math.sqrt(2) * special.stdtrit(df, 1 - ALPHA / (2 * n)) for n in (1, n_pairs))
    exceeded = _range_exceeded if df >= _FEWEST_DF else stats.studentized_range.sf
    return float(optimize.brentq(lambda q: exceeded(q, k, df) - ALPHA, low * 0.99, high * 1.01, rtol=1e-6))


def _range_exceeded(q: float, k: int, df: float) -> float:
    """Chance that the studentized range exceeds q.

    The chance that the range of k normal values is at most ``q s``, over the distribution of the standard deviation s
    (Copenhaver and Holland 1988, Journal of Statistical Computation and Simulation 30:1), by Gauss-Legendre
    quadrature. Scipy's ``studentized_range`` takes a hundred times as long, seconds for the intervals of a family of
    measures; the tests hold both equal.
    """
    from scipy import special

    nodes, weights = _quadrature()
    least, most = (math.sqrt(float(special.chdtri(df, p)) / df) for p in (1.0 - 1e-12, 1e-12))
    half = (most - least) / 2.0
    s = half * nodes + (most + least) / 2.0
    log_density = (
        math.log(2.0)
        + df / 2.0 * math.log(df / 2.0)
        - math.lgamma(df / 2.0)
        + (df - 1.0) * np.log(s)
        - df * s**2 / 2.0
    )
    z = _NORMAL_END * nodes
    density = k * np.exp(-(z**2) / 2.0) / math.sqrt(2.0 * math.pi)
    within = (special.ndtr(z)[None] - special.ndtr(z[None] - q * s[:, None])) ** (k - 1)
    at_most = within @ (density * _NORMAL_END * weights)
    return 1.0 - float((np.exp(log_density) * half * weights) @ at_most)


@lru_cache(maxsize=1)
def _quadrature() -> tuple[Vector, Vector]:
    nodes, weights = np.polynomial.legendre.leggauss(96)
    return nodes, weights


def _dunn(groups: Groups, pairs: Sequence[Pair]) -> list[TestResult]:
    """Dunn's test of mean ranks with the correction for ties (Dunn 1964, Technometrics 6:241)."""
    from scipy import special, stats

    arrays = settle_together(list(groups.values()))
    everything = np.concatenate(arrays)
    n = everything.size
    _, counts = np.unique(everything, return_counts=True)
    ties = float(np.sum(counts**3 - counts)) / (12 * (n - 1))
    ranks = np.split(stats.rankdata(everything), np.cumsum([array.size for array in arrays])[:-1])
    of = dict(zip(groups, ranks, strict=True))
    values = dict(zip(groups, arrays, strict=True))
    results = []
    for first, second in pairs:
        difference = float(of[first].mean() - of[second].mean())
        error = math.sqrt((n * (n + 1) / 12 - ties) * (1 / of[first].size + 1 / of[second].size))
        result = result_of("dunn", difference / error, 2 * float(special.ndtr(-abs(difference) / error)))
        delta = cliffs_delta(values[first], values[second])["cliffs_delta"]
        result.effect_size = {"cliffs_delta": delta, "mean_rank_difference": difference}
        results.append(_named(result, first, second))
    return results


def _dunnett(groups: Groups, control: str) -> list[TestResult]:
    """Dunnett's test of every group with a control (Dunnett 1955, JASA 50:1096), equal variances assumed.

    Scipy integrates the multivariate t distribution at random points, to about four decimals; p and the intervals
    are held between those of a single pair and of Bonferroni's correction, where they belong.
    """
    from scipy import special, stats

    others = [name for name in groups if name != control]
    # Of a group whose values are all equal scipy warns that precision is lost; its variance is zero all the same.
    with quietly():
        found = stats.dunnett(
            *(groups[name] for name in others), control=groups[control], rng=np.random.default_rng(SEED)
        )
        interval = found.confidence_interval(1 - ALPHA)
    df, m = float(sum(values.size for values in groups.values()) - len(groups)), len(others)
    low, high = (float(special.stdtrit(df, 1 - ALPHA / (2 * n))) for n in (1, m))
    results = []
    for place, name in enumerate(others):
        error, _ = _pooled_error(groups, groups[name], groups[control])
        single = 2 * float(special.stdtr(df, -abs(found.statistic[place])))
        p = min(max(float(found.pvalue[place]), single), single * m, 1.0)
        result = result_of("dunnett", found.statistic[place], p, df)
        critical = float(interval.high[place] - interval.low[place]) / (2 * error)
        difference = float(groups[name].mean() - groups[control].mean())
        result.effect_size = _simultaneous(difference, min(max(critical, low), high) * error)
        result.correction, result.n_tests = _CORRECTIONS["dunnett"], m
        results.append(_named(result, name, control))
    return results


def _welch_pair(groups: Groups, pair: Pair) -> TestResult:
    first, second = pair
    result = two_sample_t({first: groups[first], second: groups[second]}, equal_var=False)
    if result.p_value is not None:
        result.effect_size = _only(mean_difference(groups[first], groups[second]), "mean_difference")
    return _named(result, first, second)


def _paired_t_pair(groups: Groups, pair: Pair) -> TestResult:
    table = np.column_stack([groups[name] for name in pair])
    result = paired_t(table)
    if result.p_value is not None:
        result.effect_size = {"mean_difference": float((table[:, 0] - table[:, 1]).mean())}
    return _named(result, *pair)


def _wilcoxon_pair(groups: Groups, pair: Pair) -> TestResult:
    table = np.column_stack([groups[name] for name in pair])
    result = wilcoxon(table)
    if result.p_value is not None:
        differences = settled(table[:, 0] - table[:, 1], scale_of(table))
        result.effect_size = {"rank_biserial": rank_biserial(differences)}
        result.effect_size |= _only(hodges_lehmann(differences), "hodges_lehmann")
    return _named(result, *pair)


def _holm(results: list[TestResult]) -> list[TestResult]:
    """Correct the p values of pairs for their number."""
    known = sum(result.p_value is not None for result in results)
    for result, p in zip(results, corrected([result.p_value for result in results], "holm"), strict=True):
        result.p_value, result.correction, result.n_tests = p, "Holm", known
    return results


def _named(result: TestResult, first: str, second: str) -> TestResult:
    """Remember in ``groups`` which pair it is; :func:`_described` fills it."""
    result.groups = {name: GroupSummary(n=0, mean=None, sd=None, median=None) for name in (first, second)}
    return result


def _described(results: list[TestResult], method: str, groups: Mapping[str, Values]) -> list[TestResult]:
    """Say of every pair what it is and how it was tested."""
    summaries = {name: summarize(values) for name, values in groups.items()}
    for result in results:
        result.name = method
        result.groups = {name: summaries[name] for name in result.groups}
        if result.p_value is not None:
            first, second = result.groups
            note, result.why = result.why, f"{_WHY[method]}; differences are {first} minus {second}."
            noted(result, note)
    return results


def _simultaneous(difference: float, half: float) -> Effect:
    return {"mean_difference": difference, "mean_difference_ci95": [difference - half, difference + half]}


def _only(effect: Effect, name: str) -> Effect:
    """Leave out the interval, which is not corrected for the number of pairs."""
    return {name: effect[name]}


_CORRECTIONS: Final = {"games_howell": "Games-Howell", "tukey_hsd": "Tukey", "dunnett": "Dunnett"}
_WHY: Final = {
    "games_howell": "Games-Howell test of all pairs, variances not assumed equal",
    "tukey_hsd": "Tukey's HSD of all pairs, variances assumed equal",
    "dunn": "Dunn's test of mean ranks, corrected by Holm",
    "dunnett": "Dunnett's test of every group with the control, variances assumed equal",
    "welch_t_holm": "Welch's t test of the pair, corrected by Holm",
    "paired_t_holm": "Paired t test of the pair, corrected by Holm",
    "wilcoxon_holm": "Wilcoxon's signed-rank test of the pair, corrected by Holm",
}


def follow_up(
    result: TestResult, pairs: Callable[[], list[TestResult]], *, asked: str, control: str | None
) -> TestResult:
    """Add pairs to a test of three and more groups that could be made; say so where there are too many.

    Parameters
    ----------
    pairs
        Makes them.
    asked
        The method asked for, ``none`` for no pairs.
    """
    if len(result.groups) < 3 or result.p_value is None:
        return result
    result.posthoc = pairs()
    if not result.posthoc and asked != "none" and control is None:
        noted(result, f"Pairs are compared for up to {MOST_GROUPS} groups; name a control or fewer groups.")
    pairs_differ = any(pair.p_value is not None and pair.p_value < ALPHA for pair in result.posthoc)
    if pairs_differ and result.p_value >= ALPHA:
        noted(
            result,
            "Here the test of all groups and its pairs disagree: the pairs are corrected for their number and hold by themselves, "
            "but such a finding asks for a second look.",
        )
    return result
