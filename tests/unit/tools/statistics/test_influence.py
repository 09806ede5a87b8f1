"""Leave-one-out: who is an outlier, who moves p most, and what the conclusion would be."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy import stats

from ethochat.tools.errors import ToolFailedError, ToolRetryError
from ethochat.tools.statistics import compare_independent, compare_repeated, influence, influence_note
from ethochat.tools.statistics.influence import MOST_FOR_RESAMPLING


def named(prefix, values):
    return {f"{prefix}{place}": float(value) for place, value in enumerate(values)}


def test_outlier_that_hides_a_difference():
    a, b = [1.0, 2.0, 3.0, 2.0, 1.5, 2.5, 30.0], [5.0, 6.0, 7.0, 6.0, 5.5, 6.5, 6.0]
    found = influence({"a": named("a", a), "b": named("b", b)})
    assert [(one.animal, one.group, one.value, one.outlier, one.changes) for one in found] == [
        ("a6", "a", 30.0, True, True)
    ]
    without = compare_independent({"a": a[:-1], "b": b})
    assert found[0].p_value == pytest.approx(without.p_value)
    assert found[0].effect == pytest.approx(without.effect_size["hedges_g"])
    assert compare_independent({"a": a, "b": b}).p_value > 0.05 > without.p_value


def test_the_animal_that_moves_p_most_is_told_even_if_it_is_no_outlier():
    rng = np.random.default_rng(5)
    a, b = rng.normal(size=8), rng.normal(1.0, 1.0, size=8)
    groups = {"a": named("a", a), "b": named("b", b)}
    (found,) = influence(groups)
    full = np.log(stats.ttest_ind(a, b, equal_var=False).pvalue)
    changes = {
        f"a{k}": abs(np.log(stats.ttest_ind(np.delete(a, k), b, equal_var=False).pvalue) - full)
        for k in range(8)
    }
    changes |= {
        f"b{k}": abs(np.log(stats.ttest_ind(a, np.delete(b, k), equal_var=False).pvalue) - full)
        for k in range(8)
    }
    assert found.animal == max(changes, key=changes.__getitem__)
    assert found.outlier is False


def test_pairs_are_left_out_as_pairs():
    before = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]
    after = [2.0, 3.1, 3.9, 5.2, 5.9, 7.1, -20.0]
    found = influence({"before": named("m", before), "after": named("m", after)}, repeated=True)
    assert (found[0].animal, found[0].group, found[0].value) == ("m6", "before minus after", 27.0)
    without = compare_repeated({"before": before[:-1], "after": after[:-1]})
    assert found[0].p_value == pytest.approx(without.p_value)
    assert found[0].effect == pytest.approx(without.effect_size["cohens_dz"])
    assert found[0].changes is True


def test_several_conditions():
    table = np.random.default_rng(6).normal(size=(8, 3))
    table[3] = [0.0, 0.0, 40.0]
    groups = {name: named("m", column) for name, column in zip("abc", table.T, strict=True)}
    found = influence(groups, repeated=True)
    assert (found[0].animal, found[0].group, found[0].value, found[0].outlier) == ("m3", "c", 40.0, True)
    without = compare_repeated(dict(zip("abc", np.delete(table, 3, axis=0).T, strict=True)))
    assert found[0].p_value == pytest.approx(without.p_value)
    assert found[0].effect == pytest.approx(without.effect_size["generalized_eta_squared"])


def test_animals_that_lack_a_condition_are_not_counted():
    groups = {"a": named("m", [1, 2, 4, 3, 9]), "b": {"m3": 1.0, "m2": 2.0, "m0": 1.5, "other": 99.0}}
    found = influence(groups, repeated=True)
    assert {one.animal for one in found} <= {"m0", "m2", "m3"}


def test_without_one_of_two_animals_there_is_no_test():
    found = influence({"a": named("a", [1.0, 2.0]), "b": named("b", [3.0, 5.0, 4.0])})
    assert [one.animal[0] for one in found] == ["b"]
    assert influence({"a": named("a", [1.0, 2.0]), "b": named("b", [3.0, 5.0])}) == []


def test_no_p_no_animal_that_moves_it():
    groups = {"a": named("a", [1.0] * 6), "b": named("b", [2.0] * 6)}
    assert influence(groups) == []


@pytest.mark.parametrize(("test", "repeated"), [("permutation", False), ("paired_permutation", True)])
def test_large_permutation_tests_are_not_made_again_and_that_is_said(test, repeated):
    rng = np.random.default_rng(7)
    n = MOST_FOR_RESAMPLING + 1
    values = rng.normal(size=n)
    values[0] = 50.0
    groups = {"a": named("m", values), "b": named("m", rng.normal(size=n))}
    found = influence(groups, test, repeated=repeated)
    assert found[0].animal == "m0"
    assert all(one.outlier and one.p_value is None and not one.changes for one in found)
    assert f"more than {MOST_FOR_RESAMPLING}" in influence_note(groups, test, repeated=repeated)
    few = {name: dict(list(animals.items())[:5]) for name, animals in groups.items()}
    assert influence_note(few, test, repeated=repeated) is None
    assert all(one.p_value is not None for one in influence(few, test, repeated=repeated))


def test_order_of_animals_changes_nothing():
    rng = np.random.default_rng(8)
    groups = {"a": named("a", rng.integers(0, 9, 12)), "b": named("b", rng.integers(2, 9, 12))}
    turned = {name: dict(reversed(animals.items())) for name, animals in groups.items()}
    for test in ("welch_t", "mann_whitney_u", "permutation"):
        one, other = influence(groups, test), influence(turned, test)
        assert [(i.animal, i.outlier) for i in one] == [(i.animal, i.outlier) for i in other]


def test_sixty_animals_take_a_moment():
    rng = np.random.default_rng(9)
    groups = {"a": named("a", rng.normal(size=30)), "b": named("b", rng.normal(size=30))}
    influence(groups)  # imports scipy
    spent = []
    for _ in range(3):
        start = time.process_time()
        influence(groups)
        spent.append(time.process_time() - start)
    assert min(spent) < 0.1


def test_refusals():
    with pytest.raises(ToolFailedError, match="two animals"):
        influence({"a": named("a", [1.0]), "b": named("b", [1.0, 2.0])})
    with pytest.raises(ToolFailedError, match="two groups"):
        influence({"a": named("a", [1.0, 2.0])}, repeated=True)
    with pytest.raises(ToolRetryError, match="welch_t"):
        influence({"a": named("a", [1.0, 2.0]), "b": named("b", [1.0, 2.0])}, "paired_t")


def test_differences_of_the_largest_values_are_judged_too():
    """Each value is small enough to compute with; their differences are twice as large."""
    largest = {"a": 1e70, "b": 0.9e70, "c": 0.8e70, "d": 0.95e70, "e": 0.85e70}
    groups = {"before": largest, "after": {animal: -value for animal, value in largest.items()}}
    assert not [one for one in influence(groups, repeated=True) if one.outlier]
