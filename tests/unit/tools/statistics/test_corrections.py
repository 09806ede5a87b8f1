"""Corrected p values against statsmodels."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from ethochat.tools.errors import ToolRetryError
from ethochat.tools.statistics import CORRECTIONS, corrected, holm

p_lists = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def test_holm_by_hand():
    # 3 x 0.01, then 2 x 0.04, then the last, which must not be below the one before.
    assert holm([0.04, 0.01, 0.05]) == pytest.approx([0.08, 0.03, 0.08])


@pytest.mark.parametrize("method", CORRECTIONS)
@settings(deadline=None, max_examples=40)
@given(p_values=p_lists)
def test_corrections_equal_statsmodels(method, p_values):
    expected = multipletests(p_values, method=method)[1].tolist()
    assert corrected(p_values, method) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("method", CORRECTIONS)
def test_a_test_that_was_not_made_does_not_count(method):
    assert corrected([0.04, None, 0.001], method)[1] is None
    found = corrected([0.04, None, 0.001], method)
    assert [p for p in found if p is not None] == corrected([0.04, 0.001], method)
    assert corrected([None, None], method) == [None, None]
    assert corrected([], method) == []


@pytest.mark.parametrize("method", CORRECTIONS)
@settings(deadline=None, max_examples=40)
@given(p_values=p_lists)
def test_corrected_is_never_smaller_and_keeps_the_order(method, p_values):
    found = corrected(p_values, method)
    assert all(p <= q <= 1.0 for p, q in zip(p_values, found, strict=True))
    by_p = [q for _, q in sorted(zip(p_values, found, strict=True))]
    assert by_p == sorted(by_p)


def test_unknown_names_and_numbers_are_refused():
    with pytest.raises(ToolRetryError, match="holm, fdr_bh, fdr_by"):
        corrected([0.1], "bonferroni")
    with pytest.raises(ValueError, match="from 0 to 1"):
        corrected([1.5], "holm")
