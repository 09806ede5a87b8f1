"""When a comparison gets a warning, and that the limits it states are those of the tests themselves."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ethochat.tools.statistics.cautions import smallest_p, warnings_of
from ethochat.tools.statistics.correlation import correlate
from ethochat.tools.statistics.independent import SEVERAL_GROUP_TESTS, TWO_GROUP_TESTS, compare_independent
from ethochat.tools.statistics.repeated import PAIRED_TESTS, REPEATED_TESTS, compare_repeated

SPREAD = [3.1, 4.7, 5.2, 6.4, 7.0, 8.3, 9.6, 4.1]


def apart(*sizes):
    """Groups without overlap and without ties, of unequal spacing."""
    numbers = iter(np.cumsum(1.0 + np.arange(sum(sizes)) % 3 + 0.01 * np.arange(sum(sizes))))
    return {f"g{k}": list(itertools.islice(numbers, size)) for k, size in enumerate(sizes)}


@pytest.mark.parametrize("sizes", [(2, 2), (3, 3), (3, 4), (2, 7), (4, 4)])
@pytest.mark.parametrize("test", ["mann_whitney_u", "permutation"])
def test_smallest_p_of_two_groups_is_what_the_test_gives_for_groups_apart(sizes, test):
    groups = apart(*sizes)
    assert smallest_p(groups, test) == pytest.approx(compare_independent(groups, test).p_value)


@pytest.mark.parametrize("sizes", [(2, 2, 2), (3, 3, 3), (2, 3, 4), (2, 2, 2, 2), (2, 6, 2)])
def test_smallest_p_of_kruskal_wallis_is_reached_by_some_order_of_the_groups(sizes):
    reached = min(
        compare_independent(apart(*order), "kruskal_wallis", posthoc="none").p_value
        for order in itertools.permutations(sizes)
    )
    assert smallest_p(apart(*sizes), "kruskal_wallis") == pytest.approx(reached)


def test_smallest_p_of_kruskal_wallis_allows_for_ties():
    tied = {"a": [1.0, 1.0], "b": [2.0, 2.0], "c": [3.0, 3.0]}
    assert smallest_p(tied, "kruskal_wallis") == pytest.approx(
        compare_independent(tied, "kruskal_wallis", posthoc="none").p_value
    )


@pytest.mark.parametrize("n", [2, 4, 5, 6])
@pytest.mark.parametrize("test", ["wilcoxon", "paired_permutation"])
def test_smallest_p_of_pairs_is_what_the_test_gives_where_all_rise(n, test):
    pairs = {"before": [0.0] * n, "after": [1.0 + k * k for k in range(n)]}
    assert smallest_p(pairs, test) == pytest.approx(compare_repeated(pairs, test).p_value)


@pytest.mark.parametrize(("n", "k"), [(2, 3), (3, 3), (2, 4)])
def test_smallest_p_of_friedman_is_what_the_test_gives_where_all_agree(n, k):
    days = {f"day {day}": [10.0 * animal + day for animal in range(n)] for day in range(k)}
    assert smallest_p(days, "friedman") == pytest.approx(compare_repeated(days, "friedman").p_value)


@pytest.mark.parametrize("n", [3, 4, 5])
def test_smallest_p_of_spearman_is_that_of_one_order(n):
    x = [float(k) for k in range(n)]
    y = [v**3 + v for v in x]
    assert smallest_p({"x": x, "y": y}, "spearman") == pytest.approx(correlate(x, y, "spearman").p_value)


def test_a_test_that_cannot_reject_says_so_with_its_limit():
    (sentence,) = warnings_of(apart(3, 3), "mann_whitney_u")
    assert "3 and 3 animals" in sentence
    assert "cannot give a p value below 0.05" in sentence
    assert "0.1" in sentence
    assert warnings_of(apart(4, 4), "mann_whitney_u") == []


def test_animals_without_a_difference_do_not_count_for_wilcoxon():
    pairs = {"before": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], "after": [1.0, 2.0, 5.0, 6.5, 8.0, 9.5, 11.0]}
    (sentence,) = warnings_of(pairs, "wilcoxon")
    assert "only 5 animals that differ" in sentence
    pairs["after"][0] = 9.0
    assert warnings_of(pairs, "wilcoxon") == []


def test_a_tied_mann_whitney_of_few_animals_is_called_an_approximation():
    tied = {"a": [1.0, 1.0, 1.0], "b": [2.0, 2.0, 2.0]}
    assert compare_independent(tied, "mann_whitney_u").p_value < 0.05  # below the limit of untied values
    (sentence,) = warnings_of(tied, "mann_whitney_u")
    assert "normal approximation" in sentence


def test_a_group_of_two_is_named():
    found = warnings_of({"control": SPREAD, "drug": [4.0, 6.0]}, "welch_t")
    assert found[0].startswith("Group 'drug' has only two animals")


@pytest.mark.parametrize(
    ("test", "rate"),
    [("student_t", "15 to 17 of 100"), ("anova", "15 to 16 of 100"), ("mann_whitney_u", "9 to 10 of 100")],
)
def test_unequal_spreads_matter_where_the_smaller_group_spreads_more(test, rate):
    narrow = [5.0 + 0.1 * k for k in range(15)]
    (sentence,) = warnings_of({"small": [0.0, 3.0, 5.0, 8.0, 10.0], "large": narrow}, test)
    assert "'small' (5 animals) spreads more than 'large' (15)" in sentence
    assert rate in sentence
    assert warnings_of({"small": [0.0, 3.0, 5.0, 8.0, 10.0], "large": narrow}, "welch_t") == []


def test_unequal_spreads_of_equal_groups_are_no_matter():
    assert warnings_of({"a": SPREAD, "b": [value * 3 for value in SPREAD]}, "student_t") == []


def test_skewed_values_in_unequal_groups_are_told_of_welch():
    long = [1.0, 1.2, 1.3, 1.5, 1.6, 1.8, 2.0, 2.1, 2.5, 14.0]
    (sentence,) = warnings_of({"a": long, "b": [1.1, 1.9, 1.4, 9.0]}, "welch_t")
    assert "skewed" in sentence
    assert "10 and 4 animals" in sentence
    assert warnings_of({"a": long, "b": long[::-1]}, "welch_t") == []  # equal sizes: the errors cancel
    assert warnings_of({"a": SPREAD, "b": SPREAD[:4]}, "welch_t") == []  # not skewed


def test_many_zeros_are_counted():
    groups = {"a": [0.0, 0.0, 4.0, 6.0, 2.0, 3.0], "b": [1.0, 2.0, 4.0, 5.0, 0.0, 3.0]}
    (sentence,) = warnings_of(groups, "welch_t")
    assert "2 of 6 in 'a'" in sentence
    assert "'b'" not in sentence
    assert warnings_of(groups, "mann_whitney_u") == []
    assert warnings_of({"a": [0.0, 0.0, -4.0, 6.0], "b": [1.0, 2.0, 3.0, 4.0]}, "welch_t") == []


def test_sphericity_correction_of_few_animals_is_called_cautious():
    days = {f"day {k}": [1.0, 2.5, 3.0, 4.5] for k in range(3)}
    (sentence,) = warnings_of(days, "rm_anova")
    assert "4 animals" in sentence
    assert warnings_of(dict(itertools.islice(days.items(), 2)), "rm_anova") == []
    assert warnings_of({name: values * 3 for name, values in days.items()}, "rm_anova") == []


def test_skewed_values_are_told_of_sameness():
    long = [1.0, 1.2, 1.3, 1.5, 1.6, 1.8, 2.0, 2.1, 2.5, 14.0]
    (sentence,) = warnings_of({"a": long, "b": long[::-1]}, "tost_welch")
    assert "claimed sameness" in sentence
    assert warnings_of({"a": SPREAD, "b": SPREAD[::-1]}, "tost_welch") == []
    # Skewed alike in both conditions, the differences are not.
    assert warnings_of({"a": [2 + v + 0.1 * k for k, v in enumerate(long)], "b": long}, "tost_paired") == []


def test_skewed_values_are_told_of_pearson():
    found = warnings_of({"latency": [1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 5.0, 60.0], "distance": SPREAD}, "pearson")
    assert len(found) == 1
    assert found[0].startswith("'latency' is skewed")
    assert warnings_of({"speed": SPREAD, "distance": SPREAD[::-1]}, "pearson") == []


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.lists(st.integers(-1, 4), min_size=2, max_size=9), min_size=2, max_size=7),
    st.sampled_from([*TWO_GROUP_TESTS, *SEVERAL_GROUP_TESTS, "unheard_of"]),
)
def test_any_groups_get_plain_sentences(groups, test):
    found = warnings_of({f"g{k}": values for k, values in enumerate(groups)}, test)
    assert all(sentence.endswith(".") and "nan" not in sentence for sentence in found)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.lists(st.integers(0, 4), min_size=4, max_size=4), min_size=2, max_size=5),
    st.sampled_from([*PAIRED_TESTS, *REPEATED_TESTS, "pearson", "spearman"]),
)
def test_any_conditions_get_plain_sentences(groups, test):
    found = warnings_of({f"g{k}": values for k, values in enumerate(groups)}, test)
    assert all(sentence.endswith(".") and "nan" not in sentence for sentence in found)
