"""The same animals in every group: which test, its effects and words, and what cannot be tested."""

from __future__ import annotations

import numpy as np
import pytest

from ethochat.tools.errors import ToolFailedError, ToolRetryError
from ethochat.tools.statistics import PAIRED_TESTS, REPEATED_TESTS, compare_independent, compare_repeated

BEFORE = [4.1, 5.0, 6.3, 5.5, 7.9, 6.1]
AFTER = [2.2, 3.1, 2.9, 4.8, 7.0, 6.6]
LATE = [9.0, 7.1, 8.8, 6.2, 7.7, 9.9]


@pytest.mark.parametrize(
    ("test", "main"),
    [
        ("paired_t", "cohens_dz"),
        ("wilcoxon", "hodges_lehmann"),
        ("paired_permutation", "mean_difference"),
        ("rm_anova", "cohens_dz"),
    ],
)
def test_main_effect_of_pairs_comes_first_with_its_interval(test, main):
    effects = compare_repeated({"before": BEFORE, "after": AFTER}, test).effect_size
    assert next(iter(effects)) == main
    assert effects["ci95"] == effects[f"{main}_ci95"]
    assert effects["mean_difference"] == pytest.approx(np.mean(BEFORE) - np.mean(AFTER))


def test_defaults_checks_and_pairs():
    two = compare_repeated({"before": BEFORE, "after": AFTER})
    assert two.name == "paired_t"
    assert [(check.name, check.about) for check in two.checks] == [("shapiro_wilk", "differences")]
    three = compare_repeated({"before": BEFORE, "after": AFTER, "late": LATE})
    assert (three.name, three.correction) == ("rm_anova", "Greenhouse-Geisser")
    assert [(check.name, check.about) for check in three.checks] == [
        ("shapiro_wilk", "residuals"),
        ("mauchly", "sphericity"),
    ]
    assert [pair.name for pair in three.posthoc] == ["paired_t_holm"] * 3
    assert list(three.posthoc[0].groups) == ["before", "after"]
    friedman = compare_repeated(
        {"before": BEFORE, "after": AFTER, "late": LATE}, "friedman", control="before"
    )
    assert [list(pair.groups) for pair in friedman.posthoc] == [["after", "before"], ["late", "before"]]
    assert friedman.checks == []


def test_two_conditions_of_rm_anova_are_the_paired_t_test():
    paired = compare_repeated({"before": BEFORE, "after": AFTER})
    anova = compare_repeated({"before": BEFORE, "after": AFTER}, "rm_anova")
    assert anova.statistic == pytest.approx(paired.statistic**2)
    assert anova.p_value == pytest.approx(paired.p_value)


class TestNoSpread:
    def test_equal_differences_have_no_p_of_means(self):
        # 0.1 steps are not exact in float64, but are equal all the same.
        result = compare_repeated({"a": [0.1, 0.2, 0.3], "b": [0.2, 0.3, 0.4]})
        assert (result.p_value, result.statistic) == (None, None)
        assert "the same in every animal" in (result.why or "")

    def test_equal_differences_still_have_signs(self):
        groups = {"a": [0.2, 0.3, 0.4, 0.5, 0.6, 0.7], "b": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]}
        for test in ("wilcoxon", "paired_permutation"):
            result = compare_repeated(groups, test)
            assert result.p_value == pytest.approx(2 / 64), test  # all of six in one direction
            assert result.effect_size["mean_difference"] == pytest.approx(0.1)
            assert "cohens_dz" not in result.effect_size

    @pytest.mark.parametrize("test", [*PAIRED_TESTS, "rm_anova"])
    def test_identical_conditions_have_no_p(self, test):
        result = compare_repeated({"a": BEFORE, "b": BEFORE}, test)
        assert (result.p_value, result.statistic) == (None, None)
        assert result.why.startswith("No test: ")

    @pytest.mark.parametrize("test", REPEATED_TESTS)
    def test_three_identical_conditions_have_no_p(self, test):
        result = compare_repeated({"a": BEFORE, "b": BEFORE, "c": BEFORE}, test)
        assert (result.p_value, result.posthoc) == (None, [])

    def test_parallel_animals_have_no_rm_anova(self):
        shifted = {name: [v + step for v in BEFORE] for name, step in (("a", 0.0), ("b", 0.1), ("c", 0.7))}
        assert compare_repeated(shifted).p_value is None
        assert compare_repeated(shifted, "friedman").p_value < 0.01


class TestRefusals:
    def test_test_for_independent_groups_on_pairs(self):
        with pytest.raises(ToolRetryError, match="paired_t"):
            compare_repeated({"a": BEFORE, "b": AFTER}, "welch_t")

    def test_pairs_for_independent_groups(self):
        with pytest.raises(ToolRetryError, match="welch_t"):
            compare_independent({"a": BEFORE, "b": AFTER}, "paired_permutation")

    def test_friedman_needs_three_conditions(self):
        with pytest.raises(ToolRetryError, match="wilcoxon"):
            compare_repeated({"a": BEFORE, "b": AFTER}, "friedman")

    def test_conditions_of_different_length(self):
        with pytest.raises(ValueError, match="equally many"):
            compare_repeated({"a": BEFORE, "b": AFTER[:-1]})

    def test_one_animal(self):
        with pytest.raises(ToolFailedError, match="two animals"):
            compare_repeated({"a": [1.0], "b": [2.0]})


def test_correction_of_the_degrees_of_freedom_is_said():
    rng = np.random.default_rng(3)
    result = compare_repeated({str(k): rng.normal(size=7).tolist() for k in range(4)})
    assert f"Greenhouse and Geisser's epsilon of {result.effect_size['epsilon']:.3g}" in result.why


def test_pairs_that_differ_beside_a_test_of_all_that_does_not_are_pointed_out():
    steady = np.arange(8.0)
    noise = np.array([9.0, -8.0, 10.0, -9.0, 8.0, -10.0, 9.0, -9.0])
    groups = {"a": steady, "b": steady + np.tile([0.9, 1.1], 4), "c": steady + noise}
    result = compare_repeated({name: values.tolist() for name, values in groups.items()})
    assert result.p_value >= 0.05
    assert min(pair.p_value for pair in result.posthoc) < 0.05
    assert "test of all groups and its pairs disagree" in result.why
    groups["c"] = steady
    agreeing = compare_repeated({name: values.tolist() for name, values in groups.items()})
    assert agreeing.p_value < 0.05
    assert "disagree" not in agreeing.why
