"""Groups of different animals: which test, its effects and words, and what cannot be tested."""

from __future__ import annotations

import math

import pytest

from ethochat.tools.errors import ToolFailedError, ToolRetryError
from ethochat.tools.statistics import SEVERAL_GROUP_TESTS, TWO_GROUP_TESTS, compare_independent

A = [4.1, 5.0, 6.3, 5.5, 7.9]
B = [2.2, 3.1, 2.9, 4.8]
C = [9.0, 7.1, 8.8, 6.2, 7.7, 9.9]


def test_welch_is_the_default_and_the_words_say_so():
    result = compare_independent({"a": A, "b": B})
    assert result.name == "welch_t"
    assert result.why == (
        "Welch's t test: two groups of different animals, one value per animal, variances not assumed equal."
    )
    assert compare_independent({"a": A, "b": B}, "welch_t").why.endswith(
        "variances not assumed equal, as asked."
    )
    assert compare_independent({"a": A, "b": B, "c": C}).name == "welch_anova"


@pytest.mark.parametrize(
    ("test", "main"),
    [
        ("welch_t", "hedges_g"),
        ("student_t", "hedges_g"),
        ("permutation", "hedges_g"),
        ("mann_whitney_u", "cliffs_delta"),
    ],
)
def test_main_effect_comes_first_with_its_interval(test, main):
    effects = compare_independent({"a": A, "b": B}, test).effect_size
    assert next(iter(effects)) == main
    assert effects["ci95"] == effects[f"{main}_ci95"]
    assert {"hedges_g", "cliffs_delta", "mean_difference", "median_difference", "cohens_d"} <= set(effects)
    assert effects["mean_difference"] == pytest.approx(sum(A) / 5 - sum(B) / 4)


@pytest.mark.parametrize(
    ("test", "main"),
    [
        ("welch_anova", "omega_squared"),
        ("anova", "omega_squared"),
        ("kruskal_wallis", "rank_epsilon_squared"),
    ],
)
def test_effects_of_several_groups_are_shares_of_variance(test, main):
    effects = compare_independent({"a": A, "b": B, "c": C}, test).effect_size
    assert next(iter(effects)) == main
    assert 0.0 < effects[main] < 1.0
    # The interval of a share takes the spreads for equal (docs/coverage.md), as only the ANOVA does.
    assert (effects["omega_squared_ci95"] is not None) == (test == "anova")


def test_summaries_checks_and_pairs_are_filled():
    result = compare_independent({"a": A, "b": B, "c": C})
    assert {name: group.n for name, group in result.groups.items()} == {"a": 5, "b": 4, "c": 6}
    assert result.groups["a"].ci95 is not None
    assert [(check.name, check.about) for check in result.checks] == [
        ("shapiro_wilk", "a"),
        ("shapiro_wilk", "b"),
        ("shapiro_wilk", "c"),
        ("brown_forsythe", "all groups"),
    ]
    assert [list(pair.groups) for pair in result.posthoc] == [["a", "b"], ["a", "c"], ["b", "c"]]
    assert compare_independent({"a": A, "b": B}).posthoc == []


def test_the_test_does_not_depend_on_what_the_checks_say():
    skewed = {"a": [0.0, 0.0, 0.1, 0.1, 0.2, 30.0], "b": [1.0, 1.1, 1.2, 1.3, 1.4, 1.5]}
    result = compare_independent(skewed)
    assert [check.holds for check in result.checks if check.about == "a"] == [False]
    assert result.name == "welch_t"


def test_pairs_on_request():
    groups = {"a": A, "b": B, "c": C}
    assert compare_independent(groups, posthoc="none").posthoc == []
    assert {pair.name for pair in compare_independent(groups, posthoc="tukey_hsd").posthoc} == {"tukey_hsd"}
    against = compare_independent(groups, "anova", control="b").posthoc
    assert [(pair.name, list(pair.groups)) for pair in against] == [
        ("dunnett", ["a", "b"]),
        ("dunnett", ["c", "b"]),
    ]


