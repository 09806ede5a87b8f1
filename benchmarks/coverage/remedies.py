"""Why a cell lies outside of its band, and what is reported there instead."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.coverage.cells import Cell

SKEWED = ("gamma", "lognormal", "counts")
WARNED = "a warning says so where the animals at hand show it"


@dataclass(frozen=True)
class Remedy:
    """What is known of some cells."""

    methods: tuple[str, ...]
    text: str
    applies: Callable[[Cell], bool] = lambda cell: True


def skewed(cell: Cell) -> bool:
    return cell.population.startswith(SKEWED)


def counted(cell: Cell) -> bool:
    return cell.population.startswith("counts")


def unequal(cell: Cell) -> bool:
    return len(set(cell.sizes)) > 1


def spread_out(cell: Cell) -> bool:
    return "SD 1 and 2" in cell.population


def low(cell: Cell) -> bool:
    """Too few intervals that hold the truth, or too few rejections."""
    return cell.rate < (0.95 if cell.kind == "coverage" else 0.05)


def high(cell: Cell) -> bool:
    return not low(cell)


def few(most: int) -> Callable[[Cell], bool]:
    return lambda cell: min(cell.sizes) <= most


def both(*conditions: Callable[[Cell], bool]) -> Callable[[Cell], bool]:
    return lambda cell: all(condition(cell) for condition in conditions)


REMEDIES: Sequence[Remedy] = (
    Remedy(
        ("mean",),
        "The mean of skewed values rests on rare large ones, which few animals do not show; with a handful of animals no "
        "interval covers it (a bootstrap t was tried: .91 to .94 of lognormal values at up to 2.4 times the width, less "
        "of counts of four animals). The median stands beside every mean, comparisons give the difference of medians "
        f"and Cliff's delta as well, and where a quarter of the animals and more have zero {WARNED}.",
        both(skewed, low),
    ),
    Remedy(
        ("mean_difference",),
        "Skewed values with unequal groups or spreads, whose errors do not cancel in the difference. A bootstrap t and "
        "Hall's transformation were tried and cover less. The difference of medians and Cliff's delta stand beside it; "
        f"with unequal groups {WARNED}.",
        both(skewed, low),
    ),
    Remedy(
        ("hedges_g",),
        "Skewed values in unequal groups, as for the difference of means. Cliff's delta stands beside it; "
        f"{WARNED}.",
        both(skewed, low),
    ),
    Remedy(
        ("mean_difference", "hedges_g", "paired_mean_difference", "cohens_dz", "hedges_g_av"),
        "Wider than needed: in skewed values mean and spread rise together. It errs on the careful side and is kept.",
        both(skewed, high),
    ),
    Remedy(
        ("median_difference",),
        "Wider than needed: of few animals the order statistics that the interval rests on go in steps. It errs on the "
        "careful side and is kept.",
        high,
    ),
    Remedy(
        ("median_difference",),
        "Counts are tied around the median, which the interval takes for certainty. Cliff's delta, which counts ties, "
        "stands beside it.",
        both(counted, low),
    ),
    Remedy(
        ("cliffs_delta",),
        "Wider than needed: few animals that do not overlap at all still leave much open. It errs on the careful side "
        "and is kept.",
        both(high, few(8)),
    ),
    Remedy(
        ("cliffs_delta",),
        "Little overlap, and a small group that spreads more: the variance then rests on few pairs of animals. The "
        "intervals of Newcombe (2006) and by logits were tried and do worse elsewhere; Welch's interval of the "
        "difference of means stands beside it.",
        low,
    ),
    Remedy(
        ("ratio_of_means",),
        "With few animals, or many zeros, the mean that is divided by is not well apart from zero; then there is no "
        "bounded interval, and the ratio is told without one. The difference of means has its interval.",
        lambda cell: cell.missing > 0,
    ),
    Remedy(
        ("ratio_of_means",),
        "Skewed values in unequal groups, as for the difference of means; the difference of medians stands beside it.",
        both(skewed, low),
    ),
    Remedy(
        ("omega_squared",),
        "The share of variance takes the spreads for equal, and so does its interval: it is not for Welch's ANOVA, which "
        "does not. The pairs of groups have Hedges g with intervals that allow for unequal spreads.",
        spread_out,
    ),
    Remedy(
        ("omega_squared",),
        "Wider than needed: a share cannot lie below zero, so that without a difference only one end can miss (.975), "
        "and skewed values add to it. It errs on the careful side.",
        high,
    ),
    Remedy(
        ("omega_squared",),
        "Skewed values in unequal groups; by ranks (Kruskal-Wallis) the share of variance is told without an interval.",
        both(skewed, unequal),
    ),
    Remedy(
        ("paired_mean_difference",),
        "Skewed differences. The Hodges-Lehmann difference, which does not rest on a mean, stands beside it from six "
        "animals on.",
        both(skewed, low),
    ),
    Remedy(
        ("hodges_lehmann",),
        "Fewer than six animals have no 95 % interval of this kind, whatever the values: the answer gives the estimate "
        "without one, beside the mean difference with its own.",
        few(5),
    ),
    Remedy(
        ("hodges_lehmann",),
        "Wider than needed: the exact interval goes in steps, and animals without a difference add to it. It errs on "
        "the careful side.",
        high,
    ),
    Remedy(
        ("pearson_r", "pearson"),
        "Pearson's r takes both quantities for normal. Spearman's rho is what is reported unless Pearson's is asked "
        f"for; where it is and values are skewed {WARNED}.",
        skewed,
    ),
    Remedy(
        ("spearman_r",),
        "Wider than needed with few animals: the interval errs on the careful side.",
        both(high, few(10)),
    ),
    Remedy(
        ("welch_t", "welch_anova"),
        "Cautious: where values are skewed, mean and spread rise together, and few animals do not average that out. By "
        "ranks (Mann-Whitney, Kruskal-Wallis) the size is kept.",
        both(skewed, low),
    ),
    Remedy(
        ("welch_t", "welch_anova"),
        "Skewed values in unequal groups, whose errors do not cancel. By ranks (Mann-Whitney, Kruskal-Wallis) or by "
        f"permutation the size is kept; {WARNED}.",
        both(skewed, high),
    ),
    Remedy(
        ("student_t", "anova"),
        "Takes the spreads for equal: rejects too often where the smaller group spreads more, too rarely where the "
        f"larger one does. Never chosen unless asked for; Welch's test is the default, and where it is asked for {WARNED}.",
        spread_out,
    ),
    Remedy(
        ("student_t", "anova"),
        "Cautious with few animals and skewed values. Only made when asked for.",
        both(skewed, low),
    ),
    Remedy(
        ("permutation",),
        "Permutations make p exact only where the groups spread alike: with unequal groups the test rejects too often "
        "where the smaller one spreads more, too rarely where the larger one does. Welch's test keeps its size and is the "
        f"default; {WARNED}.",
        both(spread_out, unequal),
    ),
    Remedy(
        ("mann_whitney_u", "kruskal_wallis"),
        "By ranks spreads count too: with unequal groups the test rejects too often where the smaller one spreads more, "
        f"too rarely where the larger one does. Welch's test keeps its size and is the default; {WARNED}.",
        both(spread_out, unequal),
    ),
    Remedy(
        ("mann_whitney_u", "permutation"),
        "The exact p value of so few animals takes only some values (of 4 and 4 the smallest is 0.029), so that 0.05 is "
        f"not reached exactly; below 4 and 4 it cannot be reached at all, and {WARNED}.",
        both(few(5), low),
    ),
    Remedy(
        ("mann_whitney_u", "kruskal_wallis", "permutation"),
        "Ties make the test cautious. Cliff's delta with its interval stands beside it.",
        both(counted, low),
    ),
    Remedy(
        ("kruskal_wallis",),
        "The chi-square approximation is cautious with few animals; the answer says that it is rough.",
        both(few(6), low),
    ),
    Remedy(
        ("paired_t",),
        "Cautious with skewed differences and few animals; Wilcoxon's test keeps its size from eight animals on.",
        both(skewed, low),
    ),
    Remedy(
        ("wilcoxon",),
        "Of fewer than six animals that differ Wilcoxon's test cannot give p < 0.05, whatever the values, and of a few "
        f"more only in steps. The paired t test is the default; where Wilcoxon's cannot reject {WARNED}.",
        both(low, few(8)),
    ),
    Remedy(
        ("rm_anova",),
        "Greenhouse and Geisser's correction takes away too much with few animals, the more if values are skewed. It is "
        "kept, since without it the test rejects in 7 to 9 of 100 where spread grows over days. Friedman's test keeps its "
        f"size and can be asked for; below ten animals {WARNED}.",
        low,
    ),
    Remedy(
        ("friedman",),
        "The chi-square approximation is cautious with four animals; the answer says that it is rough.",
        both(low, few(5)),
    ),
    Remedy(
        ("mixed_model",),
        "Several categories within animals carry Greenhouse and Geisser's correction too, which takes away too much with "
        "few animals or skewed values. Kept as a careful choice; the Friedman test keeps its size.",
        low,
    ),
    Remedy(
        ("spearman",),
        "The exact p value of four animals cannot fall below 0.083, and of five or six takes only some values, the more "
        f"so with ties. Where it cannot reject {WARNED}.",
        both(low, few(6)),
    ),
    Remedy(
        ("tost_welch", "tost_paired"),
        "Too few animals to show sameness within this margin: the 90 % interval is wider than the margin, so that the test "
        "hardly ever claims it. The answer then says \"not shown to be equivalent\", never that the groups differ.",
        low,
    ),
    Remedy(
        ("tost_welch", "tost_paired"),
        "Skewed values, as for the difference of means: sameness is claimed two to three times too often. "
        f"{WARNED.capitalize()}; the 90 % interval of the difference is what to look at.",
        both(skewed, high),
    ),
)  # fmt: skip


def remedy(cell: Cell) -> str | None:
    """Give the first of the explanations that fits; ``None`` where nothing is known."""
    for known in REMEDIES:
        if cell.method in known.methods and known.applies(cell):
            return known.text
    return None
