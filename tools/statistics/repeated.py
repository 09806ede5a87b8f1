"""The same animals in every group."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from ethochat.tools.evidence import TestResult
from ethochat.tools.statistics.assumptions import check_repeated
from ethochat.tools.statistics.describe import summarize
from ethochat.tools.statistics.main_effects import repeated_told
from ethochat.tools.statistics.parametric import (
    greenhouse_geisser_epsilon as greenhouse_geisser_epsilon,  # noqa: PLC0414 - also of this module
)
from ethochat.tools.statistics.parametric import paired_t, rm_anova
from ethochat.tools.statistics.posthoc import follow_up, posthoc_repeated
from ethochat.tools.statistics.ranks import friedman, wilcoxon
from ethochat.tools.statistics.resampling import paired_permutation
from ethochat.tools.statistics.results import (
    Values,
    Vector,
    because,
    check_sizes,
    chosen_test,
    noted,
)

PAIRED_TESTS: Final = ("paired_t", "wilcoxon", "paired_permutation")
REPEATED_TESTS: Final = ("rm_anova", "friedman")


def compare_repeated(
    groups: Mapping[str, Values], test: str = "auto", *, posthoc: str = "auto", control: str | None = None
) -> TestResult:
    """Test whether repeated measures of the same units differ.

    Parameters
    ----------
    groups
        Condition name to values; value k of every condition belongs to the same unit (animal or session).
    test
        ``auto`` (paired t, or repeated-measures ANOVA for three and more conditions) or a name of
        :data:`PAIRED_TESTS` or :data:`REPEATED_TESTS`.
    posthoc
        How pairs are compared after three and more conditions: ``auto`` (what fits the test), ``none`` or a name of
        :data:`~ethochat.tools.statistics.posthoc.REPEATED_POSTHOC`.
    control
        Condition that every other one is compared with, instead of all pairs.

    Returns
    -------
    TestResult
        With effects (first minus second), assumptions looked at, and pairs of conditions.

    Raises
    ------
    ToolFailedError
        When fewer than two units have all conditions, or a value is not a finite number.
    ToolRetryError
        When the test does not fit the number of conditions, or a name is unknown.
    ValueError
        When the conditions differ in length.
    """
    check_sizes(groups)
    chosen = repeated_test_name(len(groups), test)
    table = table_of(groups)
    result = repeated_test(chosen, table)
    if result.p_value is not None:
        said = because(_WHY_REPEATED[chosen], len(groups), asked=test != "auto")
        result.why, notes = said, result.why
        noted(result, notes)
        result.effect_size = repeated_told(chosen, table) | result.effect_size
    result.groups = {name: summarize(values) for name, values in groups.items()}
    result.checks = check_repeated(chosen, table)
    return follow_up(
        result,
        lambda: posthoc_repeated(groups, chosen, method=posthoc, control=control),
        asked=posthoc,
        control=control,
    )


def repeated_test_name(n_conditions: int, test: str) -> str:
    """Resolve ``auto`` for a number of conditions; refuse a test that does not fit it."""
    two = n_conditions == 2
    fitting = (*PAIRED_TESTS, "rm_anova") if two else REPEATED_TESTS
    return chosen_test(
        test, "paired_t" if two else "rm_anova", fitting, f"{n_conditions} repeated conditions"
    )


def repeated_test(name: str, table: Vector) -> TestResult:
    """Make one test of a table of units by conditions, without the effects of pairs, assumptions or pairs."""
    return _REPEATED[name](table)


def table_of(groups: Mapping[str, Values]) -> Vector:
    """Conditions side by side, shape ``(n_units, k_conditions)``."""
    lengths = [len(values) for values in groups.values()]
    if len(set(lengths)) != 1:
        raise ValueError(f"Expected equally many values per condition, got {lengths!r}.")
    return np.column_stack([np.asarray(values, dtype=np.float64) for values in groups.values()])


_REPEATED: Final[Mapping[str, Callable[[Vector], TestResult]]] = {
    "paired_t": paired_t,
    "wilcoxon": wilcoxon,
    "paired_permutation": paired_permutation,
    "rm_anova": rm_anova,
    "friedman": friedman,
}
_WHY_REPEATED: Final = {
    "paired_t": "Paired t test: both values come from the same animal",
    "wilcoxon": "Wilcoxon signed-rank test: both values come from the same animal, by ranks",
    "paired_permutation": "Permutation test of the mean difference: both values come from the same animal, and the "
    "signs of the differences are flipped",
    "rm_anova": "Repeated-measures ANOVA: all {k} values come from the same animal",
    "friedman": "Friedman test: all {k} values come from the same animal, by ranks",
}
