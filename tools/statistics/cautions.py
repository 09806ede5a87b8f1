"""What a reader must know of a comparison before believing its p value; pure, from the values alone.

Each rule comes from simulated experiments with known truth (``benchmarks/coverage``, ``docs/coverage.md``), whose
rates the sentences state. No test is ever chosen or changed by what is found here.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np

from ethochat.tools.statistics.results import ALPHA, Values, Vector, all_equal, scale_of, settled, vectors

UNEQUAL_SIZES: Final = 1.5
"""Times that one group has the animals of another, from which sizes count as unequal."""
UNEQUAL_SPREADS: Final = 1.5
"""Times that one group's standard deviation is another's, from which spreads count as unequal."""
SKEWED: Final = 1.0
"""Skewness of the deviations from the group means beyond which values count as skewed (simulated durations: 1.4)."""
FEWEST_FOR_SKEWNESS: Final = 8
MANY_ZEROS: Final = 0.25
"""Share of animals with the value zero from which a mean says little of any of them."""
FEWEST_FOR_SPHERICITY: Final = 10
"""Animals under which Greenhouse and Geisser's correction takes away more than it should."""
MOST_GROUPS: Final = 6
"""Groups whose orders are gone through; more groups of two animals each always suffice for a p below 0.05."""

_NAMES: Final[Mapping[str, str]] = {
    "welch_t": "Welch's t test",
    "student_t": "Student's t test",
    "mann_whitney_u": "the Mann-Whitney U test",
    "permutation": "the permutation test",
    "welch_anova": "Welch's ANOVA",
    "anova": "the ANOVA",
    "kruskal_wallis": "the Kruskal-Wallis test",
    "wilcoxon": "Wilcoxon's signed-rank test",
    "paired_permutation": "the paired permutation test",
    "friedman": "the Friedman test",
    "spearman": "Spearman's correlation",
}
_OF_EQUAL_SPREADS: Final[Mapping[str, tuple[str, str, str]]] = {
    "student_t": ("15 to 17", "1", "Welch's t test kept to 5"),
    "anova": ("15 to 16", "1", "Welch's ANOVA kept to 5"),
    "mann_whitney_u": ("9 to 10", "2", "Welch's t test kept to 5"),
    "permutation": ("8 to 12", "1", "Welch's t test kept to 5"),
    "kruskal_wallis": ("7 to 9", "1 to 2", "Welch's ANOVA kept to 5"),
}
"""Rejections in 100 experiments without a difference where the smaller, and where the larger group spreads twice as
much as the other (5 and 15, 8 and 24 animals), and what does better."""
_OF_MEANS: Final = ("welch_t", "student_t", "welch_anova", "anova", "paired_t", "rm_anova")
_PAIRED: Final = ("wilcoxon", "paired_permutation")
_REPEATED: Final = (*_PAIRED, "paired_t", "rm_anova", "friedman", "tost_paired")
_CORRELATIONS: Final = ("pearson", "spearman")

_Groups = Mapping[str, Vector]


def warnings_of(groups: Mapping[str, Values], test: str) -> list[str]:
    """Say what makes a test's p value, or an interval beside it, less than it promises.

    Parameters
    ----------
    groups
        Group or condition name to one value per animal, as the test got them: two and more groups of at least two
        animals; for repeated measures and correlations value k of every entry belongs to the same animal.
    test
        Name of the test that was made, such as ``welch_t``; an unknown one gets only what holds for any test.

    Returns
    -------
    list of str
        Sentences, the weightiest first; empty when there is nothing to warn of.
    """
    arrays = vectors(groups)
    found = [_cannot_reject(arrays, test), _two_animals(arrays, test)]
    if test in _OF_EQUAL_SPREADS:
        found.append(_unequal_spreads(arrays, test))
    if test in ("welch_t", "welch_anova"):
        found.append(_skewed(arrays, test))
    if test in ("tost_welch", "tost_paired"):
        found.append(_skewed_sameness(arrays, test))
    if test == "pearson":
        found.append(_skewed_correlation(arrays))
    if test == "rm_anova":
        found.append(_few_for_sphericity(arrays))
    if test in _OF_MEANS:
        found.append(_many_zeros(arrays, test))
    return [sentence for sentence in found if sentence is not None]


