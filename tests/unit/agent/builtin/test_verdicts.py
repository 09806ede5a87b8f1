"""Tests in words: the answer first, its side of 0.05, its direction, and what it does not say."""

from __future__ import annotations

from typing import Any

import pytest

from ethochat.agent.builtin.verdicts import word_compare, word_family
from ethochat.agent.builtin.wording import word_evidence
from ethochat.tools.evidence import Evidence, GroupSummary, TestResult, Value


def group(mean: float, n: int = 5) -> GroupSummary:
    return GroupSummary(n=n, mean=mean, sd=1.0, median=mean)


def welch(p: float | None, **more: Any) -> TestResult:
    """A comparison of two groups with means of 8 and 5 cm."""
    found: dict[str, Any] = {
        "name": "welch_t", "statistic": 3.2, "df": 7.5, "p_value": p, "measure": "distance", "unit": "cm",
        "groups": {"drug": group(8.0), "vehicle": group(5.0)}, "why": "Welch's t test: two groups.",
        "effect_size": {"hedges_g": 1.5, "hedges_g_ci95": [0.5, 2.5], "mean_difference": 3.0, "mean_difference_ci95": [1.0, 5.0]},
    }  # fmt: skip
    return TestResult(**(found | more))


def said(*tests: TestResult, column: str = "treatment") -> str:
    arguments = {"measure": "distance", "group_column": column}
    return word_compare(
        Evidence(evidence_id="e1", tool="compare_groups", arguments=arguments, tests=list(tests))
    )


def test_significant_difference_comes_first_with_its_direction():
    text = said(welch(0.004))
    assert text.startswith(
        "**Distance by treatment**: the difference is statistically significant at the 0.05 level (drug > vehicle). "
        "Welch's t test: t(7.5) = 3.2, p = 0.004; Hedges g = 1.5 (95% CI 0.5 to 2.5). [e1]"
    )
    assert "(drug > vehicle)" in text.split("\n", maxsplit=1)[0]
    assert "- drug: mean 8 cm (SD 1), median 8 cm, n = 5" in text
    assert "- difference of the means (drug minus vehicle): 3 cm (95% CI 1 to 5 cm)" in text


def test_no_significance_is_no_sameness_and_has_no_direction():
    first = said(welch(0.3)).split("\n", maxsplit=1)[0]
    assert "no statistically significant difference" in first
    assert "does not show that the groups are the same" in first
    assert "drug > vehicle" not in first


def test_order_is_told_of_two_groups_only():
    three = welch(
        0.01,
        name="welch_anova",
        groups={name: group(mean) for name, mean in (("a", 1.0), ("b", 2.0), ("c", 3.0))},
    )
    first = said(three).split("\n", maxsplit=1)[0]
    assert "the difference is statistically significant" in first
    assert ">" not in first


def test_missing_test_says_why_once():
    first = said(welch(None, statistic=None, why="No test: the values are all equal.")).split(
        "\n", maxsplit=1
    )[0]
    assert first.count("o test") == 1
    assert "The values are all equal." in first


def test_what_one_session_holds_is_paired_by_session():
    assert "Paired by session:" in said(welch(0.2), column="individual")
    assert "One value per animal:" in said(welch(0.2))


def test_sameness_is_answered_before_the_difference():
    equivalence = welch(0.02, name="tost_welch", why="Two one-sided Welch t tests: two groups.")
    text = said(welch(0.6), equivalence)
    assert text.startswith("**Equivalence**, two one-sided Welch tests")
    assert text.count("[e1]") == 2


@pytest.mark.parametrize(("slope", "p", "way"), [(2.0, 0.01, "a rise that is"), (-2.0, 0.01, "a fall that is"), (2.0, 0.4, "not statistically significant")])  # fmt: skip
def test_trend_over_time(slope: float, p: float, way: str):
    trend = TestResult(
        name="time_trend", statistic=3.0, df=4.0, p_value=p, unit="cm", why="One slope per animal (n = 5), per minute.",
        effect_size={"slope": slope, "slope_ci95": [slope - 1, slope + 1]},
    )  # fmt: skip
    text = said(trend, column="bin")
    assert f"Trend: {slope:g} cm per minute (95% CI {slope - 1:g} to {slope + 1:g} cm), t(4) = 3" in text
    assert way in text


def test_pairs_that_all_fail_are_told_in_one_line():
    pairs = [
        TestResult(
            name="paired_t_holm",
            statistic=1.0,
            p_value=0.2 + k / 100,
            groups={"a": group(1.0), "b": group(2.0)},
        )
        for k in range(10)
    ]
    text = said(welch(0.2, posthoc=pairs))
    assert "The 10 pairs do not differ significantly" in text
    assert "corrected p = 0.200" in text


def test_family_counts_what_differs_after_correction():
    tests = [
        welch(p, measure=name, corrected={"holm": holm, "fdr_bh": holm, "fdr_by": holm})
        for name, p, holm in (("grooming", 0.001, 0.002), ("rearing", 0.2, 0.2))
    ]
    item = Evidence(evidence_id="e1", tool="compare_many", arguments={"of": "metrics"}, tests=tests)
    text = word_family(item)
    assert text.startswith("**1 of 2** metrics")
    assert "grooming" in text
    assert "smallest corrected p = 0.200" in text


def bounds(*statistics: str) -> Evidence:
    numbers = {"mean": 5.0, "ci95_low": 4.0, "ci95_high": 6.0}
    values = [
        Value(name="distance", value=numbers[name], unit="cm", statistic=name, n=5, group={"sex": sex})
        for sex in ("female", "male")
        for name in statistics
    ]
    arguments = {"measure": "distance", "group_by": ["sex"]}
    return Evidence(evidence_id="e1", tool="measure", arguments=arguments, values=values)


def test_bounds_of_an_interval_stand_beside_their_mean():
    text = word_evidence([bounds("mean", "ci95_low", "ci95_high")])
    assert "- female: mean 5 cm (n = 5), 95% CI 4 cm to 6 cm" in text
    assert text.count("- ") == 2


def test_bounds_without_a_mean_are_rows_of_their_own():
    text = word_evidence([bounds("ci95_low", "ci95_high")])
    assert "- male: lower bound of the 95 % interval 4 cm" in text
    assert "- male: upper bound of the 95 % interval 6 cm" in text
