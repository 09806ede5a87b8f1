"""Comparisons: which test a design gets, what is said about it, and what no test is made of."""

from __future__ import annotations

import pytest
from scipy import stats

from ethochat.tools.errors import ToolFailedError, ToolRetryError

A = [10.0, 12.0, 14.0, 11.0, 13.0]
B = [20.0, 19.0, 22.0, 24.0, 21.0]


def independent(a=A, b=B):
    """One session per animal, two groups."""
    return [{"group": "a", "metrics": {"m": value}} for value in a] + [
        {"group": "b", "metrics": {"m": value}} for value in b
    ]


def crossover(n_only_first=0):
    """Every animal on day 1 and day 2; some on day 1 only."""
    rows = [
        {"session_id": f"d{day}_{k}", "subject_id": f"m{k}", "day": day, "metrics": {"m": value}}
        for day, values in ((1, A), (2, B))
        for k, value in enumerate(values)
    ]
    extra = [
        {"session_id": f"x{k}", "subject_id": f"x{k}", "day": 1, "metrics": {"m": 12.0 + k}}
        for k in range(n_only_first)
    ]
    return rows + extra


def test_different_animals_get_welchs_test(study, call):
    (test,) = call(study(independent()), "compare_groups", measure="m", group_column="group").tests
    expected = stats.ttest_ind(A, B, equal_var=False)
    assert (test.name, test.n_tests) == ("welch_t", None)
    assert (test.statistic, test.p_value) == pytest.approx((expected.statistic, expected.pvalue))
    assert test.effect_size["mean_difference"] == pytest.approx(-9.2)
    low, high = test.effect_size["mean_difference_ci95"]
    assert (low, high) == pytest.approx(tuple(expected.confidence_interval()))
    assert test.groups["a"].ci95 is not None


def test_animals_that_are_in_every_group_are_compared_with_themselves(study, call):
    evidence = call(study(crossover()), "compare_groups", measure="m", group_column="day")
    assert evidence.tests[0].name == "paired_t"
    assert evidence.tests[0].p_value == pytest.approx(stats.ttest_rel(A, B).pvalue)
    assert "Every animal is in every group, so it is compared with itself." in evidence.flags


def test_animals_that_are_in_both_groups_count_once_for_the_difference(study, call):
    def n(rows):
        evidence = call(study(rows), "compare_groups", measure="m", group_column="day")
        return next(value.n for value in evidence.values if value.statistic == "difference")

    assert n(crossover()) == 5
    assert n(crossover(n_only_first=3)) == 8


def test_some_shared_animals_call_for_a_mixed_model_of_all_of_them(study, call):
    evidence = call(study(crossover(n_only_first=3)), "compare_groups", measure="m", group_column="day")
    assert "mixed_model" in evidence.tests[0].name
    assert {name: group.n for name, group in evidence.tests[0].groups.items()} == {"1": 8, "2": 5}
    assert any(
        "3" not in flag and "5 of 8 animals are in more than one group" in flag for flag in evidence.flags
    )


def test_test_asked_for_is_made_and_what_is_wrong_with_it_is_said(study, call):
    evidence = call(study(crossover()), "compare_groups", measure="m", group_column="day", test="welch_t")
    assert evidence.tests[0].name == "welch_t"
    assert any("not independent" in flag for flag in evidence.flags)


def test_sessions_of_one_animal_never_count_as_animals(study, call):
    rows = [
        {
            "session_id": f"{group}{k}_{day}",
            "subject_id": f"{group}{k}",
            "group": group,
            "metrics": {"m": value + day},
        }
        for group, values in (("a", A), ("b", B))
        for k, value in enumerate(values)
        for day in range(4)
    ]
    (test,) = call(study(rows), "compare_groups", measure="m", group_column="group").tests
    assert [group.n for group in test.groups.values()] == [5, 5]
    assert test.p_value == pytest.approx(stats.ttest_ind(A, B, equal_var=False).pvalue)


def test_sameness_gives_the_difference_and_the_equivalence(study, call):
    near = [value + 0.1 for value in A]
    evidence = call(
        study(independent(b=near)), "compare_groups", measure="m", group_column="group", test="equivalence", margin=4.0,
        margin_unit="raw",
    )  # fmt: skip
    assert [test.name for test in evidence.tests] == ["welch_t", "tost_welch"]
    difference, equivalence = evidence.tests
    assert difference.p_value > 0.9
    assert equivalence.p_value < 0.05