def smallest_p(groups: Mapping[str, Values], test: str) -> float | None:
    """Smallest p value that a test by ranks or permutations could give with so many animals.

    It is reached where the groups (or conditions) do not overlap at all, and no two values are tied.

    Returns
    -------
    float or None
        ``None`` for a test without such a limit.
    """
    arrays = list(vectors(groups).values())
    sizes = [array.size for array in arrays]
    if test in ("mann_whitney_u", "permutation"):
        return min(1.0, 2.0 / math.comb(sum(sizes), sizes[0]))
    if test in _PAIRED:
        return min(1.0, 2.0 ** (1 - _differing(arrays)))
    if test == "spearman":
        return min(1.0, 2.0 / math.factorial(min(sizes[0], 20)))
    if test == "kruskal_wallis":
        return _smallest_kruskal(arrays)
    if test == "friedman":
        return _chi_square_tail(sizes[0] * (len(sizes) - 1.0), len(sizes) - 1)
    return None


def _differing(arrays: Sequence[Vector]) -> int:
    """Count the animals whose two values differ; the others count for nothing in tests of pairs."""
    differences = settled(arrays[0] - arrays[1], scale_of(np.stack(arrays)))
    return int(np.count_nonzero(differences))


def _cannot_reject(groups: _Groups, test: str) -> str | None:
    smallest = smallest_p(groups, test)
    if smallest is None or smallest <= ALPHA:
        return None
    arrays = list(groups.values())
    if test in _PAIRED:
        animals = f"only {_differing(arrays)} animals that differ between the conditions"
    elif test in (*_REPEATED, *_CORRELATIONS):
        animals = f"{arrays[0].size} animals"
    else:
        animals = f"{_listed(array.size for array in arrays)} animals"
    reach = f"With {animals} {_NAMES[test]} cannot give a p value below 0.05"
    if test == "mann_whitney_u" and _tied(arrays):
        return (
            f"{reach} unless values are tied, as they are here: then p is a normal approximation, which is not to be "
            "relied on for so few animals."
        )
    return (
        f"{reach}, whatever the values: the smallest it can give is {smallest:.2g}. That it does not reject says "
        "nothing about the groups."
    )


def _two_animals(groups: _Groups, test: str) -> str | None:
    small = [name for name, array in groups.items() if array.size == 2]
    if not small:
        return None
    if test in (*_REPEATED, *_CORRELATIONS):
        return (
            "There are only two animals: tests and intervals rest on a single difference and say very little."
        )
    named = _listed(repr(name) for name in small)
    return (
        f"{'Group' if len(small) == 1 else 'Groups'} {named} {'has' if len(small) == 1 else 'have'} only two animals: "
        "how much they spread rests on a single difference, so that tests and intervals say very little."
    )


def _unequal_spreads(groups: _Groups, test: str) -> str | None:
    """Unequal sizes together with unequal spreads, for tests that take the spreads for equal."""
    spreads = {name: 0.0 if all_equal(array) else float(array.std(ddof=1)) for name, array in groups.items()}
    wide, narrow = max(spreads, key=spreads.__getitem__), min(spreads, key=spreads.__getitem__)
    n_wide, n_narrow = groups[wide].size, groups[narrow].size
    if spreads[wide] < UNEQUAL_SPREADS * spreads[narrow] or spreads[wide] == 0.0:
        return None
    if max(n_wide, n_narrow) < UNEQUAL_SIZES * min(n_wide, n_narrow):
        return None
    often, rarely, better = _OF_EQUAL_SPREADS[test]
    smaller = n_wide < n_narrow
    return (
        f"{wide!r} ({n_wide} animals) spreads more than {narrow!r} ({n_narrow}), while {_NAMES[test]} takes spreads for equal. "
        f"Where the {'smaller' if smaller else 'larger'} group spread twice as much, it rejected in "
        f"{often if smaller else rarely} of 100 simulated experiments without a difference; {better}."
    )


def _skewed(groups: _Groups, test: str) -> str | None:
    """Skewed values in groups of unequal size, where the errors of the two means do not cancel."""
    sizes = [array.size for array in groups.values()]
    if max(sizes) < UNEQUAL_SIZES * min(sizes) or not _is_skewed(list(groups.values())):
        return None
    return (
        f"The values are skewed and the groups unequal ({_listed(sizes)} animals). With such values {_NAMES[test]} "
        "rejected in up to 10 of 100 simulated experiments without a difference, and the interval of a difference of "
        "means missed the truth in up to 12. The difference of medians and Cliff's delta are less affected, and the "
        f"{'Mann-Whitney U' if len(sizes) == 2 else 'Kruskal-Wallis'} test kept to 5."
    )