def test_too_many_groups_for_pairs_is_said():
    groups = {f"g{k}": [k + 0.0, k + 1.0, k + 3.0] for k in range(13)}
    result = compare_independent(groups, "kruskal_wallis")
    assert result.posthoc == []
    assert "up to 12 groups" in (result.why or "")
    assert len(compare_independent(groups, "kruskal_wallis", control="g0").posthoc) == 12
    assert "up to" not in (compare_independent(groups, "kruskal_wallis", posthoc="none").why or "")


class TestNoSpread:
    @pytest.mark.parametrize("test", ["welch_t", "student_t", "permutation", "welch_anova", "anova"])
    def test_constant_groups_have_no_p_of_means(self, test):
        result = compare_independent({"a": [1.0, 1.0, 1.0], "b": [2.0, 2.0, 2.0]}, test)
        assert (result.p_value, result.statistic, result.effect_size) == (None, None, {})
        assert "all equal" in (result.why or "")
        assert result.groups["a"].mean == 1.0

    @pytest.mark.parametrize("test", TWO_GROUP_TESTS + SEVERAL_GROUP_TESTS)
    def test_identical_values_have_no_p_in_any_test(self, test):
        result = compare_independent({"a": [0.3, 0.3], "b": [0.1 + 0.2, 0.3, 0.3]}, test)
        assert (result.p_value, result.statistic) == (None, None)
        assert result.why.startswith("No test: ")

    def test_constant_groups_that_differ_still_have_ranks(self):
        # 2 of the 20 ways to deal six animals into two groups are as extreme; with ties p is approximate.
        result = compare_independent({"a": [1.0] * 3, "b": [2.0] * 3}, "mann_whitney_u")
        assert result.statistic == 0.0
        assert 0.01 < result.p_value < 0.1
        assert result.effect_size["cliffs_delta"] == -1.0
        assert result.effect_size.get("hedges_g") is None

    def test_one_constant_group_is_named(self):
        result = compare_independent({"a": A, "silent": [0.0, 0.0, 0.0]})
        assert result.p_value < 0.01
        assert "'silent' are equal" in (result.why or "")

    def test_constant_group_among_three_has_no_welch_anova(self):
        result = compare_independent({"a": A, "b": B, "c": [1.0, 1.0]})
        assert (result.p_value, result.posthoc) == (None, [])
        assert "'c'" in result.why
        assert "Kruskal-Wallis" in result.why
        assert compare_independent({"a": A, "b": B, "c": [1.0, 1.0]}, "anova").p_value is not None

    def test_next_to_no_spread_has_no_effect_in_units_of_it(self):
        result = compare_independent({"a": [1.0, 1.0 + 1e-9, 1.0 - 1e-9], "b": [2.0, 2.0, 2.0 + 1e-9]})
        assert result.effect_size["mean_difference"] == pytest.approx(-1.0)
        assert "hedges_g" not in result.effect_size
        assert result.p_value < 1e-9


class TestRefusals:
    def test_single_animal(self):
        with pytest.raises(ToolFailedError, match="'b' has 1"):
            compare_independent({"a": A, "b": [1.0]})

    def test_empty_group(self):
        with pytest.raises(ToolFailedError, match="'b' has 0"):
            compare_independent({"a": A, "b": []})

    def test_one_group(self):
        with pytest.raises(ToolFailedError, match="two groups"):
            compare_independent({"a": A})

    def test_test_of_two_groups_for_three(self):
        with pytest.raises(ToolRetryError, match="welch_anova"):
            compare_independent({"a": A, "b": B, "c": C}, "welch_t")

    @pytest.mark.parametrize("value", [math.nan, math.inf, -1e300])
    def test_what_is_no_number(self, value):
        with pytest.raises(ToolFailedError, match="group 'b'"):
            compare_independent({"a": A, "b": [1.0, value]})
