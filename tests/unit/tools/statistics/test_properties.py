"""What holds for every comparison: names, order and zero do not matter, and no result holds what is no number."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ethochat.tools.errors import ToolError
from ethochat.tools.statistics import (
    CORRELATION_TESTS,
    PAIRED_TESTS,
    REPEATED_TESTS,
    SEVERAL_GROUP_TESTS,
    TWO_GROUP_TESTS,
    compare_independent,
    compare_repeated,
    correlate,
    equivalence,
    influence,
    robust_outliers,
    sample_size,
    summarize,
)

ANTISYMMETRIC = ("hedges_g", "cohens_d", "mean_difference", "median_difference", "cliffs_delta", "cohens_dz")
ANTISYMMETRIC += ("hedges_g_av", "hodges_lehmann", "rank_biserial")

whole = st.integers(-20, 20).map(float)
group = st.lists(whole, min_size=2, max_size=9)
some = settings(deadline=None, max_examples=40)
few = settings(deadline=None, max_examples=15)


def close(value):
    return None if value is None else pytest.approx(value, rel=1e-6, abs=1e-9)


def assert_mirrored(result, turned, test, n_pairs):
    """Relabeling turns the sign of effects and statistic, and changes nothing else."""
    assert turned.p_value == close(result.p_value)
    assert turned.df == close(result.df)
    if result.statistic is not None:
        expected = {
            "mann_whitney_u": n_pairs - result.statistic,  # U of the other group
            "wilcoxon": result.statistic,  # the smaller rank sum
        }.get(test, result.statistic if test in (*SEVERAL_GROUP_TESTS, "rm_anova") else -result.statistic)
        assert turned.statistic == close(expected)
    assert set(turned.effect_size) == set(result.effect_size)
    for name, value in result.effect_size.items():
        other = turned.effect_size[name]
        if isinstance(value, list):
            assert other == close([-value[1], -value[0]])
        elif value is not None:
            assert other == close(-value if name in ANTISYMMETRIC else value)
    assert dict(sorted(turned.groups.items())) == dict(sorted(result.groups.items()))


@pytest.mark.parametrize("test", TWO_GROUP_TESTS + SEVERAL_GROUP_TESTS)
@some
@given(a=group, b=group)
def test_relabeling_independent_groups(test, a, b):
    result = compare_independent({"a": a, "b": b}, test)
    assert_mirrored(result, compare_independent({"b": b, "a": a}, test), test, len(a) * len(b))


@pytest.mark.parametrize("test", [*PAIRED_TESTS, "rm_anova"])
@some
@given(pairs=st.lists(st.tuples(whole, whole), min_size=2, max_size=9))
def test_relabeling_conditions(test, pairs):
    a, b = map(list, zip(*pairs, strict=True))
    result = compare_repeated({"a": a, "b": b}, test)
    assert_mirrored(result, compare_repeated({"b": b, "a": a}, test), test, 0)


def assert_same(result, other):
    assert other.p_value == close(result.p_value)
    assert other.statistic == close(result.statistic)
    assert other.df == close(result.df)
    for one, two in zip(result.posthoc, other.posthoc, strict=True):
        assert two.p_value == close(one.p_value)
    for one, two in zip(result.checks, other.checks, strict=True):
        assert (two.name, two.about, two.holds) == (one.name, one.about, one.holds)
        assert two.p_value == close(one.p_value)


@pytest.mark.parametrize("test", TWO_GROUP_TESTS)
@some
@given(a=group, b=group, shift=st.integers(-10_000, 10_000), random=st.randoms(use_true_random=False))
def test_order_of_animals_and_zero_do_not_matter_to_two_groups(test, a, b, shift, random):
    result = compare_independent({"a": a, "b": b}, test)
    moved = {"a": [v + shift for v in a], "b": [v + shift for v in b]}
    assert_same(result, compare_independent(moved, test))
    assert_same(result, compare_independent({"a": random.sample(a, len(a)), "b": b[::-1]}, test))


@pytest.mark.parametrize("test", SEVERAL_GROUP_TESTS)
@few
@given(groups=st.lists(group, min_size=3, max_size=4), shift=st.integers(-10_000, 10_000))
def test_order_of_animals_and_zero_do_not_matter_to_several_groups(test, groups, shift):
    named = {f"g{place}": values for place, values in enumerate(groups)}
    result = compare_independent(named, test)
    assert_same(result, compare_independent({n: [v + shift for v in vs] for n, vs in named.items()}, test))
    assert_same(result, compare_independent({n: vs[::-1] for n, vs in named.items()}, test))


@pytest.mark.parametrize("test", PAIRED_TESTS + REPEATED_TESTS)
@few
@given(data=st.data(), shift=st.integers(-10_000, 10_000), random=st.randoms(use_true_random=False))
def test_order_of_animals_and_zero_do_not_matter_to_conditions(test, data, shift, random):
    k = 2 if test in PAIRED_TESTS else 3
    rows = data.draw(st.lists(st.tuples(*[whole] * k), min_size=2, max_size=9))

    def compared(table):
        return compare_repeated(dict(zip("abc", map(list, zip(*table, strict=True)), strict=False)), test)

    result = compared(rows)
    assert_same(result, compared([tuple(v + shift for v in row) for row in rows]))
    assert_same(result, compared(random.sample(rows, len(rows))))


# ------------------------------------------------------------------ every number is one
number = st.one_of(
    whole,
    st.floats(-1e70, 1e70),
    st.sampled_from([0.0, 0.3, 0.1 + 0.2, 1e6, 1e6 + 1e-6, 1e-300, 1e-9]),
)
hostile = st.one_of(
    st.lists(number, min_size=2, max_size=7),
    st.builds(lambda value, n: [value] * n, number, st.integers(2, 7)),  # constant
    st.lists(st.sampled_from([0.0, 0.0, 0.0, 1.0]), min_size=2, max_size=30),  # huge ties
)


def assert_numbers(item):
    if isinstance(item, float):
        assert math.isfinite(item)
    elif isinstance(item, dict):
        for part in item.values():
            assert_numbers(part)
    elif isinstance(item, list | tuple):
        for part in item:
            assert_numbers(part)


def assert_sound(result):
    assert_numbers(result.model_dump())
    assert result.why
    assert result.p_value is None or 0.0 <= result.p_value <= 1.0
    if result.p_value is None:
        assert "No test" in result.why or "No correlation" in result.why
    for pair in result.posthoc:
        assert_sound(pair)


@pytest.mark.parametrize("test", TWO_GROUP_TESTS + SEVERAL_GROUP_TESTS)
@some
@given(a=hostile, b=hostile)
def test_two_groups_of_anything(test, a, b):
    assert_sound(compare_independent({"a": a, "b": b}, test))


@pytest.mark.parametrize("test", SEVERAL_GROUP_TESTS)
@few
@given(a=hostile, b=hostile, c=hostile, control=st.sampled_from([None, "a"]))
def test_three_groups_of_anything(test, a, b, c, control):
    assert_sound(compare_independent({"a": a, "b": b, "c": c}, test, control=control))


@pytest.mark.parametrize("test", PAIRED_TESTS + REPEATED_TESTS)
@few
@given(a=hostile, b=hostile, c=hostile)
def test_conditions_of_anything(test, a, b, c):
    n = min(map(len, (a, b, c)))
    groups = {"a": a[:n], "b": b[:n]} | ({} if test in PAIRED_TESTS else {"c": c[:n]})
    assert_sound(compare_repeated(groups, test))


@few
@given(a=hostile, b=hostile, margin=st.floats(1e-3, 1e3))
def test_equivalence_and_correlation_of_anything(a, b, margin):
    assert_sound(equivalence({"a": a, "b": b}, margin))
    n = min(len(a), len(b))
    assert_sound(equivalence({"a": a[:n], "b": b[:n]}, margin, repeated=True))
    if n >= 3:
        for method in CORRELATION_TESTS:
            assert_sound(correlate(a[:n], b[:n], method))


@few
@given(a=hostile, b=hostile)
def test_influence_outliers_summaries_and_sizes_of_anything(a, b):
    groups = {name: {f"m{k}": v for k, v in enumerate(values)} for name, values in (("a", a), ("b", b))}
    for test in ("welch_t", "mann_whitney_u"):
        for one in influence(groups, test):
            assert_numbers(one.model_dump())
    for one in influence(groups, repeated=True):
        assert_numbers(one.model_dump())
    found = robust_outliers(groups["a"])
    assert_numbers([list(found.animals.values()), found.limits])
    assert_numbers(summarize(a).model_dump())
    try:
        plan = sample_size({"a": a, "b": b})
    except ToolError:
        return
    assert plan.n_per_group is None or min(plan.n_per_group) >= 2
    assert_numbers([plan.effect, plan.power, plan.effect_interval])


def test_many_animals_in_long_ties():
    rng = np.random.default_rng(0)
    a, b = (rng.integers(0, 2, 400).astype(float) for _ in range(2))
    for test in TWO_GROUP_TESTS:
        assert_sound(compare_independent({"a": a, "b": b}, test))
    for test in PAIRED_TESTS:
        assert_sound(compare_repeated({"a": a, "b": b}, test))
