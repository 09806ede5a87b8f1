"""Groups of different animals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from ethochat.tools.evidence import TestResult
from ethochat.tools.statistics.assumptions import check_independent
from ethochat.tools.statistics.describe import summarize
from ethochat.tools.statistics.main_effects import independent_told
from ethochat.tools.statistics.parametric import anova, two_sample_t, welch_anova
from ethochat.tools.statistics.posthoc import follow_up, posthoc_independent
from ethochat.tools.statistics.ranks import kruskal_wallis, mann_whitney_u
from ethochat.tools.statistics.resampling import permutation
from ethochat.tools.statistics.results import (
    Values,
    Vector,
    because,
    check_sizes,
    chosen_test,
    noted,
    vectors,
)

TWO_GROUP_TESTS: Final = ("welch_t", "student_t", "mann_whitney_u", "permutation")
SEVERAL_GROUP_TESTS: Final = ("welch_anova", "anova", "kruskal_wallis")

_Groups = Mapping[str, Vector]


def compare_independent(
    groups: Mapping[str, Values], test: str = "auto", *, posthoc: str = "auto", control: str | None = None
) -> TestResult:
    """Test whether groups of different animals differ.

    Parameters
    ----------
    groups
        Group name to one value per animal, at least two groups of at least two animals.
    test
        ``auto`` (Welch's t test, or Welch's ANOVA for three and more groups) or a name of
        :data:`TWO_GROUP_TESTS` or :data:`SEVERAL_GROUP_TESTS`.
    posthoc
        How pairs are compared after three and more groups: ``auto`` (what fits the test), ``none`` or a name of
        :data:`~ethochat.tools.statistics.posthoc.INDEPENDENT_POSTHOC`.
    control
        Group that every other one is compared with, instead of all pairs.

    Returns
    -------
    TestResult
        With effects (first minus second), assumptions looked at, and pairs of groups. No test is chosen by what the
        assumptions look like.

    Raises
    ------
    ToolFailedError
        When a group is empty or has a single animal, or a value is not a finite number.
    ToolRetryError
        When the test does not fit the number of groups, or a name is unknown.
    """
    check_sizes(groups)
    chosen = independent_test_name(len(groups), test)
    arrays = vectors(groups)
    result = independent_test(chosen, arrays)
    if result.p_value is not None:
        said = because(_WHY_INDEPENDENT[chosen], len(groups), asked=test != "auto")
        result.why, notes = said, result.why
        noted(result, notes)
        result.effect_size = independent_told(chosen, list(arrays.values()))
    result.groups = {name: summarize(values) for name, values in groups.items()}
    result.checks = check_independent(chosen, arrays)
    return follow_up(
        result,
        lambda: posthoc_independent(groups, chosen, method=posthoc, control=control),
        asked=posthoc,
        control=control,
    )


def independent_test_name(n_groups: int, test: str) -> str:
    """Resolve ``auto`` for a number of groups; refuse a test that does not fit it."""
    two = n_groups == 2
    fitting = TWO_GROUP_TESTS + SEVERAL_GROUP_TESTS if two else SEVERAL_GROUP_TESTS
    return chosen_test(test, "welch_t" if two else "welch_anova", fitting, f"{n_groups} independent groups")


def independent_test(name: str, groups: _Groups) -> TestResult:
    """Make one test, without effects, assumptions or pairs."""
    return _INDEPENDENT[name](groups)


_INDEPENDENT: Final[Mapping[str, Callable[[_Groups], TestResult]]] = {
    "welch_t": lambda groups: two_sample_t(groups, equal_var=False),
    "student_t": lambda groups: two_sample_t(groups, equal_var=True),
    "mann_whitney_u": mann_whitney_u,
    "permutation": permutation,
    "welch_anova": welch_anova,
    "anova": anova,
    "kruskal_wallis": kruskal_wallis,
}
_WHY_INDEPENDENT: Final = {
    "welch_t": "Welch's t test: two groups of different animals, one value per animal, variances not assumed "
    "equal",
    "student_t": "Student's t test: two groups of different animals, one value per animal, variances assumed "
    "equal",
    "mann_whitney_u": "Mann-Whitney U test: two groups of different animals, one value per animal, by ranks",
    "permutation": "Permutation test of Welch's t: two groups of different animals, one value per animal",
    "welch_anova": "Welch's ANOVA: {k} groups of different animals, one value per animal, variances not "
    "assumed equal",
    "anova": "One-way ANOVA: {k} groups of different animals, one value per animal, variances assumed equal",
    "kruskal_wallis": "Kruskal-Wallis test: {k} groups of different animals, one value per animal, by ranks",
}