def test_sameness_of_the_same_animals_is_no_second_test_to_correct_for(study, call):
    evidence = call(
        study(crossover()), "compare_groups", measure="m", group_column="day", test="equivalence", margin=1.0
    )
    assert [test.name for test in evidence.tests] == ["paired_t", "tost_paired"]
    assert all(not test.corrected and test.n_tests is None for test in evidence.tests)


def test_sameness_is_asked_of_two_groups(study, call):
    rows = independent() + [{"group": "c", "metrics": {"m": value}} for value in (1.0, 2.0, 3.0)]
    with pytest.raises(ToolRetryError, match="Equivalence is tested between two groups, got 3"):
        call(study(rows), "compare_groups", measure="m", group_column="group", test="equivalence")


def test_three_groups_come_with_their_pairs(study, call):
    rows = independent() + [{"group": "c", "metrics": {"m": value}} for value in (10.5, 12.5, 11.0, 14.5)]
    (test,) = call(study(rows), "compare_groups", measure="m", group_column="group").tests
    assert test.name == "welch_anova"
    assert {tuple(pair.groups) for pair in test.posthoc} == {("a", "b"), ("a", "c"), ("b", "c")}
    found = {tuple(pair.groups): pair.p_value for pair in test.posthoc}
    assert found[("a", "c")] > 0.05 > found[("a", "b")]


def test_pairs_with_a_control_only(study, call):
    rows = independent() + [{"group": "c", "metrics": {"m": value}} for value in (10.5, 12.5, 11.0, 14.5)]
    (test,) = call(study(rows), "compare_groups", measure="m", group_column="group", control="A").tests
    assert len(test.posthoc) == 2
    assert all("a" in pair.groups for pair in test.posthoc)
    with pytest.raises(ToolRetryError, match="no group 'z'"):
        call(study(rows), "compare_groups", measure="m", group_column="group", control="z")


def test_a_control_of_two_groups_changes_nothing(study, call):
    context = study(independent())
    asked = {"measure": "m", "group_column": "group"}
    plain = call(context, "compare_groups", **asked)
    assert call(context, "compare_groups", **asked, control="b").tests == plain.tests


def within(n_days_of_last):
    """Five animals on three days, the last one on some of them only."""
    values = [A, B, [16.0, 15.0, 15.5, 18.0, 17.0]]
    return [
        {"subject_id": f"m{k}", "day": day, "metrics": {"m": values[day][k]}}
        for day in range(3)
        for k in range(5)
        if k < 4 or day < n_days_of_last
    ]


@pytest.mark.parametrize(("n_days_of_last", "name"), [(3, "rm_anova"), (2, "mixed_model")])
def test_pairs_with_a_control_within_animals_are_corrected_for_as_many(study, call, n_days_of_last, name):
    context = study(within(n_days_of_last))
    every = call(context, "compare_groups", measure="m", group_column="day").tests[0]
    (test,) = call(context, "compare_groups", measure="m", group_column="day", control="0").tests
    assert test.name == every.name == name
    assert [set(pair.groups) for pair in test.posthoc] == [{"0", "1"}, {"0", "2"}]
    assert len(every.posthoc) == 3
    assert {pair.n_tests for pair in test.posthoc} == {2}
    if name == "rm_anova":
        raw = [stats.ttest_rel(A, B).pvalue, stats.ttest_rel(A, [16.0, 15.0, 15.5, 18.0, 17.0]).pvalue]
        assert min(pair.p_value for pair in test.posthoc) == pytest.approx(2 * min(raw))


def test_mixed_model_of_different_animals_is_told_to_be_their_test(study, call):
    evidence = call(
        study(independent()), "compare_groups", measure="m", group_column="group", test="mixed_model"
    )
    assert evidence.tests[0].name == "welch_t"
    assert any("No animal is in several groups" in flag for flag in evidence.flags)


def test_outlier_is_named_kept_and_told_what_it_does(study, call):
    rows = independent(a=[10.0, 10.5, 11.0, 10.2, 10.8, 60.0], b=[12.0, 12.4, 12.2, 12.8, 12.1, 12.6])
    evidence = call(study(rows), "compare_groups", measure="m", group_column="group")
    (test,) = evidence.tests
    (outlier,) = [one for one in test.influence if one.outlier]
    assert (outlier.animal, outlier.group, outlier.value) == ("s05", "a", 60.0)
    assert outlier.changes
    assert test.p_value > 0.05 > outlier.p_value
    assert test.groups["a"].n == 6


