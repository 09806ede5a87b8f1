"""What a figure says of a test in a line: its name, its statistic, p and the effect with its interval."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from ethochat.tools.evidence import TestResult
from ethochat.tools.wording import number, p_text

_TESTS: Final[Mapping[str, tuple[str, str]]] = {
    "welch_t": ("Welch's t test", "t"),
    "student_t": ("Student's t test", "t"),
    "paired_t": ("paired t test", "t"),
    "one_sample_t": ("one-sample t test", "t"),
    "mann_whitney_u": ("Mann-Whitney U test", "U"),
    "wilcoxon": ("Wilcoxon signed-rank test", "W"),
    "anova": ("ANOVA", "F"),
    "welch_anova": ("Welch's ANOVA", "F"),
    "rm_anova": ("repeated-measures ANOVA", "F"),
    "two_way_anova": ("two-way ANOVA", "F"),
    "two_way_welch": ("two-way Welch ANOVA", "F"),
    "two_way_anova_hc3": ("two-way ANOVA, robust", "F"),
    "mixed_model": ("linear mixed model", "F"),
    "linear_model": ("linear model", "F"),
    "marginal_means_t": ("t test of marginal means", "t"),
    "kruskal_wallis": ("Kruskal-Wallis test", "H"),
    "friedman": ("Friedman test", "χ²"),
    "permutation": ("permutation test", "statistic"),
    "spearman": ("Spearman's rank correlation", "ρ"),
    "pearson": ("Pearson's correlation", "r"),
    "time_trend": ("trend over time", "t"),
    "linear_trend": ("linear trend", "t"),
    "linear_trend_hc3": ("linear trend, robust", "t"),
    "linear_trend_permutation": ("linear trend by permutation", "t"),
    "paired_permutation": ("paired permutation test", "statistic"),
    "tost_welch": ("two one-sided Welch tests", "t"),
    "tost_paired": ("two one-sided paired tests", "t"),
    "games_howell": ("Games-Howell test", "t"),
    "tukey_hsd": ("Tukey's HSD", "q"),
    "dunn": ("Dunn's test", "z"),
    "dunnett": ("Dunnett's test", "t"),
    "welch_t_holm": ("Welch's t tests", "t"),
    "paired_t_holm": ("paired t tests", "t"),
    "wilcoxon_holm": ("Wilcoxon signed-rank tests", "W"),
}
"""Names and signs of tests as papers write them; another test is named by its own name in words."""
_EFFECTS: Final[Mapping[str, str]] = {
    "hedges_g": "Hedges g",
    "hedges_g_av": "Hedges g by the average SD",
    "generalized_eta_squared": "generalized η²",
    "cohens_d": "Cohen's d",
    "cohens_dz": "Cohen's dz",
    "cliffs_delta": "Cliff's δ",
    "eta_squared": "η²",
    "partial_eta_squared": "partial η²",
    "omega_squared": "ω²",
    "epsilon_squared": "ε²",
    "kendalls_w": "Kendall's W",
    "rank_biserial": "rank-biserial r",
    "partial_omega_squared": "partial ω²",
    "hodges_lehmann": "Hodges-Lehmann shift",
    "ratio_of_means": "ratio of means",
    "epsilon": "ε of sphericity",
    "p_uncorrected": "p before correction",
    "mean_difference": "difference of means",
    "median_difference": "difference of medians",
}


def name_of_test(test: TestResult) -> str:
    """Name of a test as a paper has it."""
    return _TESTS.get(test.name, (test.name.replace("_", " "), ""))[0]


def effect_name(name: str) -> str:
    """Name of an effect size as a paper has it."""
    return _EFFECTS.get(name, name.replace("_", " "))


def effect_of(test: TestResult, name: str) -> tuple[float, tuple[float, float] | None] | None:
    """Find an effect size and its 95 % interval.

    Returns
    -------
    tuple or None
        The effect and its interval, which may be missing; ``None`` where the test has no such effect.
    """
    effect = test.effect_size.get(name)
    if not isinstance(effect, int | float):
        return None
    interval = test.effect_size.get(f"{name}_ci95")
    if interval is None and name == main_effect(test):
        interval = test.effect_size.get("ci95")
    found = (
        (float(interval[0]), float(interval[1]))
        if isinstance(interval, list) and len(interval) == 2
        else None
    )
    return float(effect), found


def main_effect(test: TestResult) -> str | None:
    """Name of the effect size that a test leads with; a correlation's is its statistic."""
    return next((name for name in test.effect_size if not name.endswith("ci95")), None)


def caption_of(test: TestResult) -> str:
    """Write a test in one line: ``Welch's t test: t(21.4) = 2.31, p = 0.031; Hedges g = 0.92, 95 % interval 0.08 to 1.75``."""
    if test.p_value is None and test.statistic is None:
        return test.why or f"{name_of_test(test)}: no result."
    parts = [
        part
        for part in (statistic_text(test), p_text(test.p_value) if test.p_value is not None else "")
        if part
    ]
    if test.correction:
        parts[-1] += f" ({test.correction})"
    parts += [f"{name} {p_text(p)}" for name, p in _named_corrections(test)]
    head = name_of_test(test)
    line = f"{head[:1].upper()}{head[1:]}: {', '.join(parts)}"
    name = main_effect(test)
    found = effect_of(test, name) if name else None
    if name and found:
        line += f"; {effect_name(name)} = {effect_text(*found)}"
    elif isinstance(interval := test.effect_size.get("ci95"), list):
        line += f", 95 % interval {number(interval[0])} to {number(interval[1])}"
    # Neither a sign and its number nor a number and its percent sign should part at the end of a line.
    return re.sub(r" (?=[=%])|(?<==) |(?<=Hedges) |(?<=Cohen's) ", "\u00a0", line)


def effect_text(effect: float, interval: tuple[float, float] | None) -> str:
    """Write an effect with its interval: ``0.92, 95 % interval 0.08 to 1.75``."""
    if interval is None:
        return number(effect)
    return f"{number(effect)}, 95 % interval {number(interval[0])} to {number(interval[1])}"


def statistic_text(test: TestResult) -> str:
    """Write a statistic with its sign and degrees of freedom: ``t(21.4) = 2.31``; empty where there is none."""
    if test.statistic is None:
        return ""
    sign = _TESTS.get(test.name, ("", "statistic"))[1]
    if test.df is None or test.name in ("spearman", "pearson"):
        return f"{sign} = {number(test.statistic)}"
    df = ", ".join(f"{part:.4g}" for part in (test.df if isinstance(test.df, tuple) else (test.df,)))
    return f"{sign}({df}) = {number(test.statistic)}"


def _named_corrections(test: TestResult) -> list[tuple[str, float]]:
    names = {"holm": "Holm", "fdr_bh": "Benjamini-Hochberg", "fdr_by": "Benjamini-Yekutieli"}
    return [(names.get(key, key), p) for key, p in test.corrected.items() if key == "holm"]