def _skewed_sameness(groups: _Groups, test: str) -> str | None:
    """Skewed values, of which two one-sided tests claim sameness too often."""
    arrays = list(groups.values())
    if test == "tost_paired":
        arrays = [settled(arrays[0] - arrays[1], scale_of(np.stack(arrays)))]
    if not _is_skewed(arrays):
        return None
    return (
        f"The {'differences' if test == 'tost_paired' else 'values'} are skewed: of skewed values two one-sided tests claimed "
        "sameness in 7 to 15 of 100 simulated experiments whose means differed by just the margin, instead of in 5."
    )


def _skewed_correlation(groups: _Groups) -> str | None:
    skewed = [name for name, array in groups.items() if _is_skewed([array])]
    if not skewed:
        return None
    return (
        f"{_listed(repr(name) for name in skewed)} {'is' if len(skewed) == 1 else 'are'} skewed: of strongly skewed "
        "values the interval of Pearson's r missed the truth in 10 to 20 of 100 simulated experiments. Spearman's rho "
        "goes by ranks, which skewness does not change."
    )


def _few_for_sphericity(groups: _Groups) -> str | None:
    n, k = next(iter(groups.values())).size, len(groups)
    if k < 3 or n >= FEWEST_FOR_SPHERICITY:
        return None
    return (
        f"With {n} animals Greenhouse and Geisser's correction is cautious: it rejected in 1 to 5 of 100 simulated "
        "experiments without a difference, so that real differences are missed more often too. The Friedman test "
        "kept closer to 5."
    )


def _many_zeros(groups: _Groups, test: str) -> str | None:
    if any(float(array.min()) < 0.0 for array in groups.values()):
        return None
    zeros = {name: int(np.count_nonzero(array == 0.0)) for name, array in groups.items()}
    many = {name: n for name, n in zeros.items() if n >= MANY_ZEROS * groups[name].size}
    if not many or all(all_equal(array) for array in groups.values()):
        return None
    told = _listed(f"{n} of {groups[name].size} in {name!r}" for name, n in many.items())
    by_ranks = (
        "Wilcoxon's test" if test == "paired_t" else "the Friedman test" if test == "rm_anova" else None
    )
    instead = by_ranks or ("the Mann-Whitney U test" if len(groups) == 2 else "the Kruskal-Wallis test")
    return (
        f"Many animals have the value 0 ({told}). A mean describes few of them, and with 40 % of zeros its interval missed "
        f"the truth in 8 to 13 of 100 simulated experiments; no interval of such a mean does better with few animals. "
        f"What goes by ranks ({instead}) does not depend on it."
    )


def _is_skewed(arrays: Sequence[Vector]) -> bool:
    """Whether the deviations from the group means have a skewness beyond the limit (adjusted for their number)."""
    deviations = np.concatenate([array - array.mean() for array in arrays])
    n = deviations.size
    if n < FEWEST_FOR_SKEWNESS or all(all_equal(array) for array in arrays):
        return False
    moment = float(np.mean(deviations**3) / np.mean(deviations**2) ** 1.5)
    return abs(moment) * math.sqrt(n * (n - 1.0)) / (n - 2.0) > SKEWED


def _tied(arrays: Sequence[Vector]) -> bool:
    everything = settled(np.concatenate(arrays))
    return bool(np.unique(everything).size < everything.size)


def _listed(items: Iterable[object]) -> str:
    *first, last = map(str, items)
    return f"{', '.join(first)} and {last}" if first else last


def _smallest_kruskal(arrays: Sequence[Vector]) -> float | None:
    """Of the groups in any order, ranked without overlap; with ties H is at most n - 1."""
    n, k = sum(array.size for array in arrays), len(arrays)
    if k > MOST_GROUPS:
        return None
    if _tied(arrays):
        return _chi_square_tail(n - 1.0, k - 1)
    largest = max(_separated(sizes) for sizes in itertools.permutations([array.size for array in arrays]))
    return _chi_square_tail(largest, k - 1)


def _separated(sizes: Sequence[int]) -> float:
    """Kruskal and Wallis' H of groups without overlap, in this order (no order of theirs gives a larger one)."""
    n, before, total = sum(sizes), 0, 0.0
    for size in sizes:
        total += size * (before + (size + 1) / 2.0 - (n + 1) / 2.0) ** 2
        before += size
    return 12.0 * total / (n * (n + 1))


def _chi_square_tail(statistic: float, df: int) -> float:
    from scipy import special

    return float(special.chdtrc(df, statistic))