def test_equal_values_give_a_sentence_and_no_p(study, call):
    evidence = call(
        study(independent(a=[0.0] * 4, b=[0.0] * 4)), "compare_groups", measure="m", group_column="group"
    )
    (test,) = evidence.tests
    assert test.p_value is None
    assert test.why.startswith("No test:")
    assert "nan" not in evidence.model_dump_json().lower()


def test_group_of_one_animal_is_refused(study, call):
    with pytest.raises(ToolFailedError, match="at least two animals in every group, but 'b' has 1"):
        call(study(independent(b=[1.0])), "compare_groups", measure="m", group_column="group")


def test_bouts_are_averaged_within_the_animal_and_that_is_said(context, call):
    evidence = call(
        context, "compare_groups", measure="bout_duration", behaviors=["Rearing"], sources=["auto"], group_column="group"
    )  # fmt: skip
    assert any("not independent observations" in flag for flag in evidence.flags)
    assert {group.n for group in evidence.tests[0].groups.values()} == {2}


def test_every_comparison_has_a_figure_with_a_dot_per_animal(study, call):
    import plotly.io

    (figure,) = call(study(independent()), "compare_groups", measure="m", group_column="group").figures
    drawn = plotly.io.from_json(figure.plotly_json)
    dots = [trace for trace in drawn.data if trace.mode == "markers" and len(trace.y) == 5]
    assert sorted(sorted(trace.y) for trace in dots) == [sorted(A), sorted(B)]


def test_several_sessions_of_an_animal_are_said_to_be_averaged(study, call):
    rows = [{**row, "subject_id": f"m{k}"} for k, row in enumerate(independent())]
    alone = call(study(rows), "compare_groups", measure="m", group_column="group")
    assert not any("averaged" in flag for flag in alone.flags)
    again = [{**rows[0], "metrics": {"m": 14.0}}]
    evidence = call(study(rows + again), "compare_groups", measure="m", group_column="group")
    assert evidence.tests[0].groups["a"].mean == pytest.approx(12.4)  # (10 + 14) / 2 = 12 for the first
    (said,) = [flag for flag in evidence.flags if "averaged" in flag]
    assert (
        said
        == "1 animal with several sessions (m0): their values were averaged, and each animal counts once."
    )


def test_difference_of_a_model_is_told_apart_from_that_of_the_means(study, call):
    evidence = call(study(crossover(n_only_first=3)), "compare_groups", measure="m", group_column="day")
    means = {name: group.mean for name, group in evidence.tests[0].groups.items()}
    assert evidence.tests[0].effect_size["mean_difference"] != pytest.approx(means["1"] - means["2"])
    assert any("need not be the difference of the two groups' means" in flag for flag in evidence.flags)


def test_individuals_of_a_session_are_compared_within_it(labeled, call):
    bouts = {
        f"cage{k}": [("ann", "rest", 0.0, red, "R"), ("ann", "rest", 0.0, blue, "B")]
        for k, (red, blue) in enumerate([(1.0, 2.0), (2.0, 2.5), (3.0, 5.0), (4.0, 4.5)])
    }
    evidence = call(
        labeled(bouts), "compare_groups", measure="total_duration", behaviors=["rest"], group_column="individual", groups=["R", "B"],
    )  # fmt: skip
    (test,) = evidence.tests
    assert test.name == "paired_t"
    assert test.p_value == pytest.approx(stats.ttest_rel([1, 2, 3, 4], [2, 2.5, 5, 4.5]).pvalue)
    assert test.groups["R"].n == 4
    assert "The individuals of a session are compared with one another: n counts sessions." in evidence.flags
    own = {
        (value.session_id, value.group["individual"]): value.value
        for value in evidence.values
        if value.session_id
    }
    assert own["cage2", "B"] == 5.0


def test_permutation_of_the_same_animals_is_the_paired_one(study, call):
    evidence = call(study(crossover()), "compare_groups", measure="m", group_column="day", test="permutation")
    assert evidence.tests[0].name == "paired_permutation"
