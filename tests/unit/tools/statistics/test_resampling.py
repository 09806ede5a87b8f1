"""Permutation tests: exact where they can be, and the same for every order of animals and groups."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from ethochat.tools.statistics import compare_independent, compare_repeated

A = [4.1, 5.0, 6.3, 5.5, 7.9]
B = [2.2, 3.1, 2.9, 4.8]


def test_few_animals_are_dealt_in_every_way():
    result = compare_independent({"a": A, "b": B}, "permutation")
    pool = np.array(A + B)

    def t(first):
        a, b = pool[list(first)], np.delete(pool, list(first))
        return (a.mean() - b.mean()) / np.sqrt(a.var(ddof=1) / a.size + b.var(ddof=1) / b.size)

    all_t = np.array([t(first) for first in itertools.combinations(range(9), 5)])
    observed = t(range(5))
    assert result.statistic == pytest.approx(observed)
    assert result.p_value == pytest.approx(2 * np.mean(all_t >= observed - 1e-9))
    assert "All 126 arrangements" in (result.why or "")


def test_all_signs_of_few_differences():
    differences = [1.0, 2.0, -0.5, 4.0]
    result = compare_repeated({"a": differences, "b": [0.0] * 4}, "paired_permutation")
    # Only the flips of nothing and of 0.5 reach the sum 6.5, of 16 on either side.
    assert result.statistic == pytest.approx(6.5 / 4)
    assert result.p_value == pytest.approx(2 * 2 / 16)
    assert "All 16 arrangements" in (result.why or "")


@pytest.mark.parametrize("n", [5, 20])
def test_p_does_not_depend_on_the_order_of_animals_or_groups(n):
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=n), rng.normal(0.7, 2.0, size=n)
    result = compare_independent({"a": a, "b": b}, "permutation")
    turned = compare_independent({"b": b[::-1], "a": rng.permutation(a)}, "permutation")
    assert (turned.statistic, turned.p_value) == (pytest.approx(-result.statistic), result.p_value)
    order = rng.permutation(n)
    paired = compare_repeated({"a": a, "b": b}, "paired_permutation")
    flipped = compare_repeated({"b": b[order], "a": a[order]}, "paired_permutation")
    assert (flipped.statistic, flipped.p_value) == (pytest.approx(-paired.statistic), paired.p_value)


def test_many_animals_are_dealt_at_random_and_p_is_never_zero():
    a, b = [float(k) for k in range(20)], [k + 100.0 for k in range(20)]
    result = compare_independent({"a": a, "b": b}, "permutation")
    assert result.p_value == pytest.approx(2 / 10_000)
    assert "9999 random arrangements" in (result.why or "")
    paired = compare_repeated({"a": a, "b": [v * 1.01 for v in b]}, "paired_permutation")
    assert paired.p_value == pytest.approx(2 / 10_000)


def test_near_the_t_test_where_that_holds():
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=40), rng.normal(0.5, 1.0, size=40)
    welch, dealt = (
        compare_independent({"a": a, "b": b}, test).p_value for test in ("welch_t", "permutation")
    )
    assert dealt == pytest.approx(welch, rel=0.25)
    t, flipped = (
        compare_repeated({"a": a, "b": b}, test).p_value for test in ("paired_t", "paired_permutation")
    )
    assert flipped == pytest.approx(t, rel=0.25)
